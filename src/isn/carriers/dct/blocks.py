"""Luma of an image in blocks of 8 x 8, and an image whose luma has other coefficients.

Only whole blocks count: what is left over at the right and at the bottom stays as it is. Blocks are
numbered row by row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isn import images, threads
from isn.images import Pixels

Floats = NDArray[np.float32]
Places = NDArray[np.int64]

SIDE: Final = 8
_BAND: Final = 4096
"""Blocks that are looked at together, so that memory does not grow with the image."""

_ROWS: Final = 64
_TRIALS: Final = 40
_NEAR: Final = 1.5
"""Levels that a coefficient may miss its place by, where pixels are cut off at 0 and 255."""


def count(pixels: Pixels) -> int:
    """How many whole blocks an image has."""
    height, width = pixels.shape[:2]
    return int((height // SIDE) * (width // SIDE))


def coefficients(pixels: Pixels, there: Places, basis: Floats) -> Floats:
    """Some coefficients of some blocks.

    Args:
        pixels: uint8, H x W (grey) or H x W x 3.
        there: numbers of blocks.
        basis: 64 x coefficients.

    Returns:
        blocks x coefficients.
    """
    found = np.empty((len(there), basis.shape[1]), np.float32)

    def work(first: int) -> None:
        some = slice(first, first + _BAND)
        found[some] = lumas(pixels, there[some]) @ basis

    threads.each(work, range(0, len(there), _BAND))
    return found


def lumas(pixels: Pixels, there: Places) -> Floats:
    """The luma of some blocks, as for :func:`coefficients`: blocks x 64, not rounded."""
    return _luma(_taken(pixels, there).astype(np.float32))


def cut_off(pixels: Pixels, there: Places) -> Places:
    """How many pixels of some blocks have a sample at 0 or 255."""
    found = np.empty(len(there), np.int64)

    def work(first: int) -> None:
        some = slice(first, first + _BAND)
        ends = (_taken(pixels, there[some]) + np.uint8(1)) < 2  # 255 and 0 become 0 and 1
        found[some] = (ends if ends.ndim == 2 else ends.any(axis=2)).sum(axis=1)

    threads.each(work, range(0, len(there), _BAND))
    return found


def change(
    container: Pixels, there: Places, basis: Floats, wanted: Callable[[slice, Floats], Floats]
) -> None:
    """Gives some blocks of an image other coefficients; all three planes move alike.

    Where that would lead below 0 or above 255, the coefficients that are not in the basis, the
    blocks' means among them, make room: the image is cut off and corrected in turn (projections
    onto convex sets).

    Args:
        container: as for :func:`coefficients`; changed in place.
        there: numbers of blocks, all different.
        basis: 64 x coefficients, orthonormal.
        wanted: the coefficients wanted, of some of `there` that have others.
    """

    def work(first: int) -> None:
        some = slice(first, first + _BAND)
        values = _taken(container, there[some]).astype(np.float32)
        old = _luma(values) @ basis
        new = wanted(some, old)
        moved = np.rint((values + _spread((new - old) @ basis.T, values)).clip(0, 255))
        missed = np.flatnonzero(np.abs(new - _luma(moved) @ basis).max(axis=1) > _NEAR)
        if len(missed):
            moved[missed] = _projected(values[missed], new[missed], basis)
        _put(container, there[some], moved.astype(np.uint8))

    threads.each(work, range(0, len(there), _BAND))


def _projected(values: Floats, wanted: Floats, basis: Floats) -> Floats:
    for _ in range(_TRIALS):
        apart = wanted - _luma(values) @ basis
        values = (values + _spread(apart @ basis.T, values)).clip(0, 255)
    return np.rint(values)


def luma(pixels: Pixels) -> Pixels:
    """The luma of an image in whole levels, uint8, H x W."""
    if pixels.ndim == 2:
        return pixels
    plane = np.empty(pixels.shape[:2], np.uint8)

    def work(top: int) -> None:
        some = slice(top, top + _ROWS)
        plane[some] = np.rint(_luma(pixels[some].astype(np.float32)))

    threads.each(work, range(0, len(pixels), _ROWS))
    return plane


def _spread(plane: Floats, values: Floats) -> Floats:
    return plane if values.ndim == 2 else plane[..., None]


def _luma(values: Floats) -> Floats:
    return values if values.ndim == 2 else values @ images.LUMA


def _view(pixels: Pixels) -> Pixels:
    """The whole blocks of an image: rows x 8 x columns x 8 (x 3)."""
    rows, columns = pixels.shape[0] // SIDE, pixels.shape[1] // SIDE
    whole = pixels[: rows * SIDE, : columns * SIDE]
    shape = (rows, SIDE, columns, SIDE, *pixels.shape[2:])
    down, across, *planes = whole.strides
    strides = (SIDE * down, down, SIDE * across, across, *planes)
    return np.lib.stride_tricks.as_strided(whole, shape, strides)


def _taken(pixels: Pixels, there: Places) -> Pixels:
    """Blocks by their numbers: blocks x 64 (x 3)."""
    view = _view(pixels)
    taken = view[there // view.shape[2], :, there % view.shape[2]]
    return taken.reshape(len(there), 64, *pixels.shape[2:])


def _put(pixels: Pixels, there: Places, blocks: Pixels) -> None:
    view = _view(pixels)
    shape = (len(there), SIDE, SIDE, *pixels.shape[2:])
    view[there // view.shape[2], :, there % view.shape[2]] = blocks.reshape(shape)
