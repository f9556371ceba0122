"""The seal opens where nothing changed, and nowhere else."""

import hashlib
import io
import re
import struct
import tracemalloc
from collections.abc import Callable
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from isn import seal as seals
from isn.errors import AlteredContainer, ConfigError, ImageError, NoSeal
from isn.seal import Found, Seal, find, largest_hidden, read, stamp

Pixels = npt.NDArray[np.uint8]

MODEL = bytes(range(100, 116))
SALT = bytes(range(16))
SEAL = Seal(MODEL, ((480, 640), (33, 7)))
SEAL_BITS = 8 * (16 + 91 + 16)


def picture(height: int, width: int) -> Pixels:
    """Draw a smooth picture with both extremes in it, from whole-number arithmetic alone."""
    y, x, c = np.ogrid[:height, :width, :3]
    wave = (y * (c + 2) + x * 3 + (x * y >> 3) + 40 * c) % 512
    folded: Pixels = np.minimum(wave, 511 - wave).astype(np.uint8)
    return folded


def sha256(pixels: Pixels) -> str:
    return hashlib.sha256(pixels.tobytes()).hexdigest()


def secret_for(salt: bytes) -> bytes:
    return hashlib.sha256(b"a secret" + salt).digest()


def other_secret_for(salt: bytes) -> bytes:
    return hashlib.sha256(b"another secret" + salt).digest()


def fields(**changes: int | bytes) -> dict[str, int | bytes]:
    """Give the content of a valid seal of one 10x20 image, field by field."""
    named: dict[str, int | bytes] = {"version": 1, "flags": 0, "count": 1, "model": MODEL}
    named |= {f"side{i}": 0 for i in range(10)} | {"side0": 10, "side1": 20}
    return named | changes


def forge(pixels: Pixels, content: dict[str, int | bytes]) -> Pixels:
    """Seal any content with the public key, over a true hash, as anybody can."""
    height, width, _ = pixels.shape
    lock = seals._lock((height, width), SALT, None)
    forged = pixels.copy()
    pixel_hash = seals._pixel_hash(forged, lock.positions)
    plain = struct.pack("<BBB16s10I32s", *content.values(), pixel_hash)
    seals._embed(forged, lock, plain)
    return forged


