"""The network's code in training: a blank host, its bands as numbers, and the bits they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from isn.codes.entropy import prior
from isn.codes.entropy.dependent import WORTH, places
from isn.codes.entropy.steps import size_of
from isn.codes.network import KIND, LEVELS, NetworkCode, groups, kept_bands, shapes, split
from isn.errors import ModelError
from isn.paper.backends.torch import BlockSubnets, SubnetStack
from isn.paper.config import ModelConfig
from isn.paper.network import BLANK, Network
from isn.paper.wavelet import from_bands, to_bands
from isn.training.data import Photos
from isn.training.invertible import Blocks
from isn.training.learner import Seen, arrays_of, through_code
from isn.training.linear import Start
from isn.training.methods import NetworkSettings, SamplesSettings
from isn.training.optimiser import initialise
from isn.training.photos import drawn
from isn.training.rate import Group, feature, quantised
from isn.training.rate import initialise as initialise_groups
from isn.weights import Weights


class Bands(nn.Module):
    """The prior, as the learned tensors of :func:`isn.codes.network.prior_shapes`."""

    def __init__(self, kept: int, width: int) -> None:
        """For so many bands of an image, with hidden layers of this width."""
        super().__init__()
        self.bands = nn.ModuleList(
            Group(1 + each.start, width, each.stop - each.start) for each in groups(kept)
        )
        self._groups = groups(kept)

    def forward(self, values: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """The bits of some images' bands, and what their numbers stand for, in steps.

        Args:
            values: N x K x h x w, in steps.
            step: its index.
        """
        features = [torch.full_like(values[:, :1], prior.step_feature(step) / 8)]
        found, total = [], values.new_zeros(())
        for bands, group in zip(self._groups, self.bands, strict=True):
            number, bits = quantised(values[:, bands], group(torch.cat(features, 1)))
            features.append(feature(number))
            found.append(number)
            total = total + bits
        return total, torch.cat(found, 1)


class NetworkStack(SubnetStack):
    """The subnets of all blocks, and the prior of their container."""

    def __init__(self, config: ModelConfig, width: int) -> None:
        """What `config` describes, not yet initialised."""
        super().__init__(config)
        self.prior = Bands(kept_bands(config), width)


class NetworkObjective(nn.Module):
    """Hides in a blank host, counts bits, reveals, and measures: a step up to the loss.

    Attributes:
        terms: what :meth:`forward` returns, in this order.
    """

    terms: tuple[str, ...] = ("loss", "bits", "revealed")

    def __init__(self, stack: NetworkStack, network: Network, samples: SamplesSettings) -> None:
        """An objective for `network`, whose subnets live in `stack`."""
        super().__init__()
        self.stack, self.network, self.samples = stack, network, samples

    def forward(self, images: Tensor) -> Tensor:
        """The loss and its parts.

        Args:
            images: N x (1 + n) x 3 x H x W in [0, 1]; the first of each, a host, is not looked at.

        Returns:
            The numbers named in `terms`: the bits of a sample that is hidden, and its mean square
            error in the squares of the step for which a coder at its best gives a bit more. The
            loss is their sum; its logarithm where the blocks learn too. Where the prior learns
            alone, the error is that of the bands.
        """
        hidden = images[:, 1:].flatten(1, 2)
        step = drawn(hidden, self.samples.finest, self.samples.coarsest)
        size = size_of(step)
        if self.samples.learns == "prior":
            with torch.no_grad():
                values = self.bands(hidden)
            bits, found = self.stack.prior(values / size, step)
            missed = (places(found.detach()) * size - values).square().sum()
        else:
            bits, revealed = self.through(hidden, step)
            missed = ((revealed - hidden) * float(LEVELS)).square().sum()
        rate = bits / hidden.numel()
        error = missed / (WORTH * size**2 * hidden.numel())
        loss = rate + error
        if self.samples.learns == "all":
            # Fine steps would drown all others: there what the constant stands for is all the loss.
            loss = torch.log2(loss)
        return torch.stack([loss, rate, error])

    def bands(self, hidden: Tensor) -> Tensor:
        """The bands of a container that count, in levels: N n x K x h x w.

        Args:
            hidden: N x 3n x H x W in [0, 1].
        """
        config = self.network.config
        host = self._blank(hidden)
        container = self.network.hide(host, hidden)
        found = to_bands(container, config.levels) - to_bands(host, config.levels)
        found = found.flip(1)[:, : kept_bands(config) * config.hidden_images]
        found = found.unflatten(1, (-1, config.hidden_images)).transpose(1, 2)
        return found.flatten(0, 1) * float(LEVELS)

    def revealed(self, values: Tensor, count: int) -> Tensor:
        """What is revealed of such bands, as received: N x 3n x H x W, not rounded.

        Args:
            values: as :meth:`bands` gives them.
            count: N.
        """
        config = self.network.config
        planes = (values / float(LEVELS)).unflatten(0, (count, -1)).transpose(1, 2).flatten(1, 2)
        unused = config.host_channels - planes.shape[1]
        planes = functional.pad(planes, (0, 0, 0, 0, 0, unused)).flip(1)
        height, width = (side * config.cell for side in planes.shape[2:])
        host = self._blank(planes.new_empty(count, 1, height, width))
        container = from_bands(planes + to_bands(host, config.levels), config.levels)
        return self.network.reveal(container, self.network.constant_lost(host))

    def through(self, hidden: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """The bits that hidden images take in a step, and what is revealed of them, not rounded.

        Args:
            hidden: N x 3n x H x W in [0, 1].
            step: its index.
        """
        size = size_of(step)
        bits, found = self.stack.prior(self.bands(hidden) / size, step)
        return bits, self.revealed(places(found) * size, len(hidden))

    def _blank(self, like: Tensor) -> Tensor:
        """The blank host of images."""
        n, _, height, width = like.shape
        return like.new_full((n, 3 * self.network.config.planes, height, width), BLANK)


class NetworkLearner(Blocks):
    """The network's code as a :class:`isn.training.learner.Learner`.

    Args:
        settings: the whole training.
        device: where it trains.
        start: weights to begin from, and what they are called; of those for another number of
            images, or other subnets, the prior alone is taken, as far as it goes.
        photos: what the linear start is fitted on; None: none is made, for a training that goes on
            from a checkpoint.

    Raises:
        ModelError: `start` is of another kind, or another number of levels.
    """

    terms = NetworkObjective.terms

    def __init__(
        self,
        settings: NetworkSettings,
        device: torch.device,
        *,
        start: tuple[str, Weights] | None = None,
        photos: Photos | None = None,
    ) -> None:
        self.samples, self._width = settings.samples, settings.prior.width
        stack = NetworkStack(settings.model, settings.prior.width)
        initialise(stack.blocks, settings.run.seed)
        seed = torch.Generator().manual_seed(settings.run.seed)
        initialise_groups(stack.prior.bands, seed)
        stack.blocks.requires_grad_(settings.samples.learns == "all")
        super().__init__(settings.model, settings.run, device, stack)
        self._stack = stack
        self.objective = NetworkObjective(stack, self.network, settings.samples)
        whole_start = start is not None and self._is_ours(*start)
        if photos is not None and not whole_start:
            self._begin_linear(photos, settings)
        if start is not None:
            self._begin_from(*start, whole=whole_start)

    def seen(self, host: Tensor, hidden: Tensor) -> Seen:
        """See :class:`isn.training.learner.Receiving`."""
        weights = self.pack(arrays_of(self.module), {})
        return through_code(NetworkCode("in training", weights, "torch"), host, hidden)

    def pack(self, tensors: Mapping[str, NDArray[Any]], training: Mapping[str, Any]) -> Weights:
        """Weights of the code :class:`isn.codes.network.NetworkCode`."""
        more = {"width": self._width, "bits": self.samples.bits}
        return Weights(KIND, asdict(self.config) | more, tensors, training)

    def _is_ours(self, name: str, weights: Weights) -> bool:
        """Whether weights are of as many images and such subnets, so that all can be taken.

        Raises:
            ModelError: they are of another kind, or of other Haar levels.
        """
        weights.check(KIND, shapes)
        theirs, ours = split(weights.config)[0], self.config
        if theirs.levels != ours.levels:
            raise ModelError(
                f"the model.levels of {name} is {theirs.levels}, these settings name "
                f"{ours.levels}: give --set model.levels={theirs.levels}, or start from another one"
            )
        same = ("hidden_images", "planes", "depth", "growth", "subnet", "clamp", "lost")
        return all(getattr(theirs, each) == getattr(ours, each) for each in same)

    @torch.no_grad()
    def _begin_from(self, name: str, weights: Weights, *, whole: bool) -> None:
        """Takes over blocks and prior, or of the prior what there is."""
        tensors = weights.as_float32()
        if whole:
            blocks = {key: each for key, each in tensors.items() if not key.startswith("prior.")}
            self.take_over(name, split(weights.config)[0], blocks)
        else:
            self.start_note += f", and the prior of {name}"
        for key, ours in self._stack.prior.named_parameters():
            theirs = tensors.get(f"prior.{key}")
            if theirs is not None and theirs.ndim == ours.ndim:
                shared = tuple(map(slice, map(min, theirs.shape, ours.shape)))
                ours[shared] = torch.from_numpy(theirs[shared]).to(ours)

    @torch.no_grad()
    def _begin_linear(self, photos: Photos, settings: NetworkSettings) -> None:
        """Writes the first block, while all others are the identity, and what the prior expects."""
        first = self._stack.blocks[0]
        if not isinstance(first, BlockSubnets):
            raise TypeError(f"{type(first).__name__} is no block")
        size = size_of((self.samples.finest + self.samples.coarsest) // 2)
        start = Start(self.network, settings.data.crop)
        cells, deviations = start.write(first, photos, settings.run.seed)
        scales = np.log2(deviations / 2 * float(LEVELS) / size + 1e-3)
        for chosen, group in zip(groups(len(scales)), self._stack.prior.bands, strict=True):
            bias = group.get_parameter("outer.bias")
            bias.copy_(torch.from_numpy(scales[chosen].copy()))
        self.start_note = f"the linear code of {cells} cells"
