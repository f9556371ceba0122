"""How wide each number of a code is expected to scatter, told from the numbers already known.

The bands of :mod:`isn.codes.photos.bands` are coded coarse to fine: the means of the means'
blocks, then the bands of the means, which so are known, then the bands of the image. Of either
level, its eight groups go by frequency, luminance and colours in turn. Before a group is coded or
decoded, a small network looks at a 3 x 3 neighbourhood of all that is known of its level and names
a *class* for each number: the mean magnitude by which :mod:`isn.codes.photos.rans` codes it, in
quarters of an octave.

Whoever reveals must come to the very same classes on another machine. So all of it is whole numbers
(Ballé, Johnston and Minnen, "Integer Networks for Data Compression", ICLR 2019): features and
weights are rounded to fractions of a power of two, and no sum reaches 2 ** 24, below which float32
holds whole numbers exactly too, so that training sees the very same sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isn import threads
from isn.codes.photos.bands import CHANNELS, COSINES, MEANS, SIDE
from isn.errors import ModelError
from isn.kernels import call

Whole = NDArray[np.int32]

CLASSES: Final = 64
FINEST: Final = -5
"""log2 of the scale of class 0, in steps; the next one is a quarter of an octave wider."""

LARGEST: Final = 16383
"""A larger number, in half steps, looks like this one to the network."""

STEPS: Final = (-64, 511)
"""First and last index i of the steps of quantisation, ``2 ** (i / 64)`` of 255 levels."""

_FEATURE: Final = 8
"""A feature is in eighths of an octave."""
_WEIGHT: Final = 64
_HIDDEN: Final = 32
_HIGHEST: Final = 1023
_TO_HIDDEN: Final = (_WEIGHT * _FEATURE // _HIDDEN).bit_length() - 1
_TO_CLASS: Final = (_WEIGHT * _HIDDEN // 4).bit_length() - 1
"""Bits by which sums are shifted to the hidden layer's units, and to classes."""
_TILE, _ENOUGH = 8, 4096
"""Rows that are looked at together, and positions that are worth a thread."""
_EXACT: Final = 1 << 24
_MOST_WEIGHT: Final = 32767


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

LEAST_WIDTH: Final = max(LEVELS.values())
"""Of hidden layers, so that the narrowest has one unit."""


def seen(group: int) -> int:
    """Features that the network of a group looks at."""
    return CONTEXT + sum(len(each) for each in GROUPS[:group])


