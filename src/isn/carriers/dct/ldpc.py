"""A code that corrects what re-encoding breaks: low density, decoded by beliefs.

An irregular repeat-accumulate code (Jin, Khandekar and McEliece, 2000), as that of DVB-S2 (ETSI EN
302 307) is: every check adds the same number of data bits, and each parity bit is the sum of all
checks so far, so that encoding takes one pass. Most data bits stand in 3 checks, some in 8 to 13.

The graph is that of a small one, in which each node stands for `size` of them, each edge turned by
a shift of its own (quasi-cyclic): whole vectors are decoded at once, and a word may have any
length. With c a column of data bits, r a row of checks, s from 0 to size - 1::

    check[r][s]  = sum over the edges (c, shift) of row r of  data[c][(s + shift) mod size]
    parity[r][s] = check[r][s] + parity[r - 1][s]       (of the first row: parity[last][s - 1])

All numbers follow from the number of columns and the size, for both who write and who read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isn.kernels import call

Bits = NDArray[np.uint8]
Beliefs = NDArray[np.int16]

WIDTH: Final = 60
"""Columns of data and of parity bits together."""

_FEW: Final = 3
_HIGH: Final = {
    12: (6, 13),
    15: (5, 12),
    20: (6, 13),
    24: (8, 12),
    28: (11, 7),
    30: (9, 13),
    32: (8, 12),
    34: (8, 13),
    36: (12, 12),
    38: (12, 10),
    40: (10, 11),
}
"""By columns of data bits: how many of them stand in more than `_FEW` checks, and in how many.
Chosen by trying, as those that decode nearest to the bound."""

RATES: Final = tuple(_HIGH)
"""Columns of data bits that a code may have, ascending."""

LEAST_SIZE: Final = 16
MOST_SIZE: Final = 512

PER_NAT: Final = 8
"""Of a belief: it is so many times the natural logarithm of how much likelier 0 is than 1."""

MOST_BELIEF: Final = 127

ROUNDS: Final = 60
"""Of decoding. A word that can be decoded seldom takes more."""

_TRIALS: Final = 40
_LABEL: Final = b"isn ldpc v1"


@dataclass(frozen=True)
class Word:
    """One code.

    Attributes:
        columns: of data bits, one of :data:`RATES`.
        size: bits of a column, :data:`LEAST_SIZE` or more.
    """

    columns: int
    size: int

    @property
    def data(self) -> int:
        """Data bits of a word."""
        return self.columns * self.size

    @property
    def length(self) -> int:
        """Bits of a word."""
        return WIDTH * self.size

    def encode(self, data: Bits) -> Bits:
        """A word: the data bits, then the parity bits."""
        column, shift = _graph(self.columns, self.size)
        blocks = data.reshape(self.columns, self.size)
        place = (np.arange(self.size) + shift[..., None]) % self.size
        checks = np.bitwise_xor.reduce(blocks[column[..., None], place], axis=1)
        parity = np.bitwise_xor.accumulate(checks.T.reshape(-1)).reshape(self.size, -1).T
        return np.concatenate([data, parity.reshape(-1)])

    def decode(self, belief: Beliefs, rounds: int = ROUNDS) -> tuple[Bits, int] | None:
        """The word that is likeliest, and the rounds that it took; None where none came out.

        Args:
            belief: of each bit of a word, at most :data:`MOST_BELIEF` either way.
            rounds: after which it gives up.
        """
        column, shift = _graph(self.columns, self.size)
        after, used = belief.copy(), np.zeros(1, np.int32)
        call(
            *("ldpc", after, self.columns, WIDTH - self.columns, self.size, column.shape[1]),
            *(column, shift, rounds, used),
        )
        return None if used[0] > rounds else ((after < 0).astype(np.uint8), int(used[0]))

    def supposed(self, belief: Beliefs) -> float:
        """How far beliefs satisfy the checks beyond chance, in standard deviations.

        Of each check, the product of its signs times the least of its beliefs (as the min-sum rule
        has it), all added up. Beliefs of noise give 0 on average, of a word that can be decoded 4
        and more.

        Args:
            belief: as for :meth:`decode`.
        """
        terms = np.append(belief, np.int16(MOST_BELIEF))[_terms(self.columns, self.size)]
        odd = np.bitwise_xor.reduce(terms < 0, axis=0)
        told = np.abs(terms).min(axis=0) * (1 - 2.0 * odd)
        return float(told.sum() / max(np.sqrt(np.square(told).sum()), 1.0))


@lru_cache(maxsize=1)
def _terms(columns: int, size: int) -> NDArray[np.int64]:
    """Which bits each check adds: terms x checks; behind the word stands one that is 0."""
    column, shift = _graph(columns, size)
    data = column[..., None] * size + (np.arange(size) + shift[..., None]) % size
    parity = np.arange(columns * size, WIDTH * size).reshape(1, -1, size)
    before = np.roll(parity, 1, axis=1)
    before[0, 0] = np.roll(before[0, 0], 1)
    before[0, 0, 0] = WIDTH * size
    return np.concatenate([data.swapaxes(0, 1), parity, before]).reshape(column.shape[1] + 2, -1)


@lru_cache(maxsize=32)
def _graph(columns: int, size: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Columns and shifts of the edges of each row of checks: rows x edges each.

    Shifts are drawn until no two columns share two checks, where that can be had.
    """
    rows = WIDTH - columns
    some, many = _HIGH[columns]
    draws = _draws(columns, size)
    # Of each pair of rows, the differences of shifts that are taken: first by the parity bits.
    taken: dict[tuple[int, int], set[int]] = {}
    for row in range(1, rows):
        taken[row - 1, row] = {0}
    taken.setdefault((0, rows - 1), set()).add(size - 1)
    edges: list[list[tuple[int, int]]] = [[] for _ in range(rows)]
    for column in range(columns):
        count = many if column < some else _FEW
        # Those with the fewest edges so far, in an order that is drawn.
        order = sorted(range(rows), key=lambda row: (len(edges[row]), next(draws)))
        chosen = sorted(order[:count])
        shifts: list[int] = []
        for _ in range(_TRIALS):
            shifts = [next(draws) % size for _ in chosen]
            if not _clash(taken, chosen, shifts, size):
                break
        for k, row in enumerate(chosen):
            edges[row].append((column, shifts[k]))
            for other in range(k):
                pair = (chosen[other], row)
                taken.setdefault(pair, set()).add((shifts[k] - shifts[other]) % size)
    both = np.array(edges, np.int32)
    return np.ascontiguousarray(both[..., 0]), np.ascontiguousarray(both[..., 1])


def _clash(
    taken: dict[tuple[int, int], set[int]], rows: list[int], shifts: list[int], size: int
) -> bool:
    return any(
        (shifts[k] - shifts[other]) % size in taken.get((rows[other], rows[k]), ())
        for k in range(len(rows))
        for other in range(k)
    )


def _draws(columns: int, size: int) -> Iterator[int]:
    """Numbers that follow from the two."""
    stream = hashlib.shake_256(_LABEL + bytes([columns]) + size.to_bytes(4, "little"))
    content = np.frombuffer(stream.digest(1 << 18), "<u4")
    yield from content.tolist()
