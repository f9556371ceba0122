"""The OpenVINO backend: subnets as graphs that it compiles for the processor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import opset13 as ops

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

Floats = NDArray[np.float32]

_EXACT: Final = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
"""Processors with matrix units would compute in bfloat16."""


class OpenVino(Plain):
    """Evaluates subnets on the processor."""

    name = "openvino"

    def __init__(self) -> None:
        self._core = openvino.Core()

    def subnets(self, config: ModelConfig, tensors: Tensors) -> Sequence[Subnets]:
        """See :class:`isn.paper.backends.base.Backend`."""
        return BlockSubnets.all_of(config, tensors, self._evaluated)

    def _evaluated(self, layers: Convolutions) -> Any:
        given = ops.parameter([-1, layers[0][0].shape[1], -1, -1], np.float32)
        slope = ops.constant(np.array([LEAK], np.float32))
        by = Operations(lambda node: ops.prelu(node, slope), lambda nodes: ops.concat(nodes, 1))
        out = dense(given, [_convolution(*each) for each in layers], by)
        settings = {**_EXACT, "INFERENCE_NUM_THREADS": threads.count()}
        model = self._core.compile_model(openvino.Model([out], [given]), "CPU", settings)
        return lambda images: model(np.ascontiguousarray(images))[0].copy()


def _convolution(weight: Floats, bias: Floats) -> Any:
    kernel, offset = ops.constant(weight), ops.constant(bias.reshape(1, -1, 1, 1))
    around = [weight.shape[-1] // 2] * 2
    return lambda node: ops.add(
        ops.convolution(node, kernel, [1, 1], around, around, [1, 1]), offset
    )
