"""Images as numbers, and these as bytes: in the finest step whose bytes fit.

Cosine bands (:mod:`isn.codes.photos.bands`) are divided by a step and become whole numbers by two
quantisers in turn (:mod:`isn.codes.photos.dependent`), and these are coded with the probabilities
that the prior (:mod:`isn.codes.photos.prior`) gives them, so that a sky leaves its room to a wood,
and an image to another::

    images  ->  bands  ->  / step  ->  classes of the prior  ->  numbers  ->  rANS  ->  bytes

and back, to images that are known to about a step. One step for all images of a host, so that their
errors are about the same: it is foreseen from a part of them, and how much a bit is worth makes the
code fit (:mod:`isn.codes.photos.rate`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from isn.codes.photos import rans
from isn.codes.photos.bands import CHANNELS, MEANS, SIDE
from isn.codes.photos.dependent import halves, quantised
from isn.codes.photos.image import Bands, Floats, Numbers, Whole, padded, size_of
from isn.codes.photos.prior import (
    CLASSES,
    CONTEXT,
    GROUPS,
    STEPS,
    Level,
    Prior,
    context,
    feature,
    mean_values,
)
from isn.codes.photos.rate import Rate
from isn.codes.photos.search import Search
from isn.errors import ImageError
from isn.images import Pixels
from isn.progress import Tell, part, silent

_MANY: Final = 4_000_000
_SAMPLE: Final = 64
"""Blocks of means, of 64 x 64 samples, that are enough to guess a step from."""
_KEPT: Final = 100_000_000
"""Numbers whose bands are kept, in 4 bytes each; those of more are made anew in each pass."""
_COARSER: Final = 2
"""Steps by which a code is coarser than at the usual worth of a bit: it is the better for it."""
_FAR: Final = 4
_GUESSES: Final = 3
"""Steps from which on what was foreseen of one is not believed of another, and how often it is
foreseen again."""
_TRIALS: Final = 2
"""Passes over all of large images, before the finest step that fits is looked for."""
_LEAST_BITS: Final = 0.3
"""Of a number, with which one pass is enough: with fewer, what a part takes is hard to foresee."""
_FILLED: Final = 0.99
"""Share of the room that a code is to take."""
_SPARE: Final = 2.5
"""Bytes of each lane that its code may take beyond what is expected."""

_Bits: TypeAlias = NDArray[np.float64]
"""Of each part."""

Quantise: TypeAlias = Callable[[Floats, NDArray[np.uint8]], rans.Part]
"""Numbers and kinds of values in steps and their classes."""


def largest(host: int) -> int:
    """How many pixels an image may be coded in that shares a host of so many pixels.

    Four times as many, for a code is better than a resampled image at any rate that leaves
    something to see; but no more than the host has, or four megapixels, for memory's sake.
    """
    return max(host, min(4 * host, _MANY))


class Images:
    """Images to be coded.

    Args:
        pictures: H x W x 3 each, sides multiples of 8.

    Attributes:
        numbers: how many their code has: all bands but the means of blocks, and all of the means'
            own.
    """

    def __init__(self, pictures: Sequence[Pixels]) -> None:
        self._pictures = pictures
        self.numbers = sum(_count(*_shape(*each.shape[:2])) for each in pictures)
        self._bands = [Bands.of(each) for each in pictures] if self.numbers <= _KEPT else None

    def __len__(self) -> int:
        """How many images there are."""
        return len(self._pictures)

    def __iter__(self) -> Iterator[Bands]:
        """The bands of each."""
        return map(Bands.of, self._pictures) if self._bands is None else iter(self._bands)

    def sampled(self) -> tuple[list[Bands], float]:
        """A part of large images that stands for all of them, and what share of the blocks it is.

        Of small ones all, and 1.
        """
        whole = sum(height * width for height, width in self._shapes)
        every = round(whole / SIDE**2 / _SAMPLE)
        if every < 2:
            return list(self), 1.0
        some = [each.rows(every) for each in self]
        return some, sum(each.blocks[0].size for each in some) / whole

    @property
    def _shapes(self) -> list[tuple[int, int]]:
        return [_shape(*each.shape[:2]) for each in self._pictures]


def _shape(height: int, width: int) -> tuple[int, int]:
    """Blocks of an image."""
    return padded(height) // SIDE, padded(width) // SIDE


def _count(rows: int, columns: int) -> int:
    """Numbers of an image of so many blocks."""
    means = -(-rows // SIDE) * -(-columns // SIDE)
    return (CHANNELS - len(MEANS)) * rows * columns + CHANNELS * means


def parts(bands: Bands, prior: Prior, step: int, quantise: Quantise) -> Iterator[rans.Part]:
    """Numbers and kinds of an image, in the order in which they are coded."""
    means, found = bands.means[list(MEANS)], np.empty(bands.means.shape, np.int32)
    classes = _same(prior.coarsest(step), means.shape)
    numbers, kinds = quantise(_in_steps(means, step), classes)
    yield numbers, kinds
    found[list(MEANS)] = halves(numbers, kinds >= CLASSES)
    yield from _level(prior.means, bands.means, found, step, quantise)
    known = _known(found, bands.blocks.shape[1:])
    yield from _level(prior.blocks, bands.blocks, known, step, quantise)


def _level(
    level: Level, bands: Floats, found: Whole, step: int, quantise: Quantise
) -> Iterator[rans.Part]:
    """The parts of one level.

    Args:
        level: its networks.
        bands: 192 x h x w.
        found: what numbers stand for: of 192 channels, those of the means known and the others
            filled here; or of the three means alone, and no others are kept.
        step: index of the step.
        quantise: makes numbers.
    """
    whole = len(found) == CHANNELS
    seen = _Seen(level, found[list(MEANS)] if whole else found, step)
    for group, channels in enumerate(GROUPS):
        numbers, kinds = quantise(_in_steps(bands[list(channels)], step), seen.classes(group))
        yield numbers, kinds
        each = halves(numbers, kinds >= CLASSES)
        seen.add(group, each)
        if whole:
            found[list(channels)] = each


def _in_steps(bands: Floats, step: int) -> Floats:
    """Some bands, a copy that is used up, in steps."""
    bands /= np.float32(size_of(step))
    return bands


def _known(means: Whole, shape: tuple[int, ...]) -> Whole:
    """The means of an image's blocks in half steps, from their own bands."""
    rows, columns = shape
    return mean_values(means)[:, :rows, :columns]


