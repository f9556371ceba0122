"""The codes `isn-1` to `isn-5`: what the paper's network makes of images in a blank host.

The invertible network hides the images in a host that is the same grey everywhere; running
backwards from its container, with the constant y_z for the lost part, it reveals them (Eq. 1). All
its parameters are shared between the two. The container is no picture that anybody sees: it may
have two planes of the host's size where the host has one, and its Haar bands need not be rounded to
256 levels each. They are divided by a step and coded as the bands of :mod:`isn.codes.photos` are,
by two quantisers in turn, as finely as the room allows; what bits a number takes, a prior tells
from those before it.

Of n images the container has no room for all bands of each: it keeps the first K of every image,
the k-th of image i being its band ``k n + i`` from behind, and the constant stands for all others.
It is the same for every image, and so bounds how well they are revealed: the more planes, the less.

Images share one frame (:mod:`isn.codes.frame`). Bands of an image are coded in groups, coarse to
fine (:data:`EDGES`), each image by itself.

Layout, little-endian: index of the step (2, signed), height and width in which images are coded
(4 + 4), of each of the n images as it comes back (4 + 4), then the code of
:mod:`isn.codes.entropy.rans`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from reprlib import repr as shortened
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from isn.codes import LEAST_BITS, MOST_BITS, Foreseen, Room
from isn.codes.entropy import rans
from isn.codes.entropy.dependent import halves, places, quantised
from isn.codes.entropy.prior import Level, Seen, check_width, group_shapes, step_feature
from isn.codes.entropy.search import Search
from isn.codes.entropy.steps import STEPS, size_of
from isn.codes.frame import Frame
from isn.errors import ConfigError, ImageError, counted
from isn.images import Pixels
from isn.metrics import PEAK
from isn.paper.backends.base import Backend
from isn.paper.config import ModelConfig
from isn.paper.engine import Engine
from isn.paper.network import BLANK
from isn.paper.wavelet import from_bands, to_bands
from isn.progress import Tell, part, silent
from isn.secret import Content, Item, Secret, check_sizes, forged, pictures_of
from isn.weights import Weights

KIND: Final = "network"
"""Of its weights."""

EDGES: Final = (3, 9, 20, 38, 64, 96, 128)
"""Bands of an image at which a new group begins."""

LEVELS: Final = np.float32(255)
"""A step is in these, of a container from 0 to 1."""

LEAST_RATE: Final = 0.3
"""Bits of a hidden sample below which an image is made smaller rather than coarser."""

_HEAD: Final = struct.Struct("<hII")
_SIZE: Final = struct.Struct("<II")
_FAR: Final = np.float32(1 << 28)
"""Levels beyond which no band is, whatever the weights are: in any step, numbers are of 32 bits."""
_PARTS, _PART = 9, 16
"""Parts along an image that are enough to foresee what comes of it, and pixels along each."""
_NAME: Final = "bands"
"""Of the prior's networks."""

Floats = NDArray[np.float32]
_T = TypeVar("_T")


def groups(kept: int) -> list[slice]:
    """The bands of each group, of an image of which so many are kept."""
    return [slice(*each) for each in pairwise([0, *(k for k in EDGES if k < kept), kept])]


def kept_bands(model: ModelConfig) -> int:
    """K, the bands of each image that the container has room for.

    Raises:
        ConfigError: it has room for none.
    """
    kept = model.host_channels // model.hidden_images
    if not kept:
        raise ConfigError(
            f"the container has {model.host_channels} bands for {model.hidden_images} hidden "
            "images: give more Haar levels, or planes"
        )
    return kept


