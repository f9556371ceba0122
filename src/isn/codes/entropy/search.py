"""The code in the finest step in which it fits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isn.codes.entropy.steps import STEPS, error, size_of
from isn.errors import ImageError, counted

Floats = NDArray[np.float32]

_TRUSTED: Final = 6
"""Trials after which guesses are no longer trusted, and halves are taken."""
_GRAIN: Final = 8
"""Bytes by which a code may be other than it is guessed, however short it is."""
_FACTOR: Final = 1.9
"""Bits of a number to the digits of its magnitude, before any code was made."""
_DEAD: Final = 0.6
"""Steps below which a number is rounded to zero, mostly: the dead zone."""


class Search:
    """Looks for the finest step whose code fits a room.

    How the size of a code depends on the step is guessed from how many magnitudes of the bands lie
    in each eighth of an octave: about as many bits each as a number of that magnitude has digits.
    By what factor, and in what power, the codes that are made tell.

    Args:
        bands: of each image, C x h x w.
        room: bytes that the code may take.

    Attributes:
        guess: the finest step that is thought to fit; more than the last where none is.
    """

    def __init__(self, bands: Iterable[Floats], room: int) -> None:
        counts, self._images = np.zeros(1 << 12, np.int64), 0
        for each in bands:
            self._images += 1
            # The upper bits of a float without its sign: its exponent, and eighths of an octave.
            eighths = each.view(np.uint32)[:, ::2, ::2] << np.uint32(1) >> np.uint32(21)
            counts += np.bincount(eighths.reshape(-1), minlength=len(counts)) * 4
        there = np.flatnonzero(counts)
        self._counts = counts[there]
        self._magnitudes = (there << 20).astype(np.uint32).view(np.float32).astype(np.float64)
        self._room, self._last = max(room, 0), (1.0, _FACTOR)
        self._before: tuple[float, float] | None = None
        self._power = 1.0
        self.guess = self._finest()

    def told(self, step: int, size: float) -> None:
        """How many bytes the code takes in a step: :attr:`guess` is the better for it."""
        now = (self._expected(step), size)
        self._bend(self._before, now)
        self._before = self._last = now
        self.guess = self._finest()

    def finest(self, taken: Callable[[int], float]) -> int:
        """The finest step whose code takes no more than the room.

        Args:
            taken: the bytes that the code takes in a step.

        Raises:
            ImageError: not even the coarsest code fits.
        """
        low, high, trials = STEPS[0], STEPS[1] + 1, 0
        # What was told of a part is not to be compared with what is told of the whole.
        self._before = None
        while low < high:
            step = min(max(self.guess, low), high - 1)
            if trials > _TRUSTED:
                step = (low + high) // 2
            trials += 1
            size = taken(step)
            low, high = (low, step) if size <= self._room else (step + 1, high)
            self.told(step, size)
            finer = self._size(step - 1) if step > low else math.inf
            if size <= self._room < finer - _GRAIN:
                break
            self.guess -= size <= self._room and self.guess == step
        if high > STEPS[1]:
            raise ImageError(
                f"{self._room} bytes are too few for {counted(self._images, 'hidden image')}, even "
                "coarsely: take a larger host, or fewer or smaller images"
            )
        return high

    def code(self, made: Callable[[int], bytes]) -> tuple[int, bytes]:
        """The finest step whose code fits, and that code.

        Args:
            made: the code in a step.

        Raises:
            ImageError: not even the coarsest code fits.
        """
        kept = b""

        def taken(step: int) -> float:
            nonlocal kept
            content = made(step)
            # Of the codes that fit, each is finer than those before it.
            if len(content) <= self._room:
                kept = content
            return len(content)

        return self.finest(taken), kept

    def error(self, step: int) -> float:
        """The mean square error of a revealed sample to be expected of a step, in levels.

        Numbers in the dead zone lose all of themselves, others what the quantisers take.
        """
        dead = self._magnitudes < _DEAD * size_of(step)
        lost = np.where(dead, self._magnitudes**2, error(step))
        return float(self._counts @ lost) / max(int(self._counts.sum()), 1)

    def _expected(self, step: int) -> float:
        """Bytes, before the factor."""
        digits = np.log2(1 + self._magnitudes / size_of(step))
        return float(self._counts @ digits) / 8 + 1

    def _bend(self, one: tuple[float, float] | None, two: tuple[float, float]) -> None:
        """Learns the power from what was expected and came of two steps."""
        if one is not None and one[0] != two[0]:
            power = math.log(max(one[1], 1) / max(two[1], 1)) / math.log(one[0] / two[0])
            self._power = min(max(power, 0.5), 2.0)

    def _size(self, step: int) -> float:
        """Bytes that are thought to be taken in a step."""
        expected, size = self._last
        return float(size * (self._expected(step) / expected) ** self._power)

    def _finest(self) -> int:
        low, high = STEPS[0], STEPS[1] + 1
        while low < high:
            middle = (low + high) // 2
            if self._size(middle) <= self._room:
                high = middle
            else:
                low = middle + 1
        return low