class _Seen:
    """What is known of one level, group by group."""

    def __init__(self, level: Level, known: Whole, step: int) -> None:
        rows, columns = known.shape[1:]
        self._level = level
        self._all = np.empty((CONTEXT + CHANNELS - len(MEANS), rows, columns), np.uint8)
        self._all[:CONTEXT] = context(known, step)
        self._ends = np.cumsum([CONTEXT, *(len(each) for each in GROUPS)])

    def classes(self, group: int) -> NDArray[np.uint8]:
        return self._level.classes(group, self._all[: self._ends[group]])

    def add(self, group: int, found: Whole) -> None:
        self._all[self._ends[group] : self._ends[group + 1]] = feature(found)


def _usually(lanes: int) -> Quantise:
    return lambda values, classes: quantised(values, classes, rans.costs(), lanes)


class _Passes:
    """Tells progress over passes whose number nobody knows: the share of them that is behind.

    Args:
        numbers: that a whole pass codes.
        tell: told the share.
    """

    def __init__(self, numbers: int, tell: Tell) -> None:
        self._numbers, self._tell, self._done = numbers, tell, 0

    def foreseen(self, bands: Sequence[Bands], prior: Prior, step: int) -> _Bits:
        """Bits of each part of some images in a step."""
        lanes = rans.lanes(sum(_count(*each.blocks.shape[1:]) for each in bands))
        return np.array(
            [rans.bits(*each) for each in self._over(bands, prior, step, _usually(lanes))]
        )

    def coded(self, images: Images, prior: Prior, step: int) -> bytes:
        """The code of all images in a step."""
        return self._code(images, prior, step, _usually(rans.lanes(images.numbers)))

    def fitted(
        self, images: Images, prior: Prior, step: int, foreseen: Sequence[float], room: int
    ) -> tuple[bytes, _Bits]:
        """The code of all images in a step, which fills a room, more or less.

        Args:
            images: to be coded.
            prior: the learned one.
            step: index of the step.
            foreseen: bits of each part, about.
            room: bytes that the code is to take.

        Returns:
            The code, and the bits of each part at the usual worth of a bit, about.
        """
        spare = rans.overhead(images.numbers) + _SPARE * rans.lanes(images.numbers)
        rate = Rate(foreseen, 8 * (room - spare), images.numbers)
        return self._code(images, prior, step, rate.quantised), np.array(rate.usual)

    def _code(self, images: Images, prior: Prior, step: int, quantise: Quantise) -> bytes:
        encoder = rans.Encoder(images.numbers)
        for numbers, kinds in self._over(images, prior, step, quantise):
            encoder.add(numbers, kinds)
        return encoder.code()

    def _over(
        self, bands: Iterable[Bands], prior: Prior, step: int, quantise: Quantise
    ) -> Iterator[rans.Part]:
        for each in bands:
            for numbers, kinds in parts(each, prior, step, quantise):
                yield numbers, kinds
                self._done += kinds.size
                passes = self._done / self._numbers
                self._tell(passes / (passes + 1))


