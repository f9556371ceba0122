"""Places all over an image that come from a key, and an order of all that are left."""

from __future__ import annotations

import hashlib
import struct
from functools import lru_cache
from typing import Any, Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from numpy.typing import NDArray

from isn.kernels import call

Places = NDArray[np.integer[Any]]

PUBLIC: Final = bytes(32)
"""The key of places that anybody can compute."""

_LABEL: Final = b"isn places v2"


@lru_cache(maxsize=8)
def public(shape: tuple[int, ...], wanted: int) -> Places:
    """Places that anybody can compute from an image's shape."""
    found = drawn(shape, PUBLIC, np.empty(0, np.int64), wanted)
    found.flags.writeable = False
    return found


def drawn(shape: tuple[int, ...], key: bytes, taken: Places, wanted: int) -> Places:
    """The places taken, and after them the first of a stream that are none of them, to `wanted`.

    A longer stream begins with the shorter one, so how much is drawn at once does not show.

    Args:
        shape: of the image.
        key: 32 bytes.
        taken: places.
        wanted: how many there are to be, at most half of the image's samples.

    Returns:
        Indices of samples, all different.
    """
    samples, draws = int(np.prod(shape)), 2 * wanted
    seed = _LABEL + key + struct.pack(f"<{len(shape)}Q", *shape)
    while True:
        numbers = np.frombuffer(hashlib.shake_256(seed).digest(8 * draws), "<u8")
        found = (numbers % np.uint64(samples)).astype(np.int64)
        candidates = np.concatenate([taken, found])
        first_seen = np.sort(np.unique(candidates, return_index=True)[1])
        if len(first_seen) >= wanted:
            return candidates[first_seen[:wanted]]
        draws *= 2


def order(samples: int, key: bytes, taken: Places) -> Places:
    """All places but those taken, shuffled (Fisher and Yates) with the stream of ChaCha20.

    Args:
        samples: that there are, below 2 ** 32.
        key: 32 bytes.
        taken: places.
    """
    free = np.ones(samples, bool)
    free[taken] = False
    found = np.flatnonzero(free).astype(np.uint32)
    stream = Cipher(algorithms.ChaCha20(key, bytes(16)), mode=None).encryptor()
    random = np.frombuffer(stream.update(bytes(4 * len(found))), "<u4")
    call("shuffle", found, len(found), random.astype(np.uint32, copy=False))
    return found
