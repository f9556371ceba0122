"""Range asymmetric numeral systems: whole numbers to as few bits as their probabilities say.

Many coders stand side by side, one in each lane of an array, and take the numbers in turn (Duda,
"Asymmetric numeral systems", 2013; Giesen, "Interleaved entropy coders", 2014), which is what lets
NumPy code millions of them in a second. A number is one of a *class*, which names the mean
magnitude of its distribution: of Laplace where that is small, logistic where it is large, and of
both between, as the bands of photos were measured to be. Of a wide class, the lowest bits are as
good as random and are kept as they are; only what is above them is coded.

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
from array_api_compat import array_namespace
from numpy.typing import NDArray

from isn.coding.prior import CLASSES, FINEST
from isn.errors import AlteredContainer

Whole = NDArray[np.int32]
Classes = NDArray[np.uint8]
Part = tuple[Whole, Classes]
"""Numbers, and the class of each."""

_BITS: Final = 16
_TOTAL: Final = 1 << _BITS
_LOW: Final = 1 << 32
_REACH: Final = 96
"""Largest magnitude that is coded, of a wide class; a larger one is the escape, and follows as it
is."""
_ESCAPE: Final = 2 * _REACH + 1
_NUMBERS_PER_LANE: Final = 20_000
_MOST_LANES: Final = 4096
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
    frequency = np.zeros((CLASSES, _ESCAPE + 1), np.uint64)
    shift, reach = np.zeros((2, CLASSES), np.int32)
    exact = Context(prec=28)
    for number in range(CLASSES):
        octave, quarter = divmod(number + 4 * FINEST, 4)
        shift[number] = max(0, octave - 2)
        scale = exact.power(Decimal(2), Decimal(octave - int(shift[number])) + Decimal(quarter) / 4)
        reach[number] = min(_REACH, 2 + int(12 * scale))
        share = logistic_share(np.float64(octave + quarter / 4))
        row = _frequencies(scale, Decimal(float(share)), int(reach[number]), exact)
        frequency[number, _REACH - reach[number] : _REACH + reach[number] + 1] = row[:-1]
        frequency[number, _ESCAPE] = row[-1]
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


def _frequencies(scale: Decimal, share: Decimal, reach: int, exact: Context) -> list[int]:
    """Of -reach to reach, and of the escape: 1 at least, and 2 ** 16 together."""
    wide = scale * Decimal(LOGISTIC)

    def beyond(edge: Decimal) -> Decimal:
        """The probability of a magnitude above an edge."""
        laplace = exact.exp(-edge / scale)
        tail = exact.exp(-edge / wide)
        return (1 - share) * laplace + share * 2 * tail / (1 + tail)

    edges = [beyond(Decimal(magnitude) - Decimal("0.5")) for magnitude in range(1, reach + 2)]
    sides = [(edges[k] - edges[k + 1]) / 2 for k in range(reach)]
    parts = [*reversed(sides), 1 - edges[0], *sides, edges[reach]]
    room = _TOTAL - len(parts)
    counts = [1 + int(part * room) for part in parts]
    counts[reach] += _TOTAL - sum(counts)
    return counts


def bits(numbers: Whole, classes: Classes) -> float:
    """How many bits some numbers will take, to a fraction."""
    tables = _tables()
    symbols, _ = _split(numbers.reshape(-1), classes.reshape(-1), tables)
    return float(tables.cost[classes.reshape(-1), symbols].sum(dtype=np.float64))


def dearer(scale: Any) -> tuple[Any, Any]:
    """How many bits one takes more than zero, and each larger magnitude than the last.

    Args:
        scale: mean magnitudes, an array of any library.
    """
    xp = array_namespace(scale)
    tail, step = xp.exp(-0.5 / scale), xp.exp(-1 / scale)
    return xp.log2(1 - tail) - xp.log2(tail * (1 - step) / 2), 1 / (scale * math.log(2))


def overhead(total: int) -> int:
    """Bytes that a code of so many numbers takes beside their bits, about: half of each state."""
    return 12 + 4 * _lanes(total)


def encode(parts: Iterable[Part], total: int) -> bytes:
    """The code of some parts, which are decoded in this order.

    Args:
        parts: each is let go of before the next one is asked for.
        total: numbers in all of them.
    """
    tables, lanes = _tables(), _lanes(total)
    state = np.full(lanes, _LOW, np.uint64)
    words: list[NDArray[np.uint32]] = []
    raw: list[NDArray[np.uint8]] = []
    escapes: list[Whole] = []
    coded = []
    for numbers, classes in parts:
        flat, kinds = numbers.reshape(-1), classes.reshape(-1)
        symbols, low = _split(flat, kinds, tables)
        raw.append(_spread(low, tables.shift[kinds]))
        escapes.append(flat[symbols == _ESCAPE])
        coded.append((symbols, kinds))
    for symbols, kinds in reversed(coded):
        for first in reversed(range(0, len(kinds), lanes)):
            row = (kinds[first : first + lanes], symbols[first : first + lanes])
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
    head = np.array([total, len(body), len(tail)], np.uint32)
    return b"".join(
        each.astype(each.dtype.newbyteorder("<")).tobytes() for each in (head, body, tail, loose)
    )


class Decoder:
    """Reads parts in the order in which they were encoded.

    Args:
        code: what :func:`encode` gave.

    Raises:
        AlteredContainer: it is no such code.
    """

    def __init__(self, code: bytes) -> None:
        head = np.frombuffer(code[:12], "<u4")
        if len(head) < 3 or 12 + 4 * (int(head[1]) + int(head[2])) > len(code):
            raise AlteredContainer(_DAMAGED)
        total, body, tail = (int(each) for each in head)
        self._lanes = _lanes(total)
        if body < 2 * self._lanes:
            raise AlteredContainer(_DAMAGED)
        words = np.frombuffer(code, "<u4", body, 12)
        self._state = words[: 2 * self._lanes].astype(np.uint32).view(np.uint64).copy()
        self._words = words[2 * self._lanes :].astype(np.uint64)
        self._escapes = np.frombuffer(code, "<i4", tail, 12 + 4 * body).astype(np.int32)
        self._raw = np.unpackbits(np.frombuffer(code, np.uint8, offset=12 + 4 * (body + tail)))
        self._word = self._escape = self._bit = 0

    def decode(self, classes: Classes) -> Whole:
        """The next part's numbers, in the shape of their classes.

        Raises:
            AlteredContainer: the code ends before them.
        """
        tables = _tables()
        kinds = classes.reshape(-1)
        symbols = np.empty(len(kinds), np.uint8)
        mask, low = np.uint64(_TOTAL - 1), np.uint64(_LOW)
        for first in range(0, len(kinds), self._lanes):
            row = kinds[first : first + self._lanes]
            active = self._state[: len(row)]
            slot = active & mask
            found = tables.symbol[row, slot]
            active[:] = tables.frequency[row, found] * (active >> np.uint64(_BITS))
            active += slot - tables.start[row, found]
            empty = active < low
            count = int(np.count_nonzero(empty))
            words = self._words[self._word : self._word + count]
            if len(words) < count:
                raise AlteredContainer(_DAMAGED)
            active[empty] = active[empty] << np.uint64(32) | words
            self._word += count
            symbols[first : first + self._lanes] = found
        shift = tables.shift[kinds]
        numbers = (symbols.astype(np.int32) - _REACH << shift) - _half(shift)
        numbers += self._take_raw(shift)
        escaped = symbols == _ESCAPE
        count = int(np.count_nonzero(escaped))
        rest = self._escapes[self._escape : self._escape + count]
        if len(rest) < count:
            raise AlteredContainer(_DAMAGED)
        numbers[escaped] = rest
        self._escape += count
        return numbers.reshape(classes.shape)

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


def _lanes(total: int) -> int:
    return min(max(total // _NUMBERS_PER_LANE, 1), _MOST_LANES)


def _half(shift: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.left_shift(1, shift) >> 1


def _split(
    numbers: Whole, classes: Classes, tables: _Tables
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """The symbol of each number, and the low bits below it; those of an escape are 0."""
    shift = tables.shift[classes]
    raised = numbers + _half(shift)
    high = raised >> shift
    low = raised - (high << shift)
    escaped = np.abs(high) > tables.reach[classes]
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
