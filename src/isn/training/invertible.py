"""The paper's network in training: its subnets, and Eq. (8) as their loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isn.errors import ConfigError, ModelError
from isn.paper.backends.torch import Subnet, SubnetStack
from isn.paper.config import ModelConfig
from isn.paper.method import KIND, shapes
from isn.paper.network import Network
from isn.training import modulo
from isn.training.data import Photos
from isn.training.learner import Seen, dtype_of, through_file
from isn.training.losses import TERMS, Objective
from isn.training.optimiser import initialise, warm_start
from isn.training.sections import RunSettings
from isn.training.settings import Settings
from isn.weights import Weights


class Blocks:
    """Coupling blocks that learn, whatever their loss.

    Attributes:
        config: the architecture.
        module: everything that is learned.
        network: the blocks and the wavelet around them.
        start_note: what the blocks began from.
    """

    def __init__(
        self, config: ModelConfig, run: RunSettings, device: torch.device, stack: SubnetStack
    ) -> None:
        """Blocks on their device.

        Args:
            config: the architecture.
            run: says in what numbers they compute, and how.
            device: where they train.
            stack: their subnets, as they begin.
        """
        self.config, self.start_note = config, ""
        self.module = stack.to(device, dtype_of(run))
        self.network = Network.of(config, stack.subnets())
        for block in self._subnets():
            block.recompute = run.recompute
            if run.compile:
                block.compile()

    @property
    def autocast(self) -> torch.dtype | None:
        """Inside the subnets only; couplings and transforms stay exact."""
        return self._subnets()[0].autocast

    @autocast.setter
    def autocast(self, dtype: torch.dtype | None) -> None:
        for block in self._subnets():
            block.autocast = dtype

    def take_over(
        self, name: str, source: ModelConfig, tensors: Mapping[str, NDArray[np.float32]]
    ) -> None:
        """Begins where other blocks end, as far as they fit.

        Args:
            name: what their weights are called.
            source: their architecture.
            tensors: theirs.

        Raises:
            ModelError: their blocks are others, or more, or modulo blocks of other images.
        """
        for setting in ("levels", "depth", "growth", "subnet"):
            ours, theirs = getattr(self.config, setting), getattr(source, setting)
            if ours != theirs:
                raise ModelError(
                    f"the model.{setting} of {name} is {theirs}, these settings name {ours}: give "
                    f"--set model.{setting}={theirs}, or start from another one"
                )
        if source.blocks > self.config.blocks:
            raise ModelError(
                f"{name} has {source.blocks} blocks, these settings name {self.config.blocks}: "
                f"give --set model.blocks={source.blocks} or more, or start from another one"
            )
        if source.subnet == "modulo" and source.hidden_images != self.config.hidden_images:
            raise ModelError(
                f"{name} hides {source.hidden_images} images, these settings name "
                f"{self.config.hidden_images}, and modulo blocks are written for so many: start "
                "from another one, or from none"
            )
        taken = warm_start(self.module, self.config, tensors, source)
        self.start_note = f"{name} ({len(taken)} tensors)"

    def _subnets(self) -> list[Subnet]:
        return [each for each in self.module.modules() if isinstance(each, Subnet)]


class Invertible(Blocks):
    """The network of the paper as a :class:`isn.training.learner.Learner`.

    Args:
        settings: the whole training.
        device: where it trains.
        texture: 3 x h x w in [0, 1], y_z of section 5.3.
        start: weights to begin from, and what they are called; also of a network of fewer blocks,
            or for another number of hidden images.
        photos: what modulo blocks are written from where there are no such weights; None: they are
            not, for a training that goes on from a checkpoint.

    Raises:
        ConfigError: a texture is missing, or not wanted; or modulo blocks have too little room.
        ModelError: `start` is of another kind, or nothing of it fits.
    """

    terms: tuple[str, ...] = TERMS

    def __init__(
        self,
        settings: Settings,
        device: torch.device,
        *,
        texture: Tensor | None = None,
        start: tuple[str, Weights] | None = None,
        photos: Photos | None = None,
    ) -> None:
        if (settings.model.lost is None) != (texture is not None):
            raise ConfigError(
                "model.lost is a number and a texture is given too: take one of them"
                if texture is not None
                else 'model.lost is "none": give the texture that stands for the lost part'
            )
        stack = SubnetStack(settings.model)
        initialise(stack, settings.run.seed)
        if settings.model.subnet == "modulo":
            modulo.freeze(stack)
        super().__init__(settings.model, settings.run, device, stack)
        self.texture = texture.to(device, dtype_of(settings.run)) if texture is not None else None
        self.objective = Objective(self.module, self.network, settings.loss, self.texture)
        if start is not None:
            name, weights = start
            weights.check(KIND, shapes)
            source = ModelConfig.from_mapping(dict(weights.config))
            self.take_over(name, source, weights.as_float32())
        elif photos is not None and settings.model.subnet == "modulo":
            aim = settings.modulo.container
            self.start_note = modulo.begin(stack, photos, aim)

    def hide(self, host: Tensor, hidden: Tensor) -> Tensor:
        """Eq. (1), first line, without the lost part."""
        container: Tensor = self.network.hide(host, hidden)
        return container

    def reveal(self, container: Tensor) -> Tensor:
        """Eq. (1), second line, from the constant y_z."""
        lost = self.network.constant_lost(container, self.texture)
        hidden: Tensor = self.network.reveal(container, lost)
        return hidden

    def seen(self, host: Tensor, hidden: Tensor) -> Seen:
        """See :class:`isn.training.learner.Receiving`."""
        return through_file(self, host, hidden)

    def pack(self, tensors: Mapping[str, NDArray[Any]], training: Mapping[str, Any]) -> Weights:
        """Weights of the method :class:`isn.paper.method.Paper`, whose hosts have one plane."""
        config = {name: each for name, each in asdict(self.config).items() if name != "planes"}
        return Weights(KIND, config, tensors, training)
