"""SPAM: how the differences of neighbouring samples follow each other.

Pevny, Bas, Fridrich: Steganalysis by subtractive pixel adjacency matrix, IEEE Transactions on
Information Forensics and Security 5(2), 2010: second order, T = 3, 686 features. In two things
these are the features of the authors' own later extractor (Binghamton University, 2011), which
the field compares with: differences beyond T count as T instead of being thrown away, and the
features are joint frequencies instead of transition probabilities.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from isn.images import Pixels
from isn.steganalysis.planes import rgb

Floats: TypeAlias = NDArray[np.float64]

THRESHOLD: Final = 3
"""T: differences are cut to [-T, T]."""

_LEVELS = 2 * THRESHOLD + 1
FEATURES: Final = 2 * _LEVELS**3
"""686: horizontal and vertical steps together, and the four diagonal ones together."""

LEAST_SIDE: Final = 4
"""Three differences in a row need four samples."""


def spam(pixels: NDArray[Any]) -> Floats:
    """The features of an image.

    The paper knows grey images only. Of a colour image this is the mean over red, green and blue:
    luma would average away most of a change of one level in one channel.

    Args:
        pixels: uint8, H x W x 3, or H x W (grey), each side at least `LEAST_SIDE`.

    Returns:
        686 numbers in [0, 1]. Each half adds up to 1, and holds the frequency of the differences
        (d1, d2, d3) at ``49 (d1 + 3) + 7 (d2 + 3) + d3 + 3``.

    Raises:
        ImageError: the array is no such image, or too small.
    """
    image = rgb(pixels, LEAST_SIDE)
    if pixels.ndim == 2:
        return _of_plane(pixels)
    mean: Floats = np.mean([_of_plane(image[:, :, channel]) for channel in range(3)], axis=0)
    return mean


def _of_plane(plane: Pixels) -> Floats:
    samples = plane.astype(np.int16)
    halves = (((0, 1), (1, 0)), ((1, 1), (1, -1)))
    return np.concatenate(
        [np.mean([_both_ways(samples, *step) for step in steps], axis=0) for steps in halves]
    )


def _both_ways(samples: NDArray[np.int16], down: int, right: int) -> Floats:
    """Frequencies along a direction and against it, averaged: 343 numbers."""
    if right < 0:
        samples, right = samples[:, ::-1], -right
    height, width = samples.shape
    difference = samples[: height - down, : width - right] - samples[down:, right:]
    # As numbers from 0 to 6.
    cut = (np.clip(difference, -THRESHOLD, THRESHOLD) + THRESHOLD).astype(np.intp)
    rows, columns = height - 3 * down, width - 3 * right
    first, second, third = (
        cut[k * down : k * down + rows, k * right : k * right + columns] for k in range(3)
    )
    keys = (first * _LEVELS + second) * _LEVELS + third
    frequencies = np.bincount(keys.reshape(-1), minlength=_LEVELS**3) / keys.size
    # Against the direction, the differences come in reverse order and with the other sign.
    cube = frequencies.reshape(_LEVELS, _LEVELS, _LEVELS)
    against = cube.transpose(2, 1, 0)[::-1, ::-1, ::-1]
    both: Floats = ((cube + against) / 2).reshape(-1)
    return both
