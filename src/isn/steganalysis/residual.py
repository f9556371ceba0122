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
Map: TypeAlias = NDArray[np.float32]

WINDOW: Final = 15
"""Rows and columns over which the energy of a residual is averaged."""

FLOOR: Final = 0.25
"""Squared levels added to an energy: what rounding alone puts into it, three times over."""

LEAST_SPREAD: Final = 0.1
"""Of the log ratio; in an image that is the same all over, chance would look like a finding."""

KNEE: Final = 1.5
"""Mean excess, in spreads, that is drawn as one half."""

_VIEWS: Final = ((0, None), (1, None), (2, None), (0, 1), (2, 1))
"""A channel each, or one less another."""

_STRIP: Final = 128
"""Rows at a time: what is derived from them takes some ten times their memory."""

_REACH: Final = WINDOW // 2 + 3
"""Rows to each side that a place of the map depends on."""

_RAMP: Final = ((0, 0, 0), (80, 18, 123), (182, 54, 121), (251, 136, 97), (252, 253, 191))
"""Colours from 0 to 1, from dark to light, so that it reads in print and to the colour blind."""


def anomaly_map(pixels: NDArray[Any]) -> Map:
    """The map of an image.

    Args:
        pixels: uint8, H x W x 3 or H x W, of any size. About 20 bytes of memory a pixel.

    Returns:
        float32, H x W in [0, 1): 0 where the noise is that of the image, 1/2 at an excess of
        `KNEE` spreads. The same image gives the same map.

    Raises:
        ImageError: the array is no such image.
    """
    image = rgb(pixels)
    excess = np.zeros(image.shape[:2], np.float32)
    for view in _VIEWS:
        excess += _excess(image, view)
    excess /= len(_VIEWS)
    shown: Map = excess / (excess + np.float32(KNEE))
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


def _excess(image: Pixels, view: tuple[int, int | None]) -> Map:
    """By how many spreads the log ratio of two scales is away from the image's own median."""
    height = len(image)
    ratio = np.empty(image.shape[:2], np.float32)
    told = np.empty(image.shape[:2], bool)
    for top in range(0, height, _STRIP):
        first, last = max(top - _REACH, 0), min(top + _STRIP + _REACH, height)
        inside = slice(top - first, min(top + _STRIP, height) - first)
        found = _ratio(_seen(image[first:last], view))
        ratio[top : top + _STRIP], told[top : top + _STRIP] = (each[inside] for each in found)
    if not told.any():
        return np.zeros_like(ratio)
    middle = np.median(ratio[told])
    away = np.abs(ratio - middle)
    spread = 1.4826 * float(np.median(away[told]))
    away /= np.float32(max(spread, LEAST_SPREAD))
    # One spread is no excess: half of any image is within it.
    excess: Map = np.where(told, np.maximum(away - 1, 0), np.float32(0))
    return excess


def _seen(strip: Pixels, view: tuple[int, int | None]) -> Floats:
    channel, other = view
    values = strip[..., channel].astype(np.float64)
    return values if other is None else values - strip[..., other]


def _ratio(view: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """The log ratio of the energies of both residuals, and where there is any to speak of."""
    coarse = _smooth(view, 1)
    fine, middle = (_mean(np.square(x)) for x in (view - coarse, coarse - _smooth(coarse, 2)))
    # Flat areas have no noise to compare: they neither set the measure nor are judged.
    return np.log(fine + FLOOR) - np.log(middle + FLOOR), fine + middle > FLOOR


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
