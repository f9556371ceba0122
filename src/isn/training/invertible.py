"""The invertible network in training: its subnets, and Eq. (8) as their loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from isn.carriers import digits
from isn.errors import ConfigError, ModelError
from isn.paper.backends.torch import DenseBlock, SubnetStack, whole
from isn.paper.network import Network
from isn.paper.weights import Weights
from isn.training.learner import dtype_of
from isn.training.losses import Objective
from isn.training.optimiser import initialise, warm_start
from isn.training.settings import Settings


class Invertible:
    """The network of the paper as a :class:`isn.training.learner.Learner`.

    Args:
        settings: the whole training.
        device: where it trains.
        texture: 3 x h x w in [0, 1], y_z of section 5.3.
        start: weights to begin from, and what they are called.

    Raises:
        ConfigError: a texture is missing, or not wanted.
        ModelError: nothing of `start` fits.
    """

    def __init__(
        self,
        settings: Settings,
        device: torch.device,
        *,
        texture: Tensor | None = None,
        start: tuple[str, Weights] | None = None,
    ) -> None:
        if (settings.model.lost is None) != (texture is not None):
            raise ConfigError(
                "model.lost is a number and a texture is given too: take one of them"
                if texture is not None
                else 'model.lost is "none": give the texture that stands for the lost part'
            )
        self.config = settings.model
        dtype = dtype_of(settings.run)
        self.texture = texture.to(device, dtype) if texture is not None else None
        self.module = self._stack(settings)
        self.start_note = ""
        if start is not None:
            name, weights = start
            taken = warm_start(self.module, settings.model, weights.as_float32(), weights.config)
            if not taken:
                raise ModelError(f"no tensor of {name} fits this model: start from another one")
            self.start_note = f"{name} ({len(taken)} tensors)"
        self.module.to(device, dtype)
        self.network = Network.of(settings.model, self.module.subnets())
        self.objective, self.terms = self._measured(settings)
        for block in self._dense_blocks():
            block.recompute = settings.run.recompute
            if settings.run.compile:
                block.compile()

    @property
    def autocast(self) -> torch.dtype | None:
        """Inside the subnets only; couplings and transforms stay exact."""
        return self._dense_blocks()[0].autocast

    @autocast.setter
    def autocast(self, dtype: torch.dtype | None) -> None:
        for block in self._dense_blocks():
            block.autocast = dtype

    def hide(self, host: Tensor, hidden: Tensor) -> Tensor:
        """Eq. (1), first line, without the lost part."""
        container: Tensor = self.network.forward(host, hidden).container
        base = self.config.base
        if base is None:
            return container
        return digits.carry(whole(host), whole(container, base), base).to(host.dtype) / 255

    def reveal(self, container: Tensor) -> Tensor:
        """Eq. (1), second line, from the constant y_z."""
        base = self.config.base
        if base is not None:
            container = digits.read(whole(container), base).to(container.dtype) / (base - 1)
        lost = self.network.constant_lost(container, self.texture)
        hidden: Tensor = self.network.inverse(container, lost).hidden
        return hidden

    def pack(self, tensors: Mapping[str, NDArray[Any]], training: Mapping[str, Any]) -> Weights:
        """A model that the zoo loads."""
        return Weights(self.config, tensors, training)

    def _stack(self, settings: Settings) -> SubnetStack:
        """Everything that is learned, as it begins."""
        stack = SubnetStack(settings.model)
        initialise(stack, settings.run.seed)
        return stack

    def _measured(self, settings: Settings) -> tuple[nn.Module, tuple[str, ...]]:
        """The objective, and the names of its terms."""
        objective = Objective(self.module, self.network, settings.loss, self.texture)
        return objective, objective.terms

    def _dense_blocks(self) -> list[DenseBlock]:
        return [each for each in self.module.modules() if isinstance(each, DenseBlock)]
