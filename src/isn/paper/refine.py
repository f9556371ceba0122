"""A container moved by gradient descent until it reveals better. Needs torch.

The network makes a container in one pass, and the rounding to 8 bit spoils some of what it put
there. Whoever hides has the host, the hidden images and the network that will reveal, so that the
container itself can be improved, as in fixed-network steganography (Kishore et al., ICLR 2022):
the gradient of what is revealed, with respect to the container's samples, says how to move them.
Whoever reveals needs nothing new.

The objective is ``HOST_WEIGHT * MSE(container, host) + MSE(revealed, hidden)``, means over samples,
the container rounded in every step. It is minimised window by window, so that memory does not grow
with the image, and the best container met in a window is kept, never a worse one than the
network's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from isn.paper.backends.torch import Subnet, rounded
from isn.paper.network import Network, spans

HOST_WEIGHT = 2.0

RATE, LAST_RATE, BETAS = 0.1, 0.01, (0.9, 0.99)
"""Of Adam; the rate, in steps between two values of a sample, falls linearly."""

WINDOW, HALO = 512, 64
"""Pixels: the side of what is moved at once, and what is seen around it."""


def refine(
    network: Network,
    host: Tensor,
    hidden: Tensor,
    container: Tensor,
    steps: int,
    report: Callable[[float], None] = lambda share: None,
) -> Tensor:
    """A container that reveals better.

    Args:
        network: one whose subnets are torch modules.
        host: 1 x 3 x H x W in [0, 1]; H and W multiples of the network's cell.
        hidden: 1 x 3n x H x W in [0, 1].
        container: 1 x 3 x H x W, what the network gave, not rounded.
        steps: of gradient descent, in every window, at least 1.
        report: told the share that is done, from 0 to 1.

    Returns:
        1 x 3 x H x W, clamped and rounded to 8 bit.

    Raises:
        ConfigError: the model is keyed with a texture, which hiding does not know.
    """
    lost = network.constant_lost(container)
    refined = rounded(container, straight_clamp=False)
    whole = _Window((0, host.shape[-2]), (0, host.shape[-1]))
    windows = list(whole.parts())
    with _recomputing(network):
        for number, window in enumerate(windows):
            seen, place = window.grown(HALO, whole), window.within(whole)
            at = seen.within(whole)
            objective = _Objective(
                network,
                *(host[at], hidden[at], lost[at], refined[at]),
                moved=window.within(seen),
                judged=window.grown(HALO // 2, whole).within(seen),
            )

            def tell(share: float, number: int = number) -> None:
                report((number + share) / len(windows))

            refined[place] = _descend(objective, container[place], steps, tell)
    return refined


@dataclass(frozen=True)
class _Objective:
    """What a window is worth: the lower the better.

    Attributes:
        network: that reveals.
        host: of what is seen, as the following ones.
        hidden: what ought to be revealed.
        lost: the constant.
        container: rounded; what of it is moved counts for nothing here.
        moved: where the moved samples stand in it.
        judged: the part that counts; nearer the rim too much of what is around is missing.
    """

    network: Network
    host: Tensor
    hidden: Tensor
    lost: Tensor
    container: Tensor
    moved: Any
    judged: Any

    def __call__(self, samples: Tensor) -> Tensor:
        container = self.container.clone()
        container[self.moved] = samples
        revealed = self.network.reveal(container, self.lost)
        missed: Tensor = (revealed - self.hidden)[self.judged].square().mean()
        return missed + HOST_WEIGHT * (samples - self.host[self.moved]).square().mean()


def _descend(
    objective: Callable[[Tensor], Tensor],
    start: Tensor,
    steps: int,
    tell: Callable[[float], None],
) -> Tensor:
    """The rounded samples of the least objective on the way down from `start`."""
    samples = start.detach().clone().requires_grad_()
    optimiser = torch.optim.Adam([samples], RATE / 255, BETAS)
    best, least = rounded(start, straight_clamp=False), float("inf")
    for step in range(steps + 1):
        candidate = rounded(samples, straight_clamp=False)
        value = objective(candidate)
        if value.item() < least:
            best, least = candidate.detach(), value.item()
        if step < steps:
            for group in optimiser.param_groups:
                group["lr"] = (RATE + (LAST_RATE - RATE) * step / steps) / 255
            (samples.grad,) = torch.autograd.grad(value, samples)
            optimiser.step()
            tell((step + 1) / steps)
    return best


@dataclass(frozen=True)
class _Window:
    """A rectangle of an image: its rows and columns, the first and one past the last."""

    rows: tuple[int, int]
    columns: tuple[int, int]

    def parts(self) -> Iterator[_Window]:
        """Of an image, those that are moved one after the other."""
        sides = (spans(end, WINDOW) for _, end in (self.rows, self.columns))
        return (_Window(rows, columns) for rows, columns in product(*sides))

    def grown(self, margin: int, whole: _Window) -> _Window:
        """With a margin, as far as the image reaches."""

        def side(own: tuple[int, int], most: tuple[int, int]) -> tuple[int, int]:
            return max(own[0] - margin, most[0]), min(own[1] + margin, most[1])

        return _Window(side(self.rows, whole.rows), side(self.columns, whole.columns))

    def within(self, other: _Window) -> Any:
        """What indexes it in a tensor that holds the other one."""
        top, left = other.rows[0], other.columns[0]
        return (
            ...,
            slice(self.rows[0] - top, self.rows[1] - top),
            slice(self.columns[0] - left, self.columns[1] - left),
        )


@contextmanager
def _recomputing(network: Network) -> Iterator[None]:
    """Dense blocks compute their features again for the gradient instead of keeping them."""
    blocks = [
        each
        for coupling in network.couplings
        if isinstance(coupling.subnets, nn.Module)
        for each in coupling.subnets.modules()
        if isinstance(each, Subnet)
    ]
    before = [each.recompute for each in blocks]
    for each in blocks:
        each.recompute = True
    try:
        yield
    finally:
        for each, recompute in zip(blocks, before, strict=True):
            each.recompute = recompute
