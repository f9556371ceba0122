"""What the benchmark of speed makes of its figures."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def speed(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script's module."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("speed")


def test_growth_is_the_exponent(speed: ModuleType) -> None:
    points = [(x, 3 * x**1.25) for x in (1.0, 2.0, 5.0, 40.0)]
    assert speed.growth(points) == pytest.approx(1.25)


def test_a_third_slower_is_told_and_less_is_not(speed: ModuleType) -> None:
    before = {"a": 0.3, "b": 0.3, "gone": 1.0}
    (said,) = speed.slower({"a": 0.39, "b": 0.41, "new": 9.0}, before)
    assert "b is 0.41" in said


def test_processor_time_and_memory_of_a_process_are_measured(speed: ModuleType) -> None:
    words = [sys.executable, "-c", "x = b'x' * 100_000_000; sum(range(1_000_000))"]
    taken = speed.cost(words, 1)
    assert 0.02 < taken.processor <= taken.clock + 0.5
    assert 100 < taken.megabytes < 300
    with pytest.raises(SystemExit, match="failed"):
        speed.cost([sys.executable, "-c", "raise SystemExit(3)"], 1)
