"""Containers that a messenger scaled: down, and back or not, and stored as a JPEG then."""

from __future__ import annotations

import io
import time
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import isn
from helpers import mostly_slow, picture
from isn import envelope, images, keys
from isn.carriers.dct import Dct
from isn.carriers.dct.places import HEAD_BLOCKS
from isn.carriers.dct.scaled import (
    APART,
    MOST,
    SIDES,
    STRENGTHS,
    arrivals,
    enlarged,
    sharper,
    side_for,
    small,
)
from isn.envelope import HEAD_BYTES
from isn.errors import AlteredContainer, ConfigError, ImageError, NoSeal
from isn.metrics import psnr
from isn.progress import silent

Pixels = NDArray[np.uint8]

PUBLIC = keys.Public()
SIDE = 180
SHAPES = [(240, 240, 3), (195, 249, 3), (249, 195)]


def drawn(size: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def photo(shape: tuple[int, ...]) -> Pixels:
    pixels = picture(*shape[:2], seed=3)
    return pixels if len(shape) == 3 else np.ascontiguousarray(pixels[..., 0])


def resized(pixels: Pixels, size: tuple[int, int], kernel: str) -> Pixels:
    return np.array(Image.fromarray(pixels).resize(size, Image.Resampling[kernel]))


def stored(pixels: Pixels, quality: int) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))


def sent(container: Pixels, side: int, quality: int, kernel: str, back: bool = False) -> Pixels:
    height, width = container.shape[:2]
    share = side / max(height, width)
    arrived = resized(container, (round(width * share), round(height * share)), kernel)
    return stored(resized(arrived, (width, height), kernel) if back else arrived, quality)


@cache
def made(shape: tuple[int, ...], quality: int, share: float = 1.0) -> tuple[Pixels, bytes, bytes]:
    carrier, host, head = Dct(quality, SIDE), photo(shape), drawn(HEAD_BYTES)
    body = drawn(int(share * carrier.capacity(host, 1)), 1)
    container = carrier.write(host, head, body, PUBLIC, silent)
    container.flags.writeable = False
    return container, head, body


def read(container: Pixels, head: bytes, size: int) -> bytes:
    # Whoever reads knows neither strength nor size. Another head raises.
    return Dct().read_body(container, head, size, PUBLIC)


EVERY = list(product(("LANCZOS", "BICUBIC"), (SIDE, round(APART * SIDE), 232), (False, True)))
PAIRS = [way for number, way in enumerate(EVERY) if number in (0, 3, 4, 7, 8, 11)]
"""Of each two of kernel, side and back, every pair; half of them for either shape."""
CASES: list[Any] = [(SHAPES[1], 80, PAIRS[::2]), (SHAPES[2], 65, PAIRS[1::2])]
CASES += [pytest.param(*each, EVERY, marks=pytest.mark.slow) for each in product(SHAPES, (80, 65))]


@pytest.mark.parametrize(("shape", "quality", "ways"), CASES)
def test_every_scaling_that_is_promised_is_survived(
    shape: tuple[int, ...], quality: int, ways: list[tuple[str, int, bool]]
) -> None:
    container, head, body = made(shape, quality)
    assert len(body) > 300
    assert Dct().read_head(container, PUBLIC) == head
    assert read(container, head, len(body)) == body
    assert read(stored(container, quality), head, len(body)) == body
    for kernel, side, back in ways:
        arrived = sent(container, side, quality, kernel, back)
        assert read(arrived, head, len(body)) == body, (kernel, side, back)


def test_with_less_than_fits_softer_kernels_and_sizes_between_are_survived() -> None:
    container, head, body = made(SHAPES[0], 65, 0.5)
    for kernel, side in (
        ("BILINEAR", SIDE),
        ("HAMMING", SIDE),
        ("HAMMING", 195),
        ("BILINEAR", 225),
    ):
        arrived = sent(container, side, 65, kernel)
        assert read(arrived, head, len(body)) == body, (kernel, side)


