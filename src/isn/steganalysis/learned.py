"""A detector that learns from leaked pairs: a linear discriminant on features such as SPAM.

Fisher's discriminant with the covariance shrunk as by Ledoit and Wolf: A well-conditioned
estimator for large-dimensional covariance matrices, Journal of Multivariate Analysis 88(2), 2004.
Shrinking is what lets 686 features be learned from a few dozen pairs. Needs scikit-learn, the
``[analyze]`` extra.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from isn.errors import ConfigError, IsnError
from isn.steganalysis.roc import area

Floats: TypeAlias = NDArray[np.float64]

LEAST_PAIRS = 2
"""A covariance needs two."""


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
        x, y = _checked(clean, stego)
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
    """

    pairs: int
    tested: int
    accuracy: float
    area: float


def leaked_pairs(
    clean: NDArray[Any], stego: NDArray[Any], hosts: NDArray[Any], pairs: int, seed: int = 0
) -> Outcome:
    """Learns from `pairs` leaked pairs and judges the rest, split by host image.

    No host is on both sides: a detector that remembers hosts would pass for one that sees what
    is hidden. Hosts are drawn at random, and all their pairs with them, until there are enough.

    Args:
        clean: n x features, of clean images.
        stego: n x features, of the containers made of them, in the same order.
        hosts: n names or numbers of the host image that a pair shows, or is a crop of.
        pairs: N, how many to learn from; at least `LEAST_PAIRS`.
        seed: of the draw.

    Raises:
        ConfigError: the shapes do not fit, `pairs` is too small, or no host is left to test on.
        IsnError: scikit-learn is not installed.
    """
    x, y = _checked(clean, stego)
    names = np.asarray(hosts)
    if names.shape != (len(x),):
        raise ConfigError(f"{len(x)} pairs and hosts of shape {names.shape} were given: name each")
    if pairs < LEAST_PAIRS:
        raise ConfigError(f"{pairs} leaked pairs were asked for: give at least {LEAST_PAIRS}")
    leaked, kept = _split(names, pairs, seed)
    detector = Discriminant(x[leaked], y[leaked])
    of_clean, of_stego = detector.scores(x[kept]), detector.scores(y[kept])
    right = np.count_nonzero(of_clean <= 0) + np.count_nonzero(of_stego > 0)
    return Outcome(
        pairs=len(leaked),
        tested=len(kept),
        accuracy=float(right / (2 * len(kept))),
        area=area(of_clean, of_stego),
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


def _checked(clean: NDArray[Any], stego: NDArray[Any]) -> tuple[Floats, Floats]:
    x, y = np.asarray(clean, np.float64), np.asarray(stego, np.float64)
    if x.ndim != 2 or x.shape != y.shape or len(x) < LEAST_PAIRS or not x.shape[1]:
        raise ConfigError(
            f"features of shapes {x.shape} and {y.shape} were given: give N x features twice, "
            f"with N of at least {LEAST_PAIRS}"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ConfigError("some features are not finite: leave those images out")
    return x, y


def _estimator() -> Any:
    try:
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    except ImportError as error:
        raise IsnError(
            "learning a detector needs scikit-learn: pip install 'isn[analyze]'"
        ) from error
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
