"""A network on a backend that takes and gives 8-bit images of any size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from isn import images
from isn.carriers import digits
from isn.codes.photos import code
from isn.codes.photos.prior import Prior
from isn.errors import BackendError, ConfigError
from isn.images import Pixels
from isn.paper import backends
from isn.paper.backends.base import Backend
from isn.paper.config import MAX_HIDDEN
from isn.paper.network import Network, Tiles
from isn.paper.weights import Weights

Report: TypeAlias = Callable[[float], None]


@dataclass(frozen=True)
class Engine:
    """A network on a backend, ready to run.

    Attributes:
        network: the network around the backend's subnets.
        backend: what evaluates them.
        prior: of a model that codes its containers, else None.
    """

    network: Network
    backend: Backend
    prior: Prior | None = None

    @classmethod
    def of(cls, weights: Weights, backend: str | Backend | None) -> Engine:
        """The engine for some weights; the last few are kept.

        Raises:
            BackendError: the backend is unknown or not installed.
        """
        named = backend is None or isinstance(backend, str)
        return _build(weights, backends.get(backend) if named else backend)

    def fit(self, pixels: Pixels, height: int, width: int) -> Pixels:
        """A hidden image at the size of the region.

        One that is larger by less than a cell, as one of the host's own odd size is, loses that
        row or column instead of being resampled, which would cost every pixel.
        """
        if self._almost(pixels.shape[:2], height, width):
            return pixels[:height, :width]
        return images.resize(pixels, height, width)

    def unfit(self, pixels: Pixels, height: int, width: int) -> Pixels:
        """A revealed image at its own size: :meth:`fit` undone, a lost row or column repeated."""
        rows, columns = pixels.shape[:2]
        if self._almost((height, width), rows, columns):
            return np.pad(pixels, ((0, height - rows), (0, width - columns), (0, 0)), "edge")
        return images.resize(pixels, height, width)

    def hide(
        self,
        host: Pixels,
        hidden: Sequence[Pixels],
        progress: Report | None = None,
        refine: int = 0,
    ) -> Pixels:
        """The container of a host whose sides are multiples of a cell, rounded to 8 bit.

        Args:
            host: uint8 H x W x 3.
            hidden: as many images of that size as the model hides.
            progress: told the share that is done, from 0 to 1.
            refine: steps by which the container is moved until it reveals better
                (:mod:`isn.paper.refine`).

        Raises:
            BackendError: the container is to be refined, and the backend has no gradients.
            ConfigError: the container is to be refined, and the model is keyed with a texture.
        """
        if refine and self.backend.name != "torch":
            raise BackendError(
                f"the backend {self.backend.name} has no gradients to refine a container with: "
                "take torch"
            )
        config = self.network.config
        cover = self.backend.array(_floats([host]))
        planes = self.backend.array(_floats(hidden))
        tiles = self._tiles(host, None if refine else progress)
        container = self.network.forward(cover, planes, tiles).container
        if refine:
            from isn.paper.refine import refine as refined

            tell = progress or (lambda share: None)
            container = refined(self.network, cover, planes, container, refine, tell)
        rounded = _pixels(self.backend.numpy(container), config.values)
        return rounded if config.base is None else digits.carry(host, rounded, config.base)

    def reveal(
        self, container: Pixels, texture: Pixels | None = None, progress: Report | None = None
    ) -> list[Pixels]:
        """The images in a container whose sides are multiples of a cell, rounded to 8 bit.

        Args:
            container: uint8 H x W x 3.
            texture: what stands for the lost part, for a model trained with one.
            progress: told the share that is done, from 0 to 1.

        Raises:
            ConfigError: the model was trained with a texture and none is given.
        """
        config = self.network.config
        seen = container if config.base is None else digits.read(container, config.base)
        received = self.backend.array(_floats([seen], config.values))
        del seen
        key = None if texture is None else self.backend.array(_floats([texture])[0])
        revealed = self.network.inverse(
            received,
            # Without a name here, so that it is freed as soon as its bands are there.
            self.network.constant_lost(received, key),
            self._tiles(container, progress),
        ).hidden
        planes = self.backend.numpy(revealed)
        return [_pixels(planes[:, 3 * k : 3 * k + 3]) for k in range(config.hidden_images)]

    def encode(self, hidden: Sequence[Pixels], room: int, progress: Report | None = None) -> bytes:
        """The code of some images' containers, as fine as the room allows.

        Args:
            hidden: uint8 H x W x 3 each, of any sizes.
            room: bytes that the code may take.
            progress: told the share that is done, from 0 to 1.

        Raises:
            ImageError: not even the coarsest code fits.
        """
        tell, prior = progress or (lambda share: None), self._prior()
        sizes = [(each.shape[0], each.shape[1]) for each in hidden]
        padded = [_padded(each) for each in hidden]
        bands = [code.Bands.of(_floats([each])[0]) for each in padded]
        step = code.finest(bands, prior, room)
        tell(0.7)
        content = code.encode(bands, sizes, prior, room, step)
        tell(1.0)
        return content

    def decode(self, content: bytes, largest: int, progress: Report | None = None) -> list[Pixels]:
        """The images in a code, each in the size in which it was coded.

        Args:
            content: as :meth:`encode` gave it, with anything after it.
            largest: pixels that an image may have.
            progress: told the share that is done, from 0 to 1.

        Raises:
            AlteredContainer: it is no code, or a damaged one.
        """
        found, sizes, step = code.decode(content, self._prior(), MAX_HIDDEN, largest)
        shown, tell = [], progress or (lambda share: None)
        for number, (container, (height, width)) in enumerate(zip(found, sizes, strict=True)):
            part = _share(tell, 0.3 + 0.7 * number / len(sizes), 0.7 / len(sizes))
            image = container if step < code.BLOCKS_FROM else self._image(container, step, part)
            shown.append(_pixels(image[None])[:height, :width])
            part(1.0)
        return shown

    def _image(
        self, container: NDArray[np.float32], step: int, progress: Report
    ) -> NDArray[np.float32]:
        """What the blocks, backwards, make of an image that was coded in this step."""
        received = self.backend.array(container[None])
        lost = self.network.constant_lost(received, shift=code.coarseness(step))
        tiles = self._tiles(container.transpose(1, 2, 0), progress)
        return np.asarray(self.backend.numpy(self.network.inverse(received, lost, tiles).host)[0])

    def _prior(self) -> Prior:
        if self.prior is None:
            raise ConfigError("this model does not code its containers: it has no prior")
        return self.prior

    def _almost(self, size: tuple[int, ...], height: int, width: int) -> bool:
        cell = self.network.config.cell
        return 0 <= size[0] - height < cell and 0 <= size[1] - width < cell

    def _tiles(self, pixels: NDArray[Any], progress: Report | None) -> Tiles:
        config = self.network.config
        height, width = pixels.shape[:2]
        total, done = 2 * config.blocks * (height * width // config.cell**2), 0

        def report(covered: int) -> None:
            nonlocal done
            done += covered
            if progress is not None:
                progress(done / total)

        return Tiles(config.reach, progress=report)


@lru_cache(maxsize=4)
def _build(weights: Weights, backend: Backend) -> Engine:
    subnets = backend.subnets(weights.config, weights.as_float32())
    prior = None if weights.config.prior is None else Prior(weights.tensors)
    return Engine(Network.of(weights.config, subnets), backend, prior)


def _padded(pixels: Pixels) -> Pixels:
    """An image with its last row and column repeated, until a code's blocks divide it."""
    height, width = pixels.shape[:2]
    around = ((0, code.padded(height) - height), (0, code.padded(width) - width), (0, 0))
    return np.pad(pixels, around, "edge")


def _share(tell: Report, before: float, share: float) -> Report:
    return lambda done: tell(before + share * done)


def _floats(pixels: Sequence[Pixels], values: int = 256) -> NDArray[np.float32]:
    """Images of one size, of so many values, as 1 x 3n x H x W in [0, 1]."""
    height, width = pixels[0].shape[:2]
    planes = np.empty((1, 3 * len(pixels), height, width), np.float32)
    for k, each in enumerate(pixels):
        np.divide(each.transpose(2, 0, 1), np.float32(values - 1), out=planes[0, 3 * k : 3 * k + 3])
    return planes


def _pixels(planes: NDArray[np.float32], values: int = 256) -> Pixels:
    """1 x 3 x H x W floats in [0, 1] rounded to so many values, 8 bit, H x W x 3."""
    height, width = planes.shape[-2:]
    pixels = np.empty((height, width, 3), np.uint8)
    for channel in range(3):
        plane = np.multiply(planes[0, channel], np.float32(values - 1))
        np.rint(plane, out=plane)
        np.clip(plane, 0, values - 1, out=plane)
        pixels[..., channel] = plane
    return pixels
