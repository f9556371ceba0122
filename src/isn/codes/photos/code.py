"""Images as numbers, and these as bytes: in the finest step whose bytes fit.

Cosine bands (:mod:`isn.codes.photos.bands`) are divided by a step and become whole numbers by two
quantisers in turn (:mod:`isn.codes.photos.dependent`), and these are coded with the probabilities
that the prior (:mod:`isn.codes.photos.prior`) gives them, so that a sky leaves its room to a wood,
and an image to another::

    images  ->  bands  ->  / step  ->  classes of the prior  ->  numbers  ->  rANS  ->  bytes

and back, to images that are known to about a step. One step for all images of a host, the finest
whose code fits; their errors so are about the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isn.arrays import array_namespace
from isn.codes.photos import rans
from isn.codes.photos.bands import (
    CHANNELS,
    MEANS,
    SIDE,
    from_blocks,
    from_cosine,
    to_blocks,
    to_cosine,
)
from isn.codes.photos.dependent import halves, places, quantised
from isn.codes.photos.prior import (
    CLASSES,
    CONTEXT,
    GROUPS,
    STEPS,
    Level,
    Prior,
    Whole,
    context,
    feature,
    mean_values,
)
from isn.errors import ImageError
from isn.progress import Tell, part, silent

Floats = NDArray[np.float32]
Sizes = Sequence[tuple[int, int]]
Array = Any

_MANY: Final = 4_000_000
_TRIALS: Final = 16
_TRUSTED: Final = 6
"""Trials after which guesses are no longer trusted, and halves are taken."""
_GRAIN: Final = 8
"""Bytes by which a code may be other than it is guessed, however short it is."""
_FACTOR: Final = 1.9
"""Bits of a number to the digits of its magnitude, before any code was made."""
_SAMPLE: Final = 64
"""Blocks of means, of 64 x 64 samples, that are enough to guess a step from."""


def largest(host: int) -> int:
    """How many pixels an image may be coded in that shares a host of so many pixels.

    Four times as many, for a code is better than a resampled image at any rate that leaves
    something to see; but no more than the host has, or four megapixels, for memory's sake.
    """
    return max(host, min(4 * host, _MANY))


def size_of(step: int) -> float:
    """A step of quantisation by its index, in levels of 255."""
    return float(2.0 ** (step / 64))


def received(bands: Array, means: Array, size: float) -> Array:
    """An image from what its numbers stand for, for any array library.

    Args:
        bands: N x 192 x h x w floats, places in steps; the means among them are not looked at.
        means: N x 192 x ceil(h/8) x ceil(w/8), the same.
        size: of the step, in levels.

    Returns:
        N x 3 x 8h x 8w, in levels around the middle.
    """
    xp = array_namespace(bands)
    rows, columns = bands.shape[-2:]
    coarse = from_blocks(means)[..., :rows, :columns]
    planes = []
    for colour, channel in enumerate(MEANS):
        planes += [coarse[:, colour : colour + 1], bands[:, channel + 1 : channel + SIDE * SIDE]]
    return from_cosine(xp.concat(planes, axis=1)) * size


def padded(side: int) -> int:
    """A side of an image, as a multiple of the blocks' side."""
    return side + -side % SIDE


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
    def of(cls, image: Floats) -> Bands:
        """The bands of 3 x H x W levels around the middle, sides multiples of 8."""
        blocks = to_cosine(image[None])[0]
        _, rows, columns = blocks.shape
        means = blocks[list(MEANS)]
        around = ((0, 0), (0, -rows % SIDE), (0, -columns % SIDE))
        return cls(blocks, to_blocks(np.pad(means, around, "edge")[None])[0])

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

    def parts(self, prior: Prior, step: int, lanes: int) -> Iterator[rans.Part]:
        """Numbers and kinds, in the order in which they are coded, for so many lanes."""
        means = self.means[list(MEANS)]
        classes = _same(prior.coarsest(step), means.shape)
        coarsest = yield from _part(means, classes, step, lanes)
        found = yield from _parts(prior.means, self.means, coarsest, step, lanes)
        known = _known(found, self.blocks.shape[1:])
        yield from _parts(prior.blocks, self.blocks, known, step, lanes)


def _parts(
    level: Level, bands: Floats, known: Whole, step: int, lanes: int
) -> Generator[rans.Part, None, Whole]:
    """The parts of one level, whose means are known; returns what its numbers stand for."""
    seen = _Seen(level, known, step)
    for group, channels in enumerate(GROUPS):
        part = _part(bands[list(channels)], seen.classes(group), step, lanes)
        seen.add(group, (yield from part))
    return seen.halves


def _part(
    bands: Floats, classes: NDArray[np.uint8], step: int, lanes: int
) -> Generator[rans.Part, None, Whole]:
    """One part, whose classes are known; returns what its numbers stand for."""
    values = bands / np.float32(size_of(step))
    numbers, kinds = quantised(values, classes, rans.costs(), lanes)
    yield numbers, kinds
    return halves(numbers, kinds >= CLASSES)


