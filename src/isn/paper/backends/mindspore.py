"""The MindSpore backend: the framework of the paper's first implementation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import mindspore
import numpy as np
from mindspore import Tensor, ops

from isn import threads
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


class MindSpore(Plain):
    """Evaluates subnets on the processor."""

    name = "mindspore"

    def __init__(self) -> None:
        mindspore.set_device("CPU")
        mindspore.runtime.dispatch_threads_num(threads.count())

    def subnets(self, config: ModelConfig, tensors: Tensors) -> Sequence[Subnets]:
        """See :class:`isn.paper.backends.base.Backend`."""
        return BlockSubnets.all_of(config, tensors, _evaluated)


def _evaluated(layers: Convolutions) -> Any:
    convolve = [
        partial(
            ops.conv2d,
            weight=Tensor(weight),
            bias=Tensor(bias),
            pad_mode="pad",
            padding=weight.shape[-1] // 2,
        )
        for weight, bias in layers
    ]
    # As a tensor: MindSpore 2.10 fails on a plain number times a tensor beside NumPy 2.
    slope = Tensor(np.array([LEAK], np.float32))
    by = Operations(lambda each: ops.prelu(each, slope), partial(ops.cat, axis=1))

    def of_arrays(images: Any) -> Any:
        return dense(Tensor(np.ascontiguousarray(images)), convolve, by).asnumpy()

    return of_arrays
