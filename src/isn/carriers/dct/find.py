"""A head in an image, under whatever strength, and in whatever size, it was written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import chain

import numpy as np

from isn.carriers.dct import blocks, scaled
from isn.carriers.dct.lattice import Lattice, Scatter
from isn.carriers.dct.ldpc import Bits
from isn.carriers.dct.places import HEAD_BLOCKS, Place, head_blocks, head_place
from isn.carriers.dct.words import head_bits, head_of
from isn.errors import NoSeal
from isn.images import Pixels

_SUPPOSED = 13
"""Scatter of every coefficient that is supposed in an image that was scaled."""


@dataclass(frozen=True)
class Found:
    """A head that was found.

    Attributes:
        head: salt and sealed head.
        lattice: under which it was written.
        image: in which it was found: the one that was given, or its luma in another size.
        scatter: of the coefficients of its blocks, see `Lattice.beliefs`.
    """

    head: bytes
    lattice: Lattice
    image: Pixels
    scatter: Scatter | None


def find(container: Pixels, own: int, strengths: Iterable[int]) -> Found:
    """The head of an image, which may have been scaled.

    Args:
        container: uint8, H x W (grey) or H x W x 3.
        own: the strength that is tried first.
        strengths: all that there are.

    Raises:
        NoSeal: it has none, or is too small for one.
    """
    count = blocks.count(container)
    if count < HEAD_BLOCKS:
        raise NoSeal(f"the image has {count} whole blocks, too few to be a container")
    order = sorted(strengths, key=lambda each: each != own)
    as_it_is = [(container, order, None)]
    scaled_down = (
        (each, scaled.STRENGTHS.values(), _SUPPOSED) for each in scaled.arrivals(container)
    )
    for image, tried, supposed in chain(as_it_is, scaled_down):
        found = _in(image, tried, supposed)
        if found is not None:
            return found
    raise NoSeal("no head is there")


def _in(image: Pixels, strengths: Iterable[int], supposed: int | None) -> Found | None:
    there = head_blocks(image)
    for much in (0.0,) if supposed is None else scaled.TRIED:
        sharp = scaled.sharper(image, much)
        luma, cut = blocks.lumas(sharp, there), blocks.cut_off(sharp, there)
        for quality in strengths:
            lattice = lattice_of(quality)
            place = head_place(image, lattice)
            scatter = None if supposed is None else (supposed,) * len(lattice.used)
            head = head_of(place.told(luma @ lattice.basis, cut, scatter))
            if head is None:
                continue
            bits = head_bits(head, HEAD_BLOCKS * lattice.bits)
            if supposed is None and lattice.usual(place.strayed(image, bits)):
                return Found(head, lattice, image, None)
            return Found(head, lattice, *clearest(image, place, bits))
    return None


def clearest(image: Pixels, place: Place, bits: Bits) -> tuple[Pixels, Scatter]:
    """An image as sharp as says known bits best, and how its coefficients scatter then."""
    plane = blocks.luma(image)
    trials = [scaled.sharper(plane, much) for much in scaled.SHARPNESS]
    apart = [place.strayed(each, bits) for each in trials]
    best = int(np.argmin([np.square(each).mean() for each in apart]))
    return trials[best], place.lattice.scatter(apart[best])


@cache
def lattice_of(quality: int) -> Lattice:
    """The lattice of a strength."""
    return Lattice(quality)
