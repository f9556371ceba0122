"""Steps of quantisation: what bands are divided by before they are whole numbers."""

from __future__ import annotations

from typing import Final

STEPS: Final = (-64, 511)
"""First and last index i of the steps of quantisation, ``2 ** (i / 64)`` of 255 levels."""


def size_of(step: int) -> float:
    """A step of quantisation by its index, in levels of 255."""
    return float(2.0 ** (step / 64))


def error(step: int) -> float:
    """The mean square error of a revealed sample to be expected of a step, in levels.

    That of the quantisers where numbers are many bits wide; those in the dead zone lose less.
    """
    return 0.0614 * size_of(step) ** 2
