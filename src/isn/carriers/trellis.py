"""Last digits read through a convolutional code, so that samples move less to carry them.

Where :mod:`isn.carriers.digits` gives every sample a last digit of its own, here the highest bit of a digit
is a sum, modulo 2, of bits of the sample and of the few before it. Many containers then carry the
same digits, and of those the one nearest to the host is found (Viterbi). With h the taps below, k
the bits of a digit, and z a sample without its lowest k - 1 bits::

    low bits of the digit    those of the sample
    highest bit of digit t   sum over i of  h0[i] z[t - i]  +  h1[i] (z[t - i] >> 1)    (reveal)

This is trellis-coded quantisation (Marcellin and Fischer, IEEE Trans. Communications 1990) with
Ungerboeck's code of 32 states (IEEE Trans. Information Theory 1982), used as steganography uses
syndrome-trellis codes (Filler, Judas and Fridrich, IEEE TIFS 2011): what is carried is the
syndrome. For two bits a sample the square error is 1.02, where single digits take 1.5 and no code
less than 0.94: 48.0 instead of 46.4 dB.

Samples are taken in runs of 512, each of which begins anew.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from isn.carriers import digits
from isn.viterbi import Convolutional

Samples = NDArray[np.uint8]

RUN: Final = 512
"""Samples that are coded together."""

CODE: Final = Convolutional((0o45, 0o10))
"""Of 32 states."""

_RUNS: Final = 512
"""Runs that are looked at side by side."""


def carry(host: Samples, carried: Samples, base: int) -> Samples:
    """A host that carries digits, as near to it as the code allows.

    Args:
        host: uint8, N samples.
        carried: uint8, N digits, 0 to ``base - 1``.
        base: 2 ** k, 2 to 128.

    Returns:
        The container's samples, uint8.
    """
    container = np.empty_like(host)
    for first in range(0, len(host), _RUNS * RUN):
        part = slice(first, first + _RUNS * RUN)
        container[part] = _carry(host[part], carried[part], digits.width(base))
    return container


def read(container: Samples, base: int) -> Samples:
    """The digits that a container carries: :func:`carry` undone.

    Args:
        container: uint8, N samples, from the first on that :func:`carry` was given; those that
            follow the last change nothing.
        base: 2 ** k, as it was for :func:`carry`.

    Returns:
        uint8, N digits, 0 to ``base - 1``.
    """
    low = digits.width(base) - 1
    labels = _runs(container >> np.uint8(low))
    syndrome = np.zeros_like(labels)
    for plane, taps in enumerate(CODE.taps):
        bits = labels >> np.uint8(plane) & np.uint8(1)
        for back in range(taps.bit_length()):
            if taps >> back & 1:
                syndrome[:, back:] ^= bits[:, : RUN - back]
    highest = syndrome.reshape(-1)[: len(container)]
    return np.asarray(highest << np.uint8(low) | container & np.uint8((1 << low) - 1))


def _runs(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Runs x RUN samples, the last run filled with zeros."""
    return np.pad(samples, (0, -len(samples) % RUN)).reshape(-1, RUN)


def _carry(host: Samples, carried: Samples, width: int) -> Samples:
    """Some runs, side by side: time x runs."""
    low, size = width - 1, len(host)
    value, digit = _runs(host).T, _runs(carried).T
    wanted = [digit & ((1 << low) - 1) | k << low for k in range(4)]
    moves = np.stack([digits.carry(value, each, 2 << width) for each in wanted]).astype(np.int16)
    moves -= value
    moves[:, :, -1][:, RUN - (-size % RUN) :] = 0
    start = _start(digit >> np.uint8(low))
    costs = np.square(np.where(start, moves[[1, 0, 3, 2]], moves).astype(np.int32))
    labels = CODE.shortest(np.ascontiguousarray(costs.transpose(1, 0, 2))) ^ start
    moved = value + np.take_along_axis(moves, labels[None], 0)[0]
    return np.ascontiguousarray(moved.T).reshape(-1)[:size].astype(np.uint8)


def _start(syndrome: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Labels, 0 or 1, that carry a syndrome: the code's words are what may be added to them."""
    labels = np.empty_like(syndrome)
    state = np.zeros(syndrome.shape[1], np.uint8)
    for time, wanted in enumerate(syndrome):
        labels[time] = (wanted ^ state) & 1
        state = state >> np.uint8(1) ^ labels[time] * np.uint8(CODE.taps[0] >> 1)
    return labels
