"""The last digit of every sample of a host, which carries the container of a network.

Written to the base M, a sample v of the host is ``M q + r``; its last digit r is what nobody sees.
A network that hides in a blank host, its container rounded to M values, is carried there: each
sample becomes the nearest value whose last digit is the one to be carried::

    container = v + e,   e = the one of (d - v) mod M that is nearest to 0     (hide)
    d = container mod M                                                       (reveal)

which is quantisation index modulation (Chen and Wornell, IEEE Trans. Inf. Theory 2001). The pair
(v, d) gives the pair (container, e) and is given back by it, so that this step is as invertible as
a coupling block is; e is the lost part of the host. No sample moves by more than M / 2, where
neither 0 nor 255 is as near, and by M - 1 there; whatever the host, what is revealed is the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

Array = Any
"""Whole numbers of any array library that follows the Python array API standard."""


def carry(host: Array, digits: Array, base: int) -> Array:
    """A host that carries digits.

    Args:
        host: uint8 of any shape.
        digits: uint8 of that shape, 0 to ``base - 1``.
        base: M, 2 to 256.

    Returns:
        The container, uint8 of that shape.
    """
    xp = array_namespace(host)
    value = xp.astype(host, xp.int16)
    # Where two are as near, up and down in turn, so that the host gets no darker.
    half = (base - value // base % 2) // 2
    moved = value + (xp.astype(digits, xp.int16) - value + half) % base - half
    moved = xp.where(moved < 0, moved + base, moved)
    moved = xp.where(moved > 255, moved - base, moved)
    return xp.astype(moved, xp.uint8)


def read(container: Array, base: int) -> Array:
    """The digits that a container carries: :func:`carry` undone.

    Args:
        container: uint8 of any shape.
        base: M, as it was for :func:`carry`.

    Returns:
        uint8 of that shape, 0 to ``base - 1``.
    """
    return container % base


def width(base: int) -> int:
    """Bits that a digit holds, of a base that is a power of two."""
    return base.bit_length() - 1


def to_digits(content: bytes, base: int) -> NDArray[np.uint8]:
    """The bits of some bytes as digits, the highest first; a base that is a power of two."""
    size = width(base)
    loose = np.unpackbits(np.frombuffer(content, np.uint8))
    rows = np.pad(loose, (0, -len(loose) % size)).reshape(-1, size)
    return np.packbits(rows, axis=1)[:, 0] >> np.uint8(8 - size)


def from_digits(digits: NDArray[np.uint8], base: int) -> bytes:
    """:func:`to_digits` undone; bits that fill no byte are left out."""
    size = width(base)
    raised = digits << np.uint8(8 - size)
    loose = np.unpackbits(raised[:, None], axis=1, count=size).reshape(-1)
    return np.packbits(loose[: len(loose) // 8 * 8]).tobytes()
