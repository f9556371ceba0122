"""The codes `isn-1` to `isn-5`: what the paper's network makes of images in a blank host.

The invertible network hides the images in a host that is the same grey everywhere; running
backwards from its container, with the constant y_z for the lost part, it reveals them (Eq. 1). All
its parameters are shared between the two. The container is no picture that anybody sees, so that
its Haar bands need not be rounded to 256 levels each: every band j is rounded to ``2 ** b[j]``
values, as many as it is worth, which lie closer together around the middle, where most of a band's
numbers are::

    number = round((asinh(u / s) / asinh(1 / s) + 1) / 2 * (2 ** b - 1)),   u in [-1, 1]

with u the band less the blank host's, and s how narrow the middle is. b and s are tensors of the
weights. These numbers, of fixed length, are the payload. What is lost for good is the rounding,
and of n > 1 images what n times as many bands have and the container's have no room for: the
constant in its place is the same for every image, and so bounds how well they are revealed.

Layout, little-endian: height and width of the container (4 + 4), of each of the n images as it
comes back (4 + 4), then the numbers of one band after the other, each band filled to whole bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isn.arrays import array_namespace
from isn.codes import Foreseen, Room
from isn.errors import ConfigError, ImageError, ModelError, counted
from isn.images import Pixels
from isn.paper.backends.base import Backend
from isn.paper.config import ModelConfig
from isn.paper.engine import Engine, unfitted
from isn.paper.network import BLANK
from isn.paper.wavelet import from_bands, to_bands
from isn.progress import Tell, part
from isn.secret import Content, Item, Secret, check_sizes, forged, pictures_of
from isn.weights import Weights

KIND: Final = "network"
"""Of its weights."""

MOST_BITS: Final = 12
"""Of one band."""

_SIZE: Final = struct.Struct("<II")
_SMALLEST: Final = 8
"""Pixels along a container, at least."""

Array = Any


def shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of such weights.

    Raises:
        ConfigError: a setting is out of its range.
    """
    model = ModelConfig.from_mapping(dict(config))
    bands = (model.host_channels,)
    return model.parameter_shapes() | {"samples.bits": bands, "samples.bend": bands}


def rounded(u: Array, bits: Array, bend: Array) -> tuple[Array, Array]:
    """The numbers of some bands before they are rounded, and how many steps there are.

    Args:
        u: N x C x H x W, a container's bands less those of a blank host.
        bits: 1 x C x 1 x 1, of each band.
        bend: 1 x C x 1 x 1, s of the formula above.

    Returns:
        Floats from 0 to ``2 ** bits - 1``, of the shape of u, and ``2 ** bits - 1``.
    """
    xp = array_namespace(u)
    top = 2.0**bits - 1
    curve = xp.asinh(xp.clip(u, -1, 1) / bend) / xp.asinh(1 / bend)
    return (curve + 1) / 2 * top, top


def restored(numbers: Array, bits: Array, bend: Array) -> Array:
    """Bands less those of a blank host, from their numbers; those of no bits are blank."""
    xp = array_namespace(numbers)
    top = 2.0**bits - 1
    curve = numbers / xp.where(top > 0, top, xp.ones_like(top)) * 2 - 1
    curve = xp.where(top > 0, curve, xp.zeros_like(curve))
    return xp.sinh(curve * xp.asinh(1 / bend)) * bend


