"""The forensic map: what was changed shows, what is alike does not, and it takes any image."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from isn.errors import ImageError
from isn.steganalysis import residual
from isn.steganalysis.residual import anomaly_map, paint

Array = NDArray[Any]


def grainy(height: int = 120, width: int = 160, seed: int = 0) -> Array:
    """A soft picture with grain of one scale all over it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    soft = 120 + 40 * np.sin(x / 23)[..., None] * np.cos(y / 31)[..., None]
    grain = ndimage.gaussian_filter(rng.normal(0, 12, (height, width, 3)), (0.9, 0.9, 0))
    return np.rint(np.clip(soft + grain, 0, 255)).astype(np.uint8)


@pytest.mark.parametrize("what", ["noise", "blur"])
def test_a_changed_patch_shows(what: str) -> None:
    image = grainy()
    patch = (slice(40, 80), slice(60, 110))
    if what == "noise":
        noise = np.random.default_rng(1).normal(0, 4, image[patch].shape)
        image[patch] = np.clip(image[patch] + noise, 0, 255)
    else:
        image[patch] = ndimage.gaussian_filter(image[patch].astype(float), (1.2, 1.2, 0))
    shown = anomaly_map(image)
    inside = shown[48:72, 68:102].mean()
    outside = np.concatenate([shown[:25].ravel(), shown[95:].ravel()])
    assert inside > 0.35
    assert outside.mean() < inside / 5


def test_an_image_that_is_alike_all_over_shows_nothing() -> None:
    assert anomaly_map(grainy()).mean() < 0.1
    # Nor does one that is manipulated alike all over.
    noise = np.random.default_rng(1).normal(0, 4, (120, 160, 3))
    assert anomaly_map(np.clip(grainy() + noise, 0, 255).astype(np.uint8)).mean() < 0.1


def test_without_any_noise_nothing_is_said() -> None:
    flat = np.full((40, 50, 3), 90, np.uint8)
    assert not anomaly_map(flat).any()
    y, x = np.mgrid[:60, :70]
    # But for the rim, where a slope ends.
    assert not anomaly_map((x + y).astype(np.uint8))[12:-12, 12:-12].any()


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 90, 3), (7, 3, 3), (33, 20), (64, 64, 3)])
def test_any_size_the_same_answer_in_bounds(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    shown = anomaly_map(image)
    assert shown.shape == shape[:2]
    assert shown.dtype == np.float32
    assert 0 <= shown.min() <= shown.max() < 1
    np.testing.assert_array_equal(shown, anomaly_map(image.copy()))


def test_it_turns_with_the_image() -> None:
    image = grainy(60, 90)
    image[20:40, 30:60] = image[20:40, 30:60] // 8 * 8
    shown = anomaly_map(image)
    np.testing.assert_allclose(anomaly_map(image[::-1]), shown[::-1], atol=1e-5)
    np.testing.assert_allclose(anomaly_map(np.rot90(image)), np.rot90(shown), atol=1e-5)


def test_strips_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    image = grainy(45, 40)
    image[20:32, 12:26] += 9
    whole = anomaly_map(image)
    for rows in (1, 7, 32):
        monkeypatch.setattr(residual, "_STRIP", rows)
        np.testing.assert_allclose(anomaly_map(image), whole, atol=1e-5)


def test_memory_is_bounded() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1200, 60, 3), np.uint8)
    tracemalloc.start()
    try:
        anomaly_map(image)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 25 * 72_000


def test_the_windows_and_filters_against_scipy() -> None:
    values = np.random.default_rng(0).random((40, 33))
    kernel = np.ones((residual.WINDOW, residual.WINDOW))
    counts = ndimage.convolve(np.ones_like(values), kernel, mode="constant")
    wanted = ndimage.convolve(values, kernel, mode="constant") / counts
    np.testing.assert_allclose(residual._mean(values), wanted)
    for step in (1, 2):
        line = np.zeros(2 * step + 1)
        line[[0, step, 2 * step]] = 0.25, 0.5, 0.25
        wanted = ndimage.convolve(values, np.outer(line, line), mode="nearest")
        np.testing.assert_allclose(residual._smooth(values, step), wanted)


def test_the_picture_of_a_map_gets_lighter() -> None:
    picture = paint(np.linspace(0, 1, 50)[None])
    assert picture.shape == (1, 50, 3)
    assert picture.dtype == np.uint8
    luma = picture[0] @ [0.299, 0.587, 0.114]
    assert (np.diff(luma) > 0).all()


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(ImageError, match="uint8"):
        anomaly_map(np.zeros((4, 4, 3)))
