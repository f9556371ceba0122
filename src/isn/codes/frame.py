"""One size for several images: which, how each is brought into it, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from isn import images
from isn.images import Pixels

_LEAST: Final = 4096
"""Pixels that a frame may have, filled up, however small the host."""
_LARGER: Final = 1.5
"""Times the largest image's pixels up to which a frame grows, to hold all others."""


@dataclass(frozen=True)
class Frame:
    """The size in which several images are coded, filled up to whole cells by repetition.

    An image that is wide where the frame is high, or high where it is wide, is transposed.

    Attributes:
        height: of an image in it.
        width: likewise.
        cell: sides of what fills it up are multiples of this.
    """

    height: int
    width: int
    cell: int

    @classmethod
    def around(cls, pictures: Sequence[Pixels], cell: int) -> Frame:
        """One that holds all images as they lie, or across, unless that is much for any of them."""
        sizes = [each.shape[:2] for each in pictures]
        height, width = max(sizes, key=math.prod)
        long, short = max(map(max, sizes)), max(map(min, sizes))
        if long * short > _LARGER * height * width:
            return cls(height, width, cell)
        return cls(long, short, cell) if height >= width else cls(short, long, cell)

    @property
    def filled(self) -> tuple[int, int]:
        """Height and width, filled up."""
        return self.height + -self.height % self.cell, self.width + -self.width % self.cell

    @property
    def pixels(self) -> int:
        """How many, filled up."""
        return math.prod(self.filled)

    def possible(self, area: int) -> bool:
        """Whether there is such a frame in a host of so many pixels."""
        sound = 0 < self.height * self.width <= area
        return sound and self.pixels <= max(2 * area, _LEAST)

    def within(self, area: int, pixels: float) -> Frame:
        """The largest of this shape that is possible and has no more pixels, or a single cell.

        Where pixels are few, whole cells: what fills one up would take of them for nothing.

        Args:
            area: pixels of the host.
            pixels: that there may be, filled up.
        """
        pixels, ratio = max(pixels, self.cell**2), (area / (self.height * self.width)) ** 0.5
        ratio = min(1.0, ratio)
        while True:
            plain = [max(int(side * ratio), 1) for side in (self.height, self.width)]
            for height, width in (plain, [each // self.cell * self.cell or each for each in plain]):
                found = replace(self, height=height, width=width)
                if found.possible(area) and found.pixels <= pixels:
                    return found
            ratio *= 0.99

    def fitted(self, image: Pixels) -> Pixels:
        """An image in the frame, its last row and column repeated."""
        if self._is_across(image.shape):
            image = _transposed(image)
        return images.filled(images.resize(image, self.height, self.width), *self.filled)

    def own(self, shown: Pixels, size: tuple[int, ...]) -> Pixels:
        """An image of the frame at its own height and width: :meth:`fitted` undone."""
        inside = shown[: self.height, : self.width]
        if self._is_across(size):
            inside = _transposed(inside)
        return images.resize(inside, size[0], size[1])

    def _is_across(self, size: tuple[int, ...]) -> bool:
        if size[0] == size[1] or self.height == self.width:
            return False
        return (size[0] > size[1]) != (self.height > self.width)


def _transposed(image: Pixels) -> Pixels:
    return np.ascontiguousarray(image.swapaxes(0, 1))
