"""Drawings: right in type and size, the same from the same seed, and what their names say."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from isn.drawings import KINDS, draw, overexpose
from isn.errors import ConfigError, ImageError

SIZES = [(1, 1), (1, 50), (50, 1), (7, 9), (32, 32), (96, 96), (60, 300), (300, 61)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_any_size(kind: str, size: tuple[int, int]) -> None:
    for seed in range(2):
        image = draw(kind, *size, np.random.default_rng(seed))
        assert image.shape == (*size, 3)
        assert image.dtype == np.uint8
        image[0, 0] = 0  # raises where the array is read-only


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_is_all_there_is(kind: str) -> None:
    first = draw(kind, 96, 80, np.random.default_rng(3))
    np.testing.assert_array_equal(first, draw(kind, 96, 80, np.random.default_rng(3)))
    if kind not in ("white", "black"):
        assert not np.array_equal(first, draw(kind, 96, 80, np.random.default_rng(4)))


def test_plain_kinds_are_plain() -> None:
    rng = np.random.default_rng(0)
    assert (draw("white", 9, 9, rng) == 255).all()
    assert (draw("black", 9, 9, rng) == 0).all()
    flat = draw("flat", 9, 9, rng)
    assert (flat == flat[0, 0]).all()


def test_gradients_are_smooth_and_wide() -> None:
    rng = np.random.default_rng(0)
    spans = []
    for _ in range(20):
        image = draw("gradient", 96, 96, rng).astype(int)
        assert max(np.abs(np.diff(image, axis=axis)).max() for axis in (0, 1)) < 16
        spans.append(np.ptp(image, axis=(0, 1)).max())
    assert np.mean(spans) > 80


def test_pages_are_ink_on_paper() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        light = draw("page", 256, 256, rng).mean(axis=-1)
        paper = np.median(light)
        assert paper > 230 or paper < 70
        ink = np.abs(light - paper) > 100
        assert 0.01 < ink.mean() < 0.5


def colours_of(image: NDArray[np.uint8]) -> int:
    """How many: of whole numbers, which are sorted faster than rows."""
    return len(np.unique(image.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)))


def test_screenshots_have_panels_and_text() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        image = draw("screenshot", 256, 256, rng)
        same = (image[:, 1:] == image[:, :-1]).all(axis=-1).mean()
        assert 0.7 < same < 0.999
        assert colours_of(image) > 8


def test_shapes_come_with_hard_and_with_soft_edges() -> None:
    rng = np.random.default_rng(0)
    colours = [colours_of(draw("shapes", 96, 96, rng)) for _ in range(30)]
    assert min(colours) > 2
    assert min(colours) < 26 < max(colours)


def test_noise_is_uniform() -> None:
    image = draw("noise", 256, 256, np.random.default_rng(0))
    counts = np.bincount(image.ravel(), minlength=256)
    assert counts.min() > 600
    assert counts.max() < 950


@pytest.mark.parametrize("kind", KINDS)
def test_fast_enough_to_draw_while_training(kind: str) -> None:
    rng = np.random.default_rng(0)
    for side, limit in ((96, 0.003), (256, 0.015)):
        draw(kind, side, side, rng)
        spent = []
        for _ in range(9):
            start = time.process_time()
            draw(kind, side, side, rng)
            spent.append(time.process_time() - start)
        # The fastest half: a busy machine is not what is measured.
        assert np.mean(sorted(spent)[:5]) < limit


def test_overexpose_clips_what_it_says() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(20, 236, (64, 64, 3), dtype=np.uint8)
    kept = image.copy()
    white, black = [], []
    for _ in range(60):
        exposed = overexpose(image, rng)
        assert exposed.shape == image.shape
        assert exposed.dtype == np.uint8
        order = np.argsort(image, axis=None, kind="stable")
        assert (np.diff(exposed.ravel()[order].astype(int)) >= 0).all()
        white.append((exposed == 255).mean())
        black.append((exposed == 0).mean())
        assert 0.045 < max(white[-1], black[-1]) < 0.65
    assert sum(each > 0.045 for each in white) > 10
    assert sum(each > 0.045 for each in black) > 10
    np.testing.assert_array_equal(image, kept)


@pytest.mark.parametrize("value", [0, 1, 254, 255])
def test_overexpose_takes_flat_images(value: int) -> None:
    for seed in range(20):
        exposed = overexpose(np.full((8, 8, 3), value, np.uint8), np.random.default_rng(seed))
        assert (exposed == exposed[0, 0, 0]).all()


def test_refusals() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match=r"'photo'.*choose one of white"):
        draw("photo", 8, 8, rng)
    for size in ((0, 8), (8, -1)):
        with pytest.raises(ConfigError, match="positive sides"):
            draw("page", *size, rng)
    with pytest.raises(ImageError, match="uint8"):
        overexpose(np.zeros((8, 8, 3)), rng)  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="uint8"):
        overexpose(np.zeros((0, 8, 3), np.uint8), rng)
