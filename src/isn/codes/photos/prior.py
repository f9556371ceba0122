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
_TILE, _ENOUGH = 4, 4096
"""Rows and columns that are looked at together, and positions that are worth a thread."""
_UNITS: Final = 16
"""Units of a layer that are computed together."""
_EXACT: Final = 1 << 24
_MOST_WEIGHT: Final = 32767
_SIDE: Final = np.array(
    [[1, 0, 0], [1, 1, 1], [1, -1, 1], [1, 2, 4], [1, -2, 4], [0, 0, 1]], np.float32
)
"""Three weights at six points: G of Lavin and Gray's F(4 x 4, 3 x 3) without its fractions."""
_POINTS, _ITSELF = np.kron(_SIDE, _SIDE), np.ones((1, 1), np.float32)


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


_MOST_SEEN: Final = seen(len(GROUPS) - 1)
"""Of all groups but the last."""


def parameter_shapes(width: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of every learned tensor of a prior with hidden layers of this width."""
    shapes: dict[str, tuple[int, ...]] = {"prior.coarsest": (len(MEANS),)}
    for level, narrower in LEVELS.items():
        for group, channels in enumerate(GROUPS):
            name = f"prior.{level}.{group}"
            shapes |= group_shapes(name, seen(group), width // narrower, len(channels))
    return shapes


def group_shapes(name: str, seen: int, width: int, channels: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of a group's network.

    Args:
        name: of the group.
        seen: features that it looks at.
        width: of its hidden layer.
        channels: whose classes it names.
    """
    return {
        f"{name}.inner.weight": (width, seen, 3, 3),
        f"{name}.inner.bias": (width,),
        f"{name}.outer.weight": (channels, width, 1, 1),
        f"{name}.outer.bias": (channels,),
    }


FEATURES: Final = np.rint(_FEATURE * np.log2(1 + np.arange(LARGEST + 1) / 2)).astype(np.uint8)
"""What the network sees of a number, by its magnitude in half steps. None is so near to the middle
of two that another machine's logarithm could round it to the other, which a test holds."""


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
    cells = np.einsum("cuvhw,ui->civhw", cells, basis)
    cells = np.einsum("civhw,vj->chiwj", cells, basis)
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


class Seen:
    """What is known of one level, group by group, as its networks look at it.

    Args:
        rows: of the level.
        columns: of the level.
        most: features that will be known before the last group.
    """

    def __init__(self, rows: int, columns: int, most: int) -> None:
        self.shape, self.channels = (rows, columns), 0
        # Channels last, in sixteens, zeros around: whole tiles and vectors are read.
        across = _TILE * -(-columns // _TILE) + 2
        self.features = np.zeros((rows + _TILE + 1, across, 16 * -(-most // 16)), np.uint8)

    @classmethod
    def of(cls, means: Whole, step: int) -> Seen:
        """What is known before the first group.

        Args:
            means: of the level in half steps, 3 x h x w.
            step: index of the step of quantisation.
        """
        _, rows, columns = means.shape
        seen = cls(rows, columns, _MOST_SEEN)
        around = np.pad(means, ((0, 0), (1, 1), (1, 1)), "edge")
        for each in differences(means, around):
            seen.add(each)
        seen.put(np.full((1, *seen.shape), step_feature(step), np.uint8))
        return seen

    def add(self, halves: Whole) -> None:
        """The numbers of a group, in half steps, C x h x w."""
        _, across, apart = self.features.shape
        call(
            *("features", halves, *halves.shape, FEATURES, LARGEST),
            *(across * apart, apart, (across + 1) * apart + self.channels, self.features),
        )
        self.channels += len(halves)

    def put(self, features: NDArray[np.uint8]) -> None:
        """Features as they are, C x h x w."""
        rows, columns = self.shape
        channels = slice(self.channels, self.channels + len(features))
        self.features[1 : rows + 1, 1 : columns + 1, channels] = features.transpose(1, 2, 0)
        self.channels = channels.stop


@dataclass(frozen=True)
class _Network:
    """Two convolutions in whole numbers, as `prior.c` takes them.

    Attributes:
        inner: hidden / 16 x 36 points x inputs / 2 x 16 x 2 whole numbers, zeros where there is no
            such unit or input.
        inner_bias: hidden.
        outer: outputs / 16 x hidden / 2 x 16 x 2, likewise.
        outer_bias: outputs, in sixteens.
        outputs: how many there are.
    """

    inner: NDArray[np.int16]
    inner_bias: Whole
    outer: NDArray[np.int16]
    outer_bias: Whole
    outputs: int

    @classmethod
    def of(cls, tensors: Mapping[str, NDArray[Any]], name: str) -> _Network:
        inner, inner_bias = _whole(tensors, f"{name}.inner", _FEATURE, int(FEATURES.max()), _POINTS)
        outer, outer_bias = _whole(tensors, f"{name}.outer", _HIDDEN, _HIGHEST, _ITSELF)
        # Of the second layer, an input for each unit of the first one.
        outputs, inputs = len(outer_bias), _UNITS * len(inner)
        outer = np.pad(outer, ((0, 0), (0, 0), (0, inputs // 2 - outer.shape[2]), (0, 0), (0, 0)))
        return cls(
            inner,
            np.pad(inner_bias, (0, -len(inner_bias) % _UNITS)),
            outer,
            np.pad(outer_bias, (0, -outputs % _UNITS)),
            outputs,
        )


def _whole(
    tensors: Mapping[str, NDArray[Any]], name: str, unit: int, largest: int, points: Any
) -> tuple[NDArray[np.int16], Whole]:
    """Weights of a layer at its points, in sixteens of outputs and pairs of inputs, and its biases.

    Raises:
        ModelError: they are so large that sums would not be exact.
    """
    weight = np.rint(tensors[f"{name}.weight"].astype(np.float64) * _WEIGHT)
    bias = np.rint(tensors[f"{name}.bias"].astype(np.float64) * _WEIGHT * unit)
    reach = np.abs(weight).reshape(len(weight), -1).sum(1) * largest + np.abs(bias)
    outputs, inputs = weight.shape[:2]
    around = np.zeros(
        (outputs + -outputs % _UNITS, inputs + inputs % 2, points.shape[1]), np.float32
    )
    around[:outputs, :inputs] = weight.reshape(outputs, inputs, -1)
    grouped = around.reshape(-1, _UNITS, around.shape[1] // 2, 2, points.shape[1])
    grouped = np.ascontiguousarray(grouped.transpose(0, 4, 2, 1, 3))
    # Float32 holds them exactly, or they are too large.
    found = points @ grouped.reshape(len(grouped), points.shape[1], -1)
    if reach.max() >= _EXACT or max(found.max(), -found.min()) > _MOST_WEIGHT:
        raise ModelError(f"the weights of {name} are too large to be added exactly")
    shape = (len(grouped), len(points), *grouped.shape[2:])
    return found.astype(np.int16).reshape(shape), bias.astype(np.int32)


class Level:
    """The networks of one level, in whole numbers.

    Args:
        tensors: a model's learned tensors; those of the level are taken, named as in
            :func:`parameter_shapes`.
        name: of the level.
        groups: how many it has.

    Raises:
        ModelError: weights so large that sums would not be exact.
    """

    def __init__(
        self, tensors: Mapping[str, NDArray[Any]], name: str, groups: int = len(GROUPS)
    ) -> None:
        self._networks = [_Network.of(tensors, f"prior.{name}.{k}") for k in range(groups)]

    def classes(self, group: int, known: Seen) -> NDArray[np.uint8]:
        """The classes of a group.

        Args:
            group: from 0.
            known: all that is known of the level.

        Returns:
            As many channels as the group has, x h x w.
        """
        network, (rows, columns) = self._networks[group], known.shape
        found = np.empty((network.outputs, rows, columns), np.uint8)

        def work(first: int, last: int) -> None:
            call(
                *("classes", known.features, rows, columns, known.features.shape[2]),
                *(known.channels, first, last),
                *(network.inner, network.inner_bias, len(network.inner_bias), network.outer),
                *(network.outer_bias, network.outputs, _TO_HIDDEN, _HIGHEST, _TO_CLASS),
                *(4 * FINEST, CLASSES, found),
            )

        threads.spread(work, rows, max(_TILE, _ENOUGH // columns // _TILE * _TILE))
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
