"""Range asymmetric numeral systems: whole numbers to as few bits as their probabilities say.

Many coders stand side by side, in lanes, and take the numbers in turn (Duda, "Asymmetric numeral
systems", 2013; Giesen, "Interleaved entropy coders", 2014), so that a processor works at several at
once. A number is one of a *class*, which names the mean magnitude of its distribution: of Laplace
where that is small, logistic where it is large, and of both between, as the bands of photos were
measured to be; and it is of one of two quantisers, which the numbers before it say
(:mod:`isn.codes.entropy.dependent`). Of a wide class, the lowest bits are as good as random and are
kept as they are; only what is above them is coded.

All tables are whole numbers, and the same on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isn.codes.entropy.dependent import CODE, runs, until
from isn.codes.entropy.prior import CLASSES, FINEST
from isn.errors import AlteredContainer
from isn.kernels import DAMAGED, call

Whole = NDArray[np.int32]
Classes = NDArray[np.uint8]
Part = tuple[Whole, Classes]
"""Numbers, and the kind of each: its class, and ``CLASSES`` more where its quantiser is odd."""

COSTED: Final = 256
"""Magnitudes whose bits are told by :func:`costs`."""

_BITS: Final = 16
_TOTAL: Final = 1 << _BITS
_LOW: Final = 1 << 32
_REACH: Final = 96
"""Largest magnitude that is coded, of a wide class; a larger one is the escape, and follows as it
is."""
_ESCAPE: Final = 2 * _REACH + 1
_NUMBERS_PER_LANE: Final = 20_000
_MOST_LANES: Final = 4096
_HEAD_BYTES: Final = 8


@dataclass(frozen=True)
class _Tables:
    """Of each kind, the odd ones after the even ones, and each symbol.

    Attributes:
        frequency: of 2 ** 16.
        start: sum of the frequencies before.
        cost: bits, to a fraction.
        guess: symbols at which 256 equal parts of the range begin, of each kind.
        shift: how many low bits are not coded, of each kind.
        reach: largest magnitude that is no escape, of each kind.
    """

    frequency: NDArray[np.uint32]
    start: NDArray[np.uint32]
    cost: NDArray[np.float32]
    guess: NDArray[np.uint8]
    shift: NDArray[np.int32]
    reach: NDArray[np.int32]


@cache
def _tables() -> _Tables:
    frequency = np.zeros((2 * CLASSES, _ESCAPE + 1), np.uint32)
    shift, reach = np.zeros((2, 2 * CLASSES), np.int32)
    for kind in range(2 * CLASSES):
        odd, number = divmod(kind, CLASSES)
        octaves = FINEST + number / 4
        low = shift[kind] = max(0, math.floor(octaves) - 2)
        scale = 2.0 ** (octaves - int(low))
        most = reach[kind] = min(_REACH, 2 + int(12 * scale))
        edges = until(np.arange(most + 1.0), odd and not low)
        row = np.floor(_shares(scale, float(logistic_share(np.float64(octaves))), edges))
        row += 1
        row[most] += _TOTAL - row.sum()
        frequency[kind, _REACH - most : _REACH + most + 1] = row[:-1]
        frequency[kind, _ESCAPE] = row[-1]
    start = np.cumsum(frequency, axis=1, dtype=np.uint32) - frequency
    slots = np.arange(0, _TOTAL, _TOTAL // 256)
    guess = np.stack([np.searchsorted(row, slots, "right") - 1 for row in start]).astype(np.uint8)
    cost = _BITS - np.log2(np.maximum(frequency, 1)) + shift[:, None]
    cost[:, _ESCAPE] += 32
    return _Tables(frequency, start, cost.astype(np.float32), guess, shift, reach)


def logistic_share(octaves: Any) -> Any:
    """How much of a distribution is logistic, by log2 of its mean magnitude; the rest is Laplace's.

    Args:
        octaves: an array of any library, or a NumPy number.
    """
    return ((octaves + 0.5) / 2.5).clip(0, 1)


LOGISTIC: Final = 1 / (2 * math.log(2))
"""Scale of a logistic distribution whose mean magnitude is 1."""


def _shares(scale: float, logistic: float, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probabilities of -reach to reach and of the escape, of what is left when each has had 1.

    They are rounded down to counts. None is so near to a whole number that another machine's
    exponential could round it to another one, which a test holds.

    Args:
        scale: mean magnitude.
        logistic: how much is logistic.
        edges: up to which size a value is of magnitude 0, 1, ... reach.
    """
    laplace, tail = np.exp(-edges / scale), np.exp(-edges / (scale * LOGISTIC))
    above = (1 - logistic) * laplace + logistic * 2 * tail / (1 + tail)
    sides = (above[:-1] - above[1:]) / 2
    parts = np.concatenate([sides[::-1], [1 - above[0]], sides, above[-1:]])
    return np.asarray(parts * (_TOTAL - len(parts)))


