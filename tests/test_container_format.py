"""docs/reference/container.md is enough to read a container: two readers written from it do."""

from __future__ import annotations

import hashlib
import hmac
import lzma
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from numpy.typing import NDArray

import isn
import photos_reader
from isn import images, method, zoo

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "container.md"
Pixels = NDArray[np.uint8]
Reader = Callable[[Pixels], tuple[int, bytes, bytes]]


@pytest.fixture(scope="module")
def reader() -> Reader:
    """The page's own."""
    (block,) = re.findall(
        r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    names: dict[str, Any] = {}
    exec(compile(block, str(PAGE), "exec"), names)
    found: Reader = names["payload"]
    return found


# The last one has more samples than are looked at side by side.
@pytest.mark.parametrize(
    ("shape", "bits"),
    [((60, 50, 3), 0.5), ((60, 50, 3), 2), ((60, 90), 1), ((60, 90), 3.7), ((300, 300, 3), 0.3)],
)
def test_files_are_read(reader: Reader, shape: tuple[int, ...], bits: float) -> None:
    rng = np.random.default_rng(3)
    host = rng.integers(0, 256, shape, np.uint8)
    length = int(host.size * bits / 16)
    file = isn.File("a.bin", rng.bytes(length))
    container = isn.hide(host, file, bits=bits).pixels
    number, fingerprint, payload = reader(container if len(shape) == 3 else container[..., 0])
    assert (number, fingerprint) == (3, bytes(16))
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6}]
    plain = lzma.decompress(payload, lzma.FORMAT_RAW, filters=filters)
    assert plain[:10] == len("a.bin").to_bytes(2, "little") + length.to_bytes(8, "little")
    assert plain[10:] == b"a.bin" + file.content


@pytest.mark.parametrize(
    ("side", "bits", "names"),
    [
        (48, 2, ["cat"]),
        pytest.param(96, 1.5, ["cat", "rocket"], marks=pytest.mark.slow),
        pytest.param(120, 4, ["cat"], marks=pytest.mark.slow),
    ],
)
def test_images_are_read(
    reader: Reader, photos: dict[str, Pixels], side: int, bits: float, names: list[str]
) -> None:
    host = images.resize(photos["coffee"], side, side)
    secret = [images.resize(photos[each], side - 9, side - 3) for each in names]
    container = isn.hide(host, secret, bits=bits)
    number, fingerprint, payload = reader(container.pixels)
    assert (number, fingerprint) == (1, zoo.entry(method.DEFAULT).fingerprint)
    read = photos_reader.images(payload, zoo.weights(method.DEFAULT).tensors)
    for ours, theirs in zip(read, isn.reveal(container), strict=True):
        assert ours.shape == np.asarray(theirs).shape
        # Floats are added in another order, so that a half may be rounded the other way.
        assert np.abs(ours.astype(int) - np.asarray(theirs)).max() <= 1


def test_the_vectors_are_those_of_the_keys() -> None:
    block = PAGE.read_text("utf-8").split("Test vectors", 1)[1].split("## ", 1)[0]
    told = re.findall(r"\b[0-9a-f]{64,}\b", block)
    salt = bytes(range(16))
    masters = [
        Argon2id(salt=salt, length=32, iterations=3, lanes=4, memory_cost=65536).derive(
            "é x²".encode()
        ),
        *[hashlib.blake2b(salt, digest_size=32, key=b"isn public v2").digest()] * 2,
    ]
    found = [
        hmac.digest(master, b"isn keys v2 " + purpose + b"\1", "sha256")
        for master, purpose in zip(masters, (b"head", b"head", b"places"), strict=True)
    ]
    head = b"\1\3" + bytes(16) + (5).to_bytes(4, "little")
    sealed = ChaCha20Poly1305(found[1]).encrypt(bytes(12), head, None)
    assert told == [each.hex() for each in (*found, sealed)]