def test_a_messenger_may_cut_a_side_off_instead_of_rounding_it() -> None:
    container, head, body = made((196, 249, 3), 80)
    for height in (142, 143, 141):
        arrived = stored(resized(container, (SIDE, height), "BICUBIC"), 80)
        assert read(arrived, head, len(body)) == body, height


def test_smaller_than_was_asked_nothing_comes_back() -> None:
    container, head, body = made(SHAPES[0], 80)
    with pytest.raises((NoSeal, AlteredContainer)):
        read(sent(container, 98, 80, "LANCZOS"), head, len(body))
    plain = Dct(80)
    container = plain.write(photo(SHAPES[0]), head, body, PUBLIC, silent)
    with pytest.raises((NoSeal, AlteredContainer)):
        read(sent(container, SIDE, 80, "LANCZOS"), head, len(body))


@pytest.mark.parametrize("quality", mostly_slow(STRENGTHS, (80, 50)))
def test_the_container_is_about_as_near_as_foreseen(quality: int) -> None:
    host, carrier = photo(SHAPES[0]), Dct(quality, SIDE)
    container, _, body = made(SHAPES[0], quality)
    foreseen = 10 * np.log10(255**2 / carrier.noise(host, len(body)))
    assert foreseen - 0.7 < psnr(container, host) < foreseen + 0.5
    assert psnr(container, host) > {90: 40, 80: 37.5, 75: 36, 65: 34.5, 50: 33}[quality]


def test_a_host_that_is_no_larger_carries_as_if_nothing_scaled_it() -> None:
    host = photo((150, SIDE, 3))
    assert Dct(80, SIDE).capacity(host, 1) == Dct(80).capacity(host, 1)
    assert Dct(80, SIDE).noise(host, 99) == Dct(80).noise(host, 99)
    args = (host, drawn(HEAD_BYTES), drawn(99), PUBLIC, silent)
    np.testing.assert_array_equal(Dct(80, SIDE).write(*args), Dct(80).write(*args))


def test_more_than_fits_is_refused_with_the_promise() -> None:
    with pytest.raises(ImageError, match=f"quality 80 at a longer side of {SIDE}"):
        Dct(80, SIDE).write(photo(SHAPES[0]), drawn(HEAD_BYTES), drawn(9999), PUBLIC, silent)


