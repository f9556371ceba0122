"""Muon: momentum made orthogonal, for convolutions; AdamW for all other parameters.

The gradients of a layer's matrix are mostly of a few directions. Muon (Jordan et al., "Muon: An
optimizer for hidden layers in neural networks", 2024) moves it by the same amount in all of them.
The scale of the update is that of AdamW's (Liu et al., "Muon is Scalable for LLM Training", 2025),
so that one rate serves both.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any, Final

import torch
from torch import Tensor, nn

MOMENTUM: Final = 0.95

QUINTIC: Final = (3.4445, -4.7750, 2.0315)
"""Of a Newton-Schulz step: five of them bring singular values from 0.01 to 1 near to 1."""

_STEPS: Final = 5
_SCALE: Final = 0.2
_SMALLEST: Final = 1e-8


class Muon(torch.optim.Optimizer):
    """Moves 3 x 3 convolutions, as matrices of out x (9 in), by orthogonal steps.

    :class:`torch.optim.Muon` takes parameters of two dimensions alone, and none for AdamW.

    Args:
        parameters: of any shapes.
        rate: of both kinds.
        betas: of AdamW.
        weight_decay: of both kinds.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        rate: float,
        betas: tuple[float, float],
        weight_decay: float,
    ) -> None:
        kinds: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for each in parameters:
            kinds[each.dim() == 4 and each.shape[2:] == (3, 3)].append(each)
        groups = [{"params": some, "orthogonal": kind} for kind, some in kinds.items() if some]
        super().__init__(groups, {"lr": rate, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Moves every parameter that has a gradient."""
        del closure
        for group in self.param_groups:
            moved = [each for each in group["params"] if each.grad is not None]
            for each in moved:
                each.mul_(1 - group["lr"] * group["weight_decay"])
            if group["orthogonal"]:
                self._by_momentum(moved, group["lr"])
            else:
                for each in moved:
                    self._by_moments(each, each.grad, group)

    def _by_momentum(self, parameters: list[nn.Parameter], rate: float) -> None:
        """Convolutions of one shape at once: as many small products cost a GPU the same as one."""
        shape = operator.attrgetter("shape")
        for _, alike in groupby(sorted(parameters, key=shape), shape):
            convolutions = list(alike)
            directions = orthogonal(torch.stack([self._direction(each) for each in convolutions]))
            size = rate * _SCALE * math.sqrt(max(directions.shape[1:]))
            for each, direction in zip(convolutions, directions, strict=True):
                each.add_(direction.reshape(each.shape), alpha=-size)

    def _direction(self, parameter: nn.Parameter) -> Tensor:
        """Nesterov's momentum, as a matrix of out x (9 in)."""
        gradient, state = parameter.grad, self.state[parameter]
        if gradient is None:
            raise TypeError("a parameter that is to be moved has no gradient")
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        return gradient.lerp(state["momentum"], MOMENTUM).flatten(1)

    def _by_moments(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            state["first"], state["second"] = (torch.zeros_like(parameter) for _ in range(2))
        state["step"] += 1
        one, two = group["betas"]
        state["first"].lerp_(gradient, 1 - one)
        state["second"].lerp_(gradient.square(), 1 - two)
        done = int(state["step"])
        spread = (state["second"] / (1 - two**done)).sqrt_().add_(_SMALLEST)
        parameter.addcdiv_(state["first"], spread, value=-group["lr"] / (1 - one**done))


def orthogonal(matrix: Tensor) -> Tensor:
    """About the nearest matrix whose singular values are all 1: these are between 0.6 and 1.3.

    Args:
        matrix: of any two sides, or several of the same sides; what is zero stays so.
    """
    first, third, fifth = QUINTIC
    tall = matrix.shape[-2] > matrix.shape[-1]
    wide = matrix.mT if tall else matrix
    wide = wide / (torch.linalg.matrix_norm(wide, keepdim=True) + _SMALLEST)
    for _ in range(_STEPS):
        gram = wide @ wide.mT
        wide = first * wide + (third * gram + fifth * gram @ gram) @ wide
    return wide.mT if tall else wide
