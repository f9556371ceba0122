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
from typing import Final

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
    def ways(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The two states before each state, and the labels on the ways: 2 x states each."""
        order = np.argsort(self.after.reshape(-1), kind="stable").reshape(-1, 2).T
        before, high = order >> 1, order & 1
        label = before & 1 | high << 1
        return np.ascontiguousarray(before, np.uint8), np.ascontiguousarray(label, np.uint8)
