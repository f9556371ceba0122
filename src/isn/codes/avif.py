"""The code `avif`: the AV1 stream of each image, the better code where the room is small.

All images of a host have the same quality, the highest at which they fit together; then one after
the other goes a step higher, as long as there is room. Streams of few pixels are made anew in the
end by a search that looks further. 4:4:4, tuned for PSNR, written and read by Pillow as AVIF files.
Layout, little-endian: number of images (1 byte), then for each image height
and width in which it comes back (4 + 4) and bytes of its stream (4), then the streams.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Sequence
from functools import cache
from itertools import islice
from typing import Final

import numpy as np
from PIL import Image, features

from isn import images, threads
from isn.codes import NO_FINGERPRINT, Foreseen, Room
from isn.codes.still import coded_size, file_of, stream_of
from isn.errors import BackendError, ImageError, counted
from isn.images import Pixels
from isn.images.opening import register
from isn.progress import Tell, silent
from isn.secret import (
    MOST_IMAGES,
    Content,
    Item,
    Secret,
    check_sizes,
    forged,
    most_pixels,
    most_together,
    pictures_of,
)

_ENTRY: Final = struct.Struct("<III")
_HIGHEST: Final = 63
"""Steps of AV1's quantiser: of the 101 qualities of Pillow and libavif no more are different."""
_OCTAVES: Final = 0.103
"""By how many octaves streams grow with each step, about."""
_SMALLEST_SIDE: Final = 8
_LEAST_BYTES: Final = 22
"""Of a stream."""
_BLOCK: Final = 128
_BLOCKS: Final = 4
"""Side of a sampled block, and how many there are along each side."""

_LARGE: Final = 2 * (_BLOCK * _BLOCKS) ** 2
"""Pixels of all images together from which a sample tells where to begin."""

THOROUGH_BELOW: Final = 300_000
"""Pixels of all images together up to which the last search is thorough: 14 s a megapixel."""

_QUICK, _THOROUGH = 6, 4
"""Speeds of libaom. What the second finds is 0.4 dB better in the same bytes, in seven times as
long; 2 would add 0.15 dB, and take three times longer still."""


class Avif:
    """See :class:`isn.codes.Code`.

    Raises:
        BackendError: this Pillow was built without AVIF.
    """

    name = "avif"
    number = 2
    fingerprint = NO_FINGERPRINT
    bits = 2.0
    counts = range(1, MOST_IMAGES + 1)

    def __init__(self) -> None:
        if not available():
            raise BackendError(
                "the code avif needs AVIF, which this Pillow was built without: "
                "pip install 'pillow>=11.3'"
            )

    def encode(self, secret: Secret, room: Room, tell: Tell) -> bytes:
        """See :meth:`isn.codes.Code.encode`."""
        pictures = pictures_of(secret, self.name, room.area)
        head = 1 + len(pictures) * _ENTRY.size
        streams = fitting(pictures, room.size - head, tell)
        entries = [
            _ENTRY.pack(*own.shape[:2], len(stream))
            for own, stream in zip(pictures, streams, strict=True)
        ]
        tell(1.0)
        return b"".join([bytes([len(streams)]), *entries, *streams])

    def foresee(self, secret: Secret, room: Room) -> Foreseen:
        """See :meth:`isn.codes.Code.foresee`: it fills its room."""
        pictures = pictures_of(secret, self.name, room.area)
        if room.size < 1 + len(pictures) * (_ENTRY.size + _LEAST_BYTES):
            raise _no_room(room.size, len(pictures))
        return Foreseen(room.size, None)

    def decode(self, payload: bytes, area: int, tell: Tell) -> list[Item]:
        """See :meth:`isn.codes.Code.decode`."""
        found: list[Item] = []
        entries = _opened(payload, area)
        coded = [_pixels(stream) for _, stream in entries]
        if max(coded) > most_pixels(area) or sum(coded) > most_together(area):
            raise forged("its AV1 streams are too large")
        for number, (size, stream) in enumerate(entries):
            shown = _shown(stream, coded[number])
            found.append(images.resize(shown, *size))
            tell((number + 1) / len(entries))
        return found

    def contents(self, payload: bytes, area: int) -> list[Content]:
        """See :meth:`isn.codes.Code.contents`."""
        return [Content(size) for size, _ in _opened(payload, area)]


@cache
def available() -> bool:
    """Whether this Pillow writes and reads AVIF."""
    return bool(features.check("avif"))


