"""What a run trains, as the loop sees it: what has a loss, and what a receiver gets of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from isn.carriers import trellis
from isn.codes import Code, Room
from isn.errors import ImageError
from isn.paper.backends.torch import whole
from isn.paper.network import BLANK
from isn.progress import silent
from isn.training.sections import RunSettings


class Hiding(Protocol):
    """Two verbs on floats: what hides in the host itself."""

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


class Seen(NamedTuple):
    """What a receiver gets.

    Attributes:
        container: N x 3 x H x W uint8, as its file holds it.
        revealed: N x 3n x H x W about [0, 1], not rounded.
        fits: whether the images had room; where not, all that is revealed is grey.
    """

    container: Tensor
    revealed: Tensor
    fits: bool = True


class Receiving(Protocol):
    """One verb: all that a validation needs."""

    def seen(self, host: Tensor, hidden: Tensor) -> Seen:
        """What a receiver gets of one host and its hidden images.

        Args:
            host: 1 x 3 x H x W in [0, 1].
            hidden: 1 x 3n x H x W in [0, 1], the n hidden images one after the other.
        """
        ...


class Saved(Protocol):
    """A finished model."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes its file whole or not at all."""
        ...


class Learner(Receiving, Protocol):
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
        """Everything whose parameters are moved, averaged, kept and exported.

        Those that have no gradient are exported exactly as they are.
        """
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


def through_file(method: Hiding, host: Tensor, hidden: Tensor) -> Seen:
    """What a receiver gets of a method that hides in the host itself: a container of 8 bit."""
    container = whole(method.hide(host, hidden))
    return Seen(container, method.reveal(container.to(host.dtype) / 255))


def through_code(code: Code, host: Tensor, hidden: Tensor, share: int = 1) -> Seen:
    """What a receiver gets of a code, in the bits of a sample that it uses by itself.

    One that has hardly learned may need more room than there is: then what is revealed is grey.

    Args:
        code: as it is by now.
        host: 1 x 3 x H x W in [0, 1].
        hidden: 1 x 3n x H x W in [0, 1].
        share: of the room, the images have one part of so many.
    """
    area = host.shape[-2] * host.shape[-1]
    room = Room(int(host.numel() * code.bits) // 8 // share, area)
    planes = whole(hidden)[0].unflatten(0, (-1, 3)).permute(0, 2, 3, 1).cpu().numpy()
    images = [np.ascontiguousarray(each) for each in planes]
    container = carrying(host, code.bits)
    try:
        shown = code.decode(code.encode(images, room, silent), area, silent)
    except ImageError:
        return Seen(container, torch.full_like(hidden, BLANK), fits=False)
    stacked = np.concatenate([np.moveaxis(np.asarray(each), 2, 0) for each in shown])
    return Seen(container, torch.from_numpy(stacked[None]).to(hidden) / 255)


def arrays_of(module: nn.Module) -> dict[str, NDArray[np.float32]]:
    """What a module has learned so far, by name."""
    learned = module.named_parameters()
    return {name: each.detach().float().cpu().numpy() for name, each in learned}


def carrying(host: Tensor, bits: float) -> Tensor:
    """The container of a code, whatever it says: a host that carries what looks like noise.

    Args:
        host: N x 3 x H x W in [0, 1].
        bits: of a sample that the code takes, at most :data:`isn.carriers.trellis.MOST_BITS`.

    Returns:
        uint8, of the shape of the host and on its device; the same for the same host.
    """
    samples = whole(host).cpu().numpy()
    content = np.random.default_rng(0).bytes(int(samples.size * bits) // 8)
    container = trellis.carry(samples.reshape(-1), content).reshape(samples.shape)
    return torch.from_numpy(container).to(host.device)


def dtype_of(run: RunSettings) -> torch.dtype:
    """What parameters and images are kept in."""
    return torch.float64 if run.double else torch.float32
