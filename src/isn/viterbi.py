"""A convolutional code, and of its words the one that costs least.

Ungerboeck's codes of rate one half (IEEE Trans. Information Theory 1982) for signals along a line:
a *word* is a sequence of labels 0 to 3, of which every one is a signal's place modulo 4, and two
words lie further apart than two signals do. With h0 and h1 the taps, a word is what has::

    sum over i of  h0[i] low bit of label[t - i]  +  h1[i] high bit of label[t - i]  =  0  (mod 2)

for all t. A *state* is what the labels so far add to the sums to come; so the low bit of a label
is the lowest bit of the state it follows on, and the high bit is free.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_NEVER: Final = 1 << 30


@dataclass(frozen=True)
class Convolutional:
    """A code by its taps.

    Attributes:
        taps: h0 and h1: bit i is the tap of the label i places before; of h0 the first and the
            last bit are 1, and h1 has neither.
    """

    taps: tuple[int, int]

    @property
    def states(self) -> int:
        """How many states there are."""
        return 1 << self.taps[0].bit_length() - 1

    @cached_property
    def after(self) -> NDArray[np.uint8]:
        """The state after each: states x 2, by the label's high bit."""
        state = np.arange(self.states)
        low = state >> 1 ^ (state & 1) * (self.taps[0] >> 1)
        return np.stack([low, low ^ self.taps[1] >> 1], axis=1).astype(np.uint8)

    @cached_property
    def _ways(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The two states before each state, and the labels on the ways: 2 x states each."""
        order = np.argsort(self.after.reshape(-1), kind="stable").reshape(-1, 2).T
        before, high = order >> 1, order & 1
        return before, before & 1 | high << 1

    def shortest(self, costs: NDArray[Any]) -> NDArray[np.uint8]:
        """The labels of the word that costs least (Viterbi), of many words side by side.

        Args:
            costs: of each label, time x 4 x words; whole numbers or floats, that add up to less
                than 2 ** 30.

        Returns:
            time x words.
        """
        before, label = self._ways
        length, _, words = costs.shape
        chosen = np.empty((length, self.states, words), bool)
        total = np.full((self.states, words), _NEVER, costs.dtype)
        total[0] = 0
        sums, dearer = np.empty((2, 2, self.states, words), costs.dtype)
        for cost, other in zip(costs, chosen, strict=True):
            total.take(before, 0, sums, "clip")
            cost.take(label, 0, dearer, "clip")
            np.add(sums, dearer, out=sums)
            np.less(sums[1], sums[0], out=other)
            np.minimum(sums[0], sums[1], out=total)
        labels = np.empty((length, words), np.uint8)
        state, each = total.argmin(0), np.arange(words)
        for time in reversed(range(length)):
            way = chosen[time, state, each].astype(np.intp)
            labels[time] = label[way, state]
            state = before[way, state]
        return labels
