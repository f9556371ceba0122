"""How residuals of red, green and blue go together: a change in one colour alone parts them.

Features after Goljan, Cogranne and Fridrich, "Rich Model for Steganalysis of Color Images", IEEE
WIFS 2014: what a sample differs from its prediction by, in each colour, coarsely rounded; and how
often each triple of red, green and blue occurs. Of the paper's predictors those that are linear
are taken, and of its features the joint frequencies across colours, in two roundings.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from isn.steganalysis.planes import rgb

Floats: TypeAlias = NDArray[np.float64]

THRESHOLD: Final = 2
"""T: rounded residuals are cut to [-T, T]."""

_LEVELS = 2 * THRESHOLD + 1
_ROUNDINGS: Final = (1, 2)
"""Of residuals, in units of the predictor's largest weight."""

_ALONG: Final = ((-1, 1), (1, -2, 1), (1, -3, 3, -1))
"""Residuals along a line, of first, second and third order."""

LEAST_SIDE: Final = 4

FEATURES: Final = len(_ROUNDINGS) * (len(_ALONG) + 1) * _LEVELS**3
"""1,000: three orders along rows and columns together, and a square of 3 x 3, in two roundings."""


def colour(pixels: NDArray[Any]) -> Floats:
    """The features of an image.

    Args:
        pixels: uint8, H x W x 3, or H x W (grey, of which the three colours are equal), each side
            at least `LEAST_SIDE`.

    Returns:
        1,000 numbers in [0, 1], in 8 parts of 125, each of which adds up to 1. In a part, the
        frequency of the triple (red, green, blue) stands at ``25 (red + 2) + 5 (green + 2) +
        blue + 2``; a triple and its negative are counted as one, half here and half there.

    Raises:
        ImageError: the array is no such image, or too small.
    """
    image = rgb(pixels, LEAST_SIDE)
    samples = image.astype(np.int16)
    parts = []
    for weights in _ALONG:
        both = (_filtered(samples, weights, axis).reshape(-1, 3) for axis in (0, 1))
        parts.append((np.concatenate(list(both)), max(weights)))
    square = _filtered(_filtered(samples, _ALONG[1], 0), _ALONG[1], 1)
    parts.append((square.reshape(-1, 3), 4))
    return np.concatenate([_triples(each, k * unit) for each, unit in parts for k in _ROUNDINGS])


def _filtered(samples: NDArray[np.int16], weights: tuple[int, ...], axis: int) -> NDArray[np.int16]:
    """Sums of neighbours along an axis, where all of them are there."""
    moved = np.moveaxis(samples, axis, 0)
    length = len(moved) - len(weights) + 1
    total = sum(weight * moved[k : k + length] for k, weight in enumerate(weights))
    return np.moveaxis(np.asarray(total, np.int16), 0, axis)


def _triples(residuals: NDArray[np.int16], unit: int) -> Floats:
    """Frequencies of rounded triples, N x 3, as many as there are: 125 numbers."""
    rounded = np.rint(residuals / np.float32(unit)).astype(np.int16)
    cut = np.clip(rounded, -THRESHOLD, THRESHOLD) + THRESHOLD
    keys = (cut[:, 0] * _LEVELS + cut[:, 1]) * _LEVELS + cut[:, 2]
    found = np.bincount(keys, minlength=_LEVELS**3) / len(keys)
    both: Floats = (found + found[::-1]) / 2
    return both
