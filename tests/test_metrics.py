"""Metrics against scikit-image, and by hand."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest

from isn.errors import ImageError
from isn.metrics import luma, psnr, ssim


def _pair(shape: tuple[int, ...], seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 256, shape, dtype=np.uint8)
    b = np.clip(a.astype(int) + rng.integers(-30, 31, shape), 0, 255).astype(np.uint8)
    return a, b


def test_psnr_by_hand() -> None:
    a = np.zeros((2, 2), np.uint8)
    b = np.array([[10, 0], [0, 0]], np.uint8)
    # MSE = 100 / 4 = 25, and 255**2 / 25 = 2601.
    assert psnr(a, b) == pytest.approx(10 * math.log10(2601), abs=1e-12)
    assert psnr(b, a) == psnr(a, b)


def test_psnr_of_extremes() -> None:
    white, black = np.full((70, 9, 3), 255, np.uint8), np.zeros((70, 9, 3), np.uint8)
    assert psnr(white, black) == 0
    assert psnr(white, white) == math.inf


@pytest.mark.parametrize("shape", [(11, 11, 3), (64, 40), (75, 13, 1), (139, 90, 3), (130, 30, 6)])
def test_same_as_scikit_image(shape: tuple[int, ...]) -> None:
    oracle = pytest.importorskip("skimage.metrics")
    a, b = _pair(shape)
    axis = -1 if len(shape) == 3 else None
    expected = oracle.structural_similarity(
        a,
        b,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=axis,
    )
    assert ssim(a, b) == pytest.approx(expected, abs=1e-12)
    assert psnr(a, b) == pytest.approx(oracle.peak_signal_noise_ratio(a, b), abs=1e-10)


def test_floats_are_on_the_scale_of_bytes() -> None:
    a, b = _pair((40, 30, 3))
    for dtype in (np.float32, np.float64):
        assert psnr(a.astype(dtype), b) == pytest.approx(psnr(a, b), abs=1e-6)
        assert ssim(a.astype(dtype), b.astype(dtype)) == pytest.approx(ssim(a, b), abs=1e-6)


def test_ssim_by_hand() -> None:
    a, b = np.full((12, 13, 3), 100, np.uint8), np.full((12, 13, 3), 110, np.uint8)
    # Flat images have no variance: what is left is (2 * 100 * 110 + C1) / (100^2 + 110^2 + C1),
    # with C1 = (0.01 * 255)^2 = 6.5025.
    assert ssim(a, b) == pytest.approx(22006.5025 / 22106.5025, abs=1e-12)


def test_ssim_of_equal_images_is_one() -> None:
    a, _ = _pair((30, 30, 3))
    assert ssim(a, a) == pytest.approx(1, abs=1e-12)
    assert ssim(a, 255 - a) < 0


def test_inputs_stay_as_they_were() -> None:
    a, b = (each.astype(np.float64) for each in _pair((30, 30, 3)))
    kept = a.copy(), b.copy()
    psnr(a, b), ssim(a, b), luma(a)
    np.testing.assert_array_equal(a, kept[0])
    np.testing.assert_array_equal(b, kept[1])


def test_memory_does_not_grow_with_the_image() -> None:
    a, b = _pair((1500, 400, 3))
    tracemalloc.start()
    try:
        psnr(a, b), ssim(a, b)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # One float64 copy of the image would be 14.4 MB.
    assert peak < 6e6


def test_luma_of_primaries_and_greys() -> None:
    rgb = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [77, 77, 77]]], np.uint8)
    np.testing.assert_allclose(luma(rgb), [[76.245, 149.685, 29.07, 77]], atol=1e-9)


def test_luma_feeds_both_metrics() -> None:
    a, b = _pair((30, 30, 3))
    assert math.isfinite(psnr(luma(a), luma(b)))
    assert 0 < ssim(luma(a), luma(b)) < 1


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_what_is_not_a_pair_of_images_is_refused(metric: Any) -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    with pytest.raises(ImageError, match="equal shapes"):
        metric(image, image[:, :19])
    with pytest.raises(ImageError, match="H x W"):
        metric(image[None], image[None])
    with pytest.raises(ImageError, match="H x W"):
        metric(image[:0], image[:0])
    for dtype in (np.int16, np.bool_, np.complex128):
        with pytest.raises(ImageError, match="uint8"):
            metric(image.astype(dtype), image.astype(dtype))


@pytest.mark.parametrize("shape", [(10, 40, 3), (40, 10)])
def test_ssim_refuses_what_is_smaller_than_its_window(shape: tuple[int, ...]) -> None:
    image = np.zeros(shape, np.uint8)
    with pytest.raises(ImageError, match="from 11"):
        ssim(image, image)
    assert psnr(image, image) == math.inf


def test_luma_refuses_what_is_not_rgb() -> None:
    for shape in ((4, 4), (4, 4, 4), (1, 4, 4, 3)):
        with pytest.raises(ImageError, match="H x W x 3"):
            luma(np.zeros(shape, np.uint8))