def _decoded(decoder: rans.Decoder, level: Level, known: Whole, step: int, tell: Tell) -> Whole:
    """What the numbers of one level stand for, whose means are known."""
    seen = _Seen(level, known, step)
    done = 0
    for group, channels in enumerate(GROUPS):
        seen.add(group, decoder.decode(seen.classes(group)))
        done += len(channels)
        tell(done / (CHANNELS - len(MEANS)))
    return seen.halves


def _known(means: Whole, shape: tuple[int, ...]) -> Whole:
    """The means of an image's blocks in half steps, from their own bands."""
    rows, columns = shape
    return mean_values(means)[:, :rows, :columns]


class _Seen:
    """What is known of one level, group by group.

    Attributes:
        halves: its numbers in half steps, 192 x h x w, those of its means at their channels.
    """

    def __init__(self, level: Level, known: Whole, step: int) -> None:
        rows, columns = known.shape[1:]
        self._level = level
        self._all = np.empty((CONTEXT + CHANNELS - len(MEANS), rows, columns), np.uint8)
        self._all[:CONTEXT] = context(known, step)
        self._ends = np.cumsum([CONTEXT, *(len(each) for each in GROUPS)])
        self.halves = np.zeros((CHANNELS, rows, columns), np.int32)
        self.halves[list(MEANS)] = known

    def classes(self, group: int) -> NDArray[np.uint8]:
        return self._level.classes(group, self._all[: self._ends[group]])

    def add(self, group: int, found: Whole) -> None:
        self._all[self._ends[group] : self._ends[group + 1]] = feature(found)
        self.halves[list(GROUPS[group])] = found


class _Passes:
    """Tells progress over passes whose number nobody knows: the share of them that is behind.

    Args:
        numbers: that a whole pass codes.
        tell: told the share.
    """

    def __init__(self, numbers: int, tell: Tell) -> None:
        self._numbers, self._tell, self._done = numbers, tell, 0

    def over(self, bands: Sequence[Bands], prior: Prior, step: int) -> rans.Encoder:
        """One pass: all numbers of some images in a step."""
        total = _numbers(bands)
        encoder, lanes = rans.Encoder(total), rans.lanes(total)
        for each in bands:
            for numbers, kinds in each.parts(prior, step, lanes):
                encoder.add(numbers, kinds)
                self._done += numbers.size
                passes = self._done / self._numbers
                self._tell(passes / (passes + 1))
        return encoder


def foreseen(bands: Sequence[Bands], prior: Prior, room: int) -> tuple[int, int]:
    """The step in which the code of some images fits, and bytes of it, from a part of them.

    Args:
        bands: of each image.
        prior: the learned one.
        room: bytes that the code may take.

    Returns:
        Index of the step, one more than the last where none is coarse enough; and the bytes.
    """
    total, passes = _numbers(bands), _Passes(_numbers(bands), silent)
    some, share = _sampled(bands)
    sizes = {STEPS[1] + 1: 0.0}

    def taken(step: int) -> float:
        sizes[step] = passes.over(some, prior, step).bits / 8 / share + rans.overhead(total)
        return sizes[step]

    step = _Search(bands, room).finest(taken)
    return step, round(sizes[step])


def encode(
    bands: Sequence[Bands], prior: Prior, room: int, tell: Tell = silent
) -> tuple[int, bytes]:
    """The code of some images in the finest step in which it fits, and the index of that step.

    Args:
        bands: of each image.
        prior: the learned one.
        room: bytes that the code may take.
        tell: told the share that is done.

    Raises:
        ImageError: not even the coarsest code fits.
    """
    total = _numbers(bands)
    passes, search = _Passes(total, tell), _Search(bands, room)
    some, share = _sampled(bands)
    if share < 1:
        bits = passes.over(some, prior, search.guess).bits
        search.told(search.guess, bits / 8 / share + rans.overhead(total))
    # Of the codes that were made, the finest that fits.
    kept = b""

    def taken(step: int) -> float:
        nonlocal kept
        content = passes.over(bands, prior, step).code()
        if len(content) <= room:
            kept = content
        return len(content)

    step = search.finest(taken)
    if step > STEPS[1]:
        raise ImageError(
            f"{len(bands)} hidden images do not fit in {room} bytes, not even coarsely: "
            "take a larger host, or fewer or smaller images"
        )
    tell(1.0)
    return step, kept


