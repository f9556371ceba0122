"""How wide each number of a code is expected to scatter, told from the numbers already known.

Bands are coded in groups. Before a group is coded or decoded, a small network looks at a 3 x 3
neighbourhood of all that is known and names a *class* for each number: the mean magnitude by which
:mod:`isn.codes.entropy.rans` codes it, in quarters of an octave.

Whoever reveals must come to the very same classes on another machine. So all of it is whole numbers
(Ballé, Johnston and Minnen, "Integer Networks for Data Compression", ICLR 2019): features and
weights are rounded to fractions of a power of two, and no sum reaches 2 ** 24, below which float32
holds whole numbers exactly too, so that training sees the very same sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from reprlib import repr as shortened
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isn import threads
from isn.codes.entropy.steps import STEPS
from isn.errors import ConfigError, ModelError
from isn.kernels import call

Whole = NDArray[np.int32]

CLASSES: Final = 64
FINEST: Final = -5
"""log2 of the scale of class 0, in steps; the next one is a quarter of an octave wider."""

LARGEST: Final = 16383
"""A larger number, in half steps, looks like this one to the network."""

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


WIDTHS: Final = (4, 4096)
"""Least and most units of a hidden layer; a level may have a quarter of them."""


def check_width(width: object) -> int:
    """The units of a hidden layer that weights name.

    Raises:
        ConfigError: it is no number of them.
    """
    low, high = WIDTHS
    if type(width) is not int or not low <= width <= high:
        raise ConfigError(f"width is {shortened(width)}, give a whole number from {low} to {high}")
    return width


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
        tensors: a model's learned tensors; those of the level are taken, each group named as in
            :func:`group_shapes` after ``prior``, the level and its number.
        name: of the level.
        groups: how many it has.

    Raises:
        ModelError: weights so large that sums would not be exact.
    """

    def __init__(self, tensors: Mapping[str, NDArray[Any]], name: str, groups: int) -> None:
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
