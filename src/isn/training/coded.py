"""A model that codes hidden images, in training: bits and errors, weighed against each other."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from isn.carriers import digits, trellis
from isn.codes.photos import code
from isn.codes.photos.dependent import WORTH
from isn.errors import AlteredContainer, ConfigError, ImageError
from isn.paper.backends.torch import SubnetStack, whole
from isn.paper.config import ModelConfig
from isn.paper.engine import Engine
from isn.paper.network import Network
from isn.training.invertible import Invertible
from isn.training.optimiser import initialise
from isn.training.rate import Rate
from isn.training.settings import Settings

COARSENESS = (32, 384)
"""Steps that a training draws from, by index: 1.4 to 64 levels."""

SHARE = 4
"""A validation codes an image as one of so many of a host."""

LEVELS = 255.0


class CodedStack(SubnetStack):
    """The subnets of all blocks and the prior: everything that is learned."""

    def __init__(self, config: ModelConfig) -> None:
        """What `config` describes, not yet initialised."""
        super().__init__(config)
        if config.prior is None:
            raise ConfigError("the model has no prior: take another learner")
        self.prior = Rate(config.prior)

    def initialise(self, seed: int) -> None:
        """Blocks that change nothing yet, and a prior that knows nothing.

        Backwards, the last block hands the image to the blank branch, so that every phi sees it.
        """
        initialise(self.blocks, seed)
        for group in (*self.prior.means, *self.prior.blocks):
            nn.init.kaiming_uniform_(group.inner.weight, nonlinearity="relu")  # type: ignore[union-attr, arg-type]
        with torch.no_grad():
            self.prior.coarsest.fill_(8)
            last = self.blocks[-1].eta.convs[-1]  # type: ignore[union-attr, index]
            for band in range(self.config.host_channels):
                last.weight[band, band, 1, 1] = -1  # type: ignore[union-attr, index]


class CodedObjective(nn.Module):
    """Codes, counts bits, restores, and measures: one training step up to the loss.

    In place of the container's distance from the host in Eq. (8), which the last digits fix before
    anything is learned, stands how many bits the code takes.

    Attributes:
        terms: what :meth:`forward` returns, in this order.
    """

    terms: tuple[str, ...] = ("loss", "bits", "revealed")

    def __init__(self, stack: CodedStack, network: Network, *, prior_alone: bool) -> None:
        """An objective for `network`, whose subnets live in `stack`.

        Args:
            stack: the learned subnets and prior.
            network: the network around them.
            prior_alone: leave the blocks as they begin, and learn the prior of images themselves.
        """
        super().__init__()
        self.stack, self.network, self.prior_alone = stack, network, prior_alone

    def forward(self, images: Tensor) -> Tensor:
        """The loss, the bits of a sample, and the mean square error in levels, over the step's.

        Args:
            images: N x (1 + n) x 3 x H x W in [0, 1], each of which is hidden; sides are multiples
                of 64.

        Returns:
            The numbers named in `terms`. The error is in the squares of the step for which
            a coder at its best gives a bit more.
        """
        hidden = images.flatten(0, 1)
        step = _drawn(hidden)
        size = code.size_of(step)
        bits, bands, means = self.stack.prior(hidden, step)
        rate = bits / hidden.numel()
        revealed = code.received(bands, means, size)
        if not self.prior_alone and step >= code.BLOCKS_FROM:
            lost = self.network.constant_lost(revealed, shift=code.coarseness(step))
            revealed = self.network.inverse(revealed.detach(), lost).host
        error = ((revealed - hidden) * LEVELS).square().mean() / (WORTH * size**2)
        return torch.stack([rate + error, rate, error])


def _drawn(images: Tensor) -> int:
    """A step's index, drawn by the images: the same again after a resume."""
    low, high = COARSENESS
    return low + int((images.double().sum() * 255).round().item()) % (high - low)


class Coded(Invertible):
    """A network with a prior as a :class:`isn.training.learner.Learner`."""

    def _stack(self, settings: Settings) -> SubnetStack:
        self._coded = CodedStack(settings.model)
        self._coded.initialise(settings.run.seed)
        return self._coded

    def _measured(self, settings: Settings) -> tuple[nn.Module, tuple[str, ...]]:
        alone = settings.loss.prior_alone
        objective = CodedObjective(self._coded, self.network, prior_alone=alone)
        return objective, objective.terms

    def hide(self, host: Tensor, hidden: Tensor) -> Tensor:
        """A host that carries the code of a hidden image, as one of four.

        A prior that has hardly learned may need more room than there is: then they carry nothing.
        """
        base, pixels = self.config.values, whole(host).cpu().numpy()
        room = pixels.size * digits.width(base) // 8
        image = whole(hidden)[0].permute(1, 2, 0).cpu().numpy()
        try:
            content = self._engine().encode([np.ascontiguousarray(image)], room // SHARE)
        except ImageError:
            content = b""
        filled = digits.to_digits(content.ljust(room, b"\0"), base)
        container = trellis.carry(pixels.reshape(-1), filled, base).reshape(pixels.shape)
        return torch.from_numpy(container).to(host) / LEVELS

    def reveal(self, container: Tensor) -> Tensor:
        """What the code in a container says; grey where there is none."""
        base = self.config.values
        found = trellis.read(whole(container).reshape(-1).cpu().numpy(), base)
        try:
            image = self._engine().decode(digits.from_digits(found, base), found.size)[0]
        except AlteredContainer:
            return torch.full_like(container, 0.5)
        return torch.from_numpy(image.transpose(2, 0, 1)[None].copy()).to(container) / LEVELS

    def _engine(self) -> Engine:
        tensors = {
            name: each.detach().float().cpu().numpy()
            for name, each in self.module.named_parameters()
        }
        return Engine.of(self.pack(tensors, {}), "torch")
