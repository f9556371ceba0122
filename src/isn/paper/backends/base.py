"""What a backend is: something that evaluates the learned subnets, and nothing else.

The Haar transform, the equations and the order of the blocks are the library's own, written once
for any array library; so another framework joins as one small file that fulfils this contract.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from isn.paper.config import ModelConfig
from isn.paper.coupling import Array, Subnets

Tensors = Mapping[str, NDArray[np.float32]]
"""Learned tensors by name: ``blocks.{i}.{phi|rho|eta}.convs.{k}.{weight|bias}``."""

LEAK = 0.2
"""Slope of the LeakyReLU below zero, between the convolutions of a dense block."""


class Backend(Protocol):
    """Evaluates dense blocks on arrays of its own kind.

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
