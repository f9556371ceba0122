"""The default backend: dense blocks as ONNX graphs, built in memory from the tensors.

There is no export step and no second copy of the weights that could drift from the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from isn.paper.backends.base import LEAK, Tensors
from isn.paper.config import ModelConfig
from isn.paper.coupling import Subnets
from isn.threads import count

OPSET, IR_VERSION = 17, 9
"""Stated, so that any onnxruntime of the last years reads the graphs."""

_FUSED = "com.microsoft"
"""Domain of FusedConv: convolution, sum and LeakyReLU in one pass over memory."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class _BlockSubnets:
    """phi in one session; rho and eta, which share their input, in another."""

    phi_session: onnxruntime.InferenceSession
    rho_eta_session: onnxruntime.InferenceSession

    def phi(self, hidden: Floats) -> Floats:
        """What the hidden branch adds to the host branch."""
        (out,) = self.phi_session.run(["phi"], {"input": hidden})
        return np.asarray(out)

    def rho_eta(self, host: Floats) -> tuple[Floats, Floats]:
        """Log-scale and shift of the hidden branch."""
        rho, eta = self.rho_eta_session.run(["rho", "eta"], {"input": host})
        return np.asarray(rho), np.asarray(eta)


class OnnxRuntime:
    """Evaluates subnets with onnxruntime on the CPU.

    Attributes:
        threads: how many threads compute.
    """

    name = "onnxruntime"

    def __init__(self, threads: int | None = None) -> None:
        """The backend on so many threads; None: one for each core the process may use."""
        # Always a number: left to itself, onnxruntime pins one thread of each session to each
        # core of the machine, which then waits for whatever else runs there.
        self.threads = threads or count()

    def subnets(self, config: ModelConfig, tensors: Tensors) -> Sequence[Subnets]:
        """See :class:`isn.paper.backends.base.Backend`."""
        return [
            _BlockSubnets(
                self._session(dense_graph(config, tensors, i, ("phi",))),
                self._session(dense_graph(config, tensors, i, ("rho", "eta"))),
            )
            for i in range(config.blocks)
        ]

    def array(self, image: Floats) -> Floats:
        """The image as it is."""
        return image

    def numpy(self, array: Floats) -> Floats:
        """The array as it is."""
        return array

    def _session(self, graph: ModelProto) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        # Every session would keep an arena of its own: gigabytes over the blocks of a network.
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False
        # Threads of an idle session would spin while those of the next one want to compute.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )


def dense_graph(
    config: ModelConfig, tensors: Tensors, block: int, names: Sequence[str]
) -> ModelProto:
    """The ONNX graph of the dense blocks of one coupling block that share an input.

    A convolution over several features is written as a sum of convolutions over one feature
    each: the features are never copied together, and the whole block stays in the runtime's own
    memory layout, which saves a tenth to a quarter of the time.

    Args:
        config: the architecture.
        tensors: float32 arrays by name.
        block: which coupling block.
        names: of its subnets, each an output of the graph: ``phi``, or ``rho`` and ``eta``.
    """
    nodes: list[NodeProto] = []
    constants: list[TensorProto] = []
    for name in names:
        features = ["input"]
        for k, (given, _) in enumerate(config.conv_channels(name)):
            stem = f"blocks.{block}.{name}.convs.{k}"
            out = name if k == config.depth - 1 else f"{stem}.feature"
            weight, bias = tensors[f"{stem}.weight"], tensors[f"{stem}.bias"]
            first = given - k * config.growth
            starts = [first + j * config.growth for j in range(k)]
            constants.append(numpy_helper.from_array(bias, f"{stem}.bias"))
            # A sum without a bias is allowed, but not computed in the fast layout.
            constants.append(numpy_helper.from_array(np.zeros_like(bias), f"{stem}.zero"))
            total = ""
            for j, part in enumerate(np.split(weight, starts, axis=1)):
                kernel = f"{stem}.weight.{j}"
                constants.append(numpy_helper.from_array(np.ascontiguousarray(part), kernel))
                inputs = [features[j], kernel, f"{stem}.zero" if j else f"{stem}.bias", total]
                total = out if j == k else f"{stem}.sum.{j}"
                # LeakyReLU follows the whole sum, and nothing follows the last convolution.
                bend: dict[str, Any] = {}
                if j == k and out != name:
                    bend = {"activation": "LeakyRelu", "activation_params": [LEAK]}
                nodes.append(
                    helper.make_node(
                        "FusedConv",
                        inputs if j else inputs[:3],
                        [total],
                        domain=_FUSED,
                        kernel_shape=[3, 3],
                        pads=[1, 1, 1, 1],
                        **bend,
                    )
                )
            features.append(out)
    given, _ = config.subnet_channels(names[0])
    graph = helper.make_graph(
        nodes,
        "dense",
        [_value("input", given)],
        [_value(name, config.subnet_channels(name)[1]) for name in names],
        constants,
    )
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(_FUSED, 1)],
        ir_version=IR_VERSION,
    )


def _value(name: str, channels: int) -> ValueInfoProto:
    shape: list[str | int | None] = ["batch", channels, "height", "width"]
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
