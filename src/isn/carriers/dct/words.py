"""Heads and bodies as bits that can bear errors.

A head is one word of rate 1/4, repeated as often as there is room. A body has the lowest rate that
its length allows, in as many words as it takes, each of which is a part of the body and lies in
blocks from all over the image, so that a spoilt corner costs every word a little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from isn import threads
from isn.carriers.dct.ldpc import (
    LEAST_SIZE,
    MOST_BELIEF,
    MOST_SIZE,
    RATES,
    WIDTH,
    Beliefs,
    Bits,
    Word,
)
from isn.envelope import HEAD_BYTES
from isn.errors import AlteredContainer

_HEAD: Final = Word(15, 29)
_HEAD_ROUNDS: Final = 30
_CHANCE: Final = 0.5
"""Of `Word.supposed`, up to which decoding is not tried: two of three images without a head are
told at once. Of 2,506 heads decoded from noise near the bound none lay below 1.05."""

_WORTH: Final = (0.27, 0.325, 0.4, 0.465, 0.54, 0.575, 0.608, 0.642, 0.676, 0.71, 0.743)
NEEDED: Final = dict(zip(RATES, _WORTH, strict=True))
"""Bits that each bit of a word must be worth, by the columns of data bits: 1 dB from the bound, and
1.4 at the lowest rates, where none of 100 words of 256 and of 512 bits a column was lost."""

_SHORT: Final = 4.0
"""Bits of a column of a word that needs twice as much."""


def head_bits(head: bytes, count: int) -> Bits:
    """So many bits that say a head of 54 bytes."""
    data = np.zeros(_HEAD.data, np.uint8)
    data[: 8 * HEAD_BYTES] = np.unpackbits(np.frombuffer(head, np.uint8))
    return np.resize(_HEAD.encode(data), count)


def head_of(belief: Beliefs) -> bytes | None:
    """The head that beliefs of its bits mean; None where they mean none."""
    times = -(-len(belief) // _HEAD.length)
    padded = np.zeros(times * _HEAD.length, np.int16)
    padded[: len(belief)] = belief
    both = padded.reshape(times, -1).sum(axis=0).clip(-MOST_BELIEF, MOST_BELIEF).astype(np.int16)
    found = _HEAD.decode(both, _HEAD_ROUNDS) if _HEAD.supposed(both) > _CHANCE else None
    return None if found is None else np.packbits(found[0][: 8 * HEAD_BYTES]).tobytes()


@dataclass(frozen=True)
class Body:
    """How a body is coded.

    Attributes:
        length: its bytes.
        columns: of data bits, which say the rate.
        size: bits of a column of all words together.
    """

    length: int
    columns: int
    size: int

    @property
    def words(self) -> list[Word]:
        """As many as are needed, of sizes as equal as can be."""
        count = -(-self.size // MOST_SIZE)
        return [Word(self.columns, (self.size + k) // count) for k in range(count)]

    @property
    def bits(self) -> int:
        """Bits of all words."""
        return self.size * WIDTH

    def encode(self, body: bytes) -> Bits:
        """The bits of all words; behind the body are zeros."""
        data = np.zeros(self.columns * self.size, np.uint8)
        data[: 8 * self.length] = np.unpackbits(np.frombuffer(body, np.uint8))
        ends = np.cumsum([each.data for each in self.words])[:-1]
        pieces = zip(self.words, np.split(data, ends), strict=True)
        return np.concatenate([each.encode(piece) for each, piece in pieces])

    def decode(self, belief: Beliefs) -> bytes:
        """The body that beliefs of all bits mean, and perhaps of a few more.

        Raises:
            AlteredContainer: one of the words is beyond repair.
        """
        ends = np.cumsum([each.length for each in self.words])
        pieces = list(zip(self.words, np.split(belief[: ends[-1]], ends[:-1]), strict=True))
        found = threads.each(lambda one: one[0].decode(one[1]), pieces)
        whole = [data[0][: each.data] for each, data in zip(self.words, found, strict=True) if data]
        lost = len(found) - len(whole)
        if lost:
            raise AlteredContainer(
                f"{lost} of the {len(found)} parts of what it carries are beyond repair, for it "
                "was changed by more than it was made to survive"
            )
        return np.packbits(np.concatenate(whole))[: self.length].tobytes()


def body_of(length: int, bits: int) -> Body | None:
    """The lowest rate at which so many bytes fit in so many bits; None where they do not."""
    for columns in RATES:
        size = max(-(-8 * length // columns), LEAST_SIZE)
        if size * WIDTH <= bits:
            return Body(length, columns, size)
    return None


def most_bytes(bits: int, worth: float) -> int:
    """The longest body in so many bits.

    Args:
        bits: that are carried.
        worth: of each, after what is to be survived, in bits.
    """
    size = bits // WIDTH
    # The shorter a word, the further from the bound it is decoded.
    worth /= 1 + _SHORT / max(size, 1)
    rates = [columns for columns, needed in NEEDED.items() if needed <= worth]
    return size * max(rates) // 8 if rates and size >= LEAST_SIZE else 0
