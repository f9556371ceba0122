"""The loss of Eq. (6) to (8)."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from isn.paper.backends.torch import rounded
from isn.paper.network import Network
from isn.training.sections import LossSettings

TERMS: tuple[str, ...] = ("loss", "container", "lost", "host", "revealed")
"""What :meth:`Objective.forward` returns, in this order."""

COARSE: Final = 8
"""Pixels along the squares whose means `loss.coarse` compares."""


class Objective(nn.Module):
    """Hides, rounds, reveals, and measures: one training step up to the loss.

    Holds the learned subnets as a submodule, so that DDP sees them.
    """

    def __init__(
        self,
        stack: nn.Module,
        network: Network,
        settings: LossSettings,
        texture: Tensor | None = None,
    ) -> None:
        """An objective for `network`, whose subnets live in `stack`.

        Args:
            stack: the learned subnets.
            network: the network around them.
            settings: weights and distances of Eq. (8).
            texture: 3 x H x W in [0, 1], y_z of section 5.3; None: the config's constant.
        """
        super().__init__()
        self.stack = stack
        self.network = network
        self.settings = settings
        self.texture = texture

    def forward(self, images: Tensor) -> Tensor:
        """The loss and its parts.

        Args:
            images: N x (1 + n) x 3 x H x W in [0, 1], each host and its n hidden images.

        Returns:
            The numbers named in `TERMS`.
        """
        weights = self.settings
        host, hidden = images[:, 0], images[:, 1:].flatten(1, 2)
        hiding = self.network.forward(host, hidden)
        y_z = self.network.constant_lost(host, self.texture)
        container = rounded(hiding.container, straight_clamp=weights.straight_clamp)
        revealing = self.network.inverse(container, y_z)
        parts = {
            "container": (hiding.container - host).square().mean(),
            "lost": (hiding.lost - y_z).square().mean(),
            "host": distance(revealing.host, host, weights.revealed_distance),
            "revealed": distance(revealing.hidden, hidden, weights.revealed_distance),
        }
        loss = torch.stack([getattr(weights, name) * part for name, part in parts.items()]).sum()
        if weights.outside:
            excess = hiding.container - hiding.container.clamp(0, 1)
            loss = loss + weights.outside * excess.square().mean()
        if weights.coarse:
            missed = functional.avg_pool2d(revealing.hidden - hidden, COARSE)
            loss = loss + weights.coarse * missed.square().mean()
        return torch.stack([loss, *(parts[name] for name in TERMS[1:])])


def distance(a: Tensor, b: Tensor, kind: str) -> Tensor:
    """How far images are from each other: the mean over all samples.

    Args:
        a: of any shape.
        b: of that shape.
        kind: ``l1``, ``l2`` or ``charbonnier``.
    """
    if kind == "l1":
        return (a - b).abs().mean()
    if kind == "l2":
        return (a - b).square().mean()
    return ((a - b).square() + 1e-6).sqrt().mean()