def fitting(pictures: Sequence[Pixels], room: int, tell: Tell) -> list[bytes]:
    """AV1 streams of some images, as good as they fit into so many bytes together.

    Images that do not fit at the lowest quality are halved until they do.

    Raises:
        ImageError: not even their smallest versions fit.
    """
    trials = _Trials(pictures, tell)
    while not _begun(trials, room):
        if all(max(each.shape[:2]) <= _SMALLEST_SIDE for each in trials.pictures):
            raise _no_room(room, len(pictures))
        trials = _Trials([_halved(each) for each in trials.pictures], tell, trials.made)
    low = _highest(trials, room)
    best, steps = list(trials.streams(low)), [low] * len(pictures)
    for k, stream in enumerate(trials.streams(low + 1) if low < _HIGHEST else ()):
        if _total(best) - len(best[k]) + len(stream) <= room:
            best[k], steps[k] = stream, low + 1
    if trials.pixels > THOROUGH_BELOW or low == _HIGHEST:
        return best
    return _thorough(trials.pictures, steps, room) or best


def _thorough(pictures: Sequence[Pixels], steps: list[int], room: int) -> list[bytes]:
    """Streams of about these steps by a thorough search: as good as they fit.

    Args:
        pictures: the images.
        steps: of each, which a quick search found; changed.
        room: bytes.

    Returns:
        The streams; none where they fit in no steps.
    """

    def made(k: int) -> bytes:
        return encode(pictures[k], _quality(steps[k]), _THOROUGH)

    numbers = range(len(pictures))
    found, rising = threads.each(made, numbers), set(numbers)
    further = math.floor(math.log2(max(room, 1) / max(_total(found), 1)) / _OCTAVES)
    if further > 1:
        # What is drawn may be half as long after a thorough search.
        steps[:] = [min(each + further, _HIGHEST) for each in steps]
        found = threads.each(made, numbers)
    while _total(found) > room:
        if not max(steps):
            return []
        # The last of the best ones gives way.
        k = max(numbers, key=lambda each: (steps[each], each))
        steps[k] -= 1
        found[k] = made(k)
        rising.discard(k)
    while rising:
        k = min(rising, key=lambda each: (steps[each], each))
        left = room - _total(found)
        # A step adds some 7 %; where not half of it is left, it is not tried.
        if steps[k] == _HIGHEST or len(found[k]) * _OCTAVES / 3 > left:
            rising.remove(k)
            continue
        steps[k] += 1
        better = made(k)
        if len(better) - len(found[k]) <= left:
            found[k] = better
        else:
            rising.remove(k)
    return found


def _no_room(room: int, count: int) -> ImageError:
    return ImageError(
        f"the host has room for {counted(max(room, 0), 'byte')}, less than AV1 streams of "
        f"{counted(count, 'hidden image')} need: take a larger host, or fewer images"
    )


def _begun(trials: _Trials, room: int) -> bool:
    """Whether the streams fit at some step that was tried, down from where to begin.

    A large image is encoded as seldom as may be: a sample of it tells that.
    """
    step = _foreseen(trials, room)
    while _total(trials.streams(step)) > room:
        if not step:
            return False
        octaves = math.log2(trials.sizes[step] / max(room, 1))
        step = max(step - math.ceil(octaves / _OCTAVES), 0)
    return True


def _highest(trials: _Trials, room: int) -> int:
    """The highest step whose streams fit, where some do that were tried."""
    while True:
        low = max(step for step, size in trials.sizes.items() if size <= room)
        above = (step - 1 for step, size in trials.sizes.items() if size > room)
        high = min(above, default=_HIGHEST)
        if low >= high:
            return low
        trials.streams(min(max(_guess(trials.sizes, room, trials.pairs), low + 1), high))


def _foreseen(trials: _Trials, room: int) -> int:
    """About the highest step whose streams fit, told by samples; 0 where images are small."""
    if not trials.large:
        return 0
    samples = _Trials([_sampled(each) for each in trials.pictures], silent)
    part_of_room = int(samples.pixels / trials.pixels * room)
    return _highest(samples, part_of_room) if _total(samples.streams(0)) <= part_of_room else 0


def _sampled(pixels: Pixels) -> Pixels:
    """Blocks from all over an image, beside each other; all of one that is no larger."""
    rows, columns = (
        np.concatenate(
            [
                np.arange(_BLOCK) + first
                for first in np.linspace(0, side - _BLOCK, _BLOCKS).round().astype(int)
            ]
        )
        if side > _BLOCK * _BLOCKS
        else np.arange(side)
        for side in pixels.shape[:2]
    )
    return np.ascontiguousarray(pixels[np.ix_(rows, columns)])


