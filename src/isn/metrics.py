"""How close two images are: PSNR and SSIM, one value an image.

Images are uint8, or floats on the same scale [0, 255], H x W or H x W x C. Both metrics work
strip by strip, so that the memory they take does not grow with the image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from isn.errors import ImageError
from isn.kernels import call

Floats: TypeAlias = NDArray[np.float64]
Array: TypeAlias = NDArray[Any]

PEAK = 255.0
WINDOW = 11
_SIGMA = 1.5
_ROWS = 64


def psnr(a: Array, b: Array) -> float:
    """Peak signal-to-noise ratio over all elements, with a peak of 255.

    Args:
        a: uint8 or floats in [0, 255], H x W or H x W x C.
        b: the same shape.

    Returns:
        dB; infinity for equal images.

    Raises:
        ImageError: the shapes differ or are not of images, or the values are of another type.
    """
    _check(a, b, 1)
    total = 0.0
    kind = np.uint16 if a.dtype == b.dtype == np.uint8 else np.float64
    for start in range(0, a.shape[0], _ROWS):
        rows = slice(start, start + _ROWS)
        error = np.subtract(a[rows], b[rows], dtype=kind)
        # Not a product of BLAS, whose threads cost more than the sum where the cores are busy.
        # Squares of bytes fit 16 bits, of negative numbers too.
        total += float(np.square(error, out=error).sum(dtype=np.float64))
    return math.inf if total == 0 else 10 * math.log10(PEAK**2 * a.size / total)


def ssim(a: Array, b: Array) -> float:
    """Structural similarity, as Wang et al. 2004: a Gaussian window of 11 x 11, sigma 1.5.

    Mean over the channels and over the positions where the window lies inside the image. This is
    scikit-image's ``structural_similarity`` with ``gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=255``.

    Args:
        a: uint8 or floats in [0, 255], H x W or H x W x C, each side at least 11.
        b: the same shape.

    Returns:
        A number in [-1, 1]; 1 for equal images.

    Raises:
        ImageError: the shapes differ, are not of images, or are smaller than the window, or the
            values are of another type.
    """
    _check(a, b, WINDOW)
    total, count = 0.0, 0
    for x, y in _strips(a, b):
        similarity = _similarity(x, y)
        total += float(similarity.sum())
        count += similarity.size
    return total / count


def luma(rgb: Array) -> Floats:
    """The luma Y of BT.601 at full range: 0.299 R + 0.587 G + 0.114 B.

    Not rounded, and not squeezed into 16..235 as studio video (and MATLAB's ``rgb2ycbcr``) has
    it: a PSNR of that narrower Y is 1.3 dB higher for the same images.

    Args:
        rgb: uint8 or floats in [0, 255], H x W x 3.

    Returns:
        float64 in [0, 255], H x W, as :func:`psnr` and :func:`ssim` take it.

    Raises:
        ImageError: the array is not H x W x 3.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ImageError(f"luma was asked of an array of shape {rgb.shape}: give H x W x 3")
    y: Floats = 0.299 * rgb[..., 0] + 0.587 * rgb[..., 1] + 0.114 * rgb[..., 2]
    return y


def _check(a: Array, b: Array, side: int) -> None:
    if a.shape != b.shape:
        raise ImageError(f"images of shapes {a.shape} and {b.shape} were given: give equal shapes")
    if a.ndim not in (2, 3) or a.size == 0 or min(a.shape[:2]) < side:
        raise ImageError(
            f"an image of shape {a.shape} was given: give H x W or H x W x C, sides from {side}"
        )
    for each in (a, b):
        if each.dtype != np.uint8 and not np.issubdtype(each.dtype, np.floating):
            raise ImageError(f"an image of {each.dtype} was given: give uint8 or floats to 255")


def _strips(a: Array, b: Array) -> Iterator[tuple[Floats, Floats]]:
    """Pairs of strips of one channel each; neighbours share the rows that a window spans."""
    if a.ndim == 2:
        a, b = a[..., None], b[..., None]
    for start in range(0, a.shape[0] - WINDOW + 1, _ROWS):
        rows = slice(start, start + _ROWS + WINDOW - 1)
        for channel in range(a.shape[2]):
            x, y = a[rows, :, channel], b[rows, :, channel]
            yield x.astype(np.float64), y.astype(np.float64)


def _similarity(x: Floats, y: Floats) -> Floats:
    c1, c2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    mean_x, mean_y = _blur(x), _blur(y)
    product = mean_x * mean_y
    squares = mean_x * mean_x + mean_y * mean_y
    covariance = _blur(x * y) - product
    # The two variances occur only as their sum, which saves a blur.
    variances = _blur(x * x + y * y) - squares
    similarity: Floats = ((2 * product + c1) * (2 * covariance + c2)) / (
        (squares + c1) * (variances + c2)
    )
    return similarity


def _blur(image: Floats) -> Floats:
    """The Gaussian where it lies inside: H x W to (H - 10) x (W - 10)."""
    rows, columns = image.shape
    out = np.empty((rows - WINDOW + 1, columns - WINDOW + 1))
    call("blur", np.ascontiguousarray(image), rows, columns, _gaussian(), WINDOW, out)
    return out


@cache
def _gaussian() -> Floats:
    weights = np.exp(-0.5 * (np.arange(WINDOW) - WINDOW // 2) ** 2 / _SIGMA**2)
    return np.asarray(weights / weights.sum())
