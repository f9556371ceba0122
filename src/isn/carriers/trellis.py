"""The last bits of every sample, read through a convolutional code: capacity.

A body of B bits in S samples takes B / S bits of each: some samples carry k bits, the others k + 1,
evenly mixed over the whole image, so that a container is never worse than its payload needs.

Where single digits would give every sample last bits of its own, here the highest bit of a digit is
a sum, modulo 2, of bits of the sample and of the few before it. Many containers then carry the same
digits, and of those the one nearest to the host is found (Viterbi).
With h the taps below, k the bits of a digit, and z a sample without its lowest k - 1 bits::

    low bits of the digit    those of the sample
    highest bit of digit t   sum over i of  h0[i] z[t - i]  +  h1[i] (z[t - i] >> 1)    (read)

This is trellis-coded quantisation (Marcellin and Fischer, IEEE Trans. Communications 1990) with
Ungerboeck's code of 32 states (IEEE Trans. Information Theory 1982), used as steganography uses
syndrome-trellis codes (Filler, Judas and Fridrich, IEEE TIFS 2011): what is carried is the
syndrome. For two bits a sample the square error is 1.02, where single digits take 1.5 and no code
less than 0.94: 48.0 instead of 46.4 dB.

Samples are taken in parts of 2 ** 18, of which those that carry anything are coded in runs of 512,
each of which begins anew. The head lies in 512 samples all over the image, so that no row of it is
noisier than others, the body in all the others.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isn import threads
from isn.carriers.places import Places
from isn.envelope import HEAD_BYTES
from isn.errors import ImageError, NoSeal
from isn.images import Pixels
from isn.kernels import call
from isn.keys import Key
from isn.progress import Tell, silent
from isn.viterbi import Convolutional

Samples = NDArray[np.uint8]

RUN: Final = 512
"""Samples that are coded together."""

CODE: Final = Convolutional((0o45, 0o10))
"""Of 32 states."""

MOST_BITS: Final = 7
"""Of a sample: with more, a value that says the right ones might lie beyond 0 or 255."""

_HEAD_SAMPLES: Final = 512
_LOOKED_AT: Final = 1 << 18
"""Samples that are enough to tell how many lie near 0 and 255."""
_TOLD: Final = 32
"""Parts after which progress is told."""
_PART: Final = 512 * RUN
"""Samples that are looked at side by side, so that memory does not grow with the image."""


class Trellis:
    """See :class:`isn.carriers.Carrier`."""

    name = "trellis"
    sparse = False
    stored = None

    def capacity(self, host: Pixels, bits: float) -> int:
        """Bytes of body: `bits` of every sample but the head's, which has half of them at most."""
        if host.size < 2 * _HEAD_SAMPLES:
            return 0
        return int((host.size - _HEAD_SAMPLES) * min(bits, MOST_BITS)) // 8

    def noise(self, host: Pixels, size: int) -> float:
        """See :meth:`isn.carriers.Carrier.noise`."""
        samples, some = host.size - _HEAD_SAMPLES, min(host.size, _LOOKED_AT)
        # At random: what is equally far apart might be of one colour, or of some columns.
        places = np.random.default_rng(0).integers(host.size, size=some)
        looked_at = host.reshape(-1)[places]
        found = (
            count * error(bits) * beside_the_end(looked_at, bits)
            for count, bits in (
                (_HEAD_SAMPLES, 8 * HEAD_BYTES / _HEAD_SAMPLES),
                (samples, min(8 * size / samples, MOST_BITS)),
            )
        )
        return sum(found) / host.size

    def write(self, host: Pixels, head: bytes, body: bytes, key: Key, tell: Tell) -> Pixels:
        """See :meth:`isn.carriers.Carrier.write`."""
        del key
        if host.size < 2 * _HEAD_SAMPLES or len(body) > self.capacity(host, MOST_BITS):
            raise ImageError(
                f"{len(body)} bytes are to be carried, a host of {host.size} samples takes "
                f"{self.capacity(host, MOST_BITS)}: take a larger one"
            )
        samples, there = host.reshape(-1), _head_places(host.size)
        container = np.empty_like(samples)
        container[there] = carry(samples[there], head)
        carried, first = carry(_without(samples, there), body, tell), 0
        for some in _between(there, len(samples)):
            last = first + some.stop - some.start
            container[some] = carried[first:last]
            first = last
        return container.reshape(host.shape)

    def read_head(self, container: Pixels, key: Key) -> bytes:
        """See :meth:`isn.carriers.Carrier.read_head`."""
        del key
        if container.size < 2 * _HEAD_SAMPLES:
            raise NoSeal(f"the image has {container.size} samples, too few to be a container")
        return read(container.reshape(-1)[_head_places(container.size)], HEAD_BYTES)

    def read_body(self, container: Pixels, head: bytes, size: int, key: Key) -> bytes:
        """See :meth:`isn.carriers.Carrier.read_body`."""
        del head, key
        if size > self.capacity(container, MOST_BITS):
            raise NoSeal(f"the image cannot carry the {size} bytes that its head names")
        return read(_without(container.reshape(-1), _head_places(container.size)), size)


