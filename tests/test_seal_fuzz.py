"""The seal's reader under mutated bits and mutated contents: no crash, no lie, no large memory."""

from __future__ import annotations

import hashlib
import struct
import tracemalloc
from random import Random

import numpy as np
import numpy.typing as npt
import pytest

import isn
from isn import seal as seals
from isn.errors import IsnError, NoSeal
from isn.seal import Found, Seal, find, stamp

Pixels = npt.NDArray[np.uint8]

CONTENT = struct.Struct("<BBB16s10I32s")
SALT = bytes(range(16))
SHAPE = (32, 36)
LIMIT = 32_000_000
"""Pixels of a hidden image in a container as small as this."""

EDGES = (0, 1, 2, 5, 6, 127, 128, 254, 255)
ROUNDS = [300, pytest.param(12_000, marks=pytest.mark.slow)]

MOST = 400_000
"""Bytes that reading such a container may take, the image itself 3456 of them."""


def host(seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (*SHAPE, 3), np.uint8)


def secret_for(salt: bytes) -> bytes:
    return hashlib.sha256(b"a secret" + salt).digest()


def forged(plain: bytes) -> tuple[Pixels, bytes]:
    """A container whose public seal holds these bytes, and the true hash of its pixels."""
    pixels = host()
    lock = seals._lock(SHAPE, SALT, None)
    seals._embed(pixels, lock, plain)
    return pixels, seals._pixel_hash(pixels, lock.positions)


def valid(random: Random, pixel_hash: bytes) -> bytes:
    count = random.randint(1, 5)
    sides = [random.randint(1, 5000) for _ in range(2 * count)] + [0] * (10 - 2 * count)
    return CONTENT.pack(1, 0, count, random.randbytes(16), *sides, pixel_hash)


def mutated(plain: bytes, random: Random) -> bytes:
    """A few bytes changed, moved, repeated or set to what breaks readers."""
    content = bytearray(plain)
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        at = random.randrange(len(content))
        kind = random.randrange(5)
        if kind == 0:
            content[at] ^= 1 << random.randrange(8)
        elif kind == 1:
            content[at] = random.choice(EDGES)
        elif kind == 2:
            side = 19 + 4 * random.randrange(10)
            value = random.choice((0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32 // 3))
            content[side : side + 4] = struct.pack("<I", value)
        elif kind == 3:
            other = random.randrange(len(content))
            content[at], content[other] = content[other], content[at]
        else:
            length = random.randint(1, 16)
            content[at : at + length] = random.randbytes(len(content[at : at + length]))
    return bytes(content)


def wanted(plain: bytes, pixel_hash: bytes) -> Found | None:
    """What the documentation says of a content, None for refused; shares no code with the seal."""
    version, flags, count, fingerprint, *sides, sealed_hash = CONTENT.unpack(plain)
    pairs = [(sides[k], sides[k + 1]) for k in range(0, 10, 2)]
    used, rest = pairs[:count], pairs[count:]
    sound = version == 1 and flags == 0 and 1 <= count <= 5
    sound = sound and all(0 < a * b <= LIMIT for a, b in used)
    if not sound or any(a or b for a, b in rest):
        return None
    return Found(Seal(fingerprint, tuple(used)), intact=sealed_hash == pixel_hash)


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("whole", [False, True], ids=["mutated", "random"])
def test_any_decoded_content_is_read_as_documented_or_refused(rounds: int, whole: bool) -> None:
    random = Random(1)
    _, pixel_hash = forged(bytes(CONTENT.size))
    opened = intact = 0
    for _ in range(rounds):
        plain = valid(random, pixel_hash)
        plain = random.randbytes(CONTENT.size) if whole else mutated(plain, random)
        pixels, true_hash = forged(plain)
        # The hash leaves out the bits that the seal lies in, so that a seal can hold it.
        assert true_hash == pixel_hash
        expected = wanted(plain, true_hash)
        if expected is None:
            with pytest.raises(NoSeal):
                find(pixels)
            with pytest.raises(NoSeal):
                isn.inspect(pixels)
        else:
            assert find(pixels) == expected
            opened, intact = opened + 1, intact + expected.intact
    # The mutations are mild enough for the reader to get beyond its first check.
    assert opened == 0 if whole else rounds / 10 < opened < rounds
    assert intact < opened or whole


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("keyed", [False, True], ids=["public", "keyed"])
def test_mutated_bits_never_read_as_intact(rounds: int, keyed: bool) -> None:
    random = Random(2)
    secret = secret_for if keyed else None
    seal = Seal(bytes(16), ((20, 30), (7, 7)))
    stamped = stamp(host(), seal, salt=SALT, secret_for=secret)
    places = seals._lock(SHAPE, SALT, secret).positions.tolist()
    altered = 0
    for _ in range(rounds):
        pixels = stamped.copy()
        samples = pixels.reshape(-1)
        chosen = random.choice((places, range(samples.size)))
        for at in random.sample(list(chosen), random.choice((1, 1, 2, 5, 50))):
            samples[at] ^= random.choice((1, 1, 2, 128, 255))
        try:
            found = find(pixels, secret_for=secret)
        except NoSeal:
            continue
        assert found == Found(seal, intact=False)
        altered += 1
    assert 0 < altered < rounds


@pytest.mark.parametrize("secret", [None, secret_for], ids=["public", "keyed"])
def test_a_public_forgery_opens_under_no_secret(secret: seals.SecretFor | None) -> None:
    random = Random(3)
    for _ in range(50):
        plain = valid(random, bytes(32))
        pixels, pixel_hash = forged(plain)
        if secret is None:
            assert find(pixels) == wanted(plain, pixel_hash)
        else:
            with pytest.raises(NoSeal, match="another passphrase"):
                find(pixels, secret_for=secret)


def test_memory_does_not_follow_what_a_seal_claims() -> None:
    random = Random(4)
    contents = [mutated(valid(random, bytes(32)), random) for _ in range(100)]
    contents += [CONTENT.pack(1, 0, 5, bytes(16), *[5656] * 10, bytes(32))]
    for plain in contents:
        pixels, _ = forged(plain)
        tracemalloc.start()
        try:
            find(pixels)
        except NoSeal:
            pass
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < MOST


def test_reveal_ends_in_a_sentence_whatever_the_seal_says() -> None:
    random = Random(5)
    _, pixel_hash = forged(bytes(CONTENT.size))
    for _ in range(60):
        pixels, _ = forged(mutated(valid(random, pixel_hash), random))
        # No model has a fingerprint drawn at random, so nothing is ever revealed.
        with pytest.raises(IsnError):
            isn.reveal(pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.float32, bool, object])
def test_arrays_that_are_no_image(dtype: type) -> None:
    random = Random(6)
    for _ in range(40):
        shape = tuple(random.choice((0, 1, 3, 31, 32, 40)) for _ in range(random.randint(0, 4)))
        with pytest.raises(IsnError):
            find(np.zeros(shape, dtype))
