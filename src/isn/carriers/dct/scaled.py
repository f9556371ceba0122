"""Containers that may be scaled down: what they carry lies in the host at a smaller size.

A host is scaled to one of `SIDES`, that small image carries as any other, and how it changed is
scaled up again and added to the host. Whoever reads scales what arrived to the same size: nothing
need be known of the size that it had, nor of the sizes that it had in between, where they were no
smaller. To lay it there first keeps what is finer in the host, and is lost on the way, from being
noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from isn import images
from isn.carriers.dct import blocks
from isn.carriers.dct.places import HEAD_BLOCKS
from isn.errors import ConfigError, setting
from isn.images import Pixels

SIDES: Final = tuple(
    sorted(each << k >> 3 for each in (1024, 1280, 1440, 1600, 1920) for k in range(6))
)
"""Pixels that the longer side of the small image may have: few, for each is tried in reading."""

STRENGTHS: Final = {90: 80, 80: 65, 75: 55, 65: 40, 50: 30}
"""Qualities of JPEG that such a container may be made for, and the lattice of each: as coarse as
one for a table of 1.8 times the steps, since kernels add as much again."""

APART: Final = 1.2
"""Times that another size than the small image's must be larger. Between, what was scaled to it and
then to the small image's lost more to both kernels than what was scaled far down."""

LEAST: Final = math.ceil(SIDES[0] * APART)
"""Pixels from which on any longer side can be survived, as the smallest of `SIDES` can be."""

MOST: Final = 4
"""Times that the longer side of a container may be longer than that of its small image."""

SHARPNESS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
"""What undoes the softness of a kernel, the softest for one that was scaled twice."""
TRIED: Final = (0.0, 0.2)
"""Those under which a head is looked for: together they find one under any kernel survived."""

_ROUNDS: Final = 3
_MIDDLE: Final = 128


def side_for(side: int, longer: float = math.inf) -> int:
    """The largest of :data:`SIDES` that survives scaling to a longer side of so many pixels.

    Args:
        side: that is to be survived.
        longer: of the host's sides, which is survived too.

    Raises:
        ConfigError: there is none.
    """
    found = [
        each for each in SIDES if (each == side or each * APART <= side) and each * APART <= longer
    ]
    if not found:
        raise ConfigError(
            setting(scaled=side),
            f" was given: give a longer side of {LEAST} pixels or more, or of exactly {SIDES[0]}",
        )
    return found[-1]


def small(pixels: Pixels, side: int, kernel: images.Kernel = "lanczos") -> Pixels:
    """An image whose longer side has so many pixels."""
    height, width = pixels.shape[:2]
    return images.resize(pixels, *images.longer_side(height, width, side), kernel)


def enlarged(host: Pixels, before: Pixels, after: Pixels) -> Pixels:
    """A container that, made small, is nearly `after`.

    Where scaling up and down again is not the identity, what is missing is added again (iterative
    back-projection, Irani and Peleg 1991).

    Args:
        host: at full size.
        before: the host made small.
        after: that small image, which carries something.
    """
    change, container = after.astype(np.int16) - before, host
    for _ in range(_ROUNDS):
        moved = np.clip(change + _MIDDLE, 0, 255).astype(np.uint8)
        moved = images.resize(moved, *host.shape[:2])
        container = (moved.astype(np.int16) - _MIDDLE + host).clip(0, 255).astype(np.uint8)
        change += after.astype(np.int16) - images.resize(container, *after.shape[:2])
    return container


def arrivals(pixels: Pixels) -> Iterator[Pixels]:
    """The luma of an image in all sizes at which it may carry.

    The size that it has comes first, as a messenger leaves it, then the others, large ones first.
    """
    plane = blocks.luma(pixels)
    for shape in _sizes(*plane.shape):
        yield images.resize(plane, *shape)


def _sizes(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Sizes that the small image may have had, of one that arrives with this size."""
    longer, shorter = max(height, width), min(height, width)
    for side in sorted(SIDES, reverse=True):
        if not side <= longer <= MOST * side:
            continue
        # The shorter side was rounded, up or down, in either scaling.
        usual = (2 * side * shorter + longer) // (2 * longer)
        least, most = (side * (shorter + off) / longer for off in (-1, 1))
        for other in sorted(range(round(least), round(most) + 1), key=lambda n: abs(n - usual)):
            if (side // blocks.SIDE) * (other // blocks.SIDE) >= HEAD_BLOCKS:
                yield (other, side) if width >= height else (side, other)


def sharper(plane: Pixels, much: float) -> Pixels:
    """A plane whose finest waves are 1 + `much` times as high, down and across."""
    if not much:
        return plane
    values: blocks.Floats = plane.astype(np.float32)
    for axis in (0, 1):
        turned = values.swapaxes(0, axis)
        # A sample's excess over one neighbour, less the other neighbour's over it.
        rise = np.float32(much / 4) * np.diff(turned, axis=0)
        turned[1:] += rise
        turned[:-1] -= rise
    return np.rint(values, out=values).clip(0, 255, out=values).astype(np.uint8)
