"""Detectors that learn from leaked pairs, and the simplest: a linear discriminant on features.

Fisher's discriminant on features such as SPAM, with the covariance shrunk as by Ledoit and Wolf: A
well-conditioned estimator for large-dimensional covariance matrices, Journal of Multivariate
Analysis 88(2), 2004. :mod:`isn.steganalysis.cnn` is another that learns the same way.

Shrinking is what lets 686 features be learned from a few dozen pairs. Needs scikit-learn, the
``[analyze]`` extra.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from isn.errors import ConfigError, IsnError
from isn.steganalysis.roc import area

Floats: TypeAlias = NDArray[np.float64]

LEAST_PAIRS = 2
"""A covariance needs two."""


class Detector(Protocol):
    """What has learned."""

    def scores(self, seen: NDArray[Any], /) -> Floats:
        """How much images, or their features, look like containers: above 0 counts as one."""
        ...


Learner: TypeAlias = Callable[[NDArray[Any], NDArray[Any]], Detector]
"""From clean images and the containers made of them, or the features of both, to a detector."""


class Discriminant:
    """A direction in the space of features, and the point on it that separates.

    Attributes:
        weights: one for each feature, as it was given (before any scaling).
        offset: subtracted from the sum; the score of the middle between both means is 0.
    """

    def __init__(self, clean: NDArray[Any], stego: NDArray[Any]) -> None:
        """Learns from features of leaked images.

        Args:
            clean: N x features, of clean images.
            stego: N x features, of containers.

        Raises:
            ConfigError: the shapes differ or there are fewer than `LEAST_PAIRS` rows, or values
                are not finite.
            IsnError: scikit-learn is not installed.
        """
        x, y = _features(clean, stego)
        analysis = _estimator()
        # Features differ in scale by orders of magnitude; shrinking takes them as they are.
        both = np.concatenate([x, y])
        mean, scale = both.mean(axis=0), both.std(axis=0)
        scale[scale == 0] = 1
        analysis.fit((both - mean) / scale, np.repeat([0, 1], len(x)))
        self.weights: Floats = analysis.coef_[0] / scale
        self.offset = float((x.mean(axis=0) + y.mean(axis=0)) @ self.weights / 2)

    def scores(self, features: NDArray[Any]) -> Floats:
        """How much images look like containers: above 0 counts as one.

        Args:
            features: n x features.

        Returns:
            n numbers.
        """
        scores: Floats = np.asarray(features, np.float64) @ self.weights - self.offset
        return scores


@dataclass(frozen=True)
class Outcome:
    """How well a detector does on hosts that it has not seen.

    Attributes:
        pairs: how many leaked pairs it learned from.
        tested: how many pairs it was tested on.
        accuracy: share of right verdicts, in [0, 1].
        area: under the ROC curve, in [0, 1].
        clean_scores: of the clean images that it was tested on.
        stego_scores: of their containers.
    """

    pairs: int
    tested: int
    accuracy: float
    area: float
    clean_scores: tuple[float, ...] = field(repr=False)
    stego_scores: tuple[float, ...] = field(repr=False)


def leaked_pairs(
    clean: NDArray[Any],
    stego: NDArray[Any],
    hosts: NDArray[Any],
    pairs: int,
    seed: int = 0,
    learn: Learner = Discriminant,
) -> Outcome:
    """Learns from `pairs` leaked pairs and judges the rest, split by host image.

    No host is on both sides: a detector that remembers hosts would pass for one that sees what
    is hidden. Hosts are drawn at random, and all their pairs with them, until there are enough.

    Args:
        clean: n x features of clean images, or n images, as `learn` takes them.
        stego: the same of the containers made of them, in the same order.
        hosts: n names or numbers of the host image that a pair shows, or is a crop of.
        pairs: N, how many to learn from; at least `LEAST_PAIRS`.
        seed: of the draw.
        learn: makes the detector.

    Raises:
        ConfigError: the shapes do not fit, `pairs` is too small, or no host is left to test on.
        IsnError: what the detector needs is not installed.
    """
    x, y = _paired(clean, stego)
    names = np.asarray(hosts)
    if names.shape != (len(x),):
        raise ConfigError(f"{len(x)} pairs and hosts of shape {names.shape} were given: name each")
    if pairs < LEAST_PAIRS:
        raise ConfigError(f"{pairs} leaked pairs were asked for: give at least {LEAST_PAIRS}")
    leaked, kept = _split(names, pairs, seed)
    detector = learn(x[leaked], y[leaked])
    of_clean, of_stego = detector.scores(x[kept]), detector.scores(y[kept])
    right = np.count_nonzero(of_clean <= 0) + np.count_nonzero(of_stego > 0)
    return Outcome(
        pairs=len(leaked),
        tested=len(kept),
        accuracy=float(right / (2 * len(kept))),
        area=area(of_clean, of_stego),
        clean_scores=tuple(of_clean.tolist()),
        stego_scores=tuple(of_stego.tolist()),
    )


def _split(hosts: NDArray[Any], pairs: int, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Indices to learn from, just `pairs`, and those of all hosts that were not drawn."""
    _, numbers = np.unique(hosts, return_inverse=True)
    order = np.random.default_rng(seed).permutation(int(numbers.max()) + 1)
    ranks = np.argsort(order)[numbers]
    by_rank = np.argsort(ranks, kind="stable")
    leaked = by_rank[:pairs]
    kept = np.flatnonzero(ranks > ranks[leaked].max())
    if len(leaked) < pairs or not len(kept):
        raise ConfigError(
            f"{pairs} leaked pairs were asked for, of {len(hosts)} pairs of {len(order)} hosts: "
            "give more hosts, so that some are left to test on"
        )
    return leaked, kept


def _paired(clean: NDArray[Any], stego: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    x, y = np.asarray(clean), np.asarray(stego)
    if x.shape != y.shape or x.ndim < 2 or len(x) < LEAST_PAIRS or 0 in x.shape:
        raise ConfigError(
            f"arrays of shapes {x.shape} and {y.shape} were given: give N images, or their "
            f"features, twice, with N of at least {LEAST_PAIRS}"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ConfigError("some features are not finite: leave those images out")
    return x, y


def _features(clean: NDArray[Any], stego: NDArray[Any]) -> tuple[Floats, Floats]:
    x, y = _paired(clean, stego)
    if x.ndim != 2:
        raise ConfigError(f"features of shape {x.shape} were given: give N x features twice")
    return x.astype(np.float64), y.astype(np.float64)


def _estimator() -> Any:
    try:
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    except ImportError as error:
        raise IsnError(
            "learning a detector needs scikit-learn: pip install 'isn[analyze]'"
        ) from error
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