def split(config: Mapping[str, Any]) -> tuple[ModelConfig, int, float]:
    """The architecture, the width of the prior, and the bits of a sample, of such weights.

    Raises:
        ConfigError: a setting is missing or out of its range.
    """
    rest = dict(config)
    width, bits = rest.pop("width", None), rest.pop("bits", None)
    width = check_width(width)
    if type(bits) not in (int, float) or not LEAST_BITS <= bits <= MOST_BITS:
        raise ConfigError(
            f"bits is {shortened(bits)}, give a number from {LEAST_BITS} to {MOST_BITS:g}"
        )
    model = ModelConfig.from_mapping(rest)
    if model.lost is None:
        raise ConfigError("lost is none, and a code has no texture: give a number")
    return model, width, float(bits)


def shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of such weights.

    Raises:
        ConfigError: a setting is out of its range.
    """
    model, width, _ = split(config)
    return model.parameter_shapes() | prior_shapes(kept_bands(model), width)


def prior_shapes(kept: int, width: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of the prior.

    Args:
        kept: bands of an image.
        width: of hidden layers.
    """
    found: dict[str, tuple[int, ...]] = {}
    for k, bands in enumerate(groups(kept)):
        name = f"prior.{_NAME}.{k}"
        found |= group_shapes(name, 1 + bands.start, width, bands.stop - bands.start)
    return found


