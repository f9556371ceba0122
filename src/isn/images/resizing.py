"""Images of another size."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

import numpy as np
from PIL import Image

from isn.errors import ImageError
from isn.images.picture import Picture, Pixels, check_rgb, check_size

Kernel = Literal["lanczos", "bicubic"]
_KERNELS: Final[dict[Kernel, Image.Resampling]] = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
}

_LONG_SIDE = 1 << 16
_LANCZOS_GAP = 3.0


def within(pixels: Pixels, area: int) -> Pixels:
    """An image of no more pixels than an area: itself where it has no more, else resized.

    Args:
        pixels: uint8, H x W x 3.
        area: pixels that it may have, 1 or more.

    Raises:
        ImageError: as in :func:`resize`.
    """
    height, width = pixels.shape[:2]
    if height * width <= area:
        return pixels
    ratio = (area / (height * width)) ** 0.5
    # Where an image is like a thread, one side stays a pixel, and the other takes what is left.
    height = max(int(height * ratio), 1)
    width = max(min(int(width * ratio), area // height), 1)
    return resize(pixels, min(height, area // width), width)


def longer_side(height: int, width: int, side: int) -> tuple[int, int]:
    """Height and width of the same aspect, 1 or more, of which the longer one is `side`."""
    longer = max(height, width)
    # Halves up, as in C.
    rows, columns = (max((2 * each * side + longer) // (2 * longer), 1) for each in (height, width))
    return rows, columns


def resize(pixels: Pixels, height: int, width: int, kernel: Kernel = "lanczos") -> Pixels:
    """Resamples, by default with a Lanczos window, on gamma-coded values.

    Args:
        pixels: uint8, H x W (grey) or H x W x 3.
        height: rows wanted, at least 1.
        width: columns wanted, at least 1.
        kernel: the window, which is widened where an image shrinks.

    Returns:
        uint8, height x width (x 3); the input itself where it has that size already.

    Raises:
        ImageError: the size is not positive or over `MAX_PIXELS`, the array is no image, or there
            is not enough memory.
    """
    if pixels.ndim != 2 or pixels.dtype != np.uint8 or not pixels.size:
        check_rgb(pixels)
    if height < 1 or width < 1:
        raise ImageError(f"an image cannot be resized to {height} x {width}: give positive sides")
    check_size(height, width, "the resized image")
    if pixels.shape[:2] == (height, width):
        return pixels
    try:
        return _resampled(pixels, height, width, _KERNELS[kernel])
    except MemoryError as error:
        raise ImageError(
            f"there is not enough memory to resize an image to {height} x {width}: close other "
            "programs or give a smaller size"
        ) from error


def filled(pixels: Pixels, height: int, width: int) -> Pixels:
    """An image with its last row and column repeated up to a size, no smaller than its own."""
    rows, columns = pixels.shape[:2]
    around = ((0, height - rows), (0, width - columns), (0, 0))
    return np.pad(pixels, around, "edge") if np.any(around) else pixels


def scaled(picture: Picture, height: int, width: int, note: str) -> Picture:
    """A picture of another size, with a note of why; raises as :func:`resize`."""
    pixels = resize(picture.pixels, height, width)
    return replace(picture, pixels=pixels, stored=pixels, notes=(*picture.notes, note))


def _resampled(pixels: Pixels, height: int, width: int, kernel: Image.Resampling) -> Pixels:
    # The filter's coefficients take about 50 bytes for each position of a side, which for an image
    # like a thread would be gigabytes: a long side is made piece by piece, or from averages.
    rows, columns = pixels.shape[:2]
    if max(rows, columns, height, width) >= _LONG_SIDE // 4:
        # What shrinks goes first, or each piece would filter the whole of it again.
        if height < rows and width > columns:
            return _resampled(_resampled(pixels, height, columns, kernel), height, width, kernel)
        if width < columns and height > rows:
            return _resampled(_resampled(pixels, rows, width, kernel), height, width, kernel)
    gap = _LANCZOS_GAP if max(rows, columns) > _LONG_SIDE else None
    image = Image.fromarray(pixels)
    down, across = rows / height, columns / width
    resized = np.empty((height, width, *pixels.shape[2:]), np.uint8)
    for top in range(0, height, _LONG_SIDE):
        for left in range(0, width, _LONG_SIDE):
            bottom, right = min(top + _LONG_SIDE, height), min(left + _LONG_SIDE, width)
            piece = image.resize(
                (right - left, bottom - top),
                kernel,
                (left * across, top * down, right * across, bottom * down),
                gap,
            )
            resized[top:bottom, left:right] = np.asarray(piece)
    return resized
