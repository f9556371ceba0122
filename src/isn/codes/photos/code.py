"""Images as numbers, and these as bytes: in the finest step whose bytes fit.

Cosine bands (:mod:`isn.codes.photos.bands`) are divided by a step and become whole numbers by two
quantisers in turn (:mod:`isn.codes.entropy.dependent`), and these are coded with the probabilities
that the prior (:mod:`isn.codes.photos.levels`) gives them, so that a sky leaves its room to a wood,
and an image to another::

    images  ->  bands  ->  / step  ->  classes of the prior  ->  numbers  ->  rANS  ->  bytes

and back, to images that are known to about a step. One step for all images of a host, the finest
whose code fits; their errors so are about the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isn.codes.entropy import rans
from isn.codes.entropy.dependent import halves, quantised
from isn.codes.entropy.prior import Level
from isn.codes.entropy.search import Search
from isn.codes.entropy.steps import STEPS, size_of
from isn.codes.photos.bands import CHANNELS, MEANS, SIDE
from isn.codes.photos.image import Bands, Floats, Numbers, Whole
from isn.codes.photos.levels import GROUPS, Prior, context, mean_values
from isn.images import Pixels
from isn.progress import Tell, part, silent

_MANY: Final = 4_000_000
_SAMPLE: Final = 64
"""Blocks of means, of 64 x 64 samples, that are enough to guess a step from."""
_SAMPLES, _FAR = 2, 32
"""How often a part is coded at most, and by how many steps a guess must be wrong for another."""
_KEPT: Final = 100_000_000
"""Numbers whose bands are kept, in 4 bytes each; those of more are made anew in each pass."""


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

    def __iter__(self) -> Iterator[Bands]:
        """The bands of each."""
        return map(Bands.of, self._pictures) if self._bands is None else iter(self._bands)

    def blocks(self) -> Iterator[Floats]:
        """The bands of each, 192 x h x w."""
        return (each.blocks for each in self)

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
    return -(-height // SIDE), -(-width // SIDE)


def _count(rows: int, columns: int) -> int:
    """Numbers of an image of so many blocks."""
    means = -(-rows // SIDE) * -(-columns // SIDE)
    return (CHANNELS - len(MEANS)) * rows * columns + CHANNELS * means


def parts(bands: Bands, prior: Prior, step: int, lanes: int) -> Iterator[rans.Part]:
    """Numbers and kinds of an image, in the order in which they are coded, for so many lanes."""
    means, found = bands.means[list(MEANS)], np.empty(bands.means.shape, np.int32)
    numbers, kinds = _quantised(means, _same(prior.coarsest(step), means.shape), step, lanes)
    yield numbers, kinds
    found[list(MEANS)] = halves(numbers, kinds)
    yield from _level(prior.means, bands.means, found, step, lanes)
    known = _known(found, bands.blocks.shape[1:])
    yield from _level(prior.blocks, bands.blocks, known, step, lanes)


def _level(level: Level, bands: Floats, found: Whole, step: int, lanes: int) -> Iterator[rans.Part]:
    """The parts of one level.

    Args:
        level: its networks.
        bands: 192 x h x w.
        found: what numbers stand for: of 192 channels, those of the means known and the others
            filled here; or of the three means alone, and no others are kept.
        step: index of the step.
        lanes: of the coder.
    """
    whole = len(found) == CHANNELS
    seen = context(found[list(MEANS)] if whole else found, step)
    for group, channels in enumerate(GROUPS):
        numbers, kinds = _quantised(bands[list(channels)], level.classes(group, seen), step, lanes)
        yield numbers, kinds
        each = halves(numbers, kinds)
        if group < len(GROUPS) - 1:
            seen.add(each)
        if whole:
            found[list(channels)] = each


def _quantised(bands: Floats, classes: NDArray[np.uint8], step: int, lanes: int) -> rans.Part:
    """Numbers and kinds of some bands, a copy that is used up, whose classes are known."""
    bands /= np.float32(size_of(step))
    return quantised(bands, classes, rans.costs(), lanes)


def _known(means: Whole, shape: tuple[int, ...]) -> Whole:
    """The means of an image's blocks in half steps, from their own bands."""
    rows, columns = shape
    return mean_values(means)[:, :rows, :columns]


class _Passes:
    """Tells progress over passes whose number nobody knows: the share of them that is behind.

    Args:
        numbers: that a whole pass codes.
        tell: told the share.
    """

    def __init__(self, numbers: int, tell: Tell) -> None:
        self._numbers, self._tell, self._done = numbers, tell, 0

    def code(self, bands: Iterable[Bands], prior: Prior, step: int) -> bytes:
        """One pass: the code of some images in a step."""
        encoder = rans.Encoder(self._numbers)
        for part_numbers, kinds in self._over(bands, prior, step, self._numbers):
            encoder.add(part_numbers, kinds)
        return encoder.code()

    def bits(self, bands: Sequence[Bands], prior: Prior, step: int) -> float:
        """One pass over a part of the images: the bits that their numbers take in a step."""
        numbers = sum(_count(*each.blocks.shape[1:]) for each in bands)
        return sum(rans.bits(*each) for each in self._over(bands, prior, step, numbers))

    def _over(
        self, bands: Iterable[Bands], prior: Prior, step: int, numbers: int
    ) -> Iterator[rans.Part]:
        for each in bands:
            for part_numbers, kinds in parts(each, prior, step, rans.lanes(numbers)):
                yield part_numbers, kinds
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
    sizes: dict[int, float] = {}

    def taken(step: int) -> float:
        sizes[step] = passes.bits(some, prior, step) / 8 / share + rans.overhead(total)
        return sizes[step]

    search = Search(images.blocks(), room)
    step = search.finest(taken)
    return search.error(step), round(sizes[step])


def encode(images: Images, prior: Prior, room: int, tell: Tell = silent) -> tuple[int, bytes]:
    """The code of some images in the finest step in which it fits, and the index of that step.

    Args:
        images: to be coded.
        prior: the learned one.
        room: bytes that the code may take.
        tell: told the share that is done.

    Raises:
        ImageError: not even the coarsest code fits.
    """
    total = images.numbers
    passes, search = _Passes(total, tell), Search(images.blocks(), room)
    some, share = images.sampled()
    for _ in range(_SAMPLES):
        guess = search.guess
        # The finest of all is tried at once.
        if share == 1 or guess == STEPS[0]:
            break
        search.told(guess, passes.bits(some, prior, guess) / 8 / share + rans.overhead(total))
        if abs(search.guess - guess) < _FAR:
            break
    del some
    found = search.code(lambda step: passes.code(images, prior, step))
    tell(1.0)
    return found


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
    seen, found = context(known, step), np.empty((CHANNELS, *known.shape[1:]), np.int32)
    found[list(MEANS)] = known
    for group, channels in enumerate(GROUPS):
        each = decoder.decode(level.classes(group, seen))
        if group < len(GROUPS) - 1:
            seen.add(each)
        found[list(channels)] = each
        tell((group + 1) / len(GROUPS))
    return found


def _same(classes: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.broadcast_to(classes[:, None, None], shape))
