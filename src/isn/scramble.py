"""Scrambling: the blocks of the hidden images in a keyed order and look, before they are hidden.

Whoever has the weights and a container, but not the passphrase, reveals these blocks and no
picture. The network sees blocks of photos, which it can hide; of encrypted pixels, which are noise,
it could not. So this is the scrambling of encryption-then-compression systems, not encryption: the
pixels of a block stay together, and so do their colours and their texture.

Version 1, for ``n`` images cut into ``rows`` x ``columns`` blocks of ``side`` pixels, ``lp(x)``
being one byte of length and then ``x``, and integers little-endian::

    stream(purpose) = SHAKE-256("isn scramble v1" + lp(purpose) + key + n, rows, columns, side
                                as uint64)

Blocks are counted image by image and row by row, N = n * rows * columns in all.

* ``stream("order")`` is uint64 numbers, N at a time; the first N of them without a repeated one
  count. Place p takes the block whose number is the p-th smallest.
* ``stream("look")`` is bytes; those from 192 are passed over, and the next N modulo 96 are the
  looks of the places. A look is ``quarters + 4 * mirrored + 8 * inverted + 16 * channels``: the
  block is turned counter-clockwise by quarters, then mirrored left to right, then its channels are
  taken in the order of that number in RGB, RBG, GRB, GBR, BRG, BGR, then v becomes 255 - v.

Both draws are exactly uniform, because what would bias them is thrown away. Where the blocks end
before the image does, the strips below and to the right are grey, 128: they say nothing of the
images and cost the container least.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isn.errors import ConfigError, ImageError
from isn.images import Pixels

BLOCK: Final = 16
"""Side of a block, pixels, fixed for seals of version 1; a multiple of every network's cell.

