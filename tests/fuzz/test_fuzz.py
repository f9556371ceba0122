"""Whatever is read by whatever reads it: a result that is sound, or one of our errors.

Two hundred runs of each target, half as many where only what is quick runs; ``make fuzz`` runs
each as often as FUZZ_RUNS says. What is damaged are the museum's containers and small files that
are made here.
"""

from __future__ import annotations

import io
import os
import random
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import gettempdir

import numpy as np
from PIL import Image

from fuzz.damage import damaged, fuzzed
from helpers import network_weights, picture, random_weights
from isn import envelope, images, keys, method
from isn.carriers import carriers
from isn.codes import Code, Room
from isn.codes.avif import Avif, available
from isn.codes.bundle import Bundle
from isn.codes.file import Files, safe_name
from isn.codes.network import NetworkCode
from isn.errors import AlteredContainer, ConfigError, ImageError, ModelError, NoSeal
from isn.images import Pixels
from isn.paper.config import ModelConfig
from isn.progress import silent
from isn.secret import File, Item
from isn.training.methods import PhotosSettings

MUSEUM = Path(__file__).parents[1] / "museum"
KEY = keys.Public()
AREA = 40 * 40
MOST_SHOWN = 200_000
"""Pixels that a fuzzed payload may show: those of more are sound, and slow."""


@cache
def files() -> tuple[bytes, ...]:
    """Image files of every kind that this process decodes by itself."""
    kinds = ["PNG", "JPEG", "TIFF", "BMP", "GIF", "PPM", "WEBP", *(["AVIF"] * available())]
    made = []
    for kind in kinds:
        for mode in ("RGB", "L"):
            buffer = io.BytesIO()
            Image.fromarray(picture(12, 10)).convert(mode).save(buffer, kind)
            made.append(buffer.getvalue())
    small = [each for each in MUSEUM.iterdir() if each.suffix in (".png", ".webp", ".tiff")]
    return (*made, *(each.read_bytes() for each in small if each.stat().st_size < 4000))


@cache
def codes() -> tuple[tuple[Code, bytes], ...]:
    """Every code, with a payload of its own."""
    shipped = method.get("photos")
    assert isinstance(shipped, method.Carried)
    config = ModelConfig(blocks=1, depth=1, growth=1)
    network = NetworkCode("tiny", network_weights(config))
    secret: list[Item] = [picture(16, 12), picture(9, 17, 1)]
    words: list[Item] = [File("a.txt", b"word " * 20), File("b", b"")]
    pictures: list[Code] = [shipped.pictures[0], *([Avif()] if available() else [])]
    made: list[tuple[Code, Sequence[Item]]] = [(each, secret) for each in pictures]
    made += [(network, secret[:1]), (Files(), words)]
    made += [(Bundle(Files(), each, method.find), [*secret, *words]) for each in pictures]  # type: ignore[arg-type]
    room = Room(4000, AREA)
    return tuple((code, code.encode(each, room, silent)) for code, each in made)


@cache
def containers() -> tuple[Pixels, ...]:
    """A small container of each carrier."""
    sealed = envelope.close(3, bytes(16), b"payload" * 3, KEY)
    noise = np.random.default_rng(0).integers(60, 190, (96, 96, 3), np.uint8)
    return tuple(
        each.write(noise, sealed.head, sealed.body, KEY, silent)
        for each in carriers()
        if each.name != "dct"
    )


@cache
def weights_files() -> tuple[bytes, ...]:
    tiny = ModelConfig(blocks=1, depth=1, growth=1)
    network = network_weights(tiny)
    made = []
    for weights in (network, random_weights(tiny)):
        with _file(b"", ".safetensors") as path:
            weights.save(path)
            made.append(Path(path).read_bytes())
    return tuple(made)


@fuzzed
def test_image_files(chance: random.Random) -> None:
    content = damaged(chance.choice(files()), chance)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = images.read(content, most=10**6)
        except ImageError:
            return
    assert found.pixels.dtype == np.uint8
    assert found.pixels.size


