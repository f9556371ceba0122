"""The default backend: dense blocks by the compiled loops of `dense.c`, modulo blocks by NumPy.

A convolution of 3 x 3 is computed as F(2 x 2, 3 x 3) of Lavin and Gray, "Fast Algorithms for
Convolutional Neural Networks" (CVPR 2016), with 16 multiplications where there were 36. What
follows from the weights alone is computed here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isn.kernels import call
from isn.paper.backends.base import (
    LEAK,
    BlockSubnets,
    Convolutions,
    Operations,
    Plain,
    Tensors,
    modulo,
)
from isn.paper.config import ModelConfig
from isn.paper.coupling import Subnets
from isn.threads import each, spread

Floats = NDArray[np.float32]
Evaluate = Callable[[Floats], Floats]

BLOCK: Final = 72
"""Positions along a block that is computed at once, at most: its features stay in the caches."""

POSITIONS: Final = 1 << 13
"""Of a strip of a modulo block, about."""

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
class Modulo:
    """One modulo block, ready to be called: matrices, as almost all its convolutions are of 1 x 1.

    Attributes:
        layers: its convolutions.
    """

    layers: Sequence[Callable[[Floats], Floats]]

    def __call__(self, images: Floats) -> Floats:
        """N x given x H x W to N x wanted x H x W, some rows at a time."""
        _, _, rows, columns = images.shape
        height = max(1, POSITIONS // columns)

        def strip(top: int) -> Floats:
            above, below = max(top - 1, 0), min(top + height + 1, rows)
            out: Floats = modulo(images[:, :, above:below], self.layers, _NUMPY)
            return out[:, :, top - above : top - above + height]

        return np.concatenate(each(strip, range(0, rows, height)), axis=2)


def _answered(bias: Floats, images: Floats) -> Floats:
    """What a block answers that does not look."""
    count, _, rows, columns = images.shape
    return np.tile(bias.reshape(1, -1, 1, 1), (count, 1, rows, columns))


def _modulo(layers: Convolutions) -> Evaluate:
    (last, bias), (around, more) = layers[-2:]
    if not last.any() and not around.any():
        return partial(_answered, bias + more)
    return Modulo([partial(_convolved, *layer) for layer in _seen(layers)])


def _dense(growth: int, layers: Convolutions) -> Evaluate:
    weight, bias = layers[-1]
    if not weight.any():
        return partial(_answered, bias)
    inner = weight[:, :, 1:2, 1:2]
    if len(layers) == 1 and np.count_nonzero(weight) == np.count_nonzero(inner):
        return partial(_convolved, np.ascontiguousarray(inner), bias)
    return Dense.of(layers, growth)


def _seen(layers: Convolutions) -> Convolutions:
    """The convolutions of a modulo block, without features that no later one looks at."""
    *pointwise, (around, more) = layers
    starts = np.cumsum([pointwise[0][0].shape[1], *(len(bias) for _, bias in pointwise)])
    # Of all channels, the input's first, then the features, then the answer's.
    live = np.ones(starts[-1], bool)
    rows = [slice(*each) for each in pairwise(starts.tolist())]
    for k in reversed(range(len(pointwise) - 1)):
        looking = [
            weight[live[outputs]][:, rows[k]]
            for (weight, _), outputs in zip(pointwise[k + 1 :], rows[k + 1 :], strict=True)
        ]
        if k == len(pointwise) - 2:
            looking.append(around)
        live[rows[k]] = np.any([each.any((0, 2, 3)) for each in looking], axis=0)
    slim = [
        (weight[live[outputs]][:, live[: weight.shape[1]]], bias[live[outputs]])
        for (weight, bias), outputs in zip(pointwise, rows, strict=True)
    ]
    return [*slim, (around[:, live[rows[-2]]], more)]


def _convolved(weight: Floats, bias: Floats, x: Floats) -> Floats:
    """A convolution of 1 x 1 or 3 x 3, of N x C x H x W, with zeros around."""
    count, given, rows, columns = x.shape
    outputs, _, side, _ = weight.shape
    around = side // 2
    padded = np.pad(x, ((0, 0), (0, 0), (around, around), (around, around))) if around else x
    out = np.zeros((count, outputs, rows * columns), np.float32)
    out += bias[:, None]
    for row in range(side):
        for column in range(side):
            shifted = padded[:, :, row : row + rows, column : column + columns]
            flat = np.ascontiguousarray(shifted).reshape(count, given, rows * columns)
            out += np.ascontiguousarray(weight[:, :, row, column]) @ flat
    return out.reshape(count, outputs, rows, columns)


def _leaky(x: Floats) -> Floats:
    leaky: Floats = np.maximum(x, np.float32(LEAK) * x)
    return leaky


_NUMPY: Final = Operations(_leaky, np.rint, partial(np.concatenate, axis=1))


class Native(Plain):
    """Evaluates subnets on the processor, on as many threads as :mod:`isn.threads` says."""

    name = "native"

    def subnets(self, config: ModelConfig, tensors: Tensors) -> Sequence[Subnets]:
        """See :class:`isn.paper.backends.base.Backend`."""
        made = _modulo if config.subnet == "modulo" else partial(_dense, config.growth)
        return BlockSubnets.all_of(config, tensors, made)


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
