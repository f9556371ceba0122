"""The chi-square attack: replaced lowest bits even out the two values that differ only in them.

Westfeld, Pfitzmann: Attacks on steganographic systems, Information Hiding 1999 (LNCS 1768), the
statistical attack; as the program StegExpose (B. Boehm, 2014) computes it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isn.steganalysis.planes import rgb

STEP = 1024
"""Samples after which the histogram is judged once more."""

LEAST_STEPS = 256
"""With fewer the program fails."""

_TERMS = 63
"""127 degrees of freedom: 128 pairs of values, less one."""

_CHUNK = 256


def chi_square(pixels: NDArray[Any]) -> float | None:
    """How likely it is that the two values of each pair occur equally often.

    Samples are taken in raster order, red, green and blue interleaved, into a histogram that
    begins with 1 everywhere and is judged after every `STEP` samples.

    Args:
        pixels: uint8, H x W x 3, or H x W (grey).

    Returns:
        The mean of the p-values, in [0, 1]; None where there are fewer than `LEAST_STEPS`.

    Raises:
        ImageError: the array is no such image.
    """
    image = rgb(pixels)
    steps = image.size // STEP - 1
    if steps < LEAST_STEPS:
        return None
    samples = image.reshape(-1)
    histogram = np.ones(256, np.int64)
    total = 0.0
    for start in range(0, steps, _CHUNK):
        count = min(_CHUNK, steps - start)
        block = samples[start * STEP : (start + count) * STEP].reshape(count, STEP)
        keys = block + (np.arange(count)[:, None] << 8)
        parts = np.bincount(keys.reshape(-1), minlength=count << 8).reshape(count, 256)
        histograms = histogram + parts.cumsum(axis=0)
        histogram = histograms[-1]
        total += float(p_value(_statistic(histograms)).sum())
    return total / steps


def p_value(statistic: NDArray[np.float64]) -> NDArray[np.float64]:
    """The upper tail of the chi-square distribution with 127 degrees of freedom.

    For an odd number of degrees the incomplete gamma function is a finite sum of positive terms
    (Abramowitz and Stegun 26.4.4), so that no digits cancel and nothing but NumPy is needed.

    Args:
        statistic: n values, at least 0.

    Returns:
        n values in [0, 1].
    """
    x = np.asarray(statistic) / 2
    orders = np.arange(_TERMS) + 0.5
    scale = np.array([math.lgamma(order + 1) for order in orders])
    # The smallest positive number in place of 0, whose terms vanish too.
    logs = np.log(np.maximum(x, np.finfo(np.float64).tiny))[:, None] * orders - x[:, None] - scale
    tails = np.array([math.erfc(math.sqrt(each)) for each in x])
    p: NDArray[np.float64] = np.minimum(tails + np.exp(logs).sum(axis=1), 1.0)
    return p


def _statistic(histograms: NDArray[np.int64]) -> NDArray[np.float64]:
    """Even values against the halved sums of their pairs, scaled to the same total."""
    even, odd = histograms[:, 0::2], histograms[:, 1::2]
    half = ((even + odd) // 2).astype(np.float64)
    expected = half * (even.sum(axis=1) / half.sum(axis=1))[:, None]
    statistic: NDArray[np.float64] = ((even - expected) ** 2 / expected).sum(axis=1)
    return statistic
