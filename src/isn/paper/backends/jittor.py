"""The Jittor backend: the framework of the paper's second implementation.

Jittor compiles itself at first use, which takes a C++ compiler and minutes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

# Where it finds no CUDA it would fetch one; read when it is imported.
os.environ.setdefault("nvcc_path", "")

import jittor
from jittor import nn

from isn.paper.backends.base import LEAK, BlockSubnets, Convolutions, Plain, Tensors, dense
from isn.paper.config import ModelConfig
from isn.paper.coupling import Subnets


class Jittor(Plain):
    """Evaluates subnets where Jittor does: on a GPU if it found CUDA, else on the processor."""

    name = "jittor"

    def subnets(self, config: ModelConfig, tensors: Tensors) -> Sequence[Subnets]:
        """See :class:`isn.paper.backends.base.Backend`."""
        return BlockSubnets.all_of(config, tensors, _evaluated)


def _evaluated(layers: Convolutions) -> Any:
    convolve = [
        partial(nn.conv2d, weight=jittor.array(weight), bias=jittor.array(bias), padding=1)
        for weight, bias in layers
    ]
    leaky, join = partial(nn.leaky_relu, scale=LEAK), partial(jittor.concat, dim=1)

    def evaluate(images: Any) -> Any:
        with jittor.no_grad():
            return dense(jittor.array(np.ascontiguousarray(images)), convolve, leaky, join).numpy()

    return evaluate
