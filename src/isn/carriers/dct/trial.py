"""What comes back from a host after a JPEG, found by trying."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

import numpy as np

from isn import images
from isn.carriers.dct import blocks
from isn.carriers.dct.lattice import Lattice
from isn.carriers.dct.ldpc import PER_NAT
from isn.carriers.dct.places import all_over
from isn.images import Pixels

STORED: Final = 98
"""Quality of JPEG at which a container is stored as one, with colours of full resolution: what that
takes from a container for quality 75 is a fortieth of its room and half a dB."""

_TRIED: Final = 4096
"""Blocks of a host in which it is tried, in rows from all over it."""


def sent(container: Pixels, quality: int) -> Pixels:
    """A container after it was stored as a JPEG, and stored again at a quality by somebody else."""
    first = images.encode_jpeg(container, STORED, whole=True)
    kept = images.read(first).pixels
    found = images.read(images.encode_jpeg(kept, quality)).pixels
    return found if container.ndim == 3 else found[..., 0]


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


@lru_cache(maxsize=4)
def _worth(content: bytes, shape: tuple[int, ...], lattice: Lattice) -> float:
    """By the samples themselves, for several methods ask about one host."""
    trial = np.frombuffer(content, np.uint8).reshape(shape).copy()
    place = all_over(trial, lattice)
    count = len(place.there) * lattice.bits
    drawn = np.frombuffer(hashlib.shake_256(b"isn dct trial").digest(-(-count // 8)), np.uint8)
    bits = np.unpackbits(drawn)[:count]
    place.write(trial, bits)
    right = place.beliefs(sent(trial, lattice.quality)) * (1 - 2.0 * bits) / PER_NAT
    return float(1 - np.log2(1 + np.exp(-right)).mean())
