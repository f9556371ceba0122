"""Pixels that were a JPEG: how to know them, and how to make them forget it.

A decoded JPEG is one whose luma, in the blocks of 8 x 8 that it was stored in, has coefficients
near whole multiples of the steps it was quantised with (Fridrich, Goljan and Du, "Steganalysis
Based on JPEG Compatibility", SPIE 2001). A pixel that moved by one level since takes them away
from there, so that whoever computes these distances sees that the image was changed, and about how
much, without having seen the original.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isn.images.picture import LOSSY, Picture, Pixels
from isn.images.resizing import scaled

Floats = NDArray[np.float32]

SIDE: Final = 8
"""Of a block of JPEG."""

LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)
"""Of red, green and blue, as JPEG has it (ITU-R BT.601)."""

SHRUNK: Final = 0.8
"""Of both sides: what scaling leaves nothing of a JPEG's blocks, even when it is undone."""

_MODES: Final = [(u, v) for u in range(SIDE) for v in range(SIDE) if 1 <= u + v <= 6]
_STEPS: Final = range(64, 1, -1)
_FEWEST: Final = 20
"""Coefficients of a mode, away from zero."""

_SURE: Final = 6.0
"""Standard deviations by which they are nearer to multiples than any coefficients would be."""

_LEAST_MODES: Final = 3
_MOST_NOISE: Final = 0.6
"""Square levels from the multiples; rounding to RGB has some 0.12."""

_TOLD_APART: Final = 4
"""The least step whose multiples lie far enough apart to measure the noise between them."""

_ZERO: Final = 0.7
"""Levels, of a coefficient that was quantised to nothing."""

_MOST_BLOCKS: Final = 1024
"""Looked at to find the grid; 16 times as many to measure."""


UNTOUCHED: Final = 0.15
"""Square levels: about the most noise of a JPEG that was decoded and not changed since."""


@dataclass(frozen=True)
class Trace:
    """What is left of a JPEG in pixels.

    Attributes:
        rows: by which the grid of blocks is moved down, 0 to 7.
        columns: likewise to the right.
        steps: of the coefficients where they are known, by (vertical, horizontal) frequency.
        noise: mean square distance of coefficients from multiples of their steps, in levels: up
            to :data:`UNTOUCHED`, or more where pixels were changed since; None where all steps are
            too small to say.
    """

    rows: int
    columns: int
    steps: dict[tuple[int, int], int]
    noise: float | None


def trace(pixels: Pixels) -> Trace | None:
    """The JPEG that an image was when it was last stored with loss, or None.

    Args:
        pixels: uint8, H x W (grey) or H x W x 3.
    """
    for corner in _corners(pixels):
        steps = _steps(_coefficients(pixels, corner, _MOST_BLOCKS))
        if len(steps) >= _LEAST_MODES:
            noise = _noise(_coefficients(pixels, corner, 16 * _MOST_BLOCKS), steps)
            return Trace(corner[0], corner[1], steps, noise)
    return None


def forgotten(picture: Picture) -> Picture:
    """A picture in which single levels can change unseen: itself, or scaled down.

    What was stored with loss, or is a JPEG that was decoded, is scaled, since there each change can
    be computed.

    Args:
        picture: to be scaled to :data:`SHRUNK` of both sides, with a note.

    Raises:
        ImageError: as in :func:`~isn.images.resize`.
    """
    if picture.format not in LOSSY and trace(picture.pixels) is None:
        return picture
    height, width = picture.pixels.shape[:2]
    rows, columns = (max(round(SHRUNK * side), 1) for side in (height, width))
    note = (
        f"{picture.name} was {LOSSY.get(picture.format, 'a JPEG')}, in whose own pixels changes of "
        f"single levels can be computed: scaled from {width} x {height} to {columns} x {rows}"
    )
    return replace(scaled(picture, rows, columns, note), format="")


