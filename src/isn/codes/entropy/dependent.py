"""Values to whole numbers, by two quantisers in turn: dependent quantisation.

The even quantiser knows the whole steps, the odd one the places half-way between and 0::

    even    ...  -2   -1    0    1    2  ...      a number n stands for  n
    odd     ... -1.5 -.5    0   .5  1.5  ...                             n - sign(n) / 2

Which of the two a number is of, the numbers before it say: a state, which each of them moves on by
being even or odd, along the trellis of Ungerboeck's code of 8 states. Whoever decodes follows the
state; whoever encodes looks for the way through the trellis that costs least in error and bits
together (Viterbi). So the places that can be reached together lie as close as those of half a step
and take the bits of a whole one: trellis-coded quantisation (Marcellin and Fischer, IEEE Trans.
Communications 1990) in the form that VVC has it (Schwarz, Nguyen, Marpe and Wiegand, "Hybrid Video
Coding with Trellis-Coded Quantization", DCC 2019).
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isn import threads
from isn.codes.entropy.prior import CLASSES, FINEST
from isn.kernels import call
from isn.viterbi import Convolutional

Whole = NDArray[np.int32]
Floats = NDArray[np.float32]
Small = NDArray[np.uint8]

CODE: Final = Convolutional((0o13, 0o4))
"""Of 8 states, odd ones of which have the odd quantiser; the label's low bit is the quantiser, its
high bit that of the number."""

WORTH: Final = 0.0915
"""Square error, in squares of a step, that a bit is worth, of a coder at its best."""

_RUN: Final = 256
_SIDE_BY_SIDE: Final = 256
"""Runs that are worth a thread."""


def runs(numbers: int, lanes: int) -> int:
    """How many ways lie side by side in a part: number k follows number k - runs.

    Args:
        numbers: of the part.
        lanes: that decode side by side; the runs are a multiple of them.
    """
    return lanes * max(1, numbers // (_RUN * lanes))


def halves(numbers: Whole, kinds: Small) -> Whole:
    """What numbers stand for, in half steps.

    Args:
        numbers: of either quantiser.
        kinds: of each, as :func:`quantised` says them.
    """
    found = np.empty(numbers.shape, np.int32)
    call("halves", numbers, kinds, kinds.size, CLASSES, found)
    return found


def places(steps: Any) -> Any:
    """Where an image is put, in steps: the first place beside 0 of the odd quantiser at 0.55.

    More values come there from further out than from nearer to 0.

    Args:
        steps: what numbers stand for, floats of any array library.
    """
    return steps + steps * (abs(steps) == 0.5) / 10


def until(magnitudes: Any, odd: Any) -> Any:
    """Up to which size a value is nearest to magnitudes of a quantiser, in steps."""
    return magnitudes + 0.5 - odd * (0.25 + 0.25 * (magnitudes > 0))


def lean(scale: Any) -> Any:
    """By how much nearer a number must be than the next smaller one, for the bits that it takes.

    Args:
        scale: mean magnitudes of what is expected, an array of any library.
    """
    return (WORTH / 2 / (scale * math.log(2))).clip(None, 0.45)


def quantised(values: Floats, classes: Small, costs: Floats, lanes: int) -> tuple[Whole, Small]:
    """The numbers that cost least in error and bits, and the kind of each.

    Args:
        values: in steps, of any shape.
        classes: of the same shape.
        costs: bits of each magnitude, of a class in a quantiser: 2 x CLASSES x magnitudes. Larger
            ones take what the largest does.
        lanes: that will decode side by side.

    Returns:
        Numbers, and their classes, ``CLASSES`` more where they are of the odd quantiser, in the
        shape of the values.
    """
    side = runs(values.size, lanes)
    numbers, kinds = np.empty(values.shape, np.int32), np.empty(values.shape, np.uint8)

    def work(first: int, last: int) -> None:
        call(
            *("quantise", values, classes, values.size, side, first, last, _leans(), costs),
            *(costs.shape[1], costs.shape[2] - 1, WORTH, *CODE.ways, numbers, kinds),
        )

    threads.spread(work, side, _SIDE_BY_SIDE)
    return numbers, kinds


@cache
def _leans() -> Floats:
    """The :func:`lean` of each class."""
    return np.asarray(lean(2.0 ** (FINEST + np.arange(CLASSES) / 4)), np.float32)