@cache
def costs() -> NDArray[np.float32]:
    """The bits of each magnitude, of a class in a quantiser: 2 x CLASSES x COSTED."""
    tables, numbers = _tables(), np.arange(COSTED)
    shift, reach = (each[:, None] for each in (tables.shift, tables.reach))
    high = (numbers + ((1 << shift) >> 1)) >> shift
    symbols = np.where(high > reach, _ESCAPE, high + _REACH)
    return np.take_along_axis(tables.cost, symbols, 1).reshape(2, CLASSES, COSTED)


def overhead(total: int) -> int:
    """Bytes that a code of so many numbers takes beside their bits, about: half of each state."""
    return _HEAD_BYTES + 4 * lanes(total)


def bits(numbers: Whole, kinds: Classes) -> float:
    """The bits that a part will take, to a fraction, without :func:`overhead`."""
    tables = _tables()
    counted = (tables.cost, tables.shift, tables.reach)
    return float(call("bits", numbers, kinds, kinds.size, *counted))


class Encoder:
    """Takes parts in the order in which they will be decoded.

    Args:
        total: numbers in all of them together.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._parts: list[tuple[NDArray[np.uint8], Classes]] = []
        self._escapes: list[Whole] = []
        self._loose: list[NDArray[np.uint8]] = []
        self._bit = 0

    def add(self, numbers: Whole, kinds: Classes) -> None:
        """Numbers, and the kinds of them, of any shape."""
        tables, size = _tables(), kinds.size
        # Low bits go on where those of the part before ended, in the middle of a byte.
        first = self._bit % 8
        bit = np.array([first], np.int64)
        last = first + call("low_bits", kinds, size, tables.shift)
        symbols, escape = np.empty(size, np.uint8), np.empty(size, np.int32)
        loose = np.zeros(-(-last // 8), np.uint8)
        escaped = call(
            "split", numbers, kinds, size, tables.shift, tables.reach, symbols, loose, bit, escape
        )
        if first and len(loose):
            loose[0] |= self._loose[-1][-1]
            self._loose[-1] = self._loose[-1][:-1]
        self._loose.append(loose)
        self._bit += last - first
        self._escapes.append(escape[:escaped].copy())
        self._parts.append((symbols, kinds.reshape(-1)))

    def code(self) -> bytes:
        """All parts as bytes."""
        tables, side, place = _tables(), lanes(self._total), self._total
        words, state = np.empty(place, np.uint32), np.full(side, _LOW, np.uint64)
        for symbols, kinds in reversed(self._parts):
            place = call(
                *("encode", symbols, kinds, kinds.size, state, side),
                *(tables.frequency, tables.start, words, place),
            )
        body: list[NDArray[Any]] = [state.view(np.uint32), words[place:]]
        head = np.array([sum(map(len, body)), sum(map(len, self._escapes))], np.uint32)
        whole: list[NDArray[Any]] = [head, *body, *self._escapes, *self._loose]
        return b"".join(
            each.astype(each.dtype.newbyteorder("<"), copy=False).tobytes() for each in whole
        )


class Decoder:
    """Reads parts in the order in which they were encoded.

    Args:
        code: what :func:`encode` gave.
        total: numbers in all parts together.

    Raises:
        AlteredContainer: it is no such code.
    """

    def __init__(self, code: bytes, total: int) -> None:
        if len(code) < _HEAD_BYTES:
            raise AlteredContainer(DAMAGED)
        body, tail = (int(each) for each in np.frombuffer(code[:_HEAD_BYTES], "<u4"))
        end = _HEAD_BYTES + 4 * (body + tail)
        self._lanes = lanes(total)
        if end > len(code) or body < 2 * self._lanes:
            raise AlteredContainer(DAMAGED)
        words = np.frombuffer(code, "<u4", body, _HEAD_BYTES).astype(np.uint32)
        self._state = words[: 2 * self._lanes].copy().view(np.uint64)
        self._words = words[2 * self._lanes :]
        self._escapes = np.frombuffer(code, "<i4", tail, _HEAD_BYTES + 4 * body).astype(np.int32)
        self._loose = np.frombuffer(code, np.uint8, offset=end)
        self._places = np.zeros(3, np.int64)
        self._ends = np.array([len(self._words), tail, 8 * len(self._loose)], np.int64)

    def decode(self, classes: Classes) -> Whole:
        """What the next part's numbers stand for, in half steps, in the shape of their classes.

        Raises:
            AlteredContainer: the code ends before them.
        """
        tables, found = _tables(), np.empty(classes.shape, np.int32)
        ways = np.zeros(runs(classes.size, self._lanes), np.uint8)
        call(
            *("decode", classes, classes.size, self._state, self._lanes),
            *(self._words, self._escapes, self._loose, self._places, self._ends),
            *(tables.shift, tables.frequency, tables.start, tables.guess, CLASSES),
            *(CODE.after, ways, len(ways), found),
        )
        return found


def lanes(total: int) -> int:
    """How many coders stand side by side for so many numbers."""
    return min(max(total // _NUMBERS_PER_LANE, 1), _MOST_LANES)