class _Search:
    """Looks for the finest step whose code fits a room.

    How the size of a code depends on the step is guessed from how many magnitudes of the bands lie
    in each eighth of an octave: about as many bits each as a number of that magnitude has digits.
    By what factor, and in what power, the codes that are made tell.

    Args:
        bands: of each image.
        room: bytes that the code may take.

    Attributes:
        guess: the finest step that is thought to fit; more than the last where none is.
    """

    def __init__(self, bands: Sequence[Bands], room: int) -> None:
        counts = np.zeros(1 << 12, np.int64)
        for each in bands:
            # The upper bits of a float without its sign: its exponent, and eighths of an octave.
            eighths = each.blocks.view(np.uint32)[:, ::2, ::2] << np.uint32(1) >> np.uint32(21)
            counts += np.bincount(eighths.reshape(-1), minlength=len(counts)) * 4
        there = np.flatnonzero(counts)
        self._counts = counts[there]
        self._magnitudes = (there << 20).astype(np.uint32).view(np.float32).astype(np.float64)
        self._room, self._last = max(room, 1), (1.0, _FACTOR)
        self._power = 1.0
        self.guess = self._finest()

    def told(self, step: int, size: float) -> None:
        """How many bytes the code takes in a step: :attr:`guess` is the better for it."""
        self._last = (self._expected(step), size)
        self.guess = self._finest()

    def finest(self, taken: Callable[[int], float]) -> int:
        """The finest step whose code takes no more than the room; more than the last where none.

        Args:
            taken: the bytes that the code takes in a step.
        """
        low, high, before = STEPS[0], STEPS[1] + 1, None
        for trial in range(_TRIALS):
            step = min(max(self.guess, low), high - 1)
            if trial > _TRUSTED:
                step = (low + high) // 2
            size = taken(step)
            low, high = (low, step) if size <= self._room else (step + 1, high)
            self._bend(before, (self._expected(step), size))
            self.told(step, size)
            before = self._last
            finer = self._size(step - 1) if step > low else math.inf
            if low >= high or size <= self._room < finer - _GRAIN:
                break
            self.guess -= size <= self._room and self.guess == step
        return high

    def _expected(self, step: int) -> float:
        """Bytes, before the factor."""
        digits = np.log2(1 + self._magnitudes / size_of(step))
        return float(self._counts @ digits) / 8 + 1

    def _bend(self, one: tuple[float, float] | None, two: tuple[float, float]) -> None:
        """Learns the power from what was expected and came of two steps."""
        if one is not None and one[0] != two[0]:
            power = math.log(max(one[1], 1) / max(two[1], 1)) / math.log(one[0] / two[0])
            self._power = min(max(power, 0.5), 2.0)

    def _size(self, step: int) -> float:
        """Bytes that are thought to be taken in a step."""
        expected, size = self._last
        return float(size * (self._expected(step) / expected) ** self._power)

    def _finest(self) -> int:
        low, high = STEPS[0], STEPS[1] + 1
        while low < high:
            middle = (low + high) // 2
            if self._size(middle) <= self._room:
                high = middle
            else:
                low = middle + 1
        return low


def error(step: int) -> float:
    """The mean square error of a revealed sample to be expected of a step, in levels.

    That of the quantisers where numbers are many bits wide; coarser steps lose less than this.
    """
    return 0.0614 * size_of(step) ** 2


def _numbers(bands: Sequence[Bands]) -> int:
    """How many numbers are coded: all bands but the means of blocks, and all of the means' own."""
    return sum(_numbers_of(*each.blocks.shape[1:]) for each in bands)


def _numbers_of(rows: int, columns: int) -> int:
    """The same of one image of so many blocks."""
    means = -(-rows // SIDE) * -(-columns // SIDE)
    return (CHANNELS - len(MEANS)) * rows * columns + CHANNELS * means


def decode(
    content: bytes, prior: Prior, sizes: Sizes, step: int, tell: Tell = silent
) -> list[Floats]:
    """The images in a code.

    Args:
        content: as :func:`encode` gave it.
        prior: the learned one.
        sizes: (height, width) of each image without padding; whoever calls has bounded them.
        step: index of the step, one of `STEPS`.
        tell: told the share that is done.

    Returns:
        3 x H x W each, padded to multiples of 8, in levels around the middle.

    Raises:
        AlteredContainer: it is no such code.
    """
    shapes = [(padded(height) // SIDE, padded(width) // SIDE) for height, width in sizes]
    decoder = rans.Decoder(content, sum(_numbers_of(*shape) for shape in shapes))
    found = []
    for number, shape in enumerate(shapes):
        part_done = part(tell, number / len(shapes), (number + 1) / len(shapes))
        found.append(_image(decoder, prior, step, *shape, part_done))
    return found


def _image(
    decoder: rans.Decoder, prior: Prior, step: int, rows: int, columns: int, tell: Tell
) -> Floats:
    """The next image of a code, of so many blocks."""
    shape = (len(MEANS), -(-rows // SIDE), -(-columns // SIDE))
    coarsest = decoder.decode(_same(prior.coarsest(step), shape))
    means = _decoded(decoder, prior.means, coarsest, step, silent)
    bands = _decoded(decoder, prior.blocks, _known(means, (rows, columns)), step, tell)
    numbers, coarse = (places(each[None].astype(np.float32) / 2) for each in (bands, means))
    return np.asarray(received(numbers, coarse, size_of(step))[0])


def _sampled(bands: Sequence[Bands]) -> tuple[list[Bands], float]:
    """A part of large images that stands for all of them, and what share of the blocks it is."""
    every = round(sum(each.means[0].size for each in bands) / _SAMPLE)
    if every < 2:
        return list(bands), 1.0
    some = [each.rows(every) for each in bands]
    blocks = (sum(each.blocks[0].size for each in found) for found in (some, bands))
    return some, next(blocks) / next(blocks)


def _same(classes: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.broadcast_to(classes[:, None, None], shape))