class NetworkCode:
    """See :class:`isn.codes.Code`.

    Args:
        name: what it is called.
        weights: of kind "network".
        backend: what evaluates the subnets; None: chosen at first use.

    Attributes:
        bits: of a sample that it uses where nobody says how many.

    Raises:
        ModelError: the weights are of another kind or shape, or too large to be added exactly.
    """

    number = 5

    def __init__(self, name: str, weights: Weights, backend: str | Backend | None = None) -> None:
        weights.check(KIND, shapes)
        self.name, self.weights, self.backend = name, weights, backend
        self.config, _, self.bits = split(weights.config)
        self._kept = kept_bands(self.config)
        self._groups = groups(self._kept)
        self._prior = Level(weights.tensors, _NAME, len(self._groups))

    def __getstate__(self) -> dict[str, Any]:
        """Without what runs the network, which is built anew where it is needed."""
        return {name: each for name, each in self.__dict__.items() if name != "_engine"}

    @property
    def fingerprint(self) -> bytes:
        """Of architecture and tensors."""
        return self.weights.fingerprint

    @property
    def counts(self) -> range:
        """As many as it was made for."""
        return range(self.config.hidden_images, self.config.hidden_images + 1)

    @cached_property
    def _engine(self) -> Engine:
        return Engine.of(self.config, self.weights, self.backend)

    def foresee(self, secret: Secret, room: Room) -> Foreseen:
        """See :meth:`isn.codes.Code.foresee`: from parts of large images."""
        pictures = self._given(secret, room)
        return self._attempt(pictures, room, lambda frame: self._foreseen(pictures, frame, room))

    def encode(self, secret: Secret, room: Room, tell: Tell) -> bytes:
        """See :meth:`isn.codes.Code.encode`."""
        pictures = self._given(secret, room)
        return self._attempt(
            pictures, room, lambda frame: self._encoded(pictures, frame, room, tell)
        )

    def decode(self, payload: bytes, area: int, tell: Tell) -> list[Item]:
        """See :meth:`isn.codes.Code.decode`."""
        step, frame, sizes, content = self._opened(payload, area)
        rows, columns = (side // self.config.cell for side in frame.filled)
        shape = self.config.hidden_images, self._kept, rows, columns
        decoder = rans.Decoder(content, math.prod(shape))
        found = np.empty(shape, np.int32)
        for image in found:
            known = self._known(rows, columns, step)
            for k, bands in enumerate(self._groups):
                image[bands] = decoder.decode(self._prior.classes(k, known))
                if bands is not self._groups[-1]:
                    known.add(image[bands])
        shown = self._revealed(found, step, part(tell, 0.2, 0.95))
        return [frame.own(each, size) for each, size in zip(shown, sizes, strict=True)]

    def contents(self, payload: bytes, area: int) -> list[Content]:
        """See :meth:`isn.codes.Code.contents`."""
        return [Content(size) for size in self._opened(payload, area)[2]]

    def _foreseen(self, pictures: Sequence[Pixels], frame: Frame, room: Room) -> Foreseen:
        """See :meth:`foresee`, where images are coded in one frame."""
        fitted = [frame.fitted(each) for each in pictures]
        height, width = fitted[0].shape[:2]
        rows, columns = _some(height, width, self.config.cell)
        some = [np.ascontiguousarray(each[rows][:, columns]) for each in fitted]
        bands = self._hidden(some, silent)
        share, total = len(rows) * len(columns) / (height * width), bands.size
        made: dict[int, tuple[float, list[rans.Part]]] = {}

        def taken(step: int) -> float:
            parts = list(self._parts(bands, step, rans.lanes(total)))
            bits = sum(rans.bits(*each) for each in parts)
            made[step] = bits / 8 / share + rans.overhead(round(total / share)), parts
            return made[step][0]

        step = Search(bands, room.size - self._head).finest(taken)
        size, parts = made[step]
        found = np.concatenate([halves(*each).reshape(-1) for each in parts])
        shown = self._revealed(found.reshape(bands.shape), step, silent)
        # What coding leaves of these, and what making them smaller leaves of the whole.
        own = np.ix_(rows < frame.height, columns < frame.width)
        missed = [
            _error(one[own], other[own]) + _error(frame.own(small, whole.shape), whole)
            for one, other, small, whole in zip(shown, some, fitted, pictures, strict=True)
        ]
        psnr = np.mean([10 * math.log10(PEAK**2 / max(each, 1e-3)) for each in missed])
        return Foreseen(min(self._head + round(size), room.size), round(float(psnr), 1))

    def _encoded(self, pictures: Sequence[Pixels], frame: Frame, room: Room, tell: Tell) -> bytes:
        """See :meth:`encode`, where images are coded in one frame."""
        planes = [frame.fitted(each) for each in pictures]
        bands = self._hidden(planes, part(tell, 0.0, 0.6))
        passes = 0

        def made(step: int) -> bytes:
            nonlocal passes
            encoder = rans.Encoder(bands.size)
            for numbers, kinds in self._parts(bands, step, rans.lanes(bands.size)):
                encoder.add(numbers, kinds)
            passes += 1
            tell(0.6 + 0.4 * passes / (passes + 1))
            return encoder.code()

        step, content = Search(bands, room.size - self._head).code(made)
        sizes = [_SIZE.pack(*each.shape[:2]) for each in pictures]
        tell(1.0)
        return b"".join([_HEAD.pack(step, frame.height, frame.width), *sizes, content])

    def _hidden(self, planes: Sequence[Pixels], tell: Tell) -> Floats:
        """The container of images of one size: n x K x h x w, in levels, less the blank host's."""
        height, width = planes[0].shape[:2]
        blank = np.full((1, 3 * self.config.planes, height, width), BLANK, np.float32)
        container = self._engine.forward(blank, planes, tell)
        bands = to_bands(container, self.config.levels) - self._blank
        count, kept = self.config.hidden_images, self._kept
        bands = bands[0, ::-1][: kept * count].reshape(kept, count, *bands.shape[2:])
        levels = np.ascontiguousarray(bands.swapaxes(0, 1) * LEVELS)
        return np.clip(levels, -_FAR, _FAR, out=levels)

    def _revealed(self, found: NDArray[np.int32], step: int, tell: Tell) -> list[Pixels]:
        """The images of n x K x h x w half steps."""
        count, kept, rows, columns = found.shape
        bands = np.zeros((1, self.config.host_channels, rows, columns), np.float32)
        received = places(found.swapaxes(0, 1).astype(np.float32) / 2)
        received *= np.float32(size_of(step)) / LEVELS
        bands[0, ::-1][: kept * count] = received.reshape(-1, rows, columns)
        container = from_bands(bands + self._blank, self.config.levels)
        return self._engine.inverse(container, None, tell)

    def _parts(self, bands: Floats, step: int, lanes: int) -> Iterator[rans.Part]:
        """Numbers and kinds of a container, in the order in which they are coded."""
        size = np.float32(size_of(step))
        for image in bands:
            known = self._known(image.shape[1], image.shape[2], step)
            for k, chosen in enumerate(self._groups):
                classes = self._prior.classes(k, known)
                numbers, kinds = quantised(image[chosen] / size, classes, rans.costs(), lanes)
                yield numbers, kinds
                if chosen is not self._groups[-1]:
                    known.add(halves(numbers, kinds))

    def _known(self, rows: int, columns: int, step: int) -> Seen:
        """What is known of an image before its first group: the step."""
        known = Seen(rows, columns, 1 + self._groups[-1].start)
        known.put(np.full((1, rows, columns), step_feature(step), np.uint8))
        return known

    def _given(self, secret: Secret, room: Room) -> list[Pixels]:
        """The images of a secret, as many as the network was made for.

        Raises:
            ConfigError: they are not.
        """
        pictures = pictures_of(secret, self.name, room.area)
        if len(pictures) != self.config.hidden_images:
            raise ConfigError(
                f"{self.name} hides {counted(self.config.hidden_images, 'image')} at a time, not "
                f"{len(pictures)}: give so many, or take another method"
            )
        return pictures

    @property
    def _head(self) -> int:
        """Bytes before the code."""
        return _HEAD.size + _SIZE.size * self.config.hidden_images

    @cached_property
    def _blank(self) -> Floats:
        """The bands of one position of a blank host."""
        cell = self.config.cell
        blank = np.full((1, 3 * self.config.planes, cell, cell), BLANK, np.float32)
        return to_bands(blank, self.config.levels)

    def _attempt(self, pictures: Sequence[Pixels], room: Room, made: Callable[[Frame], _T]) -> _T:
        """What is made of images in the largest frame in which they fit.

        Args:
            pictures: to be coded.
            room: that they have.
            made: makes it in a frame.

        Raises:
            ImageError: they do not fit even in a single cell.
        """
        whole, bits = Frame.around(pictures, self.config.cell), 8 * (room.size - self._head)
        pixels = max(bits, 0) / (LEAST_RATE * 3 * self.config.hidden_images)
        while True:
            frame = whole.within(room.area, pixels)
            try:
                return made(frame)
            except ImageError:
                if frame.pixels == self.config.cell**2:
                    raise
            pixels = frame.pixels / 2

    def _opened(self, payload: bytes, area: int) -> tuple[int, Frame, list[tuple[int, int]], bytes]:
        """Step, frame, sizes of the images, and the code."""
        head = self._head
        if len(payload) < head:
            raise forged("its code is shorter than its head")
        step, height, width = _HEAD.unpack_from(payload)
        sizes = [_SIZE.unpack_from(payload, at) for at in range(_HEAD.size, head, _SIZE.size)]
        if not STEPS[0] <= step <= STEPS[1]:
            raise forged(f"its code is in step {step}")
        check_sizes(sizes, area)
        frame = Frame(height, width, self.config.cell)
        if not frame.possible(area):
            raise forged(f"its network's images have {width} x {height} pixels")
        return step, frame, sizes, payload[head:]


def _some(height: int, width: int, cell: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns that stand for all of so many: whole cells, spread evenly."""
    if height * width <= (_PARTS * _PART) ** 2:
        return np.arange(height), np.arange(width)
    return _spread(height, cell), _spread(width, cell)


def _spread(side: int, cell: int) -> NDArray[np.int64]:
    if side <= _PARTS * _PART:
        return np.arange(side)
    starts = np.arange(_PARTS) * (side - _PART) // (_PARTS - 1) // cell * cell
    return (starts[:, None] + np.arange(_PART)).reshape(-1)


def _error(one: Pixels, other: Pixels) -> float:
    """Mean square of the difference."""
    return float(np.square(np.subtract(one, other, dtype=np.float32)).mean(dtype=np.float64))
