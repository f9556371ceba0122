"""In which blocks of an image a head and a body lie, and under which dither.

A head lies where anybody finds it, by the image's size. A body lies in the other blocks, in an
order and under a dither that follow from a key. All numbers are of a stream of SHAKE-256.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from isn.carriers.dct import blocks
from isn.carriers.dct.blocks import Floats, Places
from isn.carriers.dct.lattice import Lattice, Scatter
from isn.carriers.dct.ldpc import Beliefs, Bits
from isn.images import Pixels

HEAD_BLOCKS: Final = 96
_LABEL: Final = b"isn dct v1 "


@dataclass(frozen=True)
class Place:
    """Where something lies.

    Attributes:
        lattice: under which.
        there: numbers of blocks, all different.
        dither: of each of their coefficients, in periods: blocks x coefficients used.
    """

    lattice: Lattice
    there: Places
    dither: Floats

    def write(self, container: Pixels, bits: Bits) -> None:
        """Changes an image so that it carries bits, in whole blocks, and zeros behind them."""
        rows = self.rows(bits)

        def wanted(some: slice, values: Floats) -> Floats:
            return self.lattice.moved(values, rows[some], self.dither[some])

        blocks.change(container, self.there, self.lattice.basis, wanted)

    def beliefs(self, image: Pixels, scatter: Scatter | None = None) -> Beliefs:
        """What an image says of the bits that it carries, see `ldpc` and `Lattice.scatter`."""
        values = blocks.coefficients(image, self.there, self.lattice.basis)
        cut = blocks.cut_off(image, self.there)
        return self.told(values, cut, scatter)

    def told(self, values: Floats, cut: Places, scatter: Scatter | None) -> Beliefs:
        """As :meth:`beliefs`, by coefficients of its blocks and how many pixels are cut off."""
        return self.lattice.beliefs(values, self.dither, cut, scatter).reshape(-1)

    def strayed(self, image: Pixels, bits: Bits) -> Floats:
        """How far its coefficients lie from where the bits that it carries would have them."""
        values = blocks.coefficients(image, self.there, self.lattice.basis)
        return self.lattice.strayed(values, self.rows(bits), self.dither)

    def rows(self, bits: Bits) -> Bits:
        """Bits by blocks."""
        room = len(self.there) * self.lattice.bits
        return np.pad(bits, (0, room - len(bits))).reshape(len(self.there), -1)


def head_place(image: Pixels, lattice: Lattice) -> Place:
    """Where a head lies in an image of this size."""
    seed = _public(*image.shape[:2])
    return Place(lattice, head_blocks(image), _dither(seed, HEAD_BLOCKS, lattice))


def head_blocks(image: Pixels) -> Places:
    """The blocks in which a head lies, whatever the lattice."""
    return _head_blocks(*image.shape[:2])


def body_place(image: Pixels, lattice: Lattice, key: bytes, bits: int) -> Place:
    """Where so many bits of a body lie in an image of this size, under a key of 32 bytes."""
    count = -(-bits // lattice.bits)
    order = _order(key, blocks.count(image))
    there = order[np.isin(order, head_blocks(image), invert=True)][:count]
    return Place(lattice, there, _dither(key, count, lattice))


def all_over(image: Pixels, lattice: Lattice) -> Place:
    """All blocks of an image, in their order, under a dither that anybody can compute."""
    count = blocks.count(image)
    return Place(lattice, np.arange(count), _dither(b"", count, lattice))


def body_blocks(image: Pixels) -> int:
    """How many blocks of an image may carry a body."""
    return max(blocks.count(image) - HEAD_BLOCKS, 0)


def _public(height: int, width: int) -> bytes:
    return struct.pack("<2Q", height, width)


@lru_cache(maxsize=8)
def _head_blocks(height: int, width: int) -> Places:
    count = (height // blocks.SIDE) * (width // blocks.SIDE)
    return _order(_public(height, width), count)[:HEAD_BLOCKS]


def _order(seed: bytes, count: int) -> Places:
    """The numbers below a count, in an order that follows from a seed."""
    drawn = np.frombuffer(hashlib.shake_256(_LABEL + b"order" + seed).digest(8 * count), "<u8")
    return np.argsort(drawn, kind="stable")


def _dither(seed: bytes, count: int, lattice: Lattice) -> Floats:
    """Numbers from 0 to 1 that follow from a seed.

    And from the lattice, so that a head that is there opens under no other lattice, however like.
    """
    seed, size = bytes([lattice.quality]) + seed, count * len(lattice.used)
    drawn = np.frombuffer(hashlib.shake_256(_LABEL + b"dither" + seed).digest(size), np.uint8)
    found: Floats = drawn.reshape(count, -1) * np.float32(1 / 256)
    return found
