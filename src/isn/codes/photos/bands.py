"""Images to cosine bands and back: the basis in which a container is coded.

Four steps, each orthonormal, so that an error in the bands is as large in the image:

    colours   (r, g, b)  ->  (r + g + b) / sqrt 3, (r - b) / sqrt 2, (r - 2g + b) / sqrt 6
    borders   the eight samples around each border of two blocks  ->  turned, to lap the blocks
    blocks    8 x 8 samples of a colour  ->  its 8 x 8 cosine coefficients (DCT-II)
    means     the coefficients 0, 0, which are a small image themselves  ->  blocks again

so the bands of an image are 192 channels at an eighth of its size, of which the three means are
coded as 192 channels at a 64th.

The second step makes a lapped transform of the third (Malvar and Staelin, "The LOT: Transform
Coding Without Blocking Effects", IEEE Trans. ASSP 1989; as a step before the DCT: Tran, Liang and
Tu, IEEE Trans. Signal Processing 2003): what is smooth across a border stays in few numbers, and
what rounding takes leaves no edge there.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any, Final

import numpy as np

from isn.arrays import array_namespace

Array = Any
"""Floats of any array library that follows the Python array API standard."""

SIDE: Final = 8
"""Samples along a block."""

CHANNELS: Final = 3 * SIDE * SIDE

MEANS: Final = tuple(colour * SIDE * SIDE for colour in range(3))
"""Channels that hold the means of the blocks."""

COSINES: Final = np.array(
    [
        [
            math.sqrt((1 if row else 0.5) / 4) * math.cos(math.pi * (2 * column + 1) * row / 16)
            for column in range(SIDE)
        ]
        for row in range(SIDE)
    ]
)
"""The DCT-II of 8 samples, orthonormal."""

COLOURS: Final = np.array(
    [
        [math.sqrt(1 / 3), math.sqrt(1 / 3), math.sqrt(1 / 3)],
        [math.sqrt(1 / 2), 0, -math.sqrt(1 / 2)],
        [math.sqrt(1 / 6), -math.sqrt(2 / 3), math.sqrt(1 / 6)],
    ]
)

ANGLES: Final = (0.5985, -0.1185, 0.0431, 0.4115, -0.0190, 0.1823)
"""By how much each two of the four differences across a border are turned: the angles of the
highest coding gain for a first-order process of correlation 0.95, 9.26 dB (the DCT alone: 8.83)."""


def _borders() -> Any:
    """The step across a border, of eight samples: sums stay, differences are turned."""
    half = SIDE // 2
    turn = np.eye(half)
    for angle, (row, column) in zip(ANGLES, combinations(range(half), 2), strict=True):
        each = np.eye(half)
        each[[row, column], [row, column]] = math.cos(angle)
        each[row, column], each[column, row] = math.sin(angle), -math.sin(angle)
        turn = turn @ each
    one, mirror = np.eye(half), np.eye(half)[::-1]
    fold = np.block([[one, mirror], [mirror, -one]]) / math.sqrt(2)
    return fold @ np.block([[one, 0 * one], [0 * one, turn]]) @ fold


BORDERS: Final = _borders()


def to_cosine(image: Array) -> Array:
    """The bands of an image.

    Args:
        image: N x 3 x H x W floats, sides multiples of 8.

    Returns:
        N x 192 x H/8 x W/8, channel ``64 colour + 8 row + column``.
    """
    return to_blocks(_lapped(_mix(image, COLOURS), BORDERS))


def from_cosine(bands: Array) -> Array:
    """The image of some bands: :func:`to_cosine` undone."""
    return _mix(_lapped(from_blocks(bands), BORDERS.T), COLOURS.T)


def to_blocks(planes: Array) -> Array:
    """The last two steps' blocks: N x 3 x H x W to N x 192 x H/8 x W/8."""
    xp = array_namespace(planes)
    n, colours, height, width = planes.shape
    rows, columns = height // SIDE, width // SIDE
    basis = _like(COSINES, planes)
    cells = xp.matmul(basis, xp.reshape(planes, (n, colours, rows, SIDE, width)))
    cells = xp.matmul(
        xp.reshape(cells, (n, colours, rows, SIDE, columns, SIDE)), xp.matrix_transpose(basis)
    )
    return xp.reshape(
        xp.permute_dims(cells, (0, 1, 3, 5, 2, 4)), (n, colours * SIDE * SIDE, rows, columns)
    )


def from_blocks(bands: Array) -> Array:
    """:func:`to_blocks` undone."""
    xp = array_namespace(bands)
    n, channels, rows, columns = bands.shape
    colours = channels // (SIDE * SIDE)
    basis = _like(COSINES, bands)
    cells = xp.reshape(bands, (n, colours, SIDE, SIDE, rows, columns))
    cells = xp.matmul(xp.permute_dims(cells, (0, 1, 4, 2, 5, 3)), basis)
    cells = xp.reshape(cells, (n, colours, rows, SIDE, columns * SIDE))
    cells = xp.matmul(xp.matrix_transpose(basis), cells)
    return xp.reshape(cells, (n, colours, rows * SIDE, columns * SIDE))


def _lapped(planes: Array, borders: Any) -> Array:
    """Each border between two blocks turned, along columns and along rows."""
    xp = array_namespace(planes)
    n, colours, height, width = planes.shape
    basis, half = _like(borders, planes), SIDE // 2
    if height > SIDE:
        rows = height // SIDE - 1
        inner = xp.reshape(planes[:, :, half:-half, :], (n, colours, rows, SIDE, width))
        inner = xp.reshape(xp.matmul(basis, inner), (n, colours, rows * SIDE, width))
        planes = xp.concat([planes[:, :, :half, :], inner, planes[:, :, -half:, :]], axis=2)
    if width > SIDE:
        columns = width // SIDE - 1
        inner = xp.reshape(planes[..., half:-half], (n, colours, height, columns, SIDE))
        inner = xp.matmul(inner, xp.matrix_transpose(basis))
        inner = xp.reshape(inner, (n, colours, height, columns * SIDE))
        planes = xp.concat([planes[..., :half], inner, planes[..., -half:]], axis=3)
    return planes


def _mix(image: Array, colours: Any) -> Array:
    xp = array_namespace(image)
    n, channels, height, width = image.shape
    flat = xp.matmul(_like(colours, image), xp.reshape(image, (n, channels, height * width)))
    return xp.reshape(flat, (n, channels, height, width))


def _like(matrix: Any, array: Array) -> Array:
    xp = array_namespace(array)
    return xp.asarray(matrix, dtype=array.dtype, device=array.device)
