"""Roots of the quadratic equations that the detectors set up, and divisions that may fail."""

from __future__ import annotations

import math


def real_roots(a: int, b: int, c: int) -> tuple[float, ...]:
    """The real solutions of ``a x**2 + b x + c = 0``: none, one or two.

    Where `a` is zero this is the root of the straight line. Neither root loses digits where the
    other is much larger, and for integers the sign of the discriminant is exact. Of two roots of
    one size, that of the positive square root comes first.
    """
    discriminant = b * b - 4 * a * c
    if discriminant < 0:
        return ()
    larger = -(b + math.copysign(math.sqrt(discriminant), b)) / 2
    if larger == 0:
        return (0.0,) if a else ()
    if not a:
        return (c / larger,)
    # Roots of one size must compare as equal, which two ways of dividing would not ensure.
    return (larger / a, c / larger) if b else (-larger / a, larger / a)


def ratio(numerator: float, denominator: float) -> float:
    """The quotient; by zero it is infinite with the numerator's sign, and NaN for zero by zero."""
    if denominator:
        return numerator / denominator
    return math.copysign(math.inf, numerator) if numerator else math.nan


def bounded(value: float) -> float:
    """The size of a result, at most 1; NaN stays NaN."""
    return value if math.isnan(value) else min(abs(value), 1.0)
