"""Receiver operating characteristic: what a detector finds against what it accuses wrongly.

Fawcett: An introduction to ROC analysis, Pattern Recognition Letters 27(8), 2006.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from isn.errors import ConfigError

Floats: TypeAlias = NDArray[np.float64]
Scores: TypeAlias = "Sequence[float] | NDArray[np.floating]"


def roc_curve(clean_scores: Scores, stego_scores: Scores) -> tuple[Floats, Floats, Floats]:
    """The curve as points, from (0, 0) to (1, 1); equal scores are one step.

    Args:
        clean_scores: what the detector says of clean images; higher means more suspicious.
        stego_scores: what it says of containers.

    Returns:
        false_positive: n shares of the clean images that are accused, rising.
        true_positive: n shares of the containers that are found, rising.
        thresholds: n scores, falling; at or above it an image is accused. The first is infinity.

    Raises:
        ConfigError: either has no score, or one that is no finite number.
    """
    clean, stego = _checked(clean_scores, "clean"), _checked(stego_scores, "stego")
    scores = np.unique(np.concatenate([clean, stego]))[::-1]
    thresholds = np.concatenate([[np.inf], scores])
    return _share_from(clean, thresholds), _share_from(stego, thresholds), thresholds


def area(clean_scores: Scores, stego_scores: Scores) -> float:
    """The area under :func:`roc_curve`: how often a container outscores a clean image.

    Args:
        clean_scores: as in :func:`roc_curve`.
        stego_scores: as in :func:`roc_curve`.

    Returns:
        A number in [0, 1]: 1 for a perfect detector, 1/2 for a coin, below for one that is
        right more often when turned round. Ties count half.

    Raises:
        ConfigError: as in :func:`roc_curve`.
    """
    false_positive, true_positive, _ = roc_curve(clean_scores, stego_scores)
    return float(np.trapezoid(true_positive, false_positive))


def found_at(clean_scores: Scores, stego_scores: Scores, accused: Scores) -> Floats:
    """How many containers are found where a share of the clean images may be accused.

    Args:
        clean_scores: as in :func:`roc_curve`.
        stego_scores: as in :func:`roc_curve`.
        accused: n shares in [0, 1] of the clean images.

    Returns:
        n shares of the containers: the curve at these places, its upper end where it is vertical.

    Raises:
        ConfigError: as in :func:`roc_curve`.
    """
    false_positive, true_positive, _ = roc_curve(clean_scores, stego_scores)
    places, counts = np.unique(false_positive, return_counts=True)
    # Both shares rise together, so the last of equal places is the highest.
    return np.interp(np.asarray(accused), places, true_positive[np.cumsum(counts) - 1])


def _checked(scores: Scores, name: str) -> Floats:
    values = np.asarray(scores, np.float64)
    if values.ndim != 1 or values.size == 0:
        raise ConfigError(f"the {name} scores have shape {values.shape}: give a list of at least 1")
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise ConfigError(
            f"{bad} of the {name} scores are not finite: leave out images without an answer, and "
            "say how many"
        )
    return values


def _share_from(scores: Floats, thresholds: Floats) -> Floats:
    shares: Floats = 1 - np.searchsorted(np.sort(scores), thresholds, side="left") / scores.size
    return shares
