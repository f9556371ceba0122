"""Baluja's preparation, hiding and revealing networks in torch.

"Hiding Images in Plain Sight: Deep Steganography" (NeurIPS 2017) and "Hiding Images within Images"
(TPAMI 2019): each network has five layers of 50 filters each of 3 x 3, 4 x 4 and 5 x 5, fifteen
convolutions. What the papers leave open is decided here: the three sizes run as branches of four
layers whose features are put together for the fifth; ReLU after each layer; hiding and revealing
networks end in a 1 x 1 convolution to colours; images are normalised. Of two hidden
images each has a preparation and a revealing network of its own, so that neither order nor
identity of the images has to be told to a shared one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

SIZES = (3, 4, 5)
"""Sides of the kernels, one branch each."""

DEPTH = 5
"""Layers of a network, without the 1 x 1 convolution to colours."""

REACH = DEPTH * (max(SIZES) // 2)
"""Pixels to each side that one pixel behind a network depends on."""

GREY, SPREAD = 0.5, 0.25
"""About the mean and the deviation of photos, by which images are normalised."""


class Columns(nn.Module):
    """Four layers in three branches, a fifth over all their features.

    Attributes:
        branches: by kernel size, four convolutions each.
        joined: by kernel size, one convolution each, of all branches' features.
        colours: the 1 x 1 convolution to an image, or None.
    """

    def __init__(self, channels: int, filters: int, *, image: bool) -> None:
        """A network of `channels` inputs whose output is an image, or 3 x `filters` features."""
        super().__init__()
        self.branches = nn.ModuleList(_branch(channels, filters, size) for size in SIZES)
        self.joined = nn.ModuleList(
            nn.Sequential(*_layer(len(SIZES) * filters, filters, size)) for size in SIZES
        )
        self.colours = nn.Conv2d(len(SIZES) * filters, 3, 1) if image else None

    def forward(self, x: Tensor) -> Tensor:
        """N x channels x H x W to N x (3 or 3 * filters) x H x W."""
        features = torch.cat([branch(x) for branch in self.branches], 1)
        features = torch.cat([layer(features) for layer in self.joined], 1)
        return features if self.colours is None else self.colours(features)


class BalujaNetwork(nn.Module):
    """All networks for n hidden images.

    Attributes:
        prepare: one network for each hidden image.
        blend: the hiding network.
        uncover: one revealing network for each hidden image.
    """

    def __init__(self, hidden_images: int, filters: int) -> None:
        """Networks for `hidden_images` images, of `filters` filters of each size in each layer."""
        super().__init__()
        self.prepare = nn.ModuleList(Columns(3, filters, image=False) for _ in range(hidden_images))
        self.blend = Columns(3 + hidden_images * len(SIZES) * filters, filters, image=True)
        self.uncover = nn.ModuleList(Columns(3, filters, image=True) for _ in range(hidden_images))

    def hide(self, host: Tensor, hidden: Tensor) -> Tensor:
        """The container, not rounded.

        Args:
            host: N x 3 x H x W in [0, 1].
            hidden: N x 3n x H x W in [0, 1].

        Returns:
            N x 3 x H x W.
        """
        images = _normal(hidden).split(3, 1)
        prepared = [network(image) for network, image in zip(self.prepare, images, strict=True)]
        container: Tensor = self.blend(torch.cat([_normal(host), *prepared], 1))
        return container * SPREAD + GREY

    def reveal(self, container: Tensor) -> Tensor:
        """N x 3n x H x W, not rounded, from N x 3 x H x W in [0, 1]."""
        given = _normal(container)
        return torch.cat([network(given) for network in self.uncover], 1) * SPREAD + GREY

    def initialise(self, seed: int) -> None:
        """He's normal weights (linear for the last convolutions), biases zero."""
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name.endswith("bias"):
                    parameter.zero_()
                    continue
                gain = 1.0 if ".colours." in name else 2.0
                drawn = torch.randn(parameter.shape, generator=generator)
                parameter.copy_(drawn * math.sqrt(gain / parameter[0].numel()))

    def load_tensors(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Copies the tensors of a weights file into the parameters; all of them must be there."""
        self.load_state_dict({name: torch.as_tensor(each) for name, each in tensors.items()})


def shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of such weights.

    Raises:
        KeyError: the config lacks a setting.
        ValueError: a setting is no number above 0.
    """
    count, filters = int(config["hidden_images"]), int(config["filters"])
    if min(count, filters) < 1:
        raise ValueError(f"{count} hidden images and {filters} filters, give 1 or more")
    with torch.device("meta"):
        network = BalujaNetwork(count, filters)
    return {name: tuple(each.shape) for name, each in network.named_parameters()}


def _normal(image: Tensor) -> Tensor:
    return (image - GREY) / SPREAD


def _branch(channels: int, filters: int, size: int) -> nn.Sequential:
    given = [channels] + [filters] * (DEPTH - 2)
    return nn.Sequential(*(each for count in given for each in _layer(count, filters, size)))


def _layer(given: int, filters: int, size: int) -> list[nn.Module]:
    if size % 2:
        return [nn.Conv2d(given, filters, size, padding=size // 2), nn.ReLU()]
    # An even kernel has no middle: the further pixel is to the right and below.
    near, far = size // 2 - 1, size // 2
    return [
        nn.ZeroPad2d((near, far, near, far)),
        nn.Conv2d(given, filters, size),
        nn.ReLU(),
    ]