@fuzzed
def test_envelopes(chance: random.Random) -> None:
    payload = chance.randbytes(chance.randint(0, 40))
    sealed = envelope.close(chance.randrange(256), chance.randbytes(16), payload, KEY)
    whole = sealed.head + sealed.body
    changed = damaged(whole, chance)
    head, body = changed[: envelope.HEAD_BYTES], changed[envelope.HEAD_BYTES :]
    if len(head) < envelope.HEAD_BYTES:
        return
    try:
        envelope.open_head(head, KEY)
        opened = envelope.open_body(head, body, KEY)
    except (NoSeal, AlteredContainer):
        assert changed != whole
        return
    assert changed == whole
    assert opened == payload


@fuzzed
def test_payloads(chance: random.Random) -> None:
    code, payload = chance.choice(codes())
    changed = damaged(payload, chance)
    try:
        said = code.contents(changed, AREA)
    except AlteredContainer:
        return
    if sum(each.size[0] * each.size[1] for each in said if each.size) > MOST_SHOWN:
        return
    try:
        shown = code.decode(changed, AREA, silent)
    except AlteredContainer:
        return
    assert len(shown) == len(said)
    for item, content in zip(shown, said, strict=True):
        if isinstance(item, File):
            assert (item.name, len(item.content)) == (content.name, content.length)
        else:
            assert item.shape[:2] == content.size


@fuzzed
def test_carriers(chance: random.Random) -> None:
    carrier = chance.choice(list(carriers()))
    height, width = chance.randint(1, 96), chance.randint(1, 96)
    planes = chance.choice(((), (3,)))
    image = np.frombuffer(
        chance.randbytes(int(np.prod((height, width, *planes)))), np.uint8
    ).reshape(height, width, *planes)
    if chance.random() < 0.3:
        image = image[..., :1].repeat(3, axis=2) if planes else image // 128 * 255
    size = chance.choice((0, 16, 17, chance.randrange(4000), 2**31 - 1))
    try:
        head = carrier.read_head(image, KEY)
        assert len(head) == envelope.HEAD_BYTES
    except NoSeal:
        head = bytes(envelope.HEAD_BYTES)
    with suppress(NoSeal, AlteredContainer):
        assert len(carrier.read_body(image, head, size, KEY)) == size


@fuzzed
def test_containers(chance: random.Random) -> None:
    whole = chance.choice(containers())
    changed = whole.copy()
    flat = changed.reshape(-1)
    for _ in range(chance.randint(1, 20)):
        flat[chance.randrange(flat.size)] ^= 1 << chance.choice((0, 0, 1, 2, 7))
    if chance.random() < 0.2:
        changed = np.ascontiguousarray(changed[: chance.randint(1, 96), : chance.randint(1, 96)])
    try:
        found = method.look(changed, KEY)
        body = found.carrier.read_body(changed, found.head, found.opened.sealed_length, KEY)
        assert envelope.open_body(found.head, body, KEY) == b"payload" * 3
    except (NoSeal, AlteredContainer):
        pass


@fuzzed
def test_weights(chance: random.Random) -> None:
    content = damaged(chance.choice(weights_files()), chance)
    with _file(content, ".safetensors") as path, suppress(ModelError, ConfigError):
        method.get(path)


@fuzzed
def test_settings(chance: random.Random) -> None:
    content = damaged(chance.choice(_settings()), chance)
    with _file(content, ".toml") as path, suppress(ConfigError):
        PhotosSettings.load(path)
    text = damaged(ModelConfig().to_json().encode(), chance).decode("latin-1")
    with suppress(ConfigError):
        ModelConfig.from_json(text)


@contextmanager
def _file(content: bytes, suffix: str) -> Iterator[str]:
    path = Path(gettempdir()) / f"isn-fuzz-{os.getpid()}{suffix}"
    path.write_bytes(content)
    try:
        yield str(path)
    finally:
        path.unlink()


@cache
def _settings() -> tuple[bytes, ...]:
    from importlib.resources import files

    folder = files("isn.training") / "configs"
    return tuple(each.read_bytes() for each in folder.iterdir() if each.name.endswith(".toml"))


@fuzzed
def test_names(chance: random.Random) -> None:
    given = damaged(b"a folder/../.name \xc3\xa9\xe2\x80\xae.txt", chance).decode(errors="replace")
    name = safe_name(given)
    assert name
    assert len(name.encode()) <= 200
    assert not set(name) & set('/\\<>:"|?*\0')
    assert not name.startswith(".")
    assert safe_name(name) == name
