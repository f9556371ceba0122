"""Range asymmetric numeral systems: whole numbers to as few bits as their probabilities say.

Many coders stand side by side, one in each lane of an array, and take the numbers in turn (Duda,
"Asymmetric numeral systems", 2013; Giesen, "Interleaved entropy coders", 2014), which is what lets
NumPy code millions of them in a second. A number is one of a *class*, which names the mean
magnitude of its distribution: of Laplace where that is small, logistic where it is large, and of
both between, as the bands of photos were measured to be; and it is of one of two quantisers, which
the numbers before it say (:mod:`isn.codes.photos.dependent`). Of a wide class, the lowest bits are
as good as random and are kept as they are; only what is above them is coded.

All tables are whole numbers, made with decimal arithmetic, and so the same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isn.codes.photos.dependent import CODE, halves, runs, until
from isn.codes.photos.prior import CLASSES, FINEST
from isn.errors import AlteredContainer

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
_DAMAGED: Final = "the code in this container is damaged: take the file as it was written"


@dataclass(frozen=True)
class _Tables:
    frequency: NDArray[np.uint64]
    start: NDArray[np.uint64]
    symbol: NDArray[np.uint8]
    cost: NDArray[np.float32]
    shift: NDArray[np.int32]
    reach: NDArray[np.int32]


@cache
def _tables() -> _Tables:
    frequency = np.zeros((2 * CLASSES, _ESCAPE + 1), np.uint64)
    shift, reach = np.zeros((2, 2 * CLASSES), np.int32)
    exact = Context(prec=28)
    for kind in range(2 * CLASSES):
        odd, number = divmod(kind, CLASSES)
        octave, quarter = divmod(number + 4 * FINEST, 4)
        low = shift[kind] = max(0, octave - 2)
        scale = exact.power(Decimal(2), Decimal(octave - int(low)) + Decimal(quarter) / 4)
        most = reach[kind] = min(_REACH, 2 + int(12 * scale))
        share = Decimal(float(logistic_share(np.float64(octave + quarter / 4))))
        edges = [Decimal(until(magnitude, odd and not low)) for magnitude in range(most + 1)]
        row = _frequencies(scale, share, edges, exact)
        frequency[kind, _REACH - most : _REACH + most + 1] = row[:-1]
        frequency[kind, _ESCAPE] = row[-1]
    start = np.cumsum(frequency, axis=1, dtype=np.uint64) - frequency
    symbol = np.stack(
        [np.repeat(np.arange(_ESCAPE + 1, dtype=np.uint8), row.astype(int)) for row in frequency]
    )
    cost = _BITS - np.log2(np.maximum(frequency, 1)) + shift[:, None]
    cost[:, _ESCAPE] += 32
    return _Tables(frequency, start, symbol, cost.astype(np.float32), shift, reach)


def logistic_share(octaves: Any) -> Any:
    """How much of a distribution is logistic, by log2 of its mean magnitude; the rest is Laplace's.

    Args:
        octaves: an array of any library, or a NumPy number.
    """
    return ((octaves + 0.5) / 2.5).clip(0, 1)


LOGISTIC: Final = 1 / (2 * math.log(2))
"""Scale of a logistic distribution whose mean magnitude is 1."""


def _frequencies(scale: Decimal, share: Decimal, edges: list[Decimal], exact: Context) -> list[int]:
    """Of -reach to reach, and of the escape: 1 at least, and 2 ** 16 together.

    Args:
        scale: mean magnitude.
        share: how much is logistic.
        edges: up to which size a value is of magnitude 0, 1, ... reach.
        exact: what to reckon with.
    """
    wide = scale * Decimal(LOGISTIC)

    def beyond(edge: Decimal) -> Decimal:
        """The probability of a magnitude above an edge."""
        laplace = exact.exp(-edge / scale)
        tail = exact.exp(-edge / wide)
        return (1 - share) * laplace + share * 2 * tail / (1 + tail)

    above = [beyond(edge) for edge in edges]
    sides = [(above[k] - above[k + 1]) / 2 for k in range(len(edges) - 1)]
    parts = [*reversed(sides), 1 - above[0], *sides, above[-1]]
    room = _TOTAL - len(parts)
    counts = [1 + int(part * room) for part in parts]
    counts[len(sides)] += _TOTAL - sum(counts)
    return counts


@cache
def costs() -> NDArray[np.float32]:
    """The bits of each magnitude, of a class in a quantiser: 2 x CLASSES x COSTED."""
    kinds = np.repeat(np.arange(2 * CLASSES, dtype=np.uint8), COSTED)
    numbers = np.tile(np.arange(COSTED, dtype=np.int32), 2 * CLASSES)
    symbols, _ = _split(numbers, kinds, _tables())
    return _tables().cost[kinds, symbols].reshape(2, CLASSES, COSTED)


def bits(numbers: Whole, kinds: Classes) -> float:
    """How many bits some numbers will take, to a fraction."""
    tables = _tables()
    symbols, _ = _split(numbers.reshape(-1), kinds.reshape(-1), tables)
    return float(tables.cost[kinds.reshape(-1), symbols].sum(dtype=np.float64))


def overhead(total: int) -> int:
    """Bytes that a code of so many numbers takes beside their bits, about: half of each state."""
    return _HEAD_BYTES + 4 * lanes(total)


def encode(parts: Iterable[Part], total: int) -> bytes:
    """The code of some parts, which are decoded in this order.

    Args:
        parts: each is let go of before the next one is asked for.
        total: numbers in all of them.
    """
    tables, side = _tables(), lanes(total)
    state = np.full(side, _LOW, np.uint64)
    words: list[NDArray[np.uint32]] = []
    raw: list[NDArray[np.uint8]] = []
    escapes: list[Whole] = []
    coded = []
    for numbers, each in parts:
        flat, kinds = numbers.reshape(-1), each.reshape(-1)
        symbols, low = _split(flat, kinds, tables)
        raw.append(_spread(low, tables.shift[kinds]))
        escapes.append(flat[symbols == _ESCAPE])
        coded.append((symbols, kinds))
    for symbols, kinds in reversed(coded):
        for first in reversed(range(0, len(kinds), side)):
            row = (kinds[first : first + side], symbols[first : first + side])
            frequency, start = tables.frequency[row], tables.start[row]
            active = state[: len(frequency)]
            full = active >= frequency << np.uint64(64 - _BITS)
            words.append(active[full].astype(np.uint32))
            active[full] >>= np.uint64(32)
            quotient, rest = np.divmod(active, frequency)
            active[:] = (quotient << np.uint64(_BITS)) + rest + start
    body = np.concatenate([state.view(np.uint32), *reversed(words)])
    tail = np.concatenate(escapes) if escapes else np.empty(0, np.int32)
    loose = np.packbits(np.concatenate(raw)) if raw else np.empty(0, np.uint8)
    head = np.array([len(body), len(tail)], np.uint32)
    return b"".join(
        each.astype(each.dtype.newbyteorder("<")).tobytes() for each in (head, body, tail, loose)
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
            raise AlteredContainer(_DAMAGED)
        body, tail = (int(each) for each in np.frombuffer(code[:_HEAD_BYTES], "<u4"))
        if _HEAD_BYTES + 4 * (body + tail) > len(code):
            raise AlteredContainer(_DAMAGED)
        self._lanes = lanes(total)
        if body < 2 * self._lanes:
            raise AlteredContainer(_DAMAGED)
        words = np.frombuffer(code, "<u4", body, _HEAD_BYTES)
        self._state = words[: 2 * self._lanes].astype(np.uint32).view(np.uint64).copy()
        self._words = words[2 * self._lanes :].astype(np.uint64)
        self._escapes = np.frombuffer(code, "<i4", tail, _HEAD_BYTES + 4 * body).astype(np.int32)
        self._raw = np.unpackbits(
            np.frombuffer(code, np.uint8, offset=_HEAD_BYTES + 4 * (body + tail))
        )
        self._word = self._escape = self._bit = 0

    def decode(self, classes: Classes) -> Whole:
        """What the next part's numbers stand for, in half steps, in the shape of their classes.

        Raises:
            AlteredContainer: the code ends before them.
        """
        tables, side = _tables(), self._lanes
        numbers, odd = np.empty(classes.size, np.int32), np.empty(classes.size, np.uint8)
        kinds, shift = classes.reshape(-1), tables.shift[classes.reshape(-1)]
        low = self._take_raw(shift) - _half(shift) - (_REACH << shift)
        mask = np.uint64(_TOTAL - 1)
        ways = np.zeros(runs(classes.size, side), np.uint8)
        for first in range(0, len(kinds), side):
            some = slice(first, first + side)
            active = self._state[: len(kinds[some])]
            way = ways[first % len(ways) :][: len(active)]
            quantiser = np.bitwise_and(way, 1, out=odd[some])
            row = kinds[some] + quantiser * np.uint8(CLASSES)
            slot = active & mask
            found = tables.symbol[row, slot]
            active[:] = tables.frequency[row, found] * (active >> np.uint64(_BITS))
            active += slot - tables.start[row, found]
            self._refill(active)
            number = np.left_shift(found, shift[some], dtype=np.int32)
            number += low[some]
            if found.max() == _ESCAPE:
                escaped = found == _ESCAPE
                number[escaped] = self._take_escapes(int(np.count_nonzero(escaped)))
            numbers[some] = number
            way[:] = CODE.after[way, number & 1]
        return halves(numbers, odd).reshape(classes.shape)

    def _refill(self, active: NDArray[np.uint64]) -> None:
        empty = active < np.uint64(_LOW)
        count = int(np.count_nonzero(empty))
        words = self._words[self._word : self._word + count]
        if len(words) < count:
            raise AlteredContainer(_DAMAGED)
        active[empty] = active[empty] << np.uint64(32) | words
        self._word += count

    def _take_escapes(self, count: int) -> Whole:
        rest = self._escapes[self._escape : self._escape + count]
        if len(rest) < count:
            raise AlteredContainer(_DAMAGED)
        self._escape += count
        return rest

    def _take_raw(self, shift: NDArray[np.int32]) -> NDArray[np.int32]:
        ends = np.cumsum(shift, dtype=np.int64)
        total = int(ends[-1]) if len(ends) else 0
        loose = self._raw[self._bit : self._bit + total]
        if len(loose) < total:
            raise AlteredContainer(_DAMAGED)
        self._bit += total
        low = np.zeros(len(shift), np.int32)
        for bit in range(int(shift.max(initial=0))):
            there = shift > bit
            low[there] |= loose[ends[there] - 1 - bit].astype(np.int32) << bit
        return low


def lanes(total: int) -> int:
    """How many coders stand side by side for so many numbers."""
    return min(max(total // _NUMBERS_PER_LANE, 1), _MOST_LANES)


def _half(shift: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.left_shift(1, shift) >> 1


def _split(
    numbers: Whole, kinds: Classes, tables: _Tables
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """The symbol of each number, and the low bits below it; those of an escape are 0."""
    shift = tables.shift[kinds]
    raised = numbers + _half(shift)
    high = raised >> shift
    low = raised - (high << shift)
    escaped = np.abs(high) > tables.reach[kinds]
    low[escaped] = 0
    return np.where(escaped, _ESCAPE, high + _REACH).astype(np.uint8), low


def _spread(low: NDArray[np.int32], shift: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Low bits one after the other, the highest of each first."""
    ends = np.cumsum(shift, dtype=np.int64)
    loose = np.zeros(int(ends[-1]) if len(ends) else 0, np.uint8)
    for bit in range(int(shift.max(initial=0))):
        there = shift > bit
        loose[ends[there] - 1 - bit] = low[there] >> bit & 1
    return loose
