"""ROC curves against scikit-learn, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from isn.errors import ConfigError
from isn.steganalysis.roc import area, found_at, roc_curve


def test_by_hand() -> None:
    false_positive, true_positive, thresholds = roc_curve([0.1, 0.4], [0.4, 0.8, 0.8])
    assert false_positive.tolist() == [0, 0, 0.5, 1]
    assert true_positive == pytest.approx([0, 2 / 3, 1, 1])
    assert thresholds.tolist() == [math.inf, 0.8, 0.4, 0.1]
    # Of six pairs of a clean image and a container, five are right and one is a tie.
    assert area([0.1, 0.4], [0.4, 0.8, 0.8]) == pytest.approx(5.5 / 6)


def test_the_curve_at_given_places() -> None:
    # The curve of the test above: (0, 0), (0, 2/3), (1/2, 1), (1, 1).
    found = found_at([0.1, 0.4], [0.4, 0.8, 0.8], [0, 0.25, 0.5, 0.9, 1])
    assert found == pytest.approx([2 / 3, 5 / 6, 1, 1, 1])
    assert found_at([0.0], [0.0], [0, 0.3, 1]) == pytest.approx([0, 0.3, 1])


@pytest.mark.parametrize("levels", [2, 5, 1000])
@pytest.mark.parametrize("sizes", [(1, 1), (40, 25), (300, 700)])
def test_same_as_scikit_learn(levels: int, sizes: tuple[int, int]) -> None:
    oracle = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(levels)
    clean = rng.integers(0, levels, sizes[0]) / levels
    stego = np.minimum(rng.integers(0, levels, sizes[1]) / levels + 0.2, 1)
    labels, scores = np.repeat([0, 1], sizes), np.concatenate([clean, stego])
    expected = oracle.roc_curve(labels, scores, drop_intermediate=False)
    for found, wanted in zip(roc_curve(clean, stego), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-14)
    assert area(clean, stego) == pytest.approx(oracle.roc_auc_score(labels, scores), abs=1e-12)


def test_known_areas() -> None:
    low, high = [0.1, 0.2, 0.3], [0.7, 0.8]
    assert (area(low, high), area(high, low), area(low, low)) == (1, 0, pytest.approx(0.5))
    assert area([0.5] * 3, [0.5] * 4) == 0.5


def test_the_curve_rises_from_corner_to_corner() -> None:
    rng = np.random.default_rng(0)
    false_positive, true_positive, thresholds = roc_curve(rng.normal(size=50), rng.normal(size=60))
    for shares in (false_positive, true_positive):
        assert (shares[0], shares[-1]) == (0, 1)
        assert (np.diff(shares) >= 0).all()
    assert (np.diff(thresholds) < 0).all()


@pytest.mark.parametrize("bad", [[], [0.1, math.nan], [math.inf], [[0.1, 0.2]]])
def test_scores_that_are_none_are_refused(bad: list[float]) -> None:
    with pytest.raises(ConfigError, match="stego scores"):
        roc_curve([0.1], bad)
    with pytest.raises(ConfigError, match="clean scores"):
        area(bad, [0.1])
