"""What a backend is: something that evaluates the learned subnets, and nothing else.

The Haar transform, the equations and the order of the blocks are the library's own, written once
for any array library; so another framework joins as one small file that fulfils this contract.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from isn.paper.config import ModelConfig
from isn.paper.coupling import Array, Subnets

Tensors = Mapping[str, NDArray[np.float32]]
"""Learned tensors by name: ``blocks.{i}.{phi|rho|eta}.convs.{k}.{weight|bias}``."""

Convolutions = Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Weight and bias of the convolutions of one subnet, first to last."""

LEAK = 0.2
"""Slope of the LeakyReLU below zero, between the convolutions of a subnet."""


@dataclass(frozen=True)
class BlockSubnets:
    """phi, rho and eta of one coupling block."""

    phi: Callable[[Array], Array]
    rho: Callable[[Array], Array]
    eta: Callable[[Array], Array]

    def rho_eta(self, host: Array) -> tuple[Array, Array]:
        """Log-scale and shift of the hidden branch."""
        return self.rho(host), self.eta(host)

    @classmethod
    def all_of(
        cls, config: ModelConfig, tensors: Tensors, subnet: Callable[[Convolutions], Any]
    ) -> list[BlockSubnets]:
        """Of every block, first to last, by what makes a subnet of its convolutions."""
        return [
            cls(*(subnet(convolutions(config, tensors, i, name)) for name in ("phi", "rho", "eta")))
            for i in range(config.blocks)
        ]


class Backend(Protocol):
    """Evaluates subnets on arrays of its own kind.

    Attributes:
        name: what ``--backend`` calls it.
    """

    name: str

    def subnets(self, config: ModelConfig, tensors: Tensors) -> Sequence[Subnets]:
        """The subnets of each block, first to last, ready to be called.

        Args:
            config: the architecture.
            tensors: float32 arrays of the shapes in ``config.parameter_shapes()``.
        """
        ...

    def array(self, image: NDArray[np.float32]) -> Array:
        """An array of the backend's own kind, on its device."""
        ...

    def numpy(self, array: Array) -> NDArray[np.float32]:
        """The same numbers as a NumPy array."""
        ...

    def __hash__(self) -> int:
        """By identity: networks are kept for the backend they were built on."""
        ...


class Plain:
    """What backends share whose networks take NumPy arrays and give them."""

    def array(self, image: NDArray[np.float32]) -> Array:
        """The image as it is."""
        return image

    def numpy(self, array: Array) -> NDArray[np.float32]:
        """The array as it is."""
        return np.asarray(array, dtype=np.float32)


def convolutions(config: ModelConfig, tensors: Tensors, block: int, name: str) -> Convolutions:
    """Of the subnet `name` of one block."""
    stem = f"blocks.{block}.{name}.convs"
    return [
        (tensors[f"{stem}.{k}.weight"], tensors[f"{stem}.{k}.bias"]) for k in range(config.depth)
    ]


@dataclass(frozen=True)
class Operations:
    """What a framework does between the convolutions of a subnet.

    Attributes:
        leaky: the LeakyReLU.
        join: puts arrays together along their channels.
    """

    leaky: Callable[[Any], Any]
    join: Callable[[list[Any]], Any]


def dense(x: Any, layers: Sequence[Callable[[Any], Any]], by: Operations) -> Any:
    """A dense block: convolutions, each fed the input and all features before it (section 4.1).

    Args:
        x: N x channels x H x W, in the arrays of a framework.
        layers: its convolutions, first to last.
        by: what the framework does between them.
    """
    features = [x]
    for layer in layers[:-1]:
        features.append(by.leaky(layer(by.join(features))))
    return layers[-1](by.join(features))