def _corners(pixels: Pixels) -> Iterator[tuple[int, ...]]:
    """Where a grid may begin: where nothing was cut off, and else where most is about zero."""
    yield 0, 0
    yield max(
        np.ndindex(SIDE, SIDE),
        key=lambda each: _calm(_coefficients(pixels, each, _MOST_BLOCKS // 2)),
    )


def _calm(seen: Floats) -> float:
    return float(np.mean(np.abs(seen) < _ZERO)) if seen.size else 0.0


def _coefficients(pixels: Pixels, corner: tuple[int, ...], most: int) -> Floats:
    """Modes x blocks: of blocks in which nothing is cut off at 0 or 255, drawn evenly."""
    rows, columns = (
        max(side - at, 0) // SIDE for side, at in zip(pixels.shape[:2], corner, strict=True)
    )
    number = np.arange(0, rows * columns, max(rows * columns // most, 1))
    if not len(number):
        return np.empty((len(_MODES), 0), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (SIDE, SIDE), axis=(0, 1))
    top, left = corner[0] + SIDE * (number // columns), corner[1] + SIDE * (number % columns)
    blocks = windows[top, left].reshape(len(number), -1, SIDE * SIDE)
    whole = (blocks + np.uint8(1) > 1).all(axis=(1, 2))  # 255 and 0 become 0 and 1
    planes = blocks[whole].astype(np.float32)
    luma = planes[:, 0]
    if pixels.ndim == 3:
        luma = LUMA[0] * luma + LUMA[1] * planes[:, 1] + LUMA[2] * planes[:, 2]
    found: Floats = _BASIS @ luma.T
    return found


def dct_basis() -> NDArray[np.float64]:
    """The orthonormal DCT of blocks: coefficients x samples, 64 x 64, both row by row."""
    k = np.arange(SIDE)
    one = np.cos(np.pi * (2 * k[None] + 1) * k[:, None] / (2 * SIDE)) / 2
    one[0] /= np.sqrt(2)
    found: NDArray[np.float64] = np.einsum("iy,jx->ijyx", one, one).reshape(SIDE**2, SIDE**2)
    return found


_BASIS: Final = dct_basis()[[SIDE * u + v for u, v in _MODES]].astype(np.float32)


def _steps(seen: Floats) -> dict[tuple[int, int], int]:
    """The step of each mode whose coefficients show one: the largest that explains them."""
    # Largest first, so that those away from zero, whatever the step, are the first ones of a mode.
    values = -np.sort(-np.abs(seen), axis=1)
    found: dict[tuple[int, int], int] = {}
    for step in _STEPS:
        count = (values > step / 2).sum(axis=1)
        modes = [k for k in np.flatnonzero(count >= _FEWEST).tolist() if _MODES[k] not in found]
        if not modes:
            continue
        count = count[modes]
        there = np.arange(count.max()) < count[:, None]
        far = np.where(there, values[modes, : count.max()], 0)
        times = np.rint(far / np.float32(step))
        # One and the same value everywhere is a ramp's, and a multiple of anything.
        several = times[:, 0] > times[np.arange(len(modes)), count - 1]
        # What has no steps lies evenly between multiples.
        even = step**2 / 12
        noise = np.square(far - step * times).sum(axis=1) / count
        nearer = (1 - noise / even) * np.sqrt(count)
        shown = several & (noise < min(_MOST_NOISE, 0.65 * even)) & (nearer > _SURE)
        found |= {_MODES[k]: step for k, one in zip(modes, shown, strict=True) if one}
    return found


def _rest(values: Floats, step: int) -> Floats:
    return np.asarray(values - step * np.rint(values / np.float32(step)), np.float32)


def _noise(seen: Floats, steps: dict[tuple[int, int], int]) -> float | None:
    wide = [
        np.mean(_rest(values, steps[mode]) ** 2)
        for mode, values in zip(_MODES, seen, strict=True)
        if steps.get(mode, 0) >= _TOLD_APART
    ]
    return float(np.mean(wide)) if wide else None
