"""The code `photos`: images as bytes, as fine as the room allows.

Layout, little-endian: number of images (1 byte), index of the step (2, signed), then for each image
height and width in which it is coded and in which it comes back (4 x 4), then the code of
:mod:`isn.codes.photos.code`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

from isn import images
from isn.codes import Foreseen, Room
from isn.codes.entropy.prior import check_width
from isn.codes.entropy.steps import STEPS
from isn.codes.frame import Frame
from isn.codes.photos import code
from isn.codes.photos.bands import SIDE
from isn.codes.photos.levels import Prior, parameter_shapes
from isn.errors import ImageError, counted
from isn.images import Pixels
from isn.metrics import PEAK
from isn.progress import Tell, part
from isn.secret import (
    MOST_IMAGES,
    Content,
    Item,
    Secret,
    check_sizes,
    forged,
    pictures_of,
)

if TYPE_CHECKING:
    from isn.weights import Weights

KIND: Final = "photos"
"""Of its weights."""

_HEAD: Final = struct.Struct("<Bh")
_SIZES: Final = struct.Struct("<IIII")
_FEWEST: Final = 16
"""Bytes of code below which nothing recognisable is left of an image."""


def shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of such weights.

    Raises:
        ConfigError: it has no width, or one out of range.
    """
    return parameter_shapes(check_width(config.get("width")))


class Photos:
    """See :class:`isn.codes.Code`.

    Args:
        weights: of kind "photos": the learned prior.

    Raises:
        ModelError: the weights are of another kind or shape, or too large to be added exactly.
    """

    name = "photos"
    number = 1
    bits = 2.0
    counts = range(1, MOST_IMAGES + 1)
    fingerprint: bytes
    """Of the prior."""
    _load: Callable[[], Weights]

    def __init__(self, weights: Weights) -> None:
        weights.check(KIND, shapes)
        self.fingerprint, self._load = weights.fingerprint, partial(_itself, weights)
        # What is wrong with its numbers is told here.
        self._prior = Prior(weights.tensors)

    @classmethod
    def later(cls, fingerprint: bytes, load: Callable[[], Weights]) -> Photos:
        """The code of sound weights, which are read once it encodes or decodes.

        Args:
            fingerprint: of the weights.
            load: reads them.
        """
        made = cls.__new__(cls)
        made.fingerprint, made._load = fingerprint, load
        return made

    @property
    def weights(self) -> Weights:
        """Of the prior."""
        return self._load()

    @cached_property
    def _prior(self) -> Prior:
        return Prior(self.weights.tensors)

    def encode(self, secret: Secret, room: Room, tell: Tell) -> bytes:
        """See :meth:`isn.codes.Code.encode`."""
        pictures = pictures_of(secret, self.name, room.area)
        fitted = [_fitted(each, room.area) for each in pictures]
        left = room.size - _HEAD.size - len(fitted) * _SIZES.size
        if left < _FEWEST * len(fitted):
            raise ImageError(
                f"the host takes {max(room.size, 0)} bytes, and "
                f"{_HEAD.size + len(fitted) * (_SIZES.size + _FEWEST)} are the least for "
                f"{counted(len(fitted), 'hidden image')}: take a larger host, or fewer images"
            )
        coded = code.Images([_frame(each).fitted(each) for each in fitted])
        step, content = code.encode(coded, self._prior, left, tell)
        sizes = [
            _SIZES.pack(*each.shape[:2], *own.shape[:2])
            for each, own in zip(fitted, pictures, strict=True)
        ]
        return b"".join([_HEAD.pack(len(fitted), step), *sizes, content])

    def foresee(self, secret: Secret, room: Room) -> Foreseen:
        """See :meth:`isn.codes.Code.foresee`: from a part of large images."""
        pictures = pictures_of(secret, self.name, room.area)
        fitted = [_fitted(each, room.area) for each in pictures]
        coded = code.Images([_frame(each).fitted(each) for each in fitted])
        head = _HEAD.size + len(fitted) * _SIZES.size
        lost, size = code.foreseen(coded, self._prior, room.size - head)
        psnr = 10 * math.log10(PEAK**2 / lost)
        return Foreseen(min(head + size, room.size), round(psnr, 1))

    def decode(self, payload: bytes, area: int, tell: Tell) -> list[Item]:
        """See :meth:`isn.codes.Code.decode`."""
        step, coded, own, content = _opened(payload, area)
        shown = code.decode(content, self._prior, coded, step, part(tell, 0.0, 0.95))
        return [
            images.resize(each.pixels()[: size[0], : size[1]], *wanted)
            for each, size, wanted in zip(shown, coded, own, strict=True)
        ]

    def contents(self, payload: bytes, area: int) -> list[Content]:
        """See :meth:`isn.codes.Code.contents`."""
        return [Content(size) for size in _opened(payload, area)[2]]


def _itself(weights: Weights) -> Weights:
    return weights


def _opened(
    payload: bytes, area: int
) -> tuple[int, list[tuple[int, int]], list[tuple[int, int]], bytes]:
    """Step, coded sizes, own sizes and code of a payload."""
    if len(payload) < _HEAD.size:
        raise forged("its code is shorter than its head")
    count, step = _HEAD.unpack_from(payload)
    end = _HEAD.size + count * _SIZES.size
    if len(payload) < end or not STEPS[0] <= step <= STEPS[1]:
        raise forged(f"its code names {count} images in step {step}")
    rows = [_SIZES.unpack_from(payload, _HEAD.size + k * _SIZES.size) for k in range(count)]
    coded, own = [row[:2] for row in rows], [row[2:] for row in rows]
    check_sizes(own, area)
    for height, width in coded:
        if not Frame(height, width, SIDE).possible(code.largest(area)):
            raise forged(f"its code is of an image of {width} x {height} pixels")
    return step, coded, own, payload[end:]


def _fitted(pixels: Pixels, area: int) -> Pixels:
    """An image of no more pixels than are coded in a host of this area, filled up or not."""
    most = code.largest(area)
    fitted = images.within(pixels, most)
    frame = _frame(fitted)
    if frame.possible(most):
        return fitted
    # A thread is nearly all of what fills it up.
    return images.within(pixels, max(most * most // frame.pixels, 1))


def _frame(pixels: Pixels) -> Frame:
    """The size of an image, filled up until a code's blocks divide it."""
    return Frame(pixels.shape[0], pixels.shape[1], SIDE)