def peak_of(action: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


sizes = st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(st.integers(32, 90), st.integers(32, 90), sizes, st.binary(min_size=16, max_size=16))
def test_round_trip(
    height: int, width: int, hidden: list[tuple[int, int]], fingerprint: bytes
) -> None:
    seal = Seal(fingerprint, tuple(hidden))
    stamped = stamp(picture(height, width), seal)
    assert find(stamped) == Found(seal, intact=True)
    assert read(stamped) == seal
    assert seal.count == len(hidden)


@pytest.mark.parametrize("shape", [(32, 32), (32, 5000), (5000, 32), (777, 1001)])
@pytest.mark.parametrize("value", [0, 255])
def test_only_lowest_bits_change_and_the_input_stays(shape: tuple[int, int], value: int) -> None:
    pixels = np.full((*shape, 3), value, np.uint8)
    before = pixels.copy()
    stamped = stamp(pixels, SEAL)
    np.testing.assert_array_equal(pixels, before)
    np.testing.assert_array_equal(stamped >> 1, pixels >> 1)
    assert 0 < np.count_nonzero(stamped != pixels) <= SEAL_BITS
    assert read(stamped) == SEAL


def test_cost_at_the_smallest_size() -> None:
    pixels = picture(32, 32)
    error = stamp(pixels, SEAL).astype(float) - pixels
    assert 10 * np.log10(255**2 / np.mean(error**2)) > 55.5


def test_same_input_same_container() -> None:
    pixels = picture(50, 40)
    first = stamp(pixels, SEAL)
    np.testing.assert_array_equal(stamp(pixels, SEAL), first)
    np.testing.assert_array_equal(stamp(np.asfortranarray(pixels), SEAL), first)
    assert np.any(stamp(pixels, Seal(MODEL, ((1, 1),))) != first)
    assert np.any(stamp(pixels, SEAL, salt=SALT) != first)


def test_views_read_like_copies() -> None:
    canvas = np.zeros((120, 110, 4), np.uint8)
    canvas[10:110:2, 9:49, 2::-1] = stamp(picture(50, 40), SEAL)
    canvas.flags.writeable = False
    assert find(canvas[10:110:2, 9:49, 2::-1]) == Found(SEAL, intact=True)


# Figures of the first release: a container made today opens in ten years.
PUBLIC_32X48 = "77a4b0cb53876a5da2b32438217d23ab4d1f1324c1447d1c0bd26bfedb9a07d9"
PUBLIC_700X600 = "83dcb60c923b363eb72c90fd4e82159bbab91d17a8c91181c2590694ab36f558"
SECRET_32X48 = "cf1725817f49f9309bf2d8faff89225536418272eb8662a25e02e95995b0323f"


def test_known_answers() -> None:
    public = stamp(picture(32, 48), SEAL)
    large = stamp(picture(700, 600), SEAL)
    secret = stamp(picture(32, 48), SEAL, salt=SALT, secret_for=secret_for)
    assert sha256(public) == PUBLIC_32X48
    assert sha256(large) == PUBLIC_700X600
    assert sha256(secret) == SECRET_32X48
    assert read(public) == read(large) == read(secret, secret_for=secret_for) == SEAL


def read_as_documented(pixels: Pixels, secret: bytes) -> tuple[int | bytes, ...]:
    """Read a seal anew, a number at a time, from nothing but the table in the docstring."""
    height, width, _ = pixels.shape
    samples = pixels.ravel().tolist()
    shape = struct.pack("<QQ", height, width)

    def stream(purpose: bytes, *keys: bytes) -> bytes:
        parts = b"".join(bytes([len(part)]) + part for part in (purpose, *keys))
        return hashlib.shake_256(b"isn seal v1" + parts + shape).digest(100_000)

    def draw(numbers: bytes, count: int, taken: list[int]) -> list[int]:
        drawn: list[int] = []
        for (number,) in struct.iter_unpack("<Q", numbers):
            position = number % len(samples)
            if position not in taken and position not in drawn and len(drawn) < count:
                drawn.append(position)
        return drawn

    def payload(positions: list[int]) -> bytes:
        bits = "".join(str(samples[position] & 1) for position in positions)
        return int(bits, 2).to_bytes(len(bits) // 8, "big")

    salt_at = draw(stream(b"salt", b"", b""), 128, [])
    salt = payload(salt_at)
    body_at = draw(stream(b"body", secret, salt), 856, salt_at)
    key = stream(b"key", secret, salt)
    body = ChaCha20Poly1305(key[:32]).decrypt(key[32:44], payload(body_at), b"isn seal v1" + shape)
    for position in salt_at + body_at:
        samples[position] >>= 1
    assert body[59:] == hashlib.blake2b(shape + bytes(samples), digest_size=32).digest()
    return struct.unpack("<BBB16s10I", body[:59])


def test_a_reader_written_from_the_documentation_agrees() -> None:
    expected = (1, 0, 2, MODEL, 480, 640, 33, 7, 0, 0, 0, 0, 0, 0)
    assert read_as_documented(stamp(picture(32, 32), SEAL), b"") == expected
    stamped = stamp(picture(45, 700), SEAL, salt=SALT, secret_for=secret_for)
    assert read_as_documented(stamped, secret_for(SALT)) == expected


def test_every_sample_is_bound() -> None:
    """Each of the 3072 samples, up and down by 1, 2 and 64 levels, as far as a byte goes."""
    stamped = stamp(picture(32, 32), SEAL)
    samples = stamped.reshape(-1)
    salt = seals._read_bits(stamped, seals._salt_positions((32, 32)))
    in_seal = set(seals._lock((32, 32), salt, None).positions.tolist())
    assert len(in_seal) == SEAL_BITS
    tried = 0
    for position, value in enumerate(samples.tolist()):
        for change in (-64, -2, -1, 1, 2, 64):
            changed = min(max(value + change, 0), 255)
            if changed == value:
                continue
            tried += 1
            samples[position] = changed
            if position in in_seal and (changed ^ value) & 1:
                with pytest.raises(NoSeal):
                    find(stamped)
            else:
                assert find(stamped) == Found(SEAL, intact=False)
        samples[position] = value
    assert tried > 5 * samples.size
    assert find(stamped) == Found(SEAL, intact=True)


def test_altered_is_told_from_unsealed() -> None:
    stamped = stamp(picture(300, 400), SEAL)
    stamped[200:, 300:] ^= 2
    assert find(stamped) == Found(SEAL, intact=False)
    with pytest.raises(AlteredContainer, match="400x300"):
        read(stamped)
    with pytest.raises(NoSeal, match="400x300"):
        read(picture(300, 400))


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x[1:],
        lambda x: x[:-1],
        lambda x: x[:, 1:],
        lambda x: x[:, :-1],
        lambda x: x[::-1],
        lambda x: x[:, ::-1],
        lambda x: x[..., ::-1],
        np.rot90,
        lambda x: x.transpose(1, 0, 2),
        lambda x: x.reshape(x.shape[1], x.shape[0], 3),
        lambda x: np.roll(x, 1, axis=1),
        lambda x: np.pad(x, ((0, 1), (0, 0), (0, 0))),
        lambda x: np.kron(x, np.ones((2, 2, 1), np.uint8)),
        lambda x: x ^ 1,
        lambda x: x & 0xFE,
        lambda x: 255 - x,
    ],
)
def test_geometry_and_filters_break_the_seal(change: Callable[[Pixels], Pixels]) -> None:
    with pytest.raises(NoSeal):
        find(change(stamp(picture(60, 80), SEAL)))


