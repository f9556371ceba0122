"""The default backend: dense blocks by the compiled loops of `dense.c`.

A convolution of 3 x 3 is computed as F(2 x 2, 3 x 3) of Lavin and Gray, "Fast Algorithms for
Convolutional Neural Networks" (CVPR 2016), with 16 multiplications where there were 36. What
follows from the weights alone is computed here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isn.kernels import call
from isn.paper.backends.base import (
    LEAK,
    BlockSubnets,
    Convolutions,
    Plain,
    Tensors,
)
from isn.paper.config import ModelConfig
from isn.paper.coupling import Subnets
from isn.threads import each, spread

Floats = NDArray[np.float32]
Wide = NDArray[np.float64]
Evaluate = Callable[[Floats], Floats]

BLOCK: Final = 72
"""Positions along a block that is computed at once, at most: its features stay in the caches."""

POSITIONS: Final = 1 << 12
"""Of a strip of a block of 1 x 1, about."""

_GROUP, _QUAD = 16, 4
"""Outputs, and inputs, that `dense.c` takes together: the last ones are filled up with zeros."""


@dataclass(frozen=True)
class Dense:
    """One dense block, ready to be called.

    Attributes:
        channels: that it takes, that each convolution but the last adds, and that it gives.
        depth: number of its convolutions.
        weights: of all convolutions, as points.
        biases: of all convolutions.
    """

    channels: tuple[int, int, int]
    depth: int
    weights: Floats
    biases: Floats

    @classmethod
    def of(cls, layers: Convolutions, growth: int) -> Dense:
        """Of its convolutions, each of which but the last adds so many channels."""
        given, wanted = layers[0][0].shape[1], layers[-1][0].shape[0]
        weights, biases = [], []
        for k, (weight, bias) in enumerate(layers):
            starts = [given + j * growth for j in range(k)]
            weights.append(_points(weight, starts).reshape(-1))
            biases.append(np.pad(bias, (0, -len(bias) % _GROUP)))
        return cls(
            (given, growth, wanted),
            len(layers),
            np.concatenate(weights),
            np.concatenate(biases),
        )

    def __call__(self, images: Floats) -> Floats:
        """N x given x H x W to N x wanted x H x W."""
        images = np.ascontiguousarray(images)
        given, growth, wanted = self.channels
        count, _, rows, columns = images.shape
        out = np.empty((count, wanted, rows, columns), np.float32)
        down, across = -(-rows // BLOCK), -(-columns // BLOCK)
        shape = given, growth, self.depth, wanted, rows, columns, down, across

        def work(first: int, last: int) -> None:
            call("dense", images, *shape, first, last, self.weights, self.biases, LEAK, out)

        spread(work, count * down * across, 1)
        return out


@dataclass(frozen=True)
class Sparse:
    """A dense block whose convolutions but the last are of 1 x 1, most of their weights zeros.

    All is computed in float64. In float32 the steep steps that are written so
    (:mod:`isn.training.modulo`) would lose more than what they are made of.

    Attributes:
        channels: that it takes, and that it gives.
        starts: where the weights of each output begin: of all convolutions, first to last.
        columns: the channels that these are of.
        weights: all but zeros, at the position itself.
        biases: of the outputs.
        beside: the channels that the last convolution sees at the positions around.
        around: outputs x those x 3 x 3, zero at the position itself.
    """

    channels: tuple[int, int]
    starts: NDArray[np.int32]
    columns: NDArray[np.int32]
    weights: Wide
    biases: Wide
    beside: NDArray[np.intp]
    around: Wide

    @classmethod
    def of(cls, layers: Convolutions) -> Sparse:
        """Of its convolutions, without features that no later one looks at."""
        seen = [[each.astype(np.float64) for each in layer] for layer in _seen(layers)]
        counts, columns, weights = [], [], []
        for weight, _ in seen:
            middle = weight.shape[-1] // 2
            here = weight[:, :, middle, middle]
            rows, inputs = np.nonzero(here)
            counts.append(np.bincount(rows, minlength=len(here)))
            columns.append(inputs)
            weights.append(here[rows, inputs])
        around = seen[-1][0].copy()
        around[:, :, 1, 1] = 0
        beside = np.flatnonzero(around.any((0, 2, 3)))
        return cls(
            (layers[0][0].shape[1], len(around)),
            np.cumsum([0, *np.concatenate(counts)]).astype(np.int32),
            np.concatenate(columns).astype(np.int32),
            np.concatenate(weights),
            np.concatenate([bias for _, bias in seen]),
            beside,
            around[:, beside],
        )

    def __call__(self, images: Floats) -> Floats:
        """N x given x H x W to N x wanted x H x W, some rows at a time."""
        _, _, rows, columns = images.shape
        height = max(1, POSITIONS // columns)

        def strip(top: int) -> Floats:
            above, below = max(top - 1, 0), min(top + height + 1, rows)
            parts = [self._answer(image[:, above:below]) for image in images]
            return np.stack(parts)[:, :, top - above : top - above + height]

        return np.concatenate(each(strip, range(0, rows, height)), axis=2)

    def _answer(self, image: Floats) -> Floats:
        """Given x H x W to wanted x H x W."""
        given, wanted = self.channels
        _, height, width = image.shape
        outputs, positions = len(self.biases), height * width
        channels = np.empty((given + outputs, positions))
        channels[:given] = image.reshape(given, positions)
        matrix = self.starts, self.columns, self.weights, self.biases
        call("sparse", *matrix, outputs, outputs - wanted, LEAK, given, positions, channels)
        out = channels[-wanted:].reshape(1, wanted, height, width)
        if len(self.beside):
            seen = channels[self.beside].reshape(1, -1, height, width)
            out = out + _convolved(self.around, np.zeros(wanted), seen)
        return np.asarray(out[0], np.float32)


def _answered(bias: Floats, images: Floats) -> Floats:
    """What a block answers that does not look."""
    count, _, rows, columns = images.shape
    return np.tile(bias.reshape(1, -1, 1, 1), (count, 1, rows, columns))


def _evaluated(growth: int, layers: Convolutions) -> Evaluate:
    weight, bias = layers[-1]
    if not weight.any():
        return partial(_answered, bias)
    inner = weight[:, :, 1:2, 1:2]
    if len(layers) == 1 and np.count_nonzero(weight) == np.count_nonzero(inner):
        return partial(_convolved, np.ascontiguousarray(inner), bias)
    if all(each.shape[-1] == 1 for each, _ in layers[:-1]) and len(layers) > 1:
        return Sparse.of(layers)
    return Dense.of(layers, growth)


def _seen(layers: Convolutions) -> Convolutions:
    """The convolutions of a dense block, without features that no later one looks at."""
    starts = np.cumsum([layers[0][0].shape[1], *(len(bias) for _, bias in layers)])
    # Of all channels, the input's first, then the features, then the answer's.
    live = np.ones(starts[-1], bool)
    rows = [slice(*each) for each in pairwise(starts.tolist())]
    for k in reversed(range(len(layers) - 1)):
        looking = [
            weight[live[outputs]][:, rows[k]]
            for (weight, _), outputs in zip(layers[k + 1 :], rows[k + 1 :], strict=True)
        ]
        live[rows[k]] = np.any([each.any((0, 2, 3)) for each in looking], axis=0)
    return [
        (weight[live[outputs]][:, live[: weight.shape[1]]], bias[live[outputs]])
        for (weight, bias), outputs in zip(layers, rows, strict=True)
    ]


def _convolved(weight: NDArray[Any], bias: NDArray[Any], x: NDArray[Any]) -> NDArray[Any]:
    """A convolution of 1 x 1 or 3 x 3, of N x C x H x W, with zeros around; all of one type."""
    count, _, rows, columns = x.shape
    outputs, _, side, _ = weight.shape
    around = side // 2
    padded = np.pad(x, ((0, 0), (0, 0), (around, around), (around, around))) if around else x
    out = np.zeros((count, outputs, rows * columns), x.dtype)
    out += bias[:, None]
    for row in range(side):
        for column in range(side):
            tap = weight[:, :, row, column]
            seen = tap.any(0)
            shifted = padded[:, seen, row : row + rows, column : column + columns]
            flat = np.ascontiguousarray(shifted).reshape(count, int(seen.sum()), rows * columns)
            out += np.ascontiguousarray(tap[:, seen]) @ flat
    return out.reshape(count, outputs, rows, columns)


class Native(Plain):
    """Evaluates subnets on the processor, on as many threads as :mod:`isn.threads` says."""

    name = "native"

    def subnets(self, config: ModelConfig, tensors: Tensors) -> Sequence[Subnets]:
        """See :class:`isn.paper.backends.base.Backend`."""
        return BlockSubnets.all_of(config, tensors, partial(_evaluated, config.growth))


def _points(weight: Floats, starts: Sequence[int]) -> Floats:
    """The weights of a convolution as `dense.c` wants them.

    Args:
        weight: outputs x inputs x 3 x 3.
        starts: where the features among the inputs begin, but the first.

    Returns:
        Groups of outputs x 16 points x inputs x outputs of a group; the inputs of each feature,
        and the outputs, filled up with zeros.
    """
    given, outputs = len(weight), len(weight) + -len(weight) % _GROUP
    parts = np.split(weight, starts, axis=1)
    wide = [each.shape[1] + -each.shape[1] % _QUAD for each in parts]
    kernels = np.zeros((3, 3, outputs, sum(wide)))
    for part, end, room in zip(parts, np.cumsum(wide).tolist(), wide, strict=True):
        first = end - room
        kernels[:, :, :given, first : first + part.shape[1]] = part.transpose(2, 3, 0, 1)
    points = np.array([_four(row) for row in _four(kernels)], np.float32)
    grouped = points.reshape(16, outputs // _GROUP, _GROUP, -1).transpose(1, 0, 3, 2)
    return np.ascontiguousarray(grouped)


def _four(weights: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Three weights in a row to four points: G of Lavin and Gray, as sums of whole arrays."""
    outer, inner = (weights[0] + weights[2]) / 2, weights[1] / 2
    return [weights[0], outer + inner, outer - inner, weights[2]]
