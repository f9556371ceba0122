"""The default backend: dense blocks by the compiled loops of `dense.c`, on processors.

A convolution of 3 x 3 is computed as F(2 x 2, 3 x 3) of Lavin and Gray, "Fast Algorithms for
Convolutional Neural Networks" (CVPR 2016), with 16 multiplications where there were 36. What
follows from the weights alone is computed here, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isn.kernels import call
from isn.paper.backends.base import LEAK, BlockSubnets, Convolutions, Plain, Tensors
from isn.paper.config import ModelConfig
from isn.paper.coupling import Subnets
from isn.threads import spread

Floats = NDArray[np.float32]

BLOCK: Final = 72
"""Positions along a block that is computed at once, at most: its features stay in the caches."""

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


class Native(Plain):
    """Evaluates subnets on the processor, on as many threads as :mod:`isn.threads` says."""

    name = "native"

    def subnets(self, config: ModelConfig, tensors: Tensors) -> Sequence[Subnets]:
        """See :class:`isn.paper.backends.base.Backend`."""
        return BlockSubnets.all_of(config, tensors, lambda each: Dense.of(each, config.growth))


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
