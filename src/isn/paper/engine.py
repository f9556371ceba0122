"""A network on a backend, from 8-bit images to floats and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isn import images
from isn.errors import BackendError, ModelError
from isn.images import Pixels
from isn.paper import backends
from isn.paper.backends.base import Backend
from isn.paper.config import ModelConfig
from isn.paper.network import Network, Tiles
from isn.progress import Tell
from isn.weights import Weights

Floats = NDArray[np.float32]

_LARGEST: Final = 1e30
"""Size from which a sample counts as not finite, so that what is made of it is finite too."""
_LOST: Final = 3
"""Rows or columns at most that are cut off and repeated rather than that all is resampled."""


@dataclass(frozen=True)
class Engine:
    """A network on a backend, ready to run.

    Attributes:
        network: the network around the backend's subnets.
        backend: what evaluates them.
    """

    network: Network
    backend: Backend

    @classmethod
    def of(cls, config: ModelConfig, weights: Weights, backend: str | Backend | None) -> Engine:
        """The engine for some weights; the last few are kept.

        Raises:
            BackendError: the backend is unknown or not installed.
        """
        named = backend is None or isinstance(backend, str)
        return _build(config, weights, backends.get(backend) if named else backend)

    def fit(self, pixels: Pixels, height: int, width: int) -> Pixels:
        """A hidden image at the size of the region.

        One that is larger by less than a cell, as one of the host's own odd size is, loses those
        rows or columns, up to three, instead of being resampled, which would cost every pixel.
        """
        if _almost(pixels.shape[:2], height, width, self.network.config.cell):
            return pixels[:height, :width]
        return images.resize(pixels, height, width)

    def forward(self, host: Floats, hidden: Sequence[Pixels], tell: Tell) -> Floats:
        """The container, not rounded: Eq. (1), first line.

        Args:
            host: 1 x 3p x H x W in [0, 1], p being ``planes``, sides multiples of a cell.
            hidden: as many images of that size as the network hides.
            tell: told the share that is done.

        Returns:
            1 x 3p x H x W.

        Raises:
            ModelError: the weights are so large that what comes out is not finite.
        """
        cover, planes = self.backend.array(host), self.backend.array(floats(hidden))
        with _silent():
            container = self.network.hide(cover, planes, self._tiles(host, tell))
        return _finite(self.backend.numpy(container))

    def refined(
        self, host: Floats, hidden: Sequence[Pixels], container: Floats, steps: int, tell: Tell
    ) -> Floats:
        """A container moved until it reveals better (:mod:`isn.paper.refine`).

        Raises:
            BackendError: the backend has no gradients.
            ConfigError: the network is keyed with a texture.
        """
        if self.backend.name != "torch":
            raise BackendError(
                f"the backend {self.backend.name} has no gradients to refine a container with: "
                "take torch"
            )
        from isn.paper.refine import refine

        array = self.backend.array
        cover, planes, start = array(host), array(floats(hidden)), array(container)
        return self.backend.numpy(refine(self.network, cover, planes, start, steps, tell))

    def inverse(self, container: Floats, texture: Pixels | None, tell: Tell) -> list[Pixels]:
        """The images in a container, rounded to 8 bit: Eq. (1), second line.

        Args:
            container: 1 x 3p x H x W in [0, 1], sides multiples of a cell.
            texture: what stands for the lost part, for a network trained with one.
            tell: told the share that is done.

        Raises:
            ConfigError: the network was trained with a texture and none is given.
            ModelError: the weights are so large that what comes out is not finite.
        """
        received = self.backend.array(container)
        key = None if texture is None else self.backend.array(floats([texture])[0])
        with _silent():
            revealed = self.network.reveal(
                received,
                # Without a name here, so that it is freed as soon as its bands are there.
                self.network.constant_lost(received, key),
                self._tiles(container, tell),
            )
        planes = _finite(self.backend.numpy(revealed))
        count = self.network.config.hidden_images
        return [pixels(planes[:, 3 * k : 3 * k + 3]) for k in range(count)]

    def _tiles(self, image: NDArray[Any], tell: Tell) -> Tiles:
        config = self.network.config
        height, width = image.shape[-2:]
        total, done = (2 * config.blocks - 1) * (height * width // config.cell**2), 0

        def report(covered: int) -> None:
            nonlocal done
            done += covered
            tell(done / total)

        return Tiles(config.reach, progress=report)


def unfitted(image: Pixels, height: int, width: int, cell: int) -> Pixels:
    """A revealed image at its own size: :meth:`Engine.fit` undone, what was lost repeated."""
    rows, columns = image.shape[:2]
    if _almost((height, width), rows, columns, cell):
        return images.filled(image, height, width)
    return images.resize(image, height, width)


def _almost(size: tuple[int, ...], height: int, width: int, cell: int) -> bool:
    lost = min(cell, _LOST + 1)
    return 0 <= size[0] - height < lost and 0 <= size[1] - width < lost


@lru_cache(maxsize=4)
def _build(config: ModelConfig, weights: Weights, backend: Backend) -> Engine:
    subnets = backend.subnets(config, weights.as_float32())
    return Engine(Network.of(config, subnets), backend)


def _silent() -> np.errstate:
    """NumPy says nothing of sums that overflow: :func:`_finite` tells."""
    return np.errstate(over="ignore", invalid="ignore")


def _finite(planes: Floats) -> Floats:
    # Of an array with NaN both are NaN, and nothing is copied.
    if not -_LARGEST < planes.min() <= planes.max() < _LARGEST:
        raise ModelError(
            "the network's weights are so large that what it makes of these images is not finite: "
            "take others"
        )
    return planes


def floats(given: Sequence[Pixels]) -> Floats:
    """Images of one size as 1 x 3n x H x W in [0, 1]."""
    height, width = given[0].shape[:2]
    planes = np.empty((1, 3 * len(given), height, width), np.float32)
    for k, each in enumerate(given):
        np.divide(each.transpose(2, 0, 1), np.float32(255), out=planes[0, 3 * k : 3 * k + 3])
    return planes


def pixels(planes: Floats) -> Pixels:
    """1 x 3 x H x W floats in [0, 1] rounded to 8 bit, H x W x 3."""
    height, width = planes.shape[-2:]
    image = np.empty((height, width, 3), np.uint8)
    for channel in range(3):
        plane = np.multiply(planes[0, channel], np.float32(255))
        np.rint(plane, out=plane)
        np.clip(plane, 0, 255, out=plane)
        image[..., channel] = plane
    return image