def _head_places(samples: int) -> Places:
    """The samples of the head, ascending: the first, and then equally far apart."""
    return np.arange(_HEAD_SAMPLES) * samples // _HEAD_SAMPLES


def _without(samples: Samples, there: Places) -> Samples:
    """All samples but those at some places."""
    return np.concatenate([samples[some] for some in _between(there, len(samples))])


def _between(there: Places, samples: int) -> list[slice]:
    """What lies between some places, and behind the last of them."""
    return [slice(a + 1, b) for a, b in pairwise((*there.tolist(), samples))]


def error(bits: float) -> float:
    """Mean square error, in levels, of samples that carry so many bits each on average.

    Between whole numbers of bits, some samples carry one more. Measured on random bytes; below one
    bit a sample it is in proportion to them.

    Args:
        bits: 0 to 7.
    """
    if bits < 1:
        return _ERRORS[0] * bits
    place = np.linspace(1, MOST_BITS, len(_ERRORS))
    return float(np.exp(np.interp(bits, place, np.log(_ERRORS))))


_ERRORS: Final = (
    *(0.2588, 0.5335, 1.019, 2.123, 4.064, 8.469, 16.23),
    *(33.88, 64.89, 135.4, 259.6, 541.1, 1044.0),
)
"""At 1, 1.5, 2 ... 7 bits."""


def beside_the_end(samples: Samples, bits: float) -> float:
    """How many times the :func:`error` is larger, since there is nothing below 0 and above 255.

    A sample that lies a share u, up to a half, of 2 ** bits from the nearer end is not anywhere
    within half of that range around its value, but as far as u on one side, and 1 - u on the
    other: the mean square error is (1 - u) ** 3 + u ** 3 to 1 / 4.

    Args:
        samples: uint8, of the host.
        bits: that each carries.
    """
    counts = np.bincount(samples, minlength=256)
    counts = counts[:128] + counts[:127:-1]
    share = ((np.arange(128) + 0.5) / 2 ** max(bits, 1)).clip(None, 0.5)
    return float(counts @ (4 * ((1 - share) ** 3 + share**3))) / len(samples)


def carry(host: Samples, content: bytes, tell: Tell = silent) -> Samples:
    """Samples that carry some bytes, as near to the host as the code allows.

    Args:
        host: uint8, N samples.
        content: at most ``7 N / 8`` bytes.
        tell: told the share that is done.

    Returns:
        uint8, N samples.
    """
    container, bits = np.empty_like(host), np.frombuffer(content, np.uint8)
    host = np.ascontiguousarray(host)

    def work(first: int) -> None:
        last = min(first + _PART, len(host))
        call(
            *("carry", host, first, last, len(host), bits, 8 * len(bits)),
            *(_nearest_of_all(), *CODE.ways, CODE.taps[0], container),
        )

    parts = range(0, len(host), _PART)
    for some in range(0, len(parts), _TOLD):
        threads.each(work, parts[some : some + _TOLD])
        tell(min(some + _TOLD, len(parts)) / len(parts))
    return container


def read(container: Samples, size: int) -> bytes:
    """The bytes that samples carry: :func:`carry` undone.

    Args:
        container: uint8, N samples, as :func:`carry` returned them.
        size: of the content, in bytes, at most ``7 N / 8``.
    """
    content, samples = np.zeros(size, np.uint8), len(container)
    container = np.ascontiguousarray(container)
    for first in range(0, samples, _PART):
        last = min(first + _PART, samples)
        call("read", container, first, last, samples, 8 * size, *CODE.taps, content)
    return content.tobytes()


def nearest(values: Samples, digits: Samples, base: Any) -> Samples:
    """The samples nearest to some values that are these digits modulo a base.

    Quantisation index modulation (Chen and Wornell, IEEE Trans. Information Theory 2001).

    Args:
        values: uint8 of any shape.
        digits: uint8 of that shape, below the base.
        base: 2 to 256, or an int16 array of that shape.

    Returns:
        uint8 of that shape.
    """
    value = values.astype(np.int16)
    # Where two are as near, up and down in turn, so that the host gets no darker.
    half = (base - value // base % 2) // 2
    moved = value + (digits.astype(np.int16) - value + half) % base - half
    moved = np.where(moved < 0, moved + base, moved)
    return np.asarray(np.where(moved > 255, moved - base, moved), np.uint8)


@cache
def _nearest_of_all() -> Samples:
    """The :func:`nearest` of all values and digits, of widths from 1 to 7: 7 x 256 x 256."""
    found = np.zeros((MOST_BITS, 256, 256), np.uint8)
    values, numbers = np.arange(256, dtype=np.uint8)[:, None], np.arange(256, dtype=np.uint8)
    for width, table in enumerate(found, 1):
        base = 2 << width
        table[:, :base] = nearest(values, numbers[:base], base)
    return found
