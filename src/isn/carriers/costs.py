"""What it costs to move a pixel by one level: little where nobody could have foretold it.

HILL (Li, Wang, Huang and Li, "A New Cost Function for Spatial Image Steganography", IEEE ICIP
2014): a high-pass filter says how badly a sample is foretold by its neighbours, its mean over 3 x 3
how busy the place is; the cost is one over that, averaged over 15 x 15, so that a change never
stands alone in a calm place.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from isn import threads
from isn.images import Pixels

Floats = NDArray[np.float32]

_NEAR: Final = 3
_WIDE: Final = 15

_CALMEST: Final = np.float32(1e-6)
"""Of busyness, so that nothing is divided by zero."""

FLAT: Final = 10.0
"""A cost that only pixels in even areas have, where any change shows."""


def hill(host: Pixels) -> Floats:
    """What it costs to move a pixel by one level: the mean over its colours.

    Args:
        host: uint8, H x W (grey) or H x W x 3.

    Returns:
        float32, H x W, above 0: 0.02 in a thicket, 10 and more in even areas.
    """
    planes = [host] if host.ndim == 2 else list(np.moveaxis(host, 2, 0))
    return np.asarray(sum(threads.each(_of_plane, planes)) / np.float32(len(planes)), np.float32)


def _of_plane(plane: Pixels) -> Floats:
    found = plane.astype(np.float32)
    # The filter of Ker and Boehme: the second difference along both axes, one after the other.
    for _ in range(2):
        found = (_bend(found) if len(found) > 1 else found).T
    busy = _mean(np.abs(found), _NEAR)
    return _mean(np.reciprocal(np.maximum(busy, _CALMEST)), _WIDE)


def _bend(plane: Floats) -> Floats:
    """The second difference along the first axis, mirrored at the borders."""
    padded = np.pad(plane, ((1, 1), (0, 0)), "symmetric")
    return padded[:-2] - 2 * padded[1:-1] + padded[2:]


def _mean(plane: Floats, side: int) -> Floats:
    """The mean over the square around each position, mirrored at the borders."""
    for _ in range(2):
        # Along the first axis, then along the other one, which is the first then.
        padded = np.pad(plane, ((side // 2 + 1, side // 2), (0, 0)), "symmetric")
        padded[0] = 0
        total = np.cumsum(padded, axis=0, dtype=np.float64)
        plane = ((total[side:] - total[:-side]) / side).astype(np.float32).T
    return plane
