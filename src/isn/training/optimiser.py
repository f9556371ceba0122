"""How parameters start, move and are averaged: initialisation, optimiser, schedule, EMA."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from isn.paper.backends.torch import Subnet
from isn.paper.config import ModelConfig
from isn.training.muon import Muon
from isn.training.sections import OptimiserSettings

HALVINGS = (0.12, 0.24, 0.36, 0.60, 0.72, 0.84)
"""Shares of a run after which the rate halves: LF-VSN's 30, 60, 90, 150, 180, 210 k of 250 k."""


def initialise(stack: nn.Module, seed: int) -> None:
    """Xavier normal scaled by 0.1, what gives a subnet's answer zero: the identity."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in stack.parameters():
            if parameter.dim() == 1:
                parameter.zero_()
                continue
            fan = parameter[0, 0].numel() * (parameter.shape[0] + parameter.shape[1])
            drawn = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(drawn * (0.1 * math.sqrt(2 / fan)))
        for module in stack.modules():
            if isinstance(module, Subnet):
                for parameter in module.convs[-1].parameters():
                    parameter.zero_()


def warm_start(
    stack: nn.Module,
    config: ModelConfig,
    tensors: Mapping[str, NDArray[np.float32]],
    source: ModelConfig,
) -> list[str]:
    """Copies what fits of other weights, also of a model for another number of hidden images.

    Where the hidden branches differ in size, the channels of the images that both models hide are
    copied, and the channels of further images keep their initialisation. Into a network of more
    blocks, those of the other are spread evenly, the last one last; the new ones between them keep
    their initialisation, with which they change nothing.

    Args:
        stack: freshly initialised subnets of `config`.
        config: what is being trained.
        tensors: the other model's.
        source: the other model's architecture.

    Returns:
        Names of the parameters that took anything over.
    """
    taken = []
    same_bands = config.levels == source.levels
    origins = _origins(config.blocks, source.blocks)
    with torch.no_grad():
        for name, parameter in stack.named_parameters():
            origin = name
            if name.startswith("blocks."):
                _, block, rest = name.split(".", 2)
                origin = f"blocks.{origins.get(int(block))}.{rest}"
            if origin not in tensors:
                continue
            given = torch.as_tensor(np.asarray(tensors[origin], dtype=np.float32)).to(parameter)
            if given.shape == parameter.shape:
                parameter.copy_(given)
            elif same_bands and given.dim() == parameter.dim():
                if not _copy_shared(name, parameter, given, config, source):
                    continue
            else:
                continue
            taken.append(name)
    return taken


def _origins(ours: int, theirs: int) -> dict[int, int]:
    """For each of our blocks that has one, the block it starts from."""
    if ours <= theirs:
        return {k: k for k in range(ours)}
    return {-(-(k + 1) * ours // theirs) - 1: k for k in range(theirs)}


def _copy_shared(
    name: str, parameter: Tensor, given: Tensor, config: ModelConfig, source: ModelConfig
) -> bool:
    bands = config.cell**2
    shared = min(config.hidden_images, source.hidden_images)
    ours = _shared_channels(bands, config.hidden_images, shared)
    theirs = _shared_channels(bands, source.hidden_images, shared)
    if ".phi." in name and given.dim() == 4 and given.shape[0] == parameter.shape[0]:
        grown = parameter.shape[1] - config.hidden_channels
        if grown != given.shape[1] - source.hidden_channels:
            return False
        ours += range(config.hidden_channels, config.hidden_channels + grown)
        theirs += range(source.hidden_channels, source.hidden_channels + grown)
        parameter[:, ours] = given[:, theirs]
        return True
    if ".phi." not in name and parameter.shape[1:] == given.shape[1:]:
        if (parameter.shape[0], given.shape[0]) != (config.hidden_channels, source.hidden_channels):
            return False
        parameter[ours] = given[theirs]
        return True
    return False


def _shared_channels(bands: int, hidden_images: int, shared: int) -> list[int]:
    # Band-major: all images of one band, then of the next.
    return [band * 3 * hidden_images + k for band in range(bands) for k in range(3 * shared)]


def make_optimiser(
    parameters: Iterable[nn.Parameter], settings: OptimiserSettings, device: torch.device
) -> torch.optim.Optimizer:
    """The optimiser that the settings name."""
    rate, betas = settings.rate, settings.betas
    if settings.name == "adamax":
        return torch.optim.Adamax(parameters, rate, betas)
    if settings.name == "muon":
        return Muon(parameters, rate, betas, settings.weight_decay)
    fused = device.type == "cuda"
    if settings.name == "adam":
        return torch.optim.Adam(parameters, rate, betas, fused=fused)
    return torch.optim.AdamW(
        parameters, rate, betas, weight_decay=settings.weight_decay, fused=fused
    )


def rate_at(progress: float, settings: OptimiserSettings) -> float:
    """The learning rate at a share of the run between 0 and 1."""
    if progress < settings.warmup:
        # Not from zero: a first step of no size at all teaches nothing.
        return settings.rate * max(progress / settings.warmup, 1e-2)
    if settings.schedule == "constant":
        return settings.rate
    if settings.schedule == "halving":
        return settings.rate * 0.5 ** sum(progress >= each for each in HALVINGS)
    if settings.schedule == "plateau":
        left = min((1 - min(progress, 1.0)) / max(settings.cooldown, 1e-9), 1.0)
        return settings.rate * (settings.final + (1 - settings.final) * left)
    turn = (min(progress, 1.0) - settings.warmup) / max(1 - settings.warmup, 1e-9)
    cosine = (1 + math.cos(math.pi * turn)) / 2
    return settings.rate * (settings.final + (1 - settings.final) * cosine)


class Average:
    """Exponential moving average of parameters, in the parameters' own dtype.

    Attributes:
        tensors: the averages by name; with a decay of 0, the parameters themselves.
    """

    def __init__(self, stack: nn.Module, decay: float) -> None:
        """Starts from the parameters as they are."""
        self.decay, self.updates = decay, 0
        self._live = dict(stack.named_parameters())
        self.tensors = {name: each.detach().clone() for name, each in self._live.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Moves towards the parameters: faster at the beginning, while there is little to keep."""
        self.updates += 1
        decay = min(self.decay, self.updates / (self.updates + 9)) if self.decay else 0.0
        averages, live = (
            list(self.tensors.values()),
            [each.detach() for each in self._live.values()],
        )
        torch._foreach_lerp_(averages, live, 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchanges averages and parameters; twice puts all back."""
        for name, live in self._live.items():
            kept = live.detach().clone()
            live.copy_(self.tensors[name])
            self.tensors[name].copy_(kept)
