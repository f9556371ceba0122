"""Networks that hide and reveal apart from each other, in training: Baluja's loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from isn.paper.backends.torch import rounded
from isn.training.learner import Hiding, Saved, Seen, dtype_of, through_file
from isn.training.methods import BalujaSettings

TERMS = ("loss", "container", "revealed")
"""What :meth:`PairObjective.forward` returns, in this order."""

Pack = Callable[[Mapping[str, NDArray[Any]], Mapping[str, Any]], Saved]


class PairNetwork(Hiding, Protocol):
    """A module with the two verbs, which can draw its first parameters."""

    def initialise(self, seed: int) -> None:
        """Parameters to start from, the same for the same seed."""
        ...


class PairObjective(nn.Module):
    """Hides, rounds, reveals, and measures: one training step up to the loss.

    Attributes:
        autocast: dtype to compute in while rounding and distances stay float32, or None.
    """

    network: PairNetwork

    def __init__(self, network: PairNetwork, beta: float) -> None:
        """An objective for a network that is a torch module.

        Args:
            network: what is learned.
            beta: weight of each hidden image's distance against the container's.
        """
        super().__init__()
        self.network, self.beta = network, beta
        self.autocast: torch.dtype | None = None

    def forward(self, images: Tensor) -> Tensor:
        """The loss of Baluja, |c - c'| + beta * sum |s - s'| over the hidden images, and its parts.

        The distances are mean squares. As in our own loss, the container's is taken before the
        clamp, and the reveal sees the container as its 8-bit file holds it.

        Args:
            images: N x (1 + n) x 3 x H x W in [0, 1], each host and its n hidden images.

        Returns:
            The three numbers named in `TERMS`.
        """
        host, hidden = images[:, 0], images[:, 1:].flatten(1, 2)
        container = self.hide(host, hidden)
        revealed = self.reveal(rounded(container, straight_clamp=False))
        for_container = (container - host).square().mean()
        for_revealed = (revealed - hidden).square().mean()
        count = images.shape[1] - 1
        loss = for_container + self.beta * count * for_revealed
        return torch.stack([loss, for_container, for_revealed])

    def hide(self, host: Tensor, hidden: Tensor) -> Tensor:
        """See :class:`isn.training.learner.Hiding`."""
        with torch.autocast(host.device.type, self.autocast, enabled=self.autocast is not None):
            container = self.network.hide(host, hidden)
        return container.to(host.dtype)

    def reveal(self, container: Tensor) -> Tensor:
        """See :class:`isn.training.learner.Hiding`."""
        kind = container.device.type
        with torch.autocast(kind, self.autocast, enabled=self.autocast is not None):
            hidden = self.network.reveal(container)
        return hidden.to(container.dtype)


class Pair:
    """A :class:`PairNetwork` as a :class:`isn.training.learner.Learner`.

    Args:
        network: a module with the two verbs; its parameters are drawn anew.
        settings: the whole training.
        device: where it trains.
        pack: makes a model of learned tensors and the metadata of their training.
    """

    terms: tuple[str, ...] = TERMS
    start_note: str = ""

    def __init__(
        self, network: PairNetwork, settings: BalujaSettings, device: torch.device, pack: Pack
    ) -> None:
        if not isinstance(network, nn.Module):
            raise TypeError(f"{type(network).__name__} is no torch module")
        network.initialise(settings.run.seed)
        self.module: nn.Module = network.to(device, dtype_of(settings.run))
        self.objective = PairObjective(network, settings.loss.revealed)
        self.pack = pack

    def seen(self, host: Tensor, hidden: Tensor) -> Seen:
        """See :class:`isn.training.learner.Receiving`."""
        return through_file(self.objective, host, hidden)

    @property
    def autocast(self) -> torch.dtype | None:
        """Inside the networks only."""
        return self.objective.autocast

    @autocast.setter
    def autocast(self, dtype: torch.dtype | None) -> None:
        self.objective.autocast = dtype
