"""Baluja's Deep Steganography, reference [5] of the paper, with the weights trained here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from isn import images
from isn.baselines.pictures import given
from isn.errors import BackendError
from isn.images import Pixels
from isn.keys import Key
from isn.paper.method import in_colour
from isn.progress import Tell, silent
from isn.secret import Item, Secret
from isn.weights import Architecture, Weights

if TYPE_CHECKING:
    from torch import Tensor

    from isn.baselines.baluja_network import BalujaNetwork

KIND: Final = "baluja"
"""Of its weights, whose config has ``hidden_images`` and ``filters``."""

TILE = 256
"""Side of what is computed at once, in pixels, without its margin."""


class Baluja:
    """See :class:`isn.method.Method`: every image is a container, and has no key.

    Preparation, hiding and revealing networks, evaluated with torch.

    Args:
        name: what to call them.
        weights: of kind "baluja".

    Raises:
        BackendError: torch is not installed.
        ModelError: the weights are not those of the networks.
    """

    options: frozenset[str] = frozenset()

    def __init__(self, name: str, weights: Weights) -> None:
        self.name, self.weights = name, weights
        self._network = _network(name, weights)

    @classmethod
    def shipped(cls, name: str) -> Baluja:
        """The networks of that name that come with this package."""
        with as_file(files("isn.baselines") / "weights" / f"{name}.safetensors") as path:
            # Where torch is missing, before anything is read.
            return cls(name, Weights.load(path, {KIND: _shapes(name)}))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Baluja:
        """Networks from a file, as ``isn train baluja`` leaves it; its path is their name.

        Raises:
            BackendError: torch is not installed.
            ModelError: there is no such file, or it is another one.
        """
        name = os.fspath(path)
        return cls(name, Weights.load(path, {KIND: _shapes(name)}))

    @property
    def counts(self) -> range:
        """One number, the networks'."""
        count = int(self.weights.config["hidden_images"])
        return range(count, count + 1)

    def hide(self, host: Pixels, secret: Secret, key: Key, tell: Tell = silent) -> Pixels:
        """Hides images, resized to the host."""
        fitted = [images.resize(each, *host.shape[:2]) for each in given(self, secret, key)]
        network = self._network
        # The preparation networks come before the hiding one: their margins add.
        return _by_tiles(
            np.concatenate([in_colour(host), *fitted], axis=2),
            lambda x: network.hide(x[:, :3], x[:, 3:]),
            2 * _reach(),
            tell,
        )

    def reveal(self, container: Pixels, key: Key, tell: Tell = silent) -> list[Item]:
        """The images at the container's size; of any other image, whatever the networks see."""
        del key
        return self.salvage(container, tell)

    def salvage(self, container: Pixels, tell: Tell = silent) -> list[Item]:
        """The same: nothing tells a container that was damaged."""
        planes = _by_tiles(in_colour(container), self._network.reveal, _reach(), tell)
        return [
            np.ascontiguousarray(planes[..., 3 * k : 3 * k + 3])
            for k in range(planes.shape[2] // 3)
        ]

    def tuned(self, options: Mapping[str, Any]) -> Baluja:
        """Itself: there is nothing to set."""
        del options
        return self


def _shapes(name: str) -> Architecture:
    try:
        from isn.baselines.baluja_network import shapes
    except ImportError as error:
        raise BackendError(
            f"the baseline {name} needs torch: pip install 'isn[train]', or leave it out"
        ) from error
    return shapes


def _network(name: str, weights: Weights) -> BalujaNetwork:
    weights.check(KIND, _shapes(name))
    from isn.baselines.baluja_network import BalujaNetwork

    network = BalujaNetwork(int(weights.config["hidden_images"]), int(weights.config["filters"]))
    network.load_tensors(weights.tensors)
    network.requires_grad_(False).eval()
    return network


def _reach() -> int:
    from isn.baselines.baluja_network import REACH

    return REACH


def _by_tiles(
    pixels: Pixels, compute: Callable[[Tensor], Tensor], margin: int, tell: Tell
) -> Pixels:
    """What a convolutional network makes of an image, one tile after the other.

    Args:
        pixels: uint8, H x W x C.
        compute: 1 x C x h x w floats in [0, 1] to 1 x D x h x w floats.
        margin: pixels to each side that one pixel of the result depends on.
        tell: told the share that is done.

    Returns:
        uint8, H x W x D, rounded.
    """
    height, width = pixels.shape[:2]
    rows = []
    for top in range(0, height, TILE):
        tiles = []
        for left in range(0, width, TILE):
            y, x = max(top - margin, 0), max(left - margin, 0)
            piece = pixels[y : top + TILE + margin, x : left + TILE + margin]
            made = _computed(piece, compute)
            tiles.append(made[top - y : top - y + TILE, left - x : left - x + TILE])
        rows.append(np.concatenate(tiles, axis=1))
        tell(min(top + TILE, height) / height)
    return np.concatenate(rows)


def _computed(pixels: Pixels, compute: Callable[[Tensor], Tensor]) -> Pixels:
    import torch

    floats: NDArray[np.float32] = pixels.transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    with torch.inference_mode():
        made = compute(torch.from_numpy(floats)[None])[0]
        levels = (made.clamp(0, 1) * 255).round().to(torch.uint8)
    return np.asarray(levels.permute(1, 2, 0).numpy())