def foreseen(images: Images, prior: Prior, room: int) -> tuple[float, int]:
    """What the code of some images that fits would lose, and its bytes, from a part of them.

    Args:
        images: to be coded.
        prior: the learned one.
        room: bytes that the code may take.

    Returns:
        The mean square error of revealed samples, in levels, and the bytes.

    Raises:
        ImageError: not even the coarsest code fits.
    """
    some, share = images.sampled()
    total, passes = images.numbers, _Passes(images.numbers, silent)
    sizes = {STEPS[1] + 1: 0.0}

    def taken(step: int) -> float:
        bits = float(passes.foreseen(some, prior, step).sum())
        sizes[step] = bits / 8 / share + rans.overhead(total)
        return sizes[step]

    search = Search(images, room)
    step = search.finest(taken)
    if step > STEPS[1]:
        raise _too_many(images, room)
    return search.error(step), round(sizes[step])


def encode(images: Images, prior: Prior, room: int, tell: Tell = silent) -> tuple[int, bytes]:
    """A code of some images that fills a room, and the index of its step.

    Of large images, one whose step a part of them tells, made to fit by what a bit is worth: a
    single pass over all. Of small ones, and where that fails, the one in the finest step that fits.

    Args:
        images: to be coded.
        prior: the learned one.
        room: bytes that the code may take.
        tell: told the share that is done.

    Raises:
        ImageError: not even the coarsest code fits.
    """
    passes, search = _Passes(images.numbers, tell), Search(images, room)
    some, share = images.sampled()
    if share < 1 and 8 * room > _LEAST_BITS * images.numbers:
        found = _made_to_fit(images, some, prior, room, passes, search)
        if found is not None:
            tell(1.0)
            return found
    del some
    # Of the codes that were made, the finest that fits.
    kept = b""

    def taken(step: int) -> float:
        nonlocal kept
        content = passes.coded(images, prior, step)
        if len(content) <= room:
            kept = content
        return len(content)

    step = search.finest(taken)
    if step > STEPS[1]:
        raise _too_many(images, room)
    tell(1.0)
    return step, kept


