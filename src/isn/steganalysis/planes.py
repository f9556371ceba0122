"""An image as the detectors take it: three planes, seen strip by strip."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isn.errors import ImageError
from isn.images import Pixels

_STRIP_SAMPLES = 1 << 16
"""A strip and what is derived from it stay in the processor's cache: twice as fast as whole."""


def rgb(pixels: NDArray[Any], least: int = 1) -> Pixels:
    """The image as H x W x 3; a grey one as three equal channels, which is how files are read.

    Args:
        pixels: uint8, H x W or H x W x 3. Not copied.
        least: rows and columns that there have to be.

    Raises:
        ImageError: the array is of another type or shape, or has no pixels, or too few.
    """
    if pixels.dtype != np.uint8 or 0 in pixels.shape or pixels.shape[2:] not in ((), (3,)):
        raise _refused(pixels)
    if pixels.ndim in (2, 3) and min(pixels.shape[:2]) < least:
        raise ImageError(
            f"an image of shape {pixels.shape} was given: give sides of at least {least}"
        )
    if pixels.ndim == 2:
        return np.broadcast_to(pixels[..., None], (*pixels.shape, 3))
    if pixels.ndim != 3:
        raise _refused(pixels)
    return pixels


def strips(pixels: Pixels, channel: int, overlap: int = 0) -> Iterator[Pixels]:
    """One channel in strips of whole rows, each beginning at an even row.

    Args:
        pixels: uint8, H x W x 3.
        channel: 0, 1 or 2.
        overlap: rows that a strip shares with the next one.

    Yields:
        uint8, rows x W, contiguous; more than `overlap` rows.
    """
    height, width = pixels.shape[:2]
    rows = max(2, _STRIP_SAMPLES // width // 2 * 2)
    for start in range(0, height - overlap, rows):
        yield np.ascontiguousarray(pixels[start : start + rows + overlap, :, channel])


def _refused(pixels: NDArray[Any]) -> ImageError:
    return ImageError(
        f"the array is {pixels.dtype} of shape {pixels.shape}: "
        "give uint8 of shape H x W x 3, or H x W"
    )
