"""An image as bands, and back from what their numbers stand for, a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isn import threads
from isn.arrays import array_namespace
from isn.codes.entropy.dependent import places
from isn.codes.entropy.steps import size_of
from isn.codes.photos.bands import (
    CHANNELS,
    MEANS,
    SIDE,
    from_blocks,
    from_cosine,
    to_blocks,
    to_cosine,
)
from isn.images import Pixels

Floats = NDArray[np.float32]
Whole = NDArray[np.int32]
Array = Any

_STRIP, _ENOUGH = 32, 128
"""Rows of blocks at a time, and those that are worth a thread."""
_MIDDLE: Final = np.float32(127.5)


def received(bands: Array, means: Array, size: float) -> Array:
    """An image from what its numbers stand for, for any array library.

    Args:
        bands: N x 192 x h x w floats, places in steps; the means among them are not looked at.
        means: N x 192 x ceil(h/8) x ceil(w/8), the same.
        size: of the step, in levels.

    Returns:
        N x 3 x 8h x 8w, in levels around the middle.
    """
    rows, columns = bands.shape[-2:]
    return _joined(bands, from_blocks(means)[..., :rows, :columns], size)


def _joined(bands: Array, coarse: Array, size: float) -> Array:
    """The same from N x 3 x h x w means of blocks."""
    planes = []
    for colour, channel in enumerate(MEANS):
        planes += [coarse[:, colour : colour + 1], bands[:, channel + 1 : channel + SIDE * SIDE]]
    return from_cosine(array_namespace(bands).concat(planes, axis=1)) * size


def _strips(start: int, stop: int, rows: int) -> Iterator[tuple[slice, slice, slice]]:
    """Rows of blocks, a few at once: which, with those that lap them, and where they lie in these.

    Of so many rows, those from a first to a last. Arithmetic on floats so never needs more than a
    small part of an image at a time.
    """
    for first in range(start, stop, _STRIP):
        last = min(first + _STRIP, stop)
        above, below = max(first - 1, 0), min(last + 1, rows)
        yield slice(first, last), slice(above, below), slice(first - above, last - above)


def _samples(rows: slice) -> slice:
    """The rows of an image that rows of blocks are made of."""
    return slice(SIDE * rows.start, SIDE * rows.stop)


@dataclass(frozen=True)
class Bands:
    """An image's bands, before they are divided by a step.

    Attributes:
        blocks: 192 x h x w.
        means: 192 x ceil(h/8) x ceil(w/8), of the blocks' means.
    """

    blocks: Floats
    means: Floats

    @classmethod
    def of(cls, pixels: Pixels) -> Bands:
        """The bands of H x W x 3 pixels, sides multiples of 8."""
        rows, columns = (side // SIDE for side in pixels.shape[:2])
        blocks = np.empty((CHANNELS, rows, columns), np.float32)

        def work(first: int, last: int) -> None:
            for strip, around, inner in _strips(first, last, rows):
                samples = pixels[_samples(around)].transpose(2, 0, 1)
                levels = np.ascontiguousarray(samples, np.float32) - _MIDDLE
                blocks[:, strip] = to_cosine(levels[None])[0, :, inner]

        threads.spread(work, rows, _ENOUGH)
        means = blocks[list(MEANS)]
        beyond = ((0, 0), (0, -rows % SIDE), (0, -columns % SIDE))
        return cls(blocks, to_blocks(np.pad(means, beyond, "edge")[None])[0])

    def rows(self, every: int) -> Bands:
        """Every so many rows of the means' blocks, with all that lies in them."""
        rows = self.blocks.shape[1] // SIDE
        if not rows:
            return self
        taken, high = slice(min(every, rows) // 2, None, every), rows * SIDE
        whole = self.blocks[:, :high].reshape(CHANNELS, -1, SIDE, self.blocks.shape[2])
        return Bands(
            np.ascontiguousarray(whole[:, taken].reshape(CHANNELS, -1, self.blocks.shape[2])),
            np.ascontiguousarray(self.means[:, :rows][:, taken]),
        )


@dataclass(frozen=True)
class Numbers:
    """What the numbers of an image stand for, in half steps.

    Attributes:
        blocks: 192 x h x w.
        means: 192 x ceil(h/8) x ceil(w/8).
        step: index of the step.
    """

    blocks: Whole
    means: Whole
    step: int

    def pixels(self) -> Pixels:
        """The image, 8h x 8w x 3."""
        rows, columns = self.blocks.shape[1:]
        shown = np.empty((SIDE * rows, SIDE * columns, len(MEANS)), np.uint8)
        coarse = from_blocks(_places(self.means))[..., :rows, :columns]

        def work(first: int, last: int) -> None:
            for strip, around, inner in _strips(first, last, rows):
                bands = _places(self.blocks[:, around])
                levels = _joined(bands, coarse[:, :, around], size_of(self.step))[0]
                levels = levels[:, _samples(inner)] + _MIDDLE
                shown[_samples(strip)] = np.clip(np.rint(levels), 0, 255).transpose(1, 2, 0)

        threads.spread(work, rows, _ENOUGH)
        return shown


def _places(numbers: Whole) -> Floats:
    """1 x 192 x h x w places in steps of numbers in half steps."""
    return np.asarray(places(numbers[None].astype(np.float32) / 2))
