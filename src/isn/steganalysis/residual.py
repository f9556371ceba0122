"""A forensic map: where the noise of an image is unlike that of the rest of it.

Photos carry noise and fine texture, and how much of it is left at the finest scale, compared with
the next coarser one, is much the same all over a photo: lens, sensor and file treat all places
alike. Where something was pasted, smoothed, resized or had something added, that ratio is another.

In each of five views of the image (red, green, blue, and the differences red - green and
blue - green, in which the texture that the channels share cancels) two residuals are taken: what a
3 x 3 binomial filter removes, and what the same filter with holes removes of the rest. In windows
of 15 x 15, the logarithm of the ratio of their energies is compared with its median over the image
in units of its own spread (median absolute deviation), and the mean excess of the five views
becomes the map.

What it cannot see: a manipulation that is the same everywhere, because an image is only compared
with itself; one that leaves the finest scales as they were; and what lies in flat areas without
any noise (drawings, clipped sky), of which nothing is said. Borders between sharp and blurred,
lettering and clipped light stand out though nobody touched them: it points at places to look at,
it proves nothing.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from isn.images import Pixels
from isn.steganalysis.planes import rgb

Floats: TypeAlias = NDArray[np.float64]

WINDOW: Final = 15
"""Rows and columns over which the energy of a residual is averaged."""

FLOOR: Final = 0.25
"""Squared levels added to an energy: what rounding alone puts into it, three times over."""

LEAST_SPREAD: Final = 0.1
"""Of the log ratio; in an image that is the same all over, chance would look like a finding."""

KNEE: Final = 1.5
"""Mean excess, in spreads, that is drawn as one half."""

_RAMP: Final = ((0, 0, 0), (80, 18, 123), (182, 54, 121), (251, 136, 97), (252, 253, 191))
"""Colours from 0 to 1, from dark to light, so that it reads in print and to the colour blind."""


def anomaly_map(pixels: NDArray[Any]) -> Floats:
    """The map of an image.

    Args:
        pixels: uint8, H x W x 3 or H x W, of any size. About 100 bytes of memory a pixel.

    Returns:
        H x W in [0, 1): 0 where the noise is that of the image, 1/2 at an excess of `KNEE`
        spreads. The same image gives the same map.

    Raises:
        ImageError: the array is no such image.
    """
    image = rgb(pixels)
    red, green, blue = (image[..., k].astype(np.float64) for k in range(3))
    views = (red, green, blue, red - green, blue - green)
    excess = np.zeros_like(red)
    for view in views:
        excess += _excess(view) / len(views)
    shown: Floats = excess / (excess + KNEE)
    return shown


def paint(shown: NDArray[Any]) -> Pixels:
    """A map as a picture: from black over violet and orange to pale yellow.

    Args:
        shown: H x W in [0, 1].

    Returns:
        uint8, H x W x 3.
    """
    stops = np.linspace(0, 1, len(_RAMP))
    ramp = np.array(_RAMP, np.float64)
    channels = [np.interp(shown, stops, ramp[:, k]) for k in range(3)]
    picture: Pixels = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    return picture


def _excess(view: Floats) -> Floats:
    """By how many spreads the log ratio of two scales is away from the image's own median."""
    coarse = _smooth(view, 1)
    energies = [_mean(np.square(each)) for each in (view - coarse, coarse - _smooth(coarse, 2))]
    ratio = np.log(energies[0] + FLOOR) - np.log(energies[1] + FLOOR)
    # Flat areas have no noise to compare: they neither set the measure nor are judged.
    told = energies[0] + energies[1] > FLOOR
    if not told.any():
        return np.zeros_like(view)
    middle = np.median(ratio[told])
    spread = 1.4826 * np.median(np.abs(ratio[told] - middle))
    away = np.abs(ratio - middle) / max(float(spread), LEAST_SPREAD)
    # One spread is no excess: half of any image is within it.
    excess: Floats = np.where(told, np.maximum(away - 1, 0), 0)
    return excess


def _smooth(view: Floats, step: int) -> Floats:
    """The binomial filter 1 2 1 in both directions, its neighbours `step` away."""
    padded = np.pad(view, step, mode="edge")
    down = (padded[: -2 * step] + 2 * padded[step:-step] + padded[2 * step :]) / 4
    smooth: Floats = (down[:, : -2 * step] + 2 * down[:, step:-step] + down[:, 2 * step :]) / 4
    return smooth


def _mean(values: Floats) -> Floats:
    """The mean in a window, of the part of it that lies inside."""
    counts = _sums(_sums(np.ones_like(values), 0), 1)
    means: Floats = _sums(_sums(values, 0), 1) / counts
    return means


def _sums(values: Floats, axis: int) -> Floats:
    length, reach = values.shape[axis], WINDOW // 2
    total = np.insert(np.cumsum(values, axis=axis), 0, 0, axis=axis)
    places = np.arange(length)
    after = np.take(total, np.minimum(places + reach + 1, length), axis=axis)
    # Differences of long sums are a hair below zero where all samples are equal.
    sums: Floats = np.maximum(after - np.take(total, np.maximum(places - reach, 0), axis=axis), 0)
    return sums