def saved_again(pixels: Pixels, **options: object) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, **options)  # type: ignore[arg-type]
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("quality", [10, 75, 95, 100])
def test_lossy_files_break_the_seal(quality: int) -> None:
    with pytest.raises(NoSeal):
        find(saved_again(stamp(picture(64, 96), SEAL), format="JPEG", quality=quality))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM"])
def test_lossless_files_keep_the_seal(kind: str) -> None:
    assert read(saved_again(stamp(picture(64, 96), SEAL), format=kind)) == SEAL


@settings(max_examples=150, deadline=None)
@given(st.integers(32, 70), st.integers(32, 70), st.integers(0, 2**32))
def test_noise_holds_no_seal(height: int, width: int, seed: int) -> None:
    noise = np.frombuffer(Random(seed).randbytes(height * width * 3), np.uint8)
    with pytest.raises(NoSeal):
        find(noise.reshape(height, width, 3))


@settings(max_examples=150, deadline=None)
@given(st.sets(st.integers(0, 3 * 40 * 40 - 1), min_size=1), st.integers(1, 255))
def test_random_changes_never_read_as_intact(positions: set[int], mask: int) -> None:
    stamped = stamp(picture(40, 40), SEAL)
    stamped.reshape(-1)[list(positions)] ^= np.uint8(mask)
    try:
        assert find(stamped) == Found(SEAL, intact=False)
    except NoSeal:
        assert mask & 1


def test_a_forged_seal_within_the_bounds_opens() -> None:
    """The public seal is no authenticity; and the forgeries below fail for their own reasons."""
    assert read(forge(picture(32, 32), fields())) == Seal(MODEL, ((10, 20),))
    largest = fields(side0=32_000, side1=1000)
    assert read(forge(picture(32, 32), largest)) == Seal(MODEL, ((32_000, 1000),))


