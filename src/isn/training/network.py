"""The network's code in training: a blank host, and bands rounded to as many values as they get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from isn.codes.network import KIND, MOST_BITS, restored, rounded, shapes
from isn.errors import ConfigError, ModelError
from isn.paper.backends.torch import BlockSubnets, SubnetStack
from isn.paper.config import ModelConfig
from isn.paper.network import BLANK, Network
from isn.paper.wavelet import from_bands, to_bands
from isn.training import linear
from isn.training.data import Photos
from isn.training.invertible import Blocks
from isn.training.learner import Seen, carrying
from isn.training.losses import distance
from isn.training.methods import NetworkLossSettings, NetworkSettings
from isn.training.optimiser import initialise
from isn.weights import Weights

CELLS = 1 << 18
"""Cells of photos that the linear start is fitted on, about."""

MOVING = 8
"""Groups of photos that tell which band a bit is taken from, or given to."""

AROUND, AROUND_CELLS = 32, 100
"""Patches of each hidden image in a batch that eta's neighbourhood is fitted on, and cells for each
number that is fitted."""


class Samples(nn.Module):
    """How the container's bands are rounded, as :mod:`isn.codes.network` has it; not learned.

    Attributes:
        bits: of each band.
        bend: of each band.
    """

    def __init__(self, bands: int) -> None:
        """Bands of no bits yet."""
        super().__init__()
        self.bits = nn.Parameter(torch.zeros(bands), requires_grad=False)
        self.bend = nn.Parameter(torch.full((bands,), 0.5), requires_grad=False)

    @property
    def rate(self) -> float:
        """Bits of a sample, on average."""
        return float(self.bits.mean())

    def forward(self, u: Tensor) -> Tensor:
        """What is received of a container's bands less the blank host's, N x C x H x W.

        Gradients pass the rounding as if it were not there.
        """
        bits, bend = (each.reshape(1, -1, 1, 1) for each in (self.bits, self.bend))
        numbers, _ = rounded(u, bits, bend)
        # In this order, the received numbers are whole to the last bit.
        numbers = numbers.round().detach() + (numbers - numbers.detach())
        received: Tensor = restored(numbers, bits, bend)
        return received


class NetworkStack(SubnetStack):
    """The subnets of all blocks, and how the bands are rounded."""

    def __init__(self, config: ModelConfig) -> None:
        """What `config` describes, not yet initialised."""
        super().__init__(config)
        self.samples = Samples(config.host_channels)


class NetworkObjective(nn.Module):
    """Hides in a blank host, rounds, reveals, and measures: one training step up to the loss.

    Attributes:
        terms: what :meth:`forward` returns, in this order.
    """

    terms: tuple[str, ...] = ("loss", "lost", "revealed")

    def __init__(
        self, stack: NetworkStack, network: Network, settings: NetworkLossSettings
    ) -> None:
        """An objective for `network`, whose subnets live in `stack`."""
        super().__init__()
        self.stack, self.network, self.settings = stack, network, settings

    def forward(self, images: Tensor) -> Tensor:
        """The loss and its parts.

        Args:
            images: N x (1 + n) x 3 x H x W in [0, 1]; the first of each, a host, is not looked at.

        Returns:
            The numbers named in `terms`.
        """
        hidden = images[:, 1:].flatten(1, 2)
        revealed, excess = self.through(hidden)
        lost = excess.square().mean()
        far = distance(revealed, hidden, self.settings.revealed_distance)
        loss = self.settings.lost * lost + self.settings.revealed * far
        return torch.stack([loss, lost, far])

    def through(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """What is revealed of hidden images, and how far their lost part is from its constant.

        Args:
            hidden: N x 3n x H x W in [0, 1].

        Returns:
            Both N x 3n x H x W, not rounded.
        """
        levels, (n, _, height, width) = self.network.config.levels, hidden.shape
        host = hidden.new_full((n, 3, height, width), BLANK)
        hiding = self.network.forward(host, hidden)
        blank = to_bands(host, levels)
        bands = blank + self.stack.samples(to_bands(hiding.container, levels) - blank)
        y_z = self.network.constant_lost(host)
        revealing = self.network.inverse(from_bands(bands, levels), y_z)
        return revealing.hidden, hiding.lost - y_z


class NetworkLearner(Blocks):
    """The network's code as a :class:`isn.training.learner.Learner`.

    Args:
        settings: the whole training.
        device: where it trains.
        start: weights to begin from, and what they are called; of as many hidden images.
        photos: what the linear start is fitted on where there are no such weights; None: none is
            made, for a training that goes on from a checkpoint.

    Raises:
        ConfigError: `start` was made for another rate, and there are no photos to tell by.
        ModelError: `start` is of another kind, or of another number of images or levels.
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
        stack = NetworkStack(settings.model)
        initialise(stack.blocks, settings.run.seed)
        super().__init__(settings.model, settings.run, device, stack)
        self.samples = stack.samples
        self.objective = NetworkObjective(stack, self.network, settings.loss)
        if start is not None:
            self._begin_from(*start)
            self._move_bits(start[0], photos, settings)
        elif photos is not None:
            self._begin_linear(photos, settings)

    def seen(self, host: Tensor, hidden: Tensor) -> Seen:
        """See :class:`isn.training.learner.Receiving`."""
        return Seen(carrying(host, self.samples.rate), self.objective.through(hidden)[0])

    def pack(self, tensors: Mapping[str, NDArray[Any]], training: Mapping[str, Any]) -> Weights:
        """Weights of the code :class:`isn.codes.network.NetworkCode`."""
        return Weights(KIND, asdict(self.config), tensors, training)

    def _begin_from(self, name: str, weights: Weights) -> None:
        weights.check(KIND, shapes)
        ours, theirs = self.config, ModelConfig.from_mapping(dict(weights.config))
        if (theirs.hidden_images, theirs.levels) != (ours.hidden_images, ours.levels):
            raise ModelError(
                f"{name} is of {theirs.hidden_images} hidden images and {theirs.levels} Haar "
                f"levels, these settings name {ours.hidden_images} and {ours.levels}: start from "
                "another one"
            )
        self.take_over(name, weights)

    @torch.no_grad()
    def _move_bits(self, name: str, photos: Photos | None, settings: NetworkSettings) -> None:
        """Takes bits from bands, or gives them some, one by one, until they have the rate.

        Each where what is revealed of some photos loses least, or gains most: the mean logarithm
        of an image's square error tells.
        """
        bits, rate, crop = self.samples.bits, settings.samples.rate, settings.data.crop
        left = round(rate * len(bits)) - round(float(bits.sum()))
        if not left:
            return
        if photos is None:
            raise ConfigError(
                f"samples.rate is {rate:g}, the weights of {name} were made for "
                f"{self.samples.rate:g}: give that"
            )
        rng = np.random.default_rng([settings.run.seed, 0xB175])
        draws = rng.random((MOVING * self.config.hidden_images, 12))
        patches = photos.patches(draws, crop, 0.0).float() / 255
        hidden = patches.reshape(MOVING, -1, crop, crop)

        def error(band: int, step: int) -> float:
            bits[band] += step
            missed = self.objective.through(hidden)[0] - hidden
            bits[band] -= step
            return float(missed.square().mean((2, 3)).log().mean())

        step = 1 if left > 0 else -1
        for _ in range(abs(left)):
            # A band without any bits has nothing to tell either.
            able = [each for each, had in enumerate(bits.tolist()) if 0 < had <= MOST_BITS - step]
            bits[min(able, key=lambda band: error(band, step))] += step
        self.start_note = f"{self.start_note}, at {self.samples.rate:g} bits a sample"

    def _begin_linear(self, photos: Photos, settings: NetworkSettings) -> None:
        """Makes the first block the best linear code, while all others are still the identity."""
        config, crop = self.config, settings.data.crop
        count = max(1, CELLS * config.cell**2 // crop**2)
        draws = np.random.default_rng([settings.run.seed, 0x4C17]).random((count, 12))
        bands = to_bands(photos.patches(draws, crop, 0.0).float() / 255, config.levels)
        cells = bands.permute(0, 2, 3, 1).reshape(-1, config.host_channels).double().cpu().numpy()
        found = linear.fitted(cells, config.hidden_images, settings.samples.rate)
        first = self.module.blocks[0]
        if not isinstance(first, BlockSubnets):
            raise TypeError(f"{type(first).__name__} is no block")
        cell = torch.full((1, 3, config.cell, config.cell), BLANK, dtype=torch.float64)
        blank = to_bands(cell, config.levels).flatten().numpy()
        lost = self.network.constant_lost(cell)
        constant = to_bands(lost, config.levels).flatten().numpy()
        # phi is analysis (s - mean), and eta what makes of s the constant that it is revealed from.
        _make_linear(first.phi.convs[-1], found.analysis, -found.analysis @ found.mean)
        _make_linear(
            first.eta.convs[-1], -found.synthesis, found.synthesis @ blank - found.mean + constant
        )
        with torch.no_grad():
            self.samples.bits.copy_(torch.from_numpy(found.bits))
            self.samples.bend.copy_(torch.from_numpy(found.bend))
        if config.hidden_images > 1:
            self._look_around(photos, crop)
        self.start_note = f"the linear code of {len(cells)} cells"

    @torch.no_grad()
    def _look_around(self, photos: Photos, crop: int) -> None:
        """Lets the first eta estimate a cell from the 3 x 3 around it, by weighted least squares.

        What the container has no room for is told in part by the cells beside it. Patches are
        weighted by how well they are revealed already, so that their logarithms count alike. Of one
        image next to nothing is missing, and nothing is gained.
        """
        config, count = self.config, self.config.hidden_images
        bands = config.host_channels
        first = self.module.blocks[0]
        if not isinstance(first, BlockSubnets):
            raise TypeError(f"{type(first).__name__} is no block")
        last = first.eta.convs[-1]
        weight, bias = last.get_parameter("weight"), last.get_parameter("bias")
        host = weight.new_full((1, 3, config.cell, config.cell), BLANK)
        blank = to_bands(host, config.levels).flatten()
        constant = to_bands(self.network.constant_lost(host), config.levels).flatten()
        plain = -weight[:, :bands, 1, 1]
        # Beyond the border a convolution sees zeros, which is a blank host in these bands alone.
        useful = torch.zeros(bands, 9, dtype=torch.bool)
        useful[:, 4], useful[blank.cpu() == 0] = True, True
        rng, size = np.random.default_rng([0, 0x3B3]), int(useful.sum()) + 1
        cells = AROUND * (crop // config.cell) ** 2
        gram = torch.zeros(size, size, dtype=torch.float64)
        cross = torch.zeros(size, bands * count, dtype=torch.float64)
        for _ in range(-(-AROUND_CELLS * size // cells)):
            draws = rng.random((AROUND * count, 12))
            patches = photos.patches(draws, crop, 0.0).float() / 255
            hidden = to_bands(patches.reshape(AROUND, -1, crop, crop), config.levels)
            seen = self.samples(first.phi(hidden))
            wanted = hidden.flatten(2).transpose(1, 2)
            missed = wanted - seen.flatten(2).transpose(1, 2) @ plain.T
            missed = missed - missed.mean((0, 1))
            trust = (missed.square().mean((1, 2)) + 1e-6).rsqrt()[:, None, None]
            around = functional.unfold(seen, 3, padding=1).transpose(1, 2)[..., useful.flatten()]
            around = torch.cat([around, torch.ones_like(around[..., :1])], -1)
            x, y = ((each * trust).flatten(0, 1).double().cpu() for each in (around, wanted))
            gram += x.T @ x
            cross += x.T @ y
        ridge = 1e-5 * gram.diagonal().mean() * torch.eye(size, dtype=torch.float64)
        found = torch.linalg.solve(gram + ridge, cross).to(weight)
        taps = weight.new_zeros(bands * count, bands * 9)
        taps[:, useful.flatten()] = found[:-1].T
        taps = taps.reshape(-1, bands, 3, 3)
        weight[:, :bands] = -taps
        bias.copy_(taps.sum((2, 3)) @ blank - found[-1] + constant)


@torch.no_grad()
def _make_linear(last: nn.Module, matrix: NDArray[np.float64], bias: NDArray[np.float64]) -> None:
    """Makes a dense block, whose last convolution is zero, a matrix on each position of its input.

    That convolution sees the block's input first, then the features.
    """
    weight, offset = last.get_parameter("weight"), last.get_parameter("bias")
    weight[:, : matrix.shape[1], 1, 1] = torch.from_numpy(matrix).to(weight)
    offset.copy_(torch.from_numpy(bias))