def parameter_shapes(width: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of every learned tensor of a prior with hidden layers of this width."""
    shapes: dict[str, tuple[int, ...]] = {"prior.coarsest": (len(MEANS),)}
    for level, narrower in LEVELS.items():
        for group, channels in enumerate(GROUPS):
            name, hidden = f"prior.{level}.{group}", width // narrower
            shapes[f"{name}.inner.weight"] = (hidden, seen(group), 3, 3)
            shapes[f"{name}.inner.bias"] = (hidden,)
            shapes[f"{name}.outer.weight"] = (len(channels), hidden, 1, 1)
            shapes[f"{name}.outer.bias"] = (len(channels),)
    return shapes


FEATURES: Final = np.rint(_FEATURE * np.log2(1 + np.arange(LARGEST + 1) / 2)).astype(np.uint8)
"""What the network sees of a number, by its magnitude in half steps. None is so near to the middle
of two that another machine's logarithm could round it to the other, which a test holds."""


def feature(numbers: Whole) -> NDArray[np.uint8]:
    """What the network sees of some numbers, in half steps."""
    return np.asarray(FEATURES[np.abs(np.clip(numbers, -LARGEST, LARGEST))])


def step_feature(step: int) -> int:
    """What the network sees of a step of quantisation, by its index."""
    return (step - STEPS[0]) // _FEATURE


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
    cells = np.einsum("cuvhw,ui,vj->chiwj", cells, basis, basis)
    half = scale * scale // 2
    planes = (cells + half) // (scale * scale)
    return np.asarray(planes.reshape(3, SIDE * rows, SIDE * columns), np.int32)


def differences(values: Any, around: Any) -> list[Any]:
    """How far values are from those to the left, to the right, above and below.

    Args:
        values: ... x h x w, of any array library.
        around: the same with one row and column more on each side.
    """
    sides = (
        around[..., 1:-1, :-2],
        around[..., 1:-1, 2:],
        around[..., :-2, 1:-1],
        around[..., 2:, 1:-1],
    )
    return [values - side for side in sides]


def context(values: Whole, step: int) -> NDArray[np.uint8]:
    """The features known before the first group of a level.

    Args:
        values: the level's means in half steps, 3 x h x w.
        step: index of the step of quantisation.

    Returns:
        13 x h x w.
    """
    rows, columns = values.shape[1:]
    around = np.pad(values, ((0, 0), (1, 1), (1, 1)), "edge")
    features = [feature(each) for each in differences(values, around)]
    return np.concatenate([*features, np.full((1, rows, columns), step_feature(step), np.uint8)])


@dataclass(frozen=True)
class _Layer:
    """A convolution in whole numbers.

    Attributes:
        weight: outputs in fours, inputs in pairs: O / 4 x I / 2 x taps x 4 x 2 whole numbers, zeros
            where there is no such output or input.
        bias: O / 4 x 4.
        outputs: how many there are.
    """

    weight: NDArray[np.int16]
    bias: NDArray[np.int32]
    outputs: int

    @classmethod
    def of(
        cls, weight: NDArray[Any], bias: NDArray[Any], unit: int, largest: int, name: str
    ) -> _Layer:
        whole = np.rint(weight.astype(np.float64) * _WEIGHT)
        offset = np.rint(bias.astype(np.float64) * _WEIGHT * unit)
        reach = np.abs(whole).reshape(len(whole), -1).sum(1) * largest + np.abs(offset)
        if reach.max() >= _EXACT or np.abs(whole).max() > _MOST_WEIGHT:
            raise ModelError(f"the weights of {name} are too large to be added exactly")
        outputs, inputs = whole.shape[:2]
        # Of the second layer, an input for each output of the first one.
        more, further = -outputs % 4, -inputs % (2 if whole.shape[2] > 1 else 4)
        taps = np.pad(whole.reshape(outputs, inputs, -1), ((0, more), (0, further), (0, 0)))
        grouped = taps.reshape((outputs + more) // 4, 4, (inputs + further) // 2, 2, -1)
        return cls(
            np.ascontiguousarray(grouped.transpose(0, 2, 4, 1, 3), np.int16),
            np.pad(offset, (0, more)).astype(np.int32),
            outputs,
        )


class Level:
    """The networks of one level, in whole numbers.

    Args:
        tensors: a model's learned tensors; those of the level are taken, named as in
            :func:`parameter_shapes`.
        name: of the level.

    Raises:
        ModelError: weights so large that sums would not be exact.
    """

    def __init__(self, tensors: Mapping[str, NDArray[Any]], name: str) -> None:
        largest = int(FEATURES.max())
        self._layers = [
            tuple(
                _Layer.of(
                    tensors[f"prior.{name}.{group}.{layer}.weight"],
                    tensors[f"prior.{name}.{group}.{layer}.bias"],
                    unit,
                    most,
                    f"prior.{name}.{group}.{layer}",
                )
                for layer, unit, most in (
                    ("inner", _FEATURE, largest),
                    ("outer", _HIDDEN, _HIGHEST),
                )
            )
            for group in range(len(GROUPS))
        ]

    def classes(self, group: int, features: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The classes of a group.

        Args:
            group: 0 to 7.
            features: of all that is known of the level, C x h x w.

        Returns:
            As many channels as the group has, x h x w.
        """
        inner, outer = self._layers[group]
        _, rows, columns = features.shape
        found = np.empty((outer.outputs, rows, columns), np.uint8)

        def work(first: int, last: int) -> None:
            call(
                *("classes", features, *features.shape, first, last, inner.weight, inner.bias),
                *(len(inner.bias), outer.weight, outer.bias, outer.outputs, _TO_HIDDEN),
                *(_HIGHEST, _TO_CLASS, 4 * FINEST, CLASSES, found),
            )

        threads.spread(work, rows, max(_TILE, _ENOUGH // columns))
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
        self.means, self.blocks = (Level(tensors, name) for name in LEVELS)

    def coarsest(self, step: int) -> NDArray[np.uint8]:
        """The classes of the three means of the means' blocks, the same everywhere."""
        quarters = (self._coarsest - step) // 16
        return np.asarray(np.clip(quarters - 4 * FINEST, 0, CLASSES - 1)).astype(np.uint8)