def _made_to_fit(
    images: Images,
    some: Sequence[Bands],
    prior: Prior,
    room: int,
    passes: _Passes,
    search: Search,
) -> tuple[int, bytes] | None:
    """Step and code that a part of the images leads to; None where that fills no room."""
    guess = min(search.guess, STEPS[1])
    for _ in range(_GUESSES):
        bits = passes.foreseen(some, prior, guess)
        step, foreseen = _foreseen(images, bits, _digits(some, guess), guess, search)
        if abs(step - guess) <= _FAR:
            break
        guess = step
    for _ in range(_TRIALS):
        content, bits = passes.fitted(images, prior, step, foreseen, room)
        if _FILLED * room < len(content) <= room:
            return step, content
        step, foreseen = _foreseen(images, bits, _digits(images, step), step, search)
    return None


def _foreseen(
    images: Images, bits: _Bits, digits: _Bits, guess: int, search: Search
) -> tuple[int, list[float]]:
    """The step of a code that fits, and the bits of each of its parts.

    Args:
        images: to be coded.
        bits: of each part of some of them, in a step.
        digits: of these.
        guess: that step.
        search: told of it.
    """
    each = bits / np.maximum(digits, 1)
    size = float(each @ _digits(images, guess)) / 8 + rans.overhead(images.numbers)
    search.told(guess, size)
    step = min(search.guess + _COARSER, STEPS[1])
    return step, list(each * _digits(images, step))


def _digits(bands: Iterable[Bands], step: int) -> _Bits:
    """The digits of the magnitudes of each part, every second one of the blocks' along each side.

    The bits of a part are about in proportion.
    """
    found = []
    for each in bands:
        blocks, levels = each.blocks[:, ::2, ::2], (list(MEANS), *map(list, GROUPS))
        found += [_sum_of_digits(each.means[channels], step) for channels in levels]
        found += [_sum_of_digits(blocks[list(channels)], step) for channels in GROUPS]
    return np.array(found)


def _sum_of_digits(bands: Floats, step: int) -> float:
    return float(np.log2(1 + np.abs(bands) / np.float32(size_of(step))).sum(dtype=np.float64))


def _too_many(images: Images, room: int) -> ImageError:
    return ImageError(
        f"{len(images)} hidden images do not fit in {room} bytes, not even coarsely: "
        "take a larger host, or fewer or smaller images"
    )


def decode(
    content: bytes,
    prior: Prior,
    sizes: Sequence[tuple[int, int]],
    step: int,
    tell: Tell = silent,
) -> Iterator[Numbers]:
    """What the numbers of the images in a code stand for, of one image after the other.

    Args:
        content: as :func:`encode` gave it.
        prior: the learned one.
        sizes: (height, width) of each image without padding; whoever calls has bounded them.
        step: index of the step, one of `STEPS`.
        tell: told the share that is done.

    Raises:
        AlteredContainer: it is no such code.
    """
    shapes = [_shape(*size) for size in sizes]
    decoder = rans.Decoder(content, sum(_count(*shape) for shape in shapes))
    for number, (rows, columns) in enumerate(shapes):
        done = part(tell, number / len(shapes), (number + 1) / len(shapes))
        coarsest = (len(MEANS), -(-rows // SIDE), -(-columns // SIDE))
        known = decoder.decode(_same(prior.coarsest(step), coarsest))
        means = _decoded(decoder, prior.means, known, step, silent)
        blocks = _decoded(decoder, prior.blocks, _known(means, (rows, columns)), step, done)
        yield Numbers(blocks, means, step)


def _decoded(decoder: rans.Decoder, level: Level, known: Whole, step: int, tell: Tell) -> Whole:
    """What the numbers of one level stand for, whose means are known: 192 x h x w."""
    seen, found = _Seen(level, known, step), np.empty((CHANNELS, *known.shape[1:]), np.int32)
    found[list(MEANS)] = known
    for group, channels in enumerate(GROUPS):
        each = decoder.decode(seen.classes(group))
        seen.add(group, each)
        found[list(channels)] = each
        tell((group + 1) / len(GROUPS))
    return found


def _same(classes: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.broadcast_to(classes[:, None, None], shape))
