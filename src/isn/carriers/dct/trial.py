"""What comes back from a host after a JPEG, found by trying."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import numpy as np

from isn import images
from isn.carriers.dct import blocks, scaled
from isn.carriers.dct.find import clearest
from isn.carriers.dct.lattice import Lattice
from isn.carriers.dct.ldpc import PER_NAT, Beliefs, Bits
from isn.carriers.dct.places import all_over
from isn.images import Pixels

STORED: Final = 98
"""Quality of JPEG at which a container is stored as one, with colours of full resolution: what that
takes from a container for quality 75 is a fortieth of its room and half a dB."""

_TRIED: Final = 4096
"""Blocks of a host in which it is tried, in rows from all over it."""

_SURE: Final = 0.95
"""Of what was found where a host was scaled: in reading, 96 blocks say how noisy it is, not all."""


def sent(container: Pixels, quality: int) -> Pixels:
    """A container after it was stored as a JPEG, and stored again at a quality by somebody else."""
    return _as_jpeg(_as_stored(container), quality)


def _as_stored(container: Pixels) -> Pixels:
    found = images.read(images.encode_jpeg(container, STORED, whole=True)).pixels
    return found if container.ndim == 3 else found[..., 0]


def _as_jpeg(pixels: Pixels, quality: int) -> Pixels:
    found = images.read(images.encode_jpeg(pixels, quality)).pixels
    return found if pixels.ndim == 3 else found[..., 0]


def sent_small(container: Pixels, quality: int, side: int) -> Iterator[Pixels]:
    """A container after all that one is to survive which carries at a longer side of so many.

    Stored as a JPEG, it was scaled there, or to the next size that it may be scaled to, or there
    and back; and stored once more.
    """
    kept = _as_stored(container)
    height, width = kept.shape[:2]
    above = min(math.ceil(side * scaled.APART), max(height, width))
    reached = scaled.small(kept, side, "bicubic")
    yield _as_jpeg(reached, quality)
    yield _as_jpeg(scaled.small(kept, above, "bicubic"), quality)
    yield _as_jpeg(images.resize(reached, height, width, "bicubic"), quality)


def worth(host: Pixels, lattice: Lattice) -> float:
    """Bits that each carried bit is worth after the JPEG that it is to survive, 0 to 1.

    The mutual information of bits and beliefs, less what wrong beliefs mislead (it may be negative
    then). It is lower than foreseen where much of a host is pure black, white or one colour, for
    there a JPEG's error is cut off.
    """
    rows, columns = host.shape[0] // blocks.SIDE, host.shape[1] // blocks.SIDE
    chosen = np.unique(np.linspace(0, rows - 1, min(rows, max(_TRIED // columns, 1))).astype(int))
    lines = (chosen[:, None] * blocks.SIDE + np.arange(blocks.SIDE)).reshape(-1)
    trial = host[lines, : columns * blocks.SIDE]
    return _worth(trial.tobytes(), trial.shape, lattice)


def worth_small(host: Pixels, lattice: Lattice, side: int, quality: int) -> float:
    """As :func:`worth`, of what lies in the host made small, after the worst of what it survives.

    Args:
        host: at full size.
        lattice: under which it lies there.
        side: pixels of the longer side of the small image.
        quality: of the JPEG.
    """
    return _worth_small(host.tobytes(), host.shape, lattice, side, quality)


@lru_cache(maxsize=4)
def _worth_small(
    content: bytes, shape: tuple[int, ...], lattice: Lattice, side: int, quality: int
) -> float:
    host = np.frombuffer(content, np.uint8).reshape(shape)
    before = scaled.small(host, side)
    after = before.copy()
    place = all_over(after, lattice)
    bits = _drawn(len(place.there) * lattice.bits)
    place.write(after, bits)
    container = scaled.enlarged(host, before, after)
    found = []
    for arrived in (sent(container, quality), *sent_small(container, quality, side)):
        plane = images.resize(blocks.luma(arrived), *after.shape[:2])
        clear, scatter = clearest(plane, place, bits)
        found.append(_information(place.beliefs(clear, scatter), bits))
    return _SURE * min(found)


@lru_cache(maxsize=4)
def _worth(content: bytes, shape: tuple[int, ...], lattice: Lattice) -> float:
    """By the samples themselves, for several methods ask about one host."""
    trial = np.frombuffer(content, np.uint8).reshape(shape).copy()
    place = all_over(trial, lattice)
    bits = _drawn(len(place.there) * lattice.bits)
    place.write(trial, bits)
    return _information(place.beliefs(sent(trial, lattice.quality)), bits)


def _drawn(count: int) -> Bits:
    drawn = np.frombuffer(hashlib.shake_256(b"isn dct trial").digest(-(-count // 8)), np.uint8)
    return np.unpackbits(drawn)[:count]


def _information(belief: Beliefs, bits: Bits) -> float:
    right = belief * (1 - 2.0 * bits) / PER_NAT
    return float(1 - np.log2(1 + np.exp(-right)).mean())
