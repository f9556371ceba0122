"""What a run trains, as the loop sees it: whatever hides, reveals and has a loss."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from isn.training.sections import RunSettings


class Hiding(Protocol):
    """Two verbs on floats: all that a validation needs."""

    def hide(self, host: Tensor, hidden: Tensor) -> Tensor:
        """The container, not rounded.

        Args:
            host: N x 3 x H x W in [0, 1].
            hidden: N x 3n x H x W in [0, 1], the n hidden images one after the other.

        Returns:
            N x 3 x H x W.
        """
        ...

    def reveal(self, container: Tensor) -> Tensor:
        """N x 3n x H x W, not rounded, from a container of N x 3 x H x W in [0, 1]."""
        ...


class Saved(Protocol):
    """A finished model."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes its file whole or not at all."""
        ...


class Learner(Hiding, Protocol):
    """A method in training. It is initialised, and on the device that it trains on.

    Attributes:
        terms: names of the numbers that the objective returns, ``loss`` first; the others are
            columns of the log.
        start_note: what it began from, for the metadata; "" for a fresh start.
        autocast: dtype that its convolutions compute in, or None.
    """

    terms: tuple[str, ...]
    start_note: str
    autocast: torch.dtype | None

    @property
    def module(self) -> nn.Module:
        """Everything that is learned: its parameters are moved, averaged, kept and exported."""
        ...

    @property
    def objective(self) -> nn.Module:
        """Takes N x (1 + n) x 3 x H x W in [0, 1], gives the numbers named in `terms`.

        It holds `module` as a submodule, so that DDP sees the parameters.
        """
        ...

    def pack(self, tensors: Mapping[str, NDArray[Any]], training: Mapping[str, Any]) -> Saved:
        """The model of these tensors, named as the parameters of `module`.

        Args:
            tensors: float16 or float32.
            training: how it was trained, with what result, for the metadata.
        """
        ...


def dtype_of(run: RunSettings) -> torch.dtype:
    """What parameters and images are kept in."""
    return torch.float64 if run.double else torch.float32
