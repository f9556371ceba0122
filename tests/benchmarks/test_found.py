"""What the large study of detectors makes of features and scores."""

from __future__ import annotations

import importlib
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
SHIFTS = {
    "hor": [(0, 0), (0, 1), (0, 2), (0, 3)],
    "ver": [(0, 0), (1, 0), (2, 0), (3, 0)],
    "diag": [(0, 0), (1, 1), (2, 2), (3, 3)],
    "mdiag": [(3, 0), (2, 1), (1, 2), (0, 3)],
    "square": [(1, 0), (1, 1), (0, 1), (0, 0)],
}


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script's module."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("found")


@pytest.mark.parametrize("kind", SHIFTS)
def test_four_neighbours_are_counted_as_by_a_loop(found: ModuleType, kind: str) -> None:
    values = np.random.default_rng(1).integers(-1, 2, (7, 9)).astype(np.float32)
    wanted = np.zeros((3, 3, 3, 3))
    for row, column in product(range(7), range(9)):
        places = [(row + down, column + right) for down, right in SHIFTS[kind]]
        if max(y for y, _ in places) < 7 and max(x for _, x in places) < 9:
            wanted[tuple(int(values[place]) + 1 for place in places)] += 1
    np.testing.assert_array_equal(found.four(values, kind, 1), wanted / wanted.sum())


def test_three_colours_are_counted_as_by_a_loop(found: ModuleType) -> None:
    values = np.random.default_rng(2).integers(-2, 3, (6, 5, 3)).astype(np.float32)
    wanted = np.zeros((5, 5, 5))
    for place in product(range(6), range(5)):
        wanted[tuple(values[place].astype(int) + 2)] += 1
    np.testing.assert_array_equal(found.three(values, "col", 2), wanted / 30)


def test_the_higher_half_is_accused(found: ModuleType) -> None:
    assert found.right(np.array([[1.0, 2, 3], [4, 5, 6]])) == 100
    assert found.right(np.array([[4.0, 5, 6], [1, 2, 3]])) == 0
    assert found.right(np.array([[1.0, 2, 3, 9], [4, 9, 9, 9]])) == 75
    # One that stands in the middle is right by chance.
    assert found.right(np.array([[1.0, 5, 5], [5, 5, 9]])) == pytest.approx(50 + 50 / 3)
    assert found.right(np.full((2, 4), 7.0)) == 50
    # A threshold that is far off costs nothing.
    assert found.right(np.array([[1001.0, 1002], [1003, 1004]])) == 100


def test_ridge_regression_sees_what_the_content_cannot_explain(found: ModuleType) -> None:
    rng = np.random.default_rng(3)
    clean = rng.normal(0, 5, (160, 10)) @ rng.normal(size=(10, 400)) + rng.normal(0, 1, (160, 400))
    stego = clean.copy()
    stego[:, ::9] += 0.4
    swapped = rng.random((160, 1)) < 0.5
    lot = np.where(swapped, stego, clean), np.where(swapped, clean, stego)

    def right(one: NDArray[Any], other: NDArray[Any]) -> float:
        detector = found.Ridge(one[:80], other[:80])
        return float(found.right(np.array([detector.scores(each[80:]) for each in (one, other)])))

    assert right(clean, stego) > 80
    assert 35 < right(*lot) < 65
