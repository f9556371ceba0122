"""Syndrome-trellis codes: a message in the fewest, cheapest changes of bits.

Filler, Judas and Fridrich, "Minimizing Additive Distortion in Steganography Using Syndrome-Trellis
Codes", IEEE Trans. Information Forensics and Security 2011. The message is H y, with H the parity
check matrix of a convolutional code and y the bits that are written; of all y with the right
message the one of the least cost is found (Viterbi). Whoever reads needs no costs: he multiplies.

H is a band of small matrices of :data:`HEIGHT` rows, one a bit of the message, each as wide as
there are bits to write for each bit of the message: two widths in turn where that is no whole
number. All widths take the first of the same columns, whose first and last bits are 1 and which all
differ, as the paper asks for. The first is wider by :data:`_LEAD`: of a message's first bits, which
few others can help, none may hang on bits alone that must not change.

Sixteen codes of one shape lie side by side, each with its own bits.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isn.kernels import call

Bits = NDArray[np.uint8]
Costs = NDArray[np.int16]

HEIGHT: Final = 12
"""Rows of the small matrix: the constraint height. There are ``2 ** HEIGHT`` states."""

SIDE_BY_SIDE: Final = 16
"""Codes."""

MOST_COST: Final = 1023
"""Of a change: the sums of a code's whole height stay in 16 bits."""

_LEAD: Final = 32
"""Bits to write, or a sixteenth of them all where that is less."""

_COLUMNS: Final = np.frombuffer(
    bytes.fromhex(
        "08ef0fd90c5508510f030a7b0cb70f210c930ba509c30e6d08ff0fc10e730dbf"
        "0d0b0acd0d650bb10c9109450ac30d5f0d350ec30b0d0f830ab70bc30eff0bb9"
        "0b590d1908a90f250be10dc90b030bef0cfd0df30bfd0977084b0c030eab0c97"
        "0a0f08290c8d0a4f0d030e3f0a5f0c9f09510cff0a7d0ed50c410d6d0ae70b51"
    ),
    ">u2",
)
"""Of the small matrix, the first row lowest; wider ones begin again. Found by trials from the
narrow to the wide: of a dozen or two drawn at random, those whose changes cost least in photos."""


def write(bits: Bits, costs: Costs, message: Bits) -> Bits:
    """The bits that say a message and cost least to put in the place of those that are there.

    Args:
        bits: N x C, 0 or 1: what is there, in C codes, :data:`SIDE_BY_SIDE` at most.
        costs: N x C, 0 to :data:`MOST_COST`: of changing each.
        message: M x C, 0 or 1, M at most N.

    Returns:
        N x C, 0 or 1.
    """
    if not len(message):
        return bits
    length, codes = bits.shape
    column, ends = _matrix(length, len(message))
    changed = np.empty((length, SIDE_BY_SIDE), np.uint8)
    padded = (_padded(bits), _padded(costs), length, column, ends, _padded(message))
    call("syndrome_write", *padded, HEIGHT, changed)
    return changed[:, :codes]


def read(bits: Bits, size: int) -> Bits:
    """The message in bits: :func:`write` undone.

    Args:
        bits: N x C, 0 or 1, in C codes, :data:`SIDE_BY_SIDE` at most.
        size: M, at most N.

    Returns:
        M x C, 0 or 1.
    """
    length, codes = bits.shape
    message = np.empty((size, SIDE_BY_SIDE), np.uint8)
    call("syndrome_read", _padded(bits), length, *_matrix(length, size), message)
    return message[:, :codes]


def _padded(array: NDArray[Any]) -> NDArray[Any]:
    """As wide as all codes together, with zeros; contiguous."""
    if array.shape[1] == SIDE_BY_SIDE:
        return np.ascontiguousarray(array)
    found = np.zeros((len(array), SIDE_BY_SIDE), array.dtype)
    found[:, : array.shape[1]] = array
    return found


@lru_cache(maxsize=8)
def _matrix(length: int, size: int) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """H: the column of each of so many bits, and where a bit of the message is whole."""
    lead = min(_LEAD, length // 16, length - size)
    which = np.maximum(np.arange(length) - lead, 0) * size // max(length - lead, 1)
    ends = np.diff(which, append=size) > 0
    first = np.searchsorted(which, which)
    kept = np.minimum(size - which, HEIGHT)
    column = np.take(_COLUMNS, np.arange(length) - first, mode="wrap") & (1 << kept) - 1
    return column.astype(np.uint16), ends.astype(np.uint8)
