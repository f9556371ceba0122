"""What a bit is worth, part by part, so that a code fills its room in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from isn.codes.photos import rans
from isn.codes.photos.dependent import WORTH, Floats, Small, quantised

_RANGE: Final = 0.5, 2.0
"""Times :data:`WORTH` that a bit may be worth: further off, another step is the better way."""
_MORE: Final = 1.1
"""By how much at a time the worth of the last parts grows to make them fit."""
_LITTLE: Final = 1 / 8
"""Share of a part's bits below which all that follow it are too few to make good for it."""


class Rate:
    """Quantises parts so that all together take as many bits as there is room for.

    A larger worth makes numbers smaller. Between a step and the one that is 3 coarser at a lower
    worth, the same bits lose as much.

    Args:
        foreseen: bits that each part would take at :data:`WORTH`, about, in their order.
        room: bits for all of them together.
        numbers: in all of them together.

    Attributes:
        usual: bits that each part so far would have taken at :data:`WORTH`, about.
    """

    def __init__(self, foreseen: Sequence[float], room: float, numbers: int) -> None:
        # Of each part with all that follow it.
        self._foreseen = list(accumulate(reversed(foreseen)))
        self._room, self._lanes = room, rans.lanes(numbers)
        self._steep = min(_steep(room / numbers), 10.0)
        self.usual: list[float] = []

    def quantised(self, values: Floats, classes: Small) -> rans.Part:
        """See :func:`isn.codes.photos.dependent.quantised`, of the next part."""
        wanted = self._foreseen.pop()
        after = self._foreseen[-1] if self._foreseen else 0.0
        last = after <= _LITTLE * (wanted - after)
        ratio = wanted / max(self._room, 1.0)
        worth = WORTH * min(max(ratio**self._steep, _RANGE[0]), _RANGE[1])
        while True:
            found = quantised(values, classes, rans.costs(), self._lanes, worth)
            bits = rans.bits(*found)
            if not last or bits + after <= self._room or worth >= _RANGE[1] * WORTH:
                break
            worth *= _MORE
        self._room -= bits
        self.usual.append(bits * (worth / WORTH) ** (1 / _steep(bits / classes.size)))
        return found


def _steep(bits: float) -> float:
    """The power of the bits in which their worth grows to keep them, as measured on photos.

    Args:
        bits: of a number, on average.
    """
    return max(2.5 + 4 * bits, 3.0)