A jigsaw solver puts photos in blocks of 32 together again, and 8 cost the image too much: figures
in docs/security.md.
"""

MIN_BLOCKS: Final = 35
"""The first number of blocks with 2**128 orders or more: log2(35!) = 132.9, log2(34!) = 127.8."""

KEY_BYTES: Final = 32

_LABEL: Final = b"isn scramble v1"
_LOOKS: Final = 96
_CHANNELS: Final = tuple(permutations(range(3)))
_GREY: Final = 128


def whole_blocks(height: int, width: int, count: int, *, block: int = BLOCK) -> tuple[int, int]:
    """The largest size made of whole blocks that an image of this size has room for.

    Args:
        height: rows of the region that the network hides in.
        width: its columns.
        count: number of hidden images.
        block: side of a block, pixels.

    Raises:
        ImageError: there are fewer than `MIN_BLOCKS` blocks in all images together.
    """
    rows, columns = height // block, width // block
    if count * rows * columns < MIN_BLOCKS:
        images = "one hidden image" if count == 1 else f"{count} hidden images"
        raise ImageError(
            f"a host of {width} x {height} and {images} make {count * rows * columns} blocks of "
            f"{block} x {block} pixels to scramble, and fewer than {MIN_BLOCKS} are no secret: "
            "take a larger host, or hide without a passphrase"
        )
    return rows * block, columns * block


def scramble(
    pictures: Sequence[Pixels], height: int, width: int, key: bytes, *, block: int = BLOCK
) -> list[Pixels]:
    """Scrambles hidden images, all of them together.

    Args:
        pictures: uint8 arrays of the size that :func:`whole_blocks` gives; stay as they are.
        height: rows wanted, those of the region that the network hides in.
        width: columns wanted.
        key: 32 bytes.
        block: side of a block, pixels.

    Returns:
        As many images, uint8 height x width x 3: blocks, and grey where these end.

    Raises:
        ImageError: there are too few blocks, or a picture has another size.
        ConfigError: the key has another length.
    """
    area = whole_blocks(height, width, len(pictures), block=block)
    for each in pictures:
        if each.dtype != np.uint8 or each.shape != (*area, 3):
            raise ImageError(
                f"a picture to scramble is {each.dtype} of shape {each.shape}, not uint8 of shape "
                f"{(*area, 3)}: resize it first"
            )
    plan = _plan(key, len(pictures), area, block)
    blocks = _cut(pictures, block)
    placed = np.empty_like(blocks)
    for look in range(_LOOKS):
        places = np.flatnonzero(plan.looks == look)
        placed[places] = _with_look(blocks[plan.order[places]], look)
    scrambled = [np.full((height, width, 3), _GREY, np.uint8) for _ in pictures]
    _paste(placed, [each[: area[0], : area[1]] for each in scrambled])
    return scrambled


def unscramble(scrambled: Sequence[Pixels], key: bytes, *, block: int = BLOCK) -> list[Pixels]:
    """The inverse of :func:`scramble`, exact to the last bit.

    Args:
        scrambled: all images that were scrambled together, in their order; stay as they are.
        key: the 32 bytes they were scrambled with.
        block: side of a block, pixels.

    Returns:
        As many images, uint8, of the size that :func:`whole_blocks` gives.

    Raises:
        ImageError: there are too few blocks.
        ConfigError: the key has another length.
    """
    height, width = scrambled[0].shape[:2]
    area = whole_blocks(height, width, len(scrambled), block=block)
    plan = _plan(key, len(scrambled), area, block)
    placed = _cut([each[: area[0], : area[1]] for each in scrambled], block)
    blocks = np.empty_like(placed)
    for look in range(_LOOKS):
        places = np.flatnonzero(plan.looks == look)
        blocks[plan.order[places]] = _without_look(placed[places], look)
    pictures = [np.empty((*area, 3), np.uint8) for _ in scrambled]
    _paste(blocks, pictures)
    return pictures


@dataclass(frozen=True)
class _Plan:
    """Which block each place takes, and its look there; N numbers each."""

    order: NDArray[np.int64]
    looks: NDArray[np.uint8]


def _plan(key: bytes, count: int, area: tuple[int, int], block: int) -> _Plan:
    if len(key) != KEY_BYTES:
        raise ConfigError(f"the scrambling key is {len(key)} bytes long: give {KEY_BYTES}")
    grid = struct.pack("<4Q", count, area[0] // block, area[1] // block, block)
    total = count * (area[0] // block) * (area[1] // block)
    return _Plan(_order(key + grid, total), _looks(key + grid, total))


def _order(keyed: bytes, total: int) -> NDArray[np.int64]:
    drawn = 0
    while True:
        stream = _stream(b"order", keyed, 8 * (drawn + total))
        numbers = np.frombuffer(stream, "<u8")[drawn:]
        if np.unique(numbers).size == total:
            return np.argsort(numbers)
        drawn += total


def _looks(keyed: bytes, total: int) -> NDArray[np.uint8]:
    draws = 2 * total
    while True:
        drawn = np.frombuffer(_stream(b"look", keyed, draws), np.uint8)
        # The largest multiple of 96 in a byte: a remainder of the rest would favour low looks.
        kept = drawn[drawn < 2 * _LOOKS]
        if kept.size >= total:
            return kept[:total] % np.uint8(_LOOKS)
        draws *= 2


def _stream(purpose: bytes, keyed: bytes, size: int) -> bytes:
    return hashlib.shake_256(_LABEL + bytes([len(purpose)]) + purpose + keyed).digest(size)


def _cut(pictures: Sequence[Pixels], block: int) -> Pixels:
    """All blocks, N x block x block x 3."""
    height, width = pictures[0].shape[:2]
    rows, columns = height // block, width // block
    per_image = rows * columns
    blocks = np.empty((len(pictures) * per_image, block, block, 3), np.uint8)
    for k, each in enumerate(pictures):
        grid = each.reshape(rows, block, columns, block, 3).swapaxes(1, 2)
        own = blocks[k * per_image : (k + 1) * per_image]
        own.reshape(rows, columns, block, block, 3)[...] = grid
    return blocks


def _paste(blocks: Pixels, pictures: Sequence[Pixels]) -> None:
    """The inverse of :func:`_cut`, into pictures that are there."""
    block = blocks.shape[1]
    height, width = pictures[0].shape[:2]
    rows, columns = height // block, width // block
    grids = blocks.reshape(len(pictures), rows, columns, block, block, 3).swapaxes(2, 3)
    for each, grid in zip(pictures, grids, strict=True):
        each[...] = grid.reshape(height, width, 3)


def _with_look(blocks: Pixels, look: int) -> Pixels:
    turned = np.rot90(blocks, look % 4, axes=(1, 2))
    mirrored = turned[:, :, ::-1] if look // 4 % 2 else turned
    shuffled = mirrored[..., list(_CHANNELS[look // 16])]
    return 255 - shuffled if look // 8 % 2 else shuffled


def _without_look(blocks: Pixels, look: int) -> Pixels:
    upright = 255 - blocks if look // 8 % 2 else blocks
    ordered = upright[..., np.argsort(_CHANNELS[look // 16])]
    mirrored = ordered[:, :, ::-1] if look // 4 % 2 else ordered
    return np.rot90(mirrored, -(look % 4), axes=(1, 2))