TOP = 2**32 - 1
FORGERIES = {
    "next version": (fields(version=2), "upgrade"),
    "last version": (fields(version=255), "upgrade"),
    "version 0": (fields(version=0), "upgrade"),
    "a flag": (fields(flags=1), "upgrade"),
    "all flags": (fields(flags=255), "upgrade"),
    "no image": (fields(count=0), "forged"),
    "six images": (fields(count=6, **dict.fromkeys((f"side{i}" for i in range(10)), 9)), "forged"),
    "255 images": (fields(count=255), "forged"),
    "fewer sizes than images": (fields(count=2), "forged"),
    "more sizes than images": (fields(side2=5, side3=5), "forged"),
    "half a size too many": (fields(side9=1), "forged"),
    "no rows": (fields(side0=0), "forged"),
    "no columns": (fields(side1=0), "forged"),
    "largest sides": (fields(side0=TOP, side1=TOP), "forged"),
    "product wraps to 0": (fields(side0=2**31, side1=2**31), "forged"),
    "a row too many": (fields(side0=32_001, side1=1000), "forged"),
    "second image": (fields(count=2, side2=TOP, side3=1), "forged"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_seals_are_refused_cheaply(name: str) -> None:
    content, reason = FORGERIES[name]
    forged = forge(picture(32, 32), content)

    def refused() -> None:
        with pytest.raises(NoSeal, match=reason):
            find(forged)

    assert peak_of(refused) < 400_000


sides = st.sampled_from([0, 1, 7, 5000, 32_000, 2**31, TOP])


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([1, 1, 1, 0, 2, 255]),
    st.sampled_from([0, 0, 0, 1, 128]),
    st.lists(st.tuples(sides, sides), max_size=5),
    st.sampled_from([0, 0, 0, 1, 250]),
)
def test_any_content_is_refused_or_bounded(
    version: int, flags: int, hidden: list[tuple[int, int]], too_many: int
) -> None:
    claimed = {f"side{i}": 0 for i in range(2)}
    claimed |= {f"side{i}": side for i, side in enumerate(sum(hidden, ()))}
    count = len(hidden) + too_many
    content = fields(version=version, flags=flags, count=count, **claimed)
    forged = forge(picture(32, 32), content)
    bounded = all(1 <= rows * columns <= 32_000_000 for rows, columns in hidden)
    if (version, flags, too_many) == (1, 0, 0) and hidden and bounded:
        assert find(forged) == Found(Seal(MODEL, tuple(hidden)), intact=True)
    else:
        with pytest.raises(NoSeal):
            find(forged)


def test_memory_is_a_fraction_of_the_image() -> None:
    for pixels in (picture(2000, 3000), picture(32, 200_000)):
        stamped = stamp(pixels, SEAL)
        assert peak_of(lambda image=stamped: find(image)) < 3_000_000  # type: ignore[misc]
        assert peak_of(lambda image=pixels: stamp(image, SEAL)) < (  # type: ignore[misc]
            pixels.nbytes + 3_000_000
        )


def test_secrets() -> None:
    pixels = picture(70, 60)
    stamped = stamp(pixels, SEAL, salt=SALT, secret_for=secret_for)
    salts: list[bytes] = []

    def noted(salt: bytes) -> bytes:
        salts.append(salt)
        return secret_for(salt)

    assert read(stamped, secret_for=noted) == SEAL
    assert salts == [SALT]
    with pytest.raises(NoSeal, match="another passphrase"):
        find(stamped, secret_for=other_secret_for)
    with pytest.raises(NoSeal, match="needs a passphrase"):
        find(stamped)
    with pytest.raises(NoSeal):
        find(stamp(pixels, SEAL, salt=SALT), secret_for=secret_for)
    stamped[0, 0] ^= 64
    assert find(stamped, secret_for=secret_for) == Found(SEAL, intact=False)


def test_bits_are_balanced_and_spread() -> None:
    bits = np.zeros(SEAL_BITS)
    counts = np.zeros((32, 40, 3))
    trials = 400
    for k in range(trials):
        stamped = stamp(np.full((32, 40, 3), k % 251, np.uint8), Seal(MODEL, ((1 + k, 1),)))
        salt = seals._read_bits(stamped, seals._salt_positions((32, 40)))
        positions = seals._lock((32, 40), salt, None).positions
        samples = stamped.reshape(-1)[positions]
        bits += samples & 1
        counts.reshape(-1)[positions[128:]] += 1
    # Six standard deviations of a fair coin; the input is fixed, so this never flickers.
    assert np.abs(bits - trials / 2).max() < 6 * np.sqrt(trials) / 2
    assert abs(bits.mean() / trials - 0.5) < 6 * 0.5 / np.sqrt(trials * SEAL_BITS)
    free = counts[counts > 0] / trials
    assert free.size == counts.size - 128
    share = 856 / free.size
    assert np.abs(free - share).max() < 6 * np.sqrt(share * (1 - share) / trials)


def test_positions_end_whatever_is_asked_and_begin_alike() -> None:
    taken = seals._salt_positions((32, 32))
    few = seals._draw("body", (32, 32), 10, taken, b"", SALT)
    every = seals._draw("body", (32, 32), 3072 - 128, taken, b"", SALT)
    assert sorted(every.tolist()) == list(range(3072))
    np.testing.assert_array_equal(every[:138], few)


def test_largest_hidden() -> None:
    assert largest_hidden(32, 32) == 32_000_000
    assert largest_hidden(1500, 2000) == 48_000_000
    assert largest_hidden(10_000, 10_000) == 100_000_000
    widest = Seal(MODEL, ((32_000, 1000),) * 5)
    assert read(stamp(picture(32, 32), widest)) == widest
    with pytest.raises(ImageError, match=re.escape("1000x32001")):
        stamp(picture(32, 32), Seal(MODEL, ((1, 1), (32_001, 1000))))


@pytest.mark.parametrize(
    ("fingerprint", "hidden"),
    [
        (b"", ((1, 1),)),
        (bytes(15), ((1, 1),)),
        (bytes(17), ((1, 1),)),
        ("0123456789abcdef", ((1, 1),)),
        (MODEL, ()),
        (MODEL, ((1, 1),) * 6),
        (MODEL, [(1, 1)]),
        (MODEL, ((1, 1, 3),)),
        (MODEL, ([1, 1],)),
        (MODEL, (5,)),
        (MODEL, ((0, 1),)),
        (MODEL, ((1, -1),)),
        (MODEL, ((1.0, 1),)),
        (MODEL, ((True, 1),)),
        (MODEL, ((10_001, 10_000),)),
    ],
)
def test_a_seal_checks_itself(fingerprint: bytes, hidden: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ConfigError):
        Seal(fingerprint, hidden)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((40, 40), np.uint8),
        np.zeros((40, 40, 4), np.uint8),
        np.zeros((1, 40, 40, 3), np.uint8),
        np.zeros((40, 40, 3), np.float32),
        np.zeros((40, 40, 3), np.int8),
        [[[0, 0, 0]]],
        None,
    ],
)
def test_only_8_bit_rgb(bad: Pixels) -> None:
    with pytest.raises(ImageError, match="uint8 array of shape"):
        stamp(bad, SEAL)
    with pytest.raises(ImageError, match="uint8 array of shape"):
        find(bad)


@pytest.mark.parametrize("shape", [(31, 32), (32, 31), (1, 5000), (0, 0)])
def test_too_small(shape: tuple[int, int]) -> None:
    pixels = np.zeros((*shape, 3), np.uint8)
    with pytest.raises(ImageError, match="32x32"):
        stamp(pixels, SEAL)
    with pytest.raises(NoSeal, match="32x32"):
        find(pixels)


def test_key_material_is_checked() -> None:
    pixels = picture(40, 40)
    with pytest.raises(ConfigError, match="without a salt"):
        stamp(pixels, SEAL, secret_for=secret_for)
    for salt in (b"", bytes(15), bytes(17)):
        with pytest.raises(ConfigError, match="16 bytes"):
            stamp(pixels, SEAL, salt=salt)
    for secret in (b"", bytes(31), bytes(64)):
        with pytest.raises(ConfigError, match="not 32"):
            stamp(pixels, SEAL, salt=SALT, secret_for=lambda _, short=secret: short)  # type: ignore[misc]
        with pytest.raises(ConfigError, match="not 32"):
            find(pixels, secret_for=lambda _, short=secret: short)  # type: ignore[misc]
