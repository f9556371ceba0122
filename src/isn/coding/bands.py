"""Images to cosine bands and back: the basis in which a container is coded.

Three steps, each orthonormal, so that an error in the bands is as large in the image:

    colours   (r, g, b)  ->  (r + g + b) / sqrt 3, (r - b) / sqrt 2, (r - 2g + b) / sqrt 6
    blocks    8 x 8 samples of a colour  ->  its 8 x 8 cosine coefficients (DCT-II)
    means     the coefficients 0, 0, which are a small image themselves  ->  blocks again

so the bands of an image are 192 channels at an eighth of its size, of which the three means are
coded as 192 channels at a 64th.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from array_api_compat import array_namespace

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


def to_cosine(image: Array) -> Array:
    """The bands of an image.

    Args:
        image: N x 3 x H x W floats, sides multiples of 8.

    Returns:
        N x 192 x H/8 x W/8, channel ``64 colour + 8 row + column``.
    """
    return to_blocks(_mix(image, COLOURS))


def from_cosine(bands: Array) -> Array:
    """The image of some bands: :func:`to_cosine` undone."""
    return _mix(from_blocks(bands), COLOURS.T)


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


def _mix(image: Array, colours: Any) -> Array:
    xp = array_namespace(image)
    n, channels, height, width = image.shape
    flat = xp.matmul(_like(colours, image), xp.reshape(image, (n, channels, height * width)))
    return xp.reshape(flat, (n, channels, height, width))


def _like(matrix: Any, array: Array) -> Array:
    xp = array_namespace(array)
    return xp.asarray(matrix, dtype=array.dtype, device=array.device)