def _guess(tried: dict[int, int], room: int, pairs: bool) -> int:
    """The highest step whose streams are thought to fit: all grow by about as much each.

    Args:
        tried: bytes of all streams by step, one among them where they fit.
        room: bytes.
        pairs: whether the next step is tried beside it.
    """
    below = max(step for step, size in tried.items() if size <= room)
    above = min((step for step, size in tried.items() if size > room), default=None)
    octaves = math.log2(max(room, 1) / max(tried[below], 1))
    if above is not None:
        return below + math.floor(octaves / _slope(tried, below, above))
    before = max((step for step in tried if step < below), default=None)
    slope = _OCTAVES if before is None else max(_slope(tried, before, below), _OCTAVES / 2)
    # Of two neighbours the lower shall fit; one by itself shall be too much, which bounds it.
    return below + (math.floor if pairs else math.ceil)(octaves / slope)


def _slope(tried: dict[int, int], first: int, last: int) -> float:
    """By how many octaves streams grow with each step from one that was tried to another."""
    return math.log2(tried[last] / max(tried[first], 1)) / (last - first)


class _Trials:
    """Streams of some images by step, each made once.

    Args:
        pictures: the images.
        tell: told a share that grows with every trial.
        made: trials before these.

    Attributes:
        pixels: of all images together.
        large: whether each trial takes long.
        pairs: whether that is of one image, so that another core is idle meanwhile.
        sizes: bytes of all streams, by step.
    """

    def __init__(self, pictures: Sequence[Pixels], tell: Tell, made: int = 0) -> None:
        self.pictures, self.made = pictures, made
        self.pixels = sum(each.shape[0] * each.shape[1] for each in pictures)
        self.large = self.pixels >= _LARGE
        self.pairs = self.large and len(pictures) == 1
        self.sizes: dict[int, int] = {}
        self._tell, self._streams = tell, dict[int, list[bytes]]()

    def streams(self, step: int) -> list[bytes]:
        """The streams of this step, and beside them those of the next where they go in pairs.

        For in the end it is known of two neighbours that the one fits and the other does not.
        """
        wanted = range(step, min(step + self.pairs, _HIGHEST) + 1)
        new = [each for each in wanted if each not in self._streams]
        if step in new:
            # libavif works outside the interpreter's lock: each stream has a core of its own.
            jobs = [(one, _quality(each)) for each in new for one in self.pictures]
            made = iter(threads.each(lambda job: encode(*job), jobs))
            for each in new:
                self._streams[each] = list(islice(made, len(self.pictures)))
                self.sizes[each] = _total(self._streams[each])
            self.made += 1
            self._tell(self.made / (self.made + 3))
        return self._streams[step]


def _halved(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    return images.resize(pixels, max(1, height // 2), max(1, width // 2))


def _quality(step: int) -> int:
    """One of the qualities that say this step."""
    return round(100 * step / _HIGHEST)


def encode(pixels: Pixels, quality: int, speed: int = _QUICK) -> bytes:
    """The AV1 stream of an image, 4:4:4.

    Args:
        pixels: uint8, H x W x 3.
        quality: 0 to 100, as Pillow and libavif count.
        speed: of libaom's search, 0 to 10: the higher, the less it looks.

    Raises:
        BackendError: this Pillow writes AVIF files of another layout.
    """
    register("AVIF")
    buffer = io.BytesIO()
    # One thread, for libaom's output depends on how many there are.
    Image.fromarray(pixels).save(
        buffer,
        "AVIF",
        quality=quality,
        subsampling="4:4:4",
        speed=speed,
        max_threads=1,
        advanced={"tune": "psnr"},
    )
    try:
        return stream_of(buffer.getvalue())
    except ValueError as error:
        raise BackendError(
            f"an AVIF file that this Pillow wrote is of another layout ({error}): install another "
            "version of it"
        ) from error


def _pixels(stream: bytes) -> int:
    """How many pixels a stream is decoded to, which is not to be believed."""
    try:
        height, width = coded_size(stream)
    except ValueError as error:
        raise forged(f"one of its AV1 streams is odd ({error})") from error
    return height * width


def _shown(stream: bytes, most: int) -> Pixels:
    """A stream that is not to be believed, decoded, of so many pixels at most."""
    try:
        return images.read(file_of(stream), "a hidden image", most=most).pixels
    except ImageError as error:
        raise forged("one of its AV1 streams is none, or too large") from error


def _total(streams: Sequence[bytes]) -> int:
    return sum(map(len, streams))


def _opened(payload: bytes, area: int) -> list[tuple[tuple[int, int], bytes]]:
    """(height, width) and stream of each image."""
    count = payload[0] if payload else 0
    place = 1 + count * _ENTRY.size
    if len(payload) < place:
        raise forged("its code is shorter than its head")
    found = []
    for k in range(count):
        height, width, length = _ENTRY.unpack_from(payload, 1 + k * _ENTRY.size)
        found.append(((height, width), payload[place : place + length]))
        place += length
    check_sizes([size for size, _ in found], area)
    if place != len(payload):
        raise forged("its streams do not add up")
    return found
