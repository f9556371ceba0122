"""RS analysis: lowest bits are random where flipping them makes an image no rougher.

Fridrich, Goljan, Du: Detecting LSB steganography in color and gray-scale images, IEEE MultiMedia
8(4), 2001; as the program StegExpose (B. Boehm, 2014) computes it, on blocks of 2 x 2 samples::

    a b        f = |a - b| + |c - d| + |a - c| + |b - d|
    c d        masks: a and d are flipped, or b and c

F1 moves an even sample up by one and an odd one down, F-1 the other way. A block is regular where
a flip raises f, and singular where it lowers f.

Each edge of f joins a flipped sample to one that stays, and a flip moves by exactly one. So an
edge of unequal samples changes by the flip's direction times the sign of the difference, and an
edge of equal ones grows by 1: f itself is never needed, and everything fits in 8 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from isn.images import Pixels
from isn.steganalysis.planes import rgb, strips
from isn.steganalysis.quadratic import bounded, ratio, real_roots

_Signs: TypeAlias = NDArray[np.int8]

STRIDES = (1, 2)
"""Rows and columns from one block to the next: overlapping, and disjoint."""


def rs_analysis(pixels: NDArray[Any]) -> float | None:
    """Share of samples with a message: the mean over channels and over both strides.

    Args:
        pixels: uint8, H x W x 3, or H x W (grey).

    Returns:
        A number in [0, 1]; NaN where a channel has no answer; None where the image has no block
        of 2 x 2 samples.

    Raises:
        ImageError: the array is no such image.
    """
    image = rgb(pixels)
    if min(image.shape[:2]) < 2:
        return None
    counts = [each for channel in range(3) for each in _count(image, channel)]
    return bounded(sum(_share(each) for each in counts) / len(counts))


def _share(counts: list[list[int]]) -> float:
    """Solves the paper's quadratic equation for z; the share is z / (z - 1/2)."""
    regular, singular = counts
    d0, n0, d1, n1 = (r - s for r, s in zip(regular, singular, strict=True))
    roots = real_roots(2 * (d1 + d0), n0 - n1 - d1 - 3 * d0, d0 - n0)
    z = min(roots, key=abs) if roots else (_meeting(regular) + _meeting(singular)) / 2
    return abs(ratio(z, z - 0.5))


def _meeting(counts: list[int]) -> float:
    """Where straight lines through the counts of F1 and of F-1 meet."""
    up, down, up_flipped, down_flipped = counts
    return ratio(down - up, up_flipped - up + down - down_flipped)


def _count(image: Pixels, channel: int) -> list[list[list[int]]]:
    """For each stride: the regular and the singular blocks of each kind of :func:`_changes`."""
    counts = [[[0] * 4, [0] * 4] for _ in STRIDES]
    for plane in strips(image, channel, overlap=1):
        for kind, change in _changes(plane):
            for (regular, singular), stride in zip(counts, STRIDES, strict=True):
                # Strips begin at even rows, so that disjoint blocks stay aligned.
                part = change[::stride, ::stride]
                regular[kind] += int(np.count_nonzero(part > 0))
                singular[kind] += int(np.count_nonzero(part < 0))
    return counts


def _changes(plane: Pixels) -> Iterator[tuple[int, _Signs]]:
    """How f changes in every block, for each mask and each kind of flip: int8 in [-8, 8].

    The kinds are F1 and F-1 of the image as it is (0, 1), and of the image with every lowest bit
    flipped (2, 3).
    """
    up = 1 - 2 * (plane & 1).view(np.int8)
    for kind, samples, step in ((0, plane, up), (2, plane ^ np.uint8(1), -up)):
        across, equal_across = _compare(samples[:, :-1], samples[:, 1:])
        down, equal_down = _compare(samples[:-1], samples[1:])
        equal = equal_across[:-1] + equal_across[1:] + equal_down[:, :-1] + equal_down[:, 1:]
        main = step[:-1, :-1] * (across[:-1] + down[:, :-1])
        main -= step[1:, 1:] * (across[1:] + down[:, 1:])
        other = step[:-1, 1:] * (down[:, 1:] - across[:-1])
        other += step[1:, :-1] * (across[1:] - down[:, :-1])
        for shift in (main, other):
            yield kind, equal + shift
            yield kind + 1, equal - shift


def _compare(u: Pixels, v: Pixels) -> tuple[_Signs, _Signs]:
    """The sign of u - v, and whether it is zero."""
    above, below = (u > v).view(np.int8), (u < v).view(np.int8)
    return above - below, 1 - (above | below)