class NetworkCode:
    """See :class:`isn.codes.Code`.

    Args:
        name: what it is called.
        weights: of kind "network".
        backend: what evaluates the subnets; None: chosen at first use.

    Raises:
        ModelError: the weights are of another kind or shape, or their bits are no such numbers.
    """

    number = 5
    bits = 7.0
    """More than its containers ever need: what they need is :attr:`rate`."""

    def __init__(self, name: str, weights: Weights, backend: str | Backend | None = None) -> None:
        weights.check(KIND, shapes)
        self.name, self.weights, self.backend = name, weights, backend
        self.config = ModelConfig.from_mapping(dict(weights.config))
        bits, bend = (
            weights.tensors[f"samples.{each}"].astype(np.float32) for each in ("bits", "bend")
        )
        whole = (bits == np.rint(bits)) & (bits >= 0) & (bits <= MOST_BITS)
        if not (whole.all() and bits.any() and (bend > 0).all()):
            raise ModelError(
                f"the bits of the bands are not whole numbers from 0 to {MOST_BITS}, or all 0, or "
                "their bends not above 0"
            )
        self._bits, self._bend = (each.reshape(1, -1, 1, 1) for each in (bits, bend))

    def __getstate__(self) -> dict[str, Any]:
        """Without what runs the network, which is built anew where it is needed."""
        return {name: each for name, each in self.__dict__.items() if name != "_engine"}

    @property
    def fingerprint(self) -> bytes:
        """Of architecture and tensors."""
        return self.weights.fingerprint

    @property
    def rate(self) -> float:
        """Bits of a sample that images as large as the host take."""
        return float(self._bits.mean())

    @property
    def counts(self) -> range:
        """As many as it was made for."""
        return range(self.config.hidden_images, self.config.hidden_images + 1)

    @cached_property
    def _engine(self) -> Engine:
        return Engine.of(self.config, self.weights, self.backend)

    def foresee(self, secret: Secret, room: Room) -> Foreseen:
        """See :meth:`isn.codes.Code.foresee`: its length is fixed."""
        pictures = self._given(secret, room)
        height, width = self._plane([each.shape[:2] for each in pictures], room)
        numbers = height * width // self.config.cell**2
        head = _SIZE.size * (1 + len(pictures))
        return Foreseen(head + sum(_bytes_of(numbers, bits) for bits in self._widths), None)

    def encode(self, secret: Secret, room: Room, tell: Tell) -> bytes:
        """See :meth:`isn.codes.Code.encode`."""
        pictures = self._given(secret, room)
        height, width = self._plane([each.shape[:2] for each in pictures], room)
        planes = [self._engine.fit(each, height, width) for each in pictures]
        blank = np.full((1, 3, height, width), BLANK, np.float32)
        container = self._engine.forward(blank, planes, part(tell, 0.0, 0.9))
        u = to_bands(container, self.config.levels) - self._blank
        places, _ = rounded(u, self._bits, self._bend)
        head = [_SIZE.pack(height, width), *(_SIZE.pack(*each.shape[:2]) for each in pictures)]
        body = [
            _packed(band, bits)
            for band, bits in zip(np.rint(places[0]).astype(np.uint16), self._widths, strict=True)
        ]
        tell(1.0)
        return b"".join([*head, *body])

    def decode(self, payload: bytes, area: int, tell: Tell) -> list[Item]:
        """See :meth:`isn.codes.Code.decode`."""
        (height, width), sizes, body = self._opened(payload, area)
        rows, columns = height // self.config.cell, width // self.config.cell
        numbers = np.zeros((1, len(self._widths), rows, columns), np.float32)
        place = 0
        for band, bits in zip(numbers[0], self._widths, strict=True):
            length = _bytes_of(band.size, bits)
            band[:] = _unpacked(body[place : place + length], bits, band.size).reshape(band.shape)
            place += length
        bands = restored(numbers, self._bits, self._bend) + self._blank
        container = from_bands(bands.astype(np.float32), self.config.levels)
        shown = self._engine.inverse(container, None, part(tell, 0.0, 0.95))
        return [
            unfitted(each, *size, self.config.cell) for each, size in zip(shown, sizes, strict=True)
        ]

    def contents(self, payload: bytes, area: int) -> list[Content]:
        """See :meth:`isn.codes.Code.contents`."""
        return [Content(size) for size in self._opened(payload, area)[1]]

    def _given(self, secret: Secret, room: Room) -> list[Pixels]:
        """The images of a secret, as many as the network was made for.

        Raises:
            ConfigError: they are not.
        """
        pictures = pictures_of(secret, self.name, room.area)
        if len(pictures) != self.config.hidden_images:
            raise ConfigError(
                f"{self.name} hides {counted(self.config.hidden_images, 'image')} at a time, not "
                f"{len(pictures)}: give so many, or take another method"
            )
        return pictures

    @property
    def _widths(self) -> list[int]:
        return [int(each) for each in self._bits.reshape(-1)]

    @cached_property
    def _blank(self) -> NDArray[np.float32]:
        """The bands of one position of a blank host."""
        cell = self.config.cell
        blank = np.full((1, 3, cell, cell), BLANK, np.float32)
        return to_bands(blank, self.config.levels)

    def _plane(self, sizes: list[tuple[int, ...]], room: Room) -> tuple[int, int]:
        """Height and width of the container: of the largest image, or what the host has room for.

        Raises:
            ImageError: there is no room for any.
        """
        cell = self.config.cell
        head = _SIZE.size * (1 + len(sizes)) + len(self._widths)
        bits = 8 * (room.size - head) // sum(self._widths)
        most = min(bits * cell**2, _most(room.area, sizes, cell))
        height, width = max(sizes, key=lambda size: size[0] * size[1])
        ratio = min(1.0, (max(most, 0) / (height * width)) ** 0.5)
        height, width = (
            max(int(side * ratio) // cell * cell, 0) if ratio < 1 else side - side % cell
            for side in (height, width)
        )
        if min(height, width) < _SMALLEST:
            raise ImageError(
                f"the host has room for a container of {max(most, 0)} pixels, and {self.name} "
                f"wants {_SMALLEST} along each side: take a larger host, or less narrow images"
            )
        return height, width

    def _opened(
        self, payload: bytes, area: int
    ) -> tuple[tuple[int, int], list[tuple[int, int]], bytes]:
        """Size of the container, sizes of the images, and the numbers."""
        count, cell = self.config.hidden_images, self.config.cell
        head = _SIZE.size * (1 + count)
        if len(payload) < head:
            raise forged("its code is shorter than its head")
        height, width, *sides = struct.unpack_from(f"<{2 * (1 + count)}I", payload)
        sizes = list(zip(sides[::2], sides[1::2], strict=True))
        check_sizes(sizes, area)
        whole = min(height, width) >= _SMALLEST and not (height % cell or width % cell)
        if not whole or height * width > _most(area, sizes, cell):
            raise forged(f"its network's container has {width} x {height} pixels")
        numbers = height * width // cell**2
        if len(payload) - head != sum(_bytes_of(numbers, bits) for bits in self._widths):
            raise forged("its numbers do not add up")
        return (height, width), sizes, payload[head:]


def _most(area: int, sizes: Sequence[tuple[int, ...]], cell: int) -> int:
    """Pixels that the network's container may have in a host of so many.

    As many, and a cell more along each side, so that an image of the host's own odd size keeps its.
    """
    return min(area + cell * sum(max(sizes)), 2 * area)


def _bytes_of(numbers: int, bits: int) -> int:
    return -(-numbers * bits // 8)


def _packed(band: NDArray[np.uint16], bits: int) -> bytes:
    """Whole numbers in so many bits each, the highest first."""
    loose = band.reshape(-1, 1) >> np.arange(bits - 1, -1, -1, dtype=np.uint16) & 1
    return np.packbits(loose.astype(np.uint8)).tobytes()


def _unpacked(content: bytes, bits: int, count: int) -> NDArray[np.uint16]:
    """:func:`_packed` undone."""
    loose = np.unpackbits(np.frombuffer(content, np.uint8), count=count * bits)
    places = np.uint16(1) << np.arange(bits - 1, -1, -1, dtype=np.uint16)
    return np.asarray((loose.reshape(count, bits) * places).sum(1), np.uint16)
