"""More images than a model hides: they share its planes, each smaller.

A model of m hidden images has m planes as large as the host. Of n > m images the first floor(n / m)
share the first plane, and so on, the last planes taking one more where they must. In a plane, k
images stand in round(sqrt(k)) rows, the last of which take one more where they must; a row is as
high as its share of the images, and divided evenly::

    1            2            3            4            5
    +-------+    +---+---+    +-------+    +---+---+    +-----+-----+
    |       |    |   |   |    |       |    |   |   |    |     |     |
    |       |    |   |   |    +---+---+    +---+---+    +---+-+-+---+
    |       |    |   |   |    |   |   |    |   |   |    |   |   |   |
    |       |    |   |   |    |   |   |    |   |   |    |   |   |   |
    +-------+    +---+---+    +---+---+    +---+---+    +---+---+---+

All images of a plane so have about the same number of pixels, a k-th of the host's, and come back
at their own size with the detail of that. Which images share a plane follows from their number and
from the model, which the seal names; nothing more needs to be stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from isn.images import Pixels


@dataclass(frozen=True)
class Cell:
    """Where a hidden image stands.

    Attributes:
        plane: which of the model's hidden images it is part of.
        top: first row.
        left: first column.
        height: rows.
        width: columns.
    """

    plane: int
    top: int
    left: int
    height: int
    width: int


def cells(count: int, planes: int, height: int, width: int, grid: int) -> list[Cell]:
    """The places of `count` images in planes of height x width; whole planes where they are enough.

    Args:
        count: number of images, as many as there are planes or more.
        planes: number of planes.
        height: rows of a plane.
        width: columns.
        grid: borders inside a plane stand at multiples of this, the network's cell.
    """
    return [
        Cell(plane, *place)
        for plane, share in enumerate(_shares(count, planes))
        for place in _rows(share, height, width, grid)
    ]


def _rows(count: int, height: int, width: int, grid: int) -> Iterator[tuple[int, int, int, int]]:
    rows = _shares(count, round(count**0.5))
    for columns, (top, bottom) in zip(rows, _spans(rows, height, grid), strict=True):
        for left, right in _spans([1] * columns, width, grid):
            yield top, left, bottom - top, right - left


def _shares(count: int, parts: int) -> list[int]:
    """`count` things in so many parts as even as can be, the smaller ones first."""
    return [(count + k) // parts for k in range(parts)]


def _spans(weights: Sequence[int], length: int, grid: int) -> Iterator[tuple[int, int]]:
    """Borders that divide a length in these proportions, at multiples of the grid but the last."""
    total, passed, start = sum(weights), 0, 0
    for number, weight in enumerate(weights, 1):
        passed += weight
        end = length if number == len(weights) else round(length * passed / total / grid) * grid
        yield start, end
        start = end


def compose(pictures: Sequence[Pixels], places: Sequence[Cell]) -> list[Pixels]:
    """The planes in which images stand in their places; an image is as large as its place."""
    planes: list[Pixels] = []
    for plane in range(places[-1].plane + 1):
        parts = [k for k, place in enumerate(places) if place.plane == plane]
        if len(parts) == 1:
            planes.append(pictures[parts[0]])
            continue
        last = places[parts[-1]]
        whole = np.empty((last.top + last.height, last.left + last.width, 3), np.uint8)
        for k in parts:
            _part(whole, places[k])[:] = pictures[k]
        planes.append(whole)
    return planes


def decompose(planes: Sequence[Pixels], places: Sequence[Cell]) -> list[Pixels]:
    """The images that stand in the planes: :func:`compose` undone."""
    return [_part(planes[place.plane], place) for place in places]


def _part(plane: Pixels, place: Cell) -> Pixels:
    rows = slice(place.top, place.top + place.height)
    return plane[rows, place.left : place.left + place.width]
