"""The prior of photos: what is known of an image before each group of its bands.

The bands of :mod:`isn.codes.photos.bands` are coded coarse to fine: the means of the means'
blocks, then the bands of the means, which so are known, then the bands of the image. Of either
level, its eight groups go by frequency, luminance and colours in turn; the networks that
:mod:`isn.codes.entropy.prior` describes look at all that is known of the level.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isn.codes.entropy.prior import (
    CLASSES,
    FINEST,
    Level,
    Seen,
    differences,
    group_shapes,
    step_feature,
)
from isn.codes.photos.bands import CHANNELS, COSINES, MEANS, SIDE

Whole = NDArray[np.int32]


def _group(row: int, column: int, colour: int) -> int:
    frequency = row + column
    band = 0 if frequency <= 2 else 1 if frequency <= 4 else 2 if frequency <= 7 else 3
    return 2 * band + (colour > 0)


GROUPS: Final = tuple(
    tuple(
        channel
        for channel in range(CHANNELS)
        if channel not in MEANS
        and _group(channel // SIDE % SIDE, channel % SIDE, channel // SIDE**2) == group
    )
    for group in range(8)
)
"""Channels of each group of a level, in the order in which they are coded."""

CONTEXT: Final = 4 * len(MEANS) + 1
"""Features known before the first group: differences of the level's means, and the step."""

LEVELS: Final = {"means": 4, "blocks": 1}
"""Both levels in the order in which they are coded, and by how much narrower their networks are."""


def seen(group: int) -> int:
    """Features that the network of a group looks at."""
    return CONTEXT + sum(len(each) for each in GROUPS[:group])


def parameter_shapes(width: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of every learned tensor of a prior with hidden layers of this width."""
    shapes: dict[str, tuple[int, ...]] = {"prior.coarsest": (len(MEANS),)}
    for level, narrower in LEVELS.items():
        for group, channels in enumerate(GROUPS):
            name = f"prior.{level}.{group}"
            shapes |= group_shapes(name, seen(group), width // narrower, len(channels))
    return shapes


def mean_values(means: Whole) -> Whole:
    """The means of all blocks in half steps, from the quantised bands of their image: exactly.

    Args:
        means: 192 x h x w whole numbers, in half steps.

    Returns:
        3 x 8h x 8w whole numbers.
    """
    scale = 1 << 12
    basis = np.rint(COSINES * scale).astype(np.int64)
    rows, columns = means.shape[1:]
    cells = means.astype(np.int64).reshape(3, SIDE, SIDE, rows, columns)
    cells = np.einsum("cuvhw,ui->civhw", cells, basis)
    cells = np.einsum("civhw,vj->chiwj", cells, basis)
    half = scale * scale // 2
    planes = (cells + half) // (scale * scale)
    return np.asarray(planes.reshape(3, SIDE * rows, SIDE * columns), np.int32)


def context(means: Whole, step: int) -> Seen:
    """What is known of a level before its first group.

    Args:
        means: of the level in half steps, 3 x h x w.
        step: index of the step of quantisation.
    """
    _, rows, columns = means.shape
    found = Seen(rows, columns, seen(len(GROUPS) - 1))
    around = np.pad(means, ((0, 0), (1, 1), (1, 1)), "edge")
    for each in differences(means, around):
        found.add(each)
    found.put(np.full((1, rows, columns), step_feature(step), np.uint8))
    return found


class Prior:
    """The network that names classes, in whole numbers.

    Args:
        tensors: a model's learned tensors; those named as in :func:`parameter_shapes` are taken.

    Attributes:
        means: of the bands of the means.
        blocks: of the bands of the image.

    Raises:
        ModelError: weights so large that sums would not be exact.
    """

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self._coarsest = np.rint(tensors["prior.coarsest"].astype(np.float64) * 64).astype(np.int64)
        self.means, self.blocks = (Level(tensors, name, len(GROUPS)) for name in LEVELS)

    def coarsest(self, step: int) -> NDArray[np.uint8]:
        """The classes of the three means of the means' blocks, the same everywhere."""
        quarters = (self._coarsest - step) // 16
        return np.asarray(np.clip(quarters - 4 * FINEST, 0, CLASSES - 1)).astype(np.uint8)
