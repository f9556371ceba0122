"""Roots and divisions where a naive formula goes wrong."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isn.steganalysis.quadratic import bounded, ratio, real_roots

WHOLE = st.integers(-(10**9), 10**9)


@given(WHOLE, WHOLE, st.integers(1, 10**6))
def test_whole_roots_come_back(first: int, second: int, a: int) -> None:
    roots = sorted(real_roots(a, -a * (first + second), a * first * second))
    expected = sorted({first, second})
    if len(expected) == 1 and len(roots) == 2:
        expected *= 2
    assert roots == pytest.approx(expected, rel=1e-7)


def test_the_small_root_keeps_its_digits() -> None:
    # (-b + sqrt(d)) / 2a gives 7.45e-9 here, a quarter too little.
    (small,) = (root for root in real_roots(1, 10**8, 1) if root > -1)
    assert small == pytest.approx(float(-Fraction(1, 10**8)), rel=1e-12)


def test_degenerate_equations() -> None:
    assert real_roots(1, 0, 1) == ()
    assert real_roots(0, 0, 5) == ()
    assert real_roots(0, 0, 0) == ()
    assert real_roots(0, 4, -2) == (0.5,)
    assert real_roots(3, 0, 0) == (0.0,)
    assert sorted(real_roots(2, -4, 0)) == [0, 2]


@given(st.integers(1, 10**6), st.integers(-(10**6), -1), st.sampled_from([-1, 1]))
def test_opposite_roots_are_of_one_size(a: int, c: int, sign: int) -> None:
    first, second = real_roots(sign * a, 0, sign * c)
    assert first == -second
    assert math.copysign(1, first) == sign


def test_a_huge_discriminant_is_exact() -> None:
    # In double precision b**2 and 4ac are equal here.
    b = 2 * 10**9 + 1
    assert real_roots(10**9, b, 10**9 + 1) == pytest.approx((-1 - 1e-9, -1), rel=1e-8)
    assert real_roots(10**18 + 1, 2 * 10**18, 10**18) == ()


def test_divisions() -> None:
    assert ratio(3, 4) == 0.75
    assert (ratio(2, 0), ratio(-2, 0)) == (math.inf, -math.inf)
    assert math.isnan(ratio(0, 0))


def test_bounds() -> None:
    assert (bounded(-0.25), bounded(3), bounded(-math.inf)) == (0.25, 1, 1)
    assert math.isnan(bounded(math.nan))
