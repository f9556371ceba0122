"""What survives: JPEGs of every kind down to the one promised, on good hosts and on bad ones."""

from __future__ import annotations

import io
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, features

from helpers import mostly_slow, picture
from isn import keys
from isn.carriers.dct import STRENGTHS, USUAL, Dct
from isn.carriers.dct.blocks import change, coefficients, count, cut_off
from isn.carriers.dct.lattice import ALPHA, ROUNDING, Lattice, steps
from isn.carriers.dct.trial import STORED, worth
from isn.envelope import HEAD_BYTES
from isn.errors import AlteredContainer, ConfigError, ImageError, NoSeal
from isn.metrics import psnr
from isn.progress import silent

Pixels = NDArray[np.uint8]

PUBLIC = keys.Public()
SIDE = 208

every_strength = pytest.mark.parametrize("quality", mostly_slow(STRENGTHS, (95, 80, 60, 30)))


def drawn(size: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def photo(side: int = SIDE, seed: int = 3) -> Pixels:
    return picture(side, side, seed=seed)


def through(pixels: Pixels, kind: str, **options: Any) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return np.array(Image.open(buffer).convert("RGB" if pixels.ndim == 3 else "L"))


def made(host: Pixels, quality: int, share: float = 1.0) -> tuple[Pixels, bytes, bytes]:
    carrier, head = Dct(quality), drawn(HEAD_BYTES)
    body = drawn(int(share * carrier.capacity(host, 1)), 1)
    return carrier.write(host, head, body, PUBLIC, silent), head, body


@cache
def usual(quality: int, share: float = 1.0) -> tuple[Pixels, bytes, bytes]:
    """What is made of the photo, read-only."""
    found = made(photo(), quality, share)
    found[0].flags.writeable = False
    return found


def read(container: Pixels, head: bytes, size: int, quality: int = USUAL) -> bytes:
    # Whoever reads does not know the strength: all are tried, that of this quality first. Another
    # head raises.
    return Dct(quality).read_body(container, head, size, PUBLIC)


@every_strength
def test_every_jpeg_that_is_promised_is_survived(quality: int) -> None:
    container, head, body = usual(quality)
    kinds = ("4:2:0", "4:4:4")
    # Both where it is hardest, and in turn where a JPEG keeps more.
    better = {quality + 2, quality + 5, max(quality, 90), 100} - {quality}
    assert read(container, head, len(body)) == body
    for kept, kind in [*product([quality], kinds), *zip(sorted(better), kinds * 2, strict=False)]:
        stored = through(container, "JPEG", quality=kept, subsampling=kind)
        assert read(stored, head, len(body), quality) == body, (kept, kind)


@pytest.mark.parametrize("quality", mostly_slow((90, 75, 50), (90, 50)))
def test_jpegs_of_other_kinds_are_survived(quality: int) -> None:
    container, head, body = usual(quality)
    whole = through(container, "JPEG", quality=STORED, subsampling="4:4:4")
    changed = [
        through(container, "JPEG", quality=quality, progressive=True, optimize=True),
        through(container, "JPEG", quality=quality, subsampling="4:2:2"),
        through(whole, "JPEG", quality=quality),
        through(through(container, "JPEG", quality=quality), "JPEG", quality=quality),
        through(container, "WEBP", lossless=True),
    ]
    for each in changed:
        assert read(each, head, len(body), quality) == body


@pytest.mark.parametrize(
    ("quality", "webp", "avif"),
    [(75, 92, 85), pytest.param(50, 85, 75, marks=pytest.mark.slow), (30, 75, 70)],
)
def test_other_formats_that_keep_as_much_are_survived(quality: int, webp: int, avif: int) -> None:
    container, head, body = usual(quality)
    assert read(through(container, "WEBP", quality=webp), head, len(body), quality) == body
    if features.check("avif"):
        assert read(through(container, "AVIF", quality=avif), head, len(body), quality) == body


@pytest.mark.parametrize("quality", [75, 50])
def test_what_screens_and_viewers_do_is_survived(quality: int) -> None:
    container, head, body = usual(quality)
    levels = container.astype(float)
    grey = np.rint(levels @ np.array([0.299, 0.587, 0.114]))
    changed = {
        "one level up": levels + 1,
        "one level down": levels - 1,
        "gamma": 255 * (levels / 255) ** 1.01,
        "no colour": np.repeat(grey[..., None], 3, axis=2),
        "noise": levels + np.random.default_rng(2).normal(0, 1, levels.shape),
    }
    for name, values in changed.items():
        pixels = np.rint(values).clip(0, 255).astype(np.uint8)
        assert read(pixels, head, len(body), quality) == body, name


def bad_hosts() -> dict[str, Pixels]:
    rng = np.random.default_rng(7)
    side = (160, 184)
    squares = np.indices((10, 12)).sum(axis=0) % 2 * 255
    return {
        "black": np.zeros((*side, 3), np.uint8),
        "white": np.full((*side, 3), 255, np.uint8),
        "nearly black": np.full(side, 3, np.uint8),
        "red": np.full((*side, 3), (255, 0, 0), np.uint8),
        "flat": np.full(side, 128, np.uint8),
        "noise": rng.integers(0, 256, (*side, 3), np.uint8),
        "squares": np.kron(squares, np.ones((16, 16))).astype(np.uint8),
        "dark": (photo(192) // 12).astype(np.uint8),
        "overexposed": np.minimum(photo(192).astype(int) * 2 + 60, 255).astype(np.uint8),
    }


@pytest.mark.parametrize("name", bad_hosts())
@pytest.mark.parametrize("quality", mostly_slow((90, 50), (50,)))
def test_bad_hosts_carry_what_they_say_and_it_survives(name: str, quality: int) -> None:
    host = bad_hosts()[name]
    container, head, body = made(host, quality)
    assert len(body) > 100
    stored = through(container, "JPEG", quality=quality)
    assert read(stored, head, len(body), quality) == body
    assert psnr(container, host) > {90: 36, 50: 31}[quality]


def test_a_host_that_keeps_nothing_is_refused_with_a_word() -> None:
    # Pure black and white at random: no coefficient moves without being cut off.
    host = 255 * np.random.default_rng(1).integers(0, 2, (200, 200), np.uint8)
    assert Dct(75).capacity(host, 1) == 0
    with pytest.raises(ImageError, match="black and white"):
        Dct(75).write(host, drawn(HEAD_BYTES), b"", PUBLIC, silent)


@every_strength
def test_the_container_is_as_near_as_foreseen(quality: int) -> None:
    rng = np.random.default_rng(2)
    host = rng.integers(60, 190, (200, 208, 3), np.uint8)
    for share in (0.1, 1.0):
        container, _, body = made(host, quality, share)
        found = float(np.square(container.astype(float) - host).mean())
        assert found == pytest.approx(Dct(quality).noise(host, len(body)), rel=0.06)
    lowest = {95: 43, 90: 41.5, 75: 39.5, 50: 36, 30: 33}
    assert psnr(container, host) > lowest.get(quality, 33)


def test_little_is_carried_by_few_blocks() -> None:
    container, _, _ = usual(75, 0.1)
    touched = (container != photo()).any(axis=2).reshape(26, 8, 26, 8).any(axis=(1, 3)).sum()
    assert 96 < touched < 500


@pytest.mark.parametrize("shape", [(131, 140), (203, 166, 3), (8, 1400, 3)])
def test_odd_sizes_and_grey_survive_and_edges_stay(shape: tuple[int, ...]) -> None:
    host = np.resize(photo(300), (*shape[:2], 3))
    host = host if len(shape) == 3 else np.ascontiguousarray(host[..., 0])
    container, head, body = made(host, 75)
    assert read(through(container, "JPEG", quality=75), head, len(body)) == body
    rows, columns = (side // 8 * 8 for side in shape[:2])
    np.testing.assert_array_equal(container[rows:], host[rows:])
    np.testing.assert_array_equal(container[:, columns:], host[:, columns:])


def test_beyond_its_strength_the_head_is_left_and_the_rest_refused() -> None:
    container, head, body = usual(75)
    stored = through(container, "JPEG", quality=66)
    assert Dct().read_head(stored, PUBLIC) == head
    with pytest.raises(AlteredContainer, match=r"\d of the \d parts .* beyond repair"):
        Dct().read_body(stored, head, len(body), PUBLIC)
    with pytest.raises(NoSeal, match="no head"):
        Dct().read_head(through(container, "JPEG", quality=20), PUBLIC)
    with pytest.raises(NoSeal, match="another head"):
        Dct().read_body(container, drawn(HEAD_BYTES, 9), len(body), PUBLIC)


def test_a_part_that_is_painted_over_is_corrected() -> None:
    container, head, body = made(photo(), 75, 0.6)
    container[:60, :100] = 200
    assert read(container, head, len(body)) == body


def test_the_margin_foretells_what_is_survived() -> None:
    container, head, body = usual(60)
    foretold = Dct().margin(container, head, len(body), PUBLIC).jpeg
    assert 45 <= foretold <= 61
    after = through(container, "JPEG", quality=90)
    assert Dct().margin(after, head, len(body), PUBLIC).jpeg >= foretold
    assert read(through(container, "JPEG", quality=min(foretold + 3, 60)), head, len(body)) == body
    with pytest.raises(AlteredContainer):
        read(through(container, "JPEG", quality=foretold - 12), head, len(body))
    little, head, body = made(photo(), 60, 0.4)
    assert Dct().margin(little, head, len(body), PUBLIC).jpeg < foretold


def test_without_the_key_the_body_lies_elsewhere() -> None:
    host, head, body = photo(), drawn(HEAD_BYTES), drawn(600, 1)
    key = keys.Passphrase("open")
    container = Dct().write(host, head, body, key, silent)
    assert Dct().read_body(container, head, 600, key) == body
    with pytest.raises(AlteredContainer):
        Dct().read_body(container, head, 600, PUBLIC)


@pytest.mark.parametrize("given", [29, 96, 0, 75.0, True, "75", None])
def test_only_strengths_that_there_are(given: Any) -> None:
    with pytest.raises(ConfigError, match="30 to 95"):
        Dct(given)


def test_a_strength_between_is_the_next_lower() -> None:
    one, two = (Dct(each).capacity(photo(), 1) for each in (77, 75))
    assert one == two < Dct(80).capacity(photo(), 1)


@every_strength
def test_the_steps_are_those_of_libjpeg(quality: int) -> None:
    buffer = io.BytesIO()
    Image.fromarray(photo(16)).save(buffer, "JPEG", quality=quality)
    table = Image.open(buffer).quantization[0]
    np.testing.assert_array_equal(steps(quality), table)


@every_strength
def test_what_a_jpeg_leaves_is_what_was_foreseen(quality: int) -> None:
    # In grey of the middle nothing is cut off.
    host = np.random.default_rng(4).integers(80, 175, (256, 256), np.uint8)
    lattice = Lattice(quality)
    noise = ROUNDING**2 + 1 / 12 * (steps(STORED)[lattice.used] ** 2).mean()
    assert worth(host, lattice) == pytest.approx(lattice.information(quality, noise), abs=0.04)
    better = [lattice.information(each, ROUNDING**2) for each in range(quality, 101, 5)]
    assert better == sorted(better)


def test_symbols_lie_where_they_are_read() -> None:
    rng = np.random.default_rng(6)
    lattice = Lattice(75)
    values = rng.normal(0, 60, (500, len(lattice.used))).astype(np.float32)
    dither = rng.random(values.shape).astype(np.float32)
    bits = rng.integers(0, 2, (500, lattice.bits), dtype=np.uint8)
    moved = lattice.moved(values, bits, dither)
    assert np.abs(moved - values).max() <= ALPHA * lattice.period / 2 + 1e-3
    apart = lattice.strayed(moved, bits, dither)
    assert np.abs(apart).max() <= (1 - ALPHA) * lattice.period / 2 + 1e-3
    belief = lattice.beliefs(moved, dither, np.zeros(500, np.int64), None)
    np.testing.assert_array_equal(belief < 0, bits == 1)
    surer = np.abs(belief).mean()
    assert np.abs(lattice.beliefs(moved, dither, np.full(500, 5), None)).mean() < surer


@pytest.mark.parametrize("shape", [(32, 40), (35, 44, 3)])
def test_coefficients_are_those_of_a_dct(shape: tuple[int, ...]) -> None:
    from scipy.fft import dctn

    image = np.random.default_rng(8).integers(0, 256, shape, np.uint8)
    luma = image if image.ndim == 2 else image @ np.array([0.299, 0.587, 0.114])
    lattice = Lattice(75)
    found = coefficients(image, np.arange(count(image)), lattice.basis)
    for number in (0, 3, count(image) - 1):
        top, left = 8 * (number // (shape[1] // 8)), 8 * (number % (shape[1] // 8))
        wanted = dctn(luma[top : top + 8, left : left + 8].astype(float), norm="ortho")
        np.testing.assert_allclose(found[number], wanted.reshape(-1)[lattice.used], atol=1e-2)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_coefficients_that_are_wanted_are_there_even_where_pixels_are_cut_off(value: int) -> None:
    image = np.full((64, 64, 3), value, np.uint8)
    lattice, there = Lattice(75), np.arange(64)
    wanted = np.random.default_rng(9).normal(0, 6, (64, len(lattice.used))).astype(np.float32)
    change(image, there, lattice.basis, lambda some, values: wanted[some])
    assert np.abs(coefficients(image, there, lattice.basis) - wanted).max() < 2.5
    assert (cut_off(image, there) > 0).any() == (value != 128)
