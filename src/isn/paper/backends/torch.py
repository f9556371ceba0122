"""The torch backend: subnets as modules, for training, for GPUs, and for gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from isn.paper.backends.base import LEAK, Operations, Tensors, dense
from isn.paper.config import ModelConfig
from isn.paper.coupling import Subnets


def rounded(image: Tensor, *, straight_clamp: bool) -> Tensor:
    """A container as its file holds it: clamped to [0, 1] and rounded to 8 bit.

    The rounding has the gradient of the identity; the clamp its own, or that of the identity too.

    Args:
        image: floats of any shape, about [0, 1].
        straight_clamp: the clamp lets every gradient through.
    """
    clamped = image.clamp(0, 1)
    carrier = image if straight_clamp else clamped
    return carrier + ((clamped * 255).round() / 255 - carrier).detach()


def whole(image: Tensor) -> Tensor:
    """An image in [0, 1] rounded to 8 bit, as whole numbers, uint8."""
    return (image.clamp(0, 1) * 255).round().to(torch.uint8)


class Subnet(nn.Module):
    """phi, rho or eta of a block: convolutions, each fed the input and all features before it.

    Attributes:
        convs: the convolutions.
        autocast: dtype to compute in while the rest stays float32, or None.
        recompute: compute the features again in the backward pass instead of keeping them.
    """

    def __init__(self, config: ModelConfig, name: str) -> None:
        """The subnet `name` that `config` describes, not yet initialised."""
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(given, out, side, padding=side // 2)
            for out, given, side in config.conv_shapes(name)
        )
        self.autocast: torch.dtype | None = None
        self.recompute = False

    def forward(self, x: Tensor) -> Tensor:
        """N x channels x H x W in and out, in the input's dtype."""
        with torch.autocast(x.device.type, self.autocast, enabled=self.autocast is not None):
            # At once: joined with features, the input would make them all as wide as itself.
            given = x.to(self.autocast or self.convs[0].get_parameter("weight").dtype)
            if self.recompute and torch.is_grad_enabled():
                out: Tensor = checkpoint(self._features, given, use_reentrant=False)
            else:
                out = self._features(given)
        return out.to(x.dtype)

    def _features(self, x: Tensor) -> Tensor:
        out: Tensor = dense(x, list(self.convs), _OPERATIONS)
        return out


_OPERATIONS = Operations(
    lambda given: functional.leaky_relu(given, LEAK),
    lambda features: torch.cat(features, 1),
)


class BlockSubnets(nn.Module):
    """phi, rho and eta of one coupling block."""

    def __init__(self, config: ModelConfig) -> None:
        """The three subnets that `config` describes, not yet initialised."""
        super().__init__()
        self.phi = Subnet(config, "phi")
        self.rho = Subnet(config, "rho")
        self.eta = Subnet(config, "eta")

    def rho_eta(self, host: Tensor) -> tuple[Tensor, Tensor]:
        """Log-scale and shift of the hidden branch."""
        return self.rho(host), self.eta(host)


class SubnetStack(nn.Module):
    """The subnets of all blocks: everything that is learned.

    Its state has the names of the weights file: ``blocks.{i}.{phi|rho|eta}.convs.{k}...``.
    """

    def __init__(self, config: ModelConfig) -> None:
        """The blocks of `config`, first to last, not yet initialised."""
        super().__init__()
        self.config = config
        self.blocks = nn.ModuleList(BlockSubnets(config) for _ in range(config.blocks))
        if config.subnet == "modulo":
            self.bases = nn.Parameter(torch.ones(config.host_channels), requires_grad=False)

    def load_tensors(self, tensors: Mapping[str, NDArray[Any] | Tensor]) -> None:
        """Copies tensors of a weights file into the parameters; all of them must be there."""
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                parameter.copy_(torch.as_tensor(tensors[name]))

    def subnets(self) -> Sequence[Subnets]:
        """The blocks, as the network wants them."""
        return [block for block in self.blocks if isinstance(block, BlockSubnets)]


class Torch:
    """Evaluates subnets with torch, on the first CUDA device where there is one."""

    name = "torch"

    def __init__(self, device: str | None = None) -> None:
        """The backend on `device`; None: CUDA where it is there, else the CPU."""
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))

    def subnets(self, config: ModelConfig, tensors: Tensors) -> Sequence[Subnets]:
        """See :class:`isn.paper.backends.base.Backend`."""
        stack = SubnetStack(config)
        stack.load_tensors(tensors)
        if config.subnet == "modulo":
            # Steep steps enlarge what float32 misses.
            stack.double()
        stack.requires_grad_(False).eval().to(self.device)
        return stack.subnets()

    def array(self, image: NDArray[np.float32]) -> Tensor:
        """A tensor on the backend's device."""
        return torch.from_numpy(image).to(self.device)

    def numpy(self, array: Tensor) -> NDArray[np.float32]:
        """The tensor as a NumPy array."""
        return np.asarray(array.detach().cpu().numpy(), dtype=np.float32)
