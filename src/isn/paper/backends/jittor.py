"""The Jittor backend: the framework of the paper's other implementation.

Jittor 1.3.11 reads arrays of NumPy by their layout in NumPy 1, and of NumPy 2 reads noise. So they
are exchanged here by the addresses of their numbers.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Read when it is imported: it looks for no CUDA, which it would have to fit, and prints nothing.
os.environ.setdefault("nvcc_path", "")
os.environ.setdefault("log_silent", "1")

import jittor

from isn.paper.backends.base import (
    LEAK,
    BlockSubnets,
    Convolutions,
    Operations,
    Plain,
    Tensors,
    dense,
)
from isn.paper.config import ModelConfig
from isn.paper.coupling import Subnets


class Jittor(Plain):
    """Evaluates subnets on the processor."""

    name = "jittor"

    def subnets(self, config: ModelConfig, tensors: Tensors) -> Sequence[Subnets]:
        """See :class:`isn.paper.backends.base.Backend`."""
        return BlockSubnets.all_of(config, tensors, _evaluated)


def _evaluated(layers: Convolutions) -> Any:
    convolve = [
        partial(
            jittor.nn.conv2d,
            weight=_variable(weight),
            bias=_variable(bias),
            padding=weight.shape[-1] // 2,
        )
        for weight, bias in layers
    ]
    by = Operations(partial(jittor.nn.leaky_relu, scale=LEAK), partial(jittor.concat, dim=1))

    def of_arrays(images: Any) -> NDArray[np.float32]:
        with jittor.no_grad():
            return _numbers(dense(_variable(images), convolve, by))

    return of_arrays


def _variable(array: Any) -> Any:
    """A variable of an array's numbers."""
    given = np.ascontiguousarray(array, np.float32)
    made = jittor.empty(given.shape)
    made.sync()
    ctypes.memmove(made.raw_ptr, given.ctypes.data, given.nbytes)
    return made


def _numbers(variable: Any) -> NDArray[np.float32]:
    """The numbers of a variable, computed."""
    variable.sync()
    found = np.empty(tuple(variable.shape), np.float32)
    ctypes.memmove(found.ctypes.data, variable.raw_ptr, found.nbytes)
    return found
