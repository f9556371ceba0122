"""The best linear code of images in so many numbers: where the network's code begins.

The bands of one cell of a photo are turned into their principal components (the Karhunen-Loeve
transform); each component is rounded to ``2 ** b`` values, b as many bits as it is worth::

    bands - mean  ->  components  ->  / load, rounded (isn.codes.network)  ->  * load  ->  bands
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from isn.codes.network import restored, rounded

Floats = NDArray[np.float64]

MOST_BITS: Final = 9
"""Of one component."""

_BENDS: Final = np.array([0.5, 0.2, 0.1, 0.05])
_LOADS: Final = np.array([1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 11, 15])
"""Largest value of a quantiser, in standard deviations of its component."""

_BEYOND: Final = 1.3
"""A load further beyond the largest value that was seen would only waste numbers."""

_AHEAD: Final = 3
"""Bits at once that may be worth more together than the first of them alone."""

_SAMPLE: Final = 1 << 12
"""Values of a component that its quantisers are chosen by."""


class Quantiser(NamedTuple):
    """How a component is rounded, and the mean square error that this leaves."""

    error: float
    load: float
    bend: float


@dataclass(frozen=True)
class Linear:
    """A linear code of n images in the D bands of a container.

    Attributes:
        mean: D n, of the hidden branch's bands.
        analysis: D x D n, from bands less their means to the container's, about -1 to 1.
        synthesis: D n x D, back.
        bits: D, of each band of the container; those without any come first, then the weakest.
        bend: D, of its quantiser.
    """

    mean: Floats
    analysis: Floats
    synthesis: Floats
    bits: NDArray[np.int64]
    bend: Floats


def fitted(cells: Floats, images: int, rate: float) -> Linear:
    """The code of the least mean square error, as far as greed finds it.

    Args:
        cells: M x D, the bands of many cells of single images, band-major.
        images: n, all of which are coded alike.
        rate: bits of a band of the container, on average.
    """
    mean, bands = cells.mean(0), cells.shape[1]
    variances, directions = np.linalg.eigh(np.cov(cells - mean, rowvar=False))
    variances, directions = variances[::-1], directions[:, ::-1]
    sample = cells[:: max(1, len(cells) // _SAMPLE)]
    components = (sample - mean) @ directions

    @cache
    def quantiser(component: int, bits: int) -> Quantiser:
        if not bits:
            return Quantiser(float(variances[component]), 1.0, float(_BENDS[0]))
        return best_quantiser(components[:, component], bits)

    allotted = allot(lambda *which: quantiser(*which).error, images, bands, round(rate * bands))
    found = Linear(
        np.zeros(bands * images),
        np.zeros((bands, bands * images)),
        np.zeros((bands * images, bands)),
        np.zeros(bands, np.int64),
        np.full(bands, _BENDS[0]),
    )
    for image in range(images):
        found.mean[channels_of(image, images, bands)] = mean
    # The strongest last: the first bands, the lowest of the blank host, are not zero beyond its
    # border, where a convolution takes them to be.
    order = sorted(zip(*np.nonzero(allotted), strict=True), key=lambda each: (-each[1], each[0]))
    for row, (image, component) in enumerate(order, bands - len(order)):
        bits, channels = allotted[image, component], channels_of(image, images, bands)
        chosen, direction = quantiser(int(component), int(bits)), directions[:, component]
        found.analysis[row, channels] = direction / chosen.load
        found.synthesis[channels, row] = direction * chosen.load
        found.bits[row], found.bend[row] = bits, chosen.bend
    return found


def channels_of(image: int, images: int, bands: int) -> NDArray[np.int64]:
    """Where the bands of one image lie among those of n images, which are band-major too."""
    band = np.arange(bands)
    return band // 3 * 3 * images + 3 * image + band % 3


def best_quantiser(values: Floats, bits: int) -> Quantiser:
    """The load and bend of the least mean square error for values of one component."""
    deviation, largest = float(values.std()), float(np.abs(values).max())
    if not deviation:
        return Quantiser(0.0, 1.0, float(_BENDS[0]))
    loads = deviation * _LOADS
    loads = loads[(loads <= _BEYOND * largest) | (loads == loads[0])]
    # In torch, whose hyperbolic functions are many times as fast as NumPy's.
    given, load, bend = (
        torch.from_numpy(each).float() for each in (values, loads[:, None, None], _BENDS[:, None])
    )
    width = torch.full((1, 1, 1), float(bits))
    numbers, _ = rounded(given / load, width, bend)
    back = restored(numbers.round(), width, bend) * load
    errors = (back - given).double().square().mean(-1).numpy()
    first, second = np.unravel_index(errors.argmin(), errors.shape)
    return Quantiser(float(errors[first, second]), float(loads[first]), float(_BENDS[second]))


def allot(
    error: Callable[[int, int], float], images: int, components: int, total: int
) -> NDArray[np.int64]:
    """Bits for components, one after the other to where they take most off the error.

    Args:
        error: mean square error of a component in so many bits, up to `MOST_BITS`.
        images: n, with the same components each.
        components: D, of each image; no more than so many get any, of all images together.
        total: bits, at most ``D * MOST_BITS``.

    Returns:
        n x D.
    """
    bits = np.zeros((images, components), np.int64)
    left = total
    while left:
        full = np.count_nonzero(bits) >= components
        gains = [
            ((error(k, had) - error(k, had + more)) / more, -image, -k, more)
            for image, row in enumerate(bits.tolist())
            for k, had in enumerate(row)
            if had or not full
            for more in range(1, min(_AHEAD, MOST_BITS - had, left) + 1)
        ]
        # Of equal gains, the first component of the first image.
        _, image, k, more = max(gains)
        bits[-image, -k] += more
        left -= more
    return bits
