"""Baluja's Deep Steganography, reference [5] of the paper, with the weights trained here."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from isn import images
from isn.baselines.baluja_weights import BalujaWeights
from isn.baselines.base import Sizes, check_count, there_and_back
from isn.errors import BackendError, ModelError
from isn.images import Pixels

if TYPE_CHECKING:
    from torch import Tensor

    from isn.baselines.baluja_network import BalujaNetwork

TILE = 256
"""Side of what is computed at once, in pixels, without its margin."""


class Baluja:
    """Preparation, hiding and revealing networks, evaluated with torch.

    Args:
        weights: the trained networks.
        name: what to call them.

    Raises:
        BackendError: torch is not installed.
        ModelError: the tensors are not those of the networks.
    """

    def __init__(self, weights: BalujaWeights, name: str) -> None:
        self.weights, self.name = weights, name
        self._network = _network(weights)

    @classmethod
    def shipped(cls, count: int) -> Baluja:
        """The networks for `count` hidden images that come with this package."""
        name = f"baluja-{count}"
        with as_file(files("isn.baselines") / "weights" / f"{name}.safetensors") as path:
            return cls(BalujaWeights.load(path), name)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Baluja:
        """Networks from a file, as ``isn train baluja`` leaves it; its path is their name."""
        return cls(BalujaWeights.load(path), os.fspath(path))

    @property
    def title(self) -> str:
        """What it does, and how long it learned."""
        about = "Baluja's preparation, hiding and revealing networks"
        steps, minutes = (self.weights.training.get(each) for each in ("steps", "minutes"))
        return f"{about}, trained here: {steps} steps, {minutes} minutes" if steps else about

    @property
    def fingerprint(self) -> str:
        """Of the stored tensors."""
        return self.weights.fingerprint

    @property
    def counts(self) -> tuple[int, ...]:
        """One number, the networks'."""
        return (self.weights.hidden_images,)

    def hide(self, host: Pixels, hidden: Sequence[Pixels]) -> Pixels:
        """Hides images, resized to the host."""
        check_count(self, len(hidden))
        fitted = [images.resize(picture, *host.shape[:2]) for picture in hidden]
        network = self._network
        # The preparation networks come before the hiding one: their margins add.
        return _by_tiles(
            np.concatenate([host, *fitted], axis=2),
            lambda x: network.hide(x[:, :3], x[:, 3:]),
            2 * _reach(),
        )

    def carried(self, hidden: Pixels, host: tuple[int, int]) -> Pixels:
        """The image as it comes back from the host's size."""
        return there_and_back(hidden, host)

    def reveal(
        self, container: Pixels, count: int, sizes: Sizes | None = None
    ) -> list[Pixels | None]:
        """Reveals the images; of a damaged container, whatever the networks see in it."""
        check_count(self, count)
        planes = _by_tiles(container, self._network.reveal, _reach())
        sizes = sizes or [container.shape[:2]] * count
        return [
            images.resize(np.ascontiguousarray(planes[..., 3 * k : 3 * k + 3]), *size)
            for k, size in enumerate(sizes)
        ]


def _network(weights: BalujaWeights) -> BalujaNetwork:
    try:
        from isn.baselines.baluja_network import BalujaNetwork
    except ImportError as error:
        raise BackendError(
            f"the baseline baluja-{weights.hidden_images} needs torch: pip install 'isn[train]', "
            "or leave this baseline out"
        ) from error
    network = BalujaNetwork(weights.hidden_images, weights.filters)
    try:
        network.load_tensors(weights.tensors)
    except RuntimeError as error:
        raise ModelError(f"the tensors are not those of Baluja's networks: {error}") from error
    network.requires_grad_(False).eval()
    return network


def _reach() -> int:
    from isn.baselines.baluja_network import REACH

    return REACH


def _by_tiles(pixels: Pixels, compute: Callable[[Tensor], Tensor], margin: int) -> Pixels:
    """What a convolutional network makes of an image, one tile after the other.

    Args:
        pixels: uint8, H x W x C.
        compute: 1 x C x h x w floats in [0, 1] to 1 x D x h x w floats.
        margin: pixels to each side that one pixel of the result depends on.

    Returns:
        uint8, H x W x D, rounded.
    """
    height, width = pixels.shape[:2]
    rows = []
    for top in range(0, height, TILE):
        tiles = []
        for left in range(0, width, TILE):
            y, x = max(top - margin, 0), max(left - margin, 0)
            given = pixels[y : top + TILE + margin, x : left + TILE + margin]
            made = _computed(given, compute)
            tiles.append(made[top - y : top - y + TILE, left - x : left - x + TILE])
        rows.append(np.concatenate(tiles, axis=1))
    return np.concatenate(rows)


def _computed(pixels: Pixels, compute: Callable[[Tensor], Tensor]) -> Pixels:
    import torch

    floats: NDArray[np.float32] = pixels.transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    with torch.inference_mode():
        made = compute(torch.from_numpy(floats)[None])[0]
        levels = (made.clamp(0, 1) * 255).round().to(torch.uint8)
    return np.asarray(levels.permute(1, 2, 0).numpy())
