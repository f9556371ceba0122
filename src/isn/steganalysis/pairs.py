"""Primary sets and sample pairs: what LSB replacement does to pairs of neighbouring samples.

In a photo, a pair (u, v) of neighbours is as likely to rise to an even sample as to fall to it.
Replacing lowest bits moves pairs between the sets X and Y below, and how far they have moved
gives the share of samples that carry a message.

Both are as the program StegExpose (B. Boehm, 2014) computes them.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isn.images import Pixels
from isn.steganalysis.planes import rgb, strips
from isn.steganalysis.quadratic import bounded, ratio, real_roots


@dataclass(frozen=True)
class _Counts:
    """How many pairs (u, v) of neighbours are what.

    Attributes:
        pairs: P, all of them.
        x: v even and u < v, or v odd and u > v.
        y: v even and u > v, or v odd and u < v.
        z: u = v.
        w: the pairs that flipping one lowest bit of can make equal.
    """

    pairs: int = 0
    x: int = 0
    y: int = 0
    z: int = 0
    w: int = 0

    def __add__(self, other: _Counts) -> _Counts:
        return _Counts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def equation(self) -> tuple[int, int, int]:
        """((W + Z)/2) q^2 + (2X - P) q + (Y - X) = 0, twice, which keeps it whole."""
        return self.w + self.z, 2 * (2 * self.x - self.pairs), 2 * (self.y - self.x)


def primary_sets(pixels: NDArray[Any]) -> float | None:
    """Share of samples with a message, from red and disjoint horizontal pairs.

    Dumitrescu, Wu, Memon: On steganalysis of random LSB embedding in continuous-tone images,
    ICIP 2002. W is the program's own reading: pairs of Y with an odd sample.

    Args:
        pixels: uint8, H x W x 3, or H x W (grey).

    Returns:
        A number in [0, 1]; NaN where the equation has no real root, which random lowest bits
        bring about; None where the image has no pair.

    Raises:
        ImageError: the array is no such image.
    """
    image = rgb(pixels)
    if image.shape[1] < 2:
        return None
    counts = _Counts()
    for plane in strips(image, 0):
        u, v = _beside(plane)
        counts += _count(u, v, own_reading=True)
    return bounded(min(real_roots(*counts.equation), default=math.nan))


def sample_pairs(pixels: NDArray[Any]) -> float | None:
    """Share of samples with a message, from disjoint pairs both ways in every channel.

    Dumitrescu, Wu, Wang: Detection of LSB steganography via sample pair analysis, IEEE
    Transactions on Signal Processing 51(7), 2003.

    Args:
        pixels: uint8, H x W x 3, or H x W (grey).

    Returns:
        A number in [0, 1]; NaN where a channel has no answer; None for an odd width or height,
        with which the program fails.

    Raises:
        ImageError: the array is no such image.
    """
    image = rgb(pixels)
    if image.shape[0] % 2 or image.shape[1] % 2:
        return None
    return bounded(sum(_channel(image, channel) for channel in range(3)) / 3)


def _channel(image: Pixels, channel: int) -> float:
    counts = _Counts()
    for plane in strips(image, channel):
        for u, v in (_beside(plane), (plane[0::2], plane[1::2])):
            counts += _count(u, v)
    a, b, c = counts.equation
    root = min(real_roots(a, b, c), key=abs, default=0.0)
    return root or ratio(c, b)


def _beside(plane: Pixels) -> tuple[Pixels, Pixels]:
    width = plane.shape[1] // 2 * 2
    return plane[:, 0:width:2], plane[:, 1:width:2]


def _count(u: Pixels, v: Pixels, own_reading: bool = False) -> _Counts:
    odd = (v & 1).view(bool)
    in_y = (u != v) & ((u < v) == odd)
    in_w = in_y & ((u | v) & 1).view(bool) if own_reading else (u ^ v) == 1
    # Python's integers cannot overflow where the counts are multiplied.
    y, equal, w = (int(np.count_nonzero(each)) for each in (in_y, u == v, in_w))
    return _Counts(u.size, u.size - equal - y, y, equal, w)
