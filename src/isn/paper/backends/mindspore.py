"""The MindSpore backend: the framework of the paper's first implementation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import mindspore
import numpy as np
from mindspore import Tensor, ops

from isn import threads
from isn.paper.backends.base import LEAK, BlockSubnets, Convolutions, Plain, Tensors, dense
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
        partial(ops.conv2d, weight=Tensor(weight), bias=Tensor(bias), pad_mode="pad", padding=1)
        for weight, bias in layers
    ]
    # As a tensor: MindSpore 2.10 fails on a plain number times a tensor beside NumPy 2.
    slope, join = Tensor(np.array([LEAK], np.float32)), partial(ops.cat, axis=1)

    def evaluate(images: Any) -> Any:
        given = Tensor(np.ascontiguousarray(images))
        return dense(given, convolve, lambda each: ops.prelu(each, slope), join).asnumpy()

    return evaluate