@pytest.mark.parametrize(
    ("quality", "side", "why"),
    [(49, 240, "50 or more"), (75, 90, "154 pixels or more, or of exactly 128"), (20, 0, "30 to")],
)
def test_only_what_can_be_survived(quality: int, side: int, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        Dct(quality, side)


@pytest.mark.parametrize(
    ("shape", "side", "why"),
    [
        ((99, 1000, 3), 240, "too large to be scaled to 240: scale it down first, to 960"),
        ((120, 150, 3), 128, "too small to be scaled to 128"),
    ],
)
def test_a_host_that_cannot_be_scaled_so_is_told_before_the_work(
    shape: tuple[int, ...], side: int, why: str
) -> None:
    host, carrier = photo(shape), Dct(80, side)
    with pytest.raises(ImageError, match=why):
        carrier.capacity(host, 1)
    with pytest.raises(ImageError, match=why):
        carrier.write(host, drawn(HEAD_BYTES), b"", PUBLIC, silent)


def test_a_side_is_that_of_a_messenger_or_far_enough_below() -> None:
    assert {1280, 1600, 2048, 1920, 4096} - set(SIDES) == set()
    for side in range(154, 3000, 7):
        found = side_for(side)
        assert found == side or found * APART <= side
        assert found * 1.6 > side or side > SIDES[-1]
    assert all(side_for(each) == each for each in SIDES)
    # A host only a little larger is made smaller than both.
    assert side_for(900, 1000) == side_for(900) == 720
    assert side_for(960, 1000) == 800
    assert side_for(960, 960 * APART) == 960


def test_sizes_that_are_tried_are_few_and_none_is_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "resize", lambda plane, *shape: np.broadcast_to(plane[0, 0], shape))
    for shape in ((3000, 4000), (320, 320), (97, 131), (90, 30_000), (8, 97)):
        found = [each.shape for each in arrivals(np.zeros(shape, np.uint8))]
        assert len(found) == len(set(found)) <= 30
        for height, width in found:
            assert height <= shape[0] + 1
            assert width <= shape[1]
            assert max(shape) <= MOST * max(height, width)
            assert (height // 8) * (width // 8) >= HEAD_BLOCKS


@pytest.mark.parametrize("shape", SHAPES)
def test_an_enlarged_change_is_there_when_made_small(shape: tuple[int, ...]) -> None:
    host = photo(shape)
    before = small(host, SIDE)
    noise = np.random.default_rng(1).normal(0, 4, (30, 30))
    smooth = images.resize((128 + 3 * noise).clip(0, 255).astype(np.uint8), *before.shape[:2])
    change = smooth.astype(int) - 128
    after = before + (change if before.ndim == 2 else change[..., None])
    after = after.clip(0, 255).astype(np.uint8)
    container = enlarged(host, before, after)
    assert psnr(small(container, SIDE), after) > 50
    assert psnr(container, host) == pytest.approx(psnr(after, before), abs=0.5)


def test_sharper_is_a_filter_with_repeated_borders() -> None:
    plane = np.random.default_rng(5).integers(60, 190, (9, 12), np.uint8)
    wanted = plane.astype(float)
    for axis in (0, 1):
        line = np.array([-0.1, 1.2, -0.1])
        ends = [(1, 1) if k == axis else (0, 0) for k in (0, 1)]
        padded = np.pad(wanted, ends, "edge")
        wanted = np.apply_along_axis(np.convolve, axis, padded, line, "valid")
    assert np.abs(sharper(plane, 0.4) - wanted).max() <= 0.51
    assert sharper(plane, 0.0) is plane


def test_a_find_that_is_none_is_never_shown() -> None:
    # A head that opens in a container made small, and another body than the one it seals.
    sealed = envelope.close(3, bytes(16), drawn(200), PUBLIC)
    container = Dct(80, SIDE).write(photo(SHAPES[0]), sealed.head, drawn(216), PUBLIC, silent)
    with pytest.raises(AlteredContainer):
        isn.reveal(sent(container, SIDE, 80, "BICUBIC"))


def test_what_is_no_container_is_told_in_the_time_of_a_few() -> None:
    host = photo((600, 800, 3))
    container = isn.hide(host, isn.File("note.txt", drawn(900)), survive=75)
    began = time.process_time()
    isn.reveal(container)
    honest = time.process_time() - began
    began = time.process_time()
    with pytest.raises(NoSeal):
        isn.reveal(host)
    assert time.process_time() - began < 10 * honest + 0.5


def test_from_python_and_by_a_messengers_name() -> None:
    host, note = picture(180, 300, seed=4), isn.File("note.txt", b"at dawn")
    made = isn.hide(host, note, survive=80, scaled=240)
    small = sent(made.as_jpeg().pixels, 240, 80, "BICUBIC")
    assert isn.reveal(small) == [note]
    assert [isn.inspect(each).scaled for each in (made.pixels, small)] == [240, None]
    # As large as what is kept already: nothing need be survived but the JPEG.
    assert isn.hide(host, note, survive=80, scaled="telegram").psnr > made.psnr
    rooms = [
        isn.capacity(host, methods=["photos"], survive=80, scaled=each)[0] for each in (240, None)
    ]
    assert 0 < rooms[0].size < rooms[1].size
    with pytest.raises(ConfigError, match=r"^scaled=240 was given without survive: "):
        isn.hide(host, note, scaled=240)
    with pytest.raises(ConfigError, match="telegram"):
        isn.hide(host, note, survive=80, scaled="fax")
    with pytest.raises(ConfigError, match="paper-1 does not use"):
        isn.hide(host, picture(99, 99), method="paper-1", scaled=240)
