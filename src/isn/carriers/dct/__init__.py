"""DCT coefficients of luma, moved so far that a JPEG leaves them readable: survival.

A head lies in 96 blocks that anybody can find from the image's size, under a code of rate 1/4, as
often as there is room for. The body lies in the others, in an order and with a dither that follow
from salt and key, under a code whose rate is the lowest that its length allows. All is read without
knowing the strength, for a head says the same under one strength only.

What a host carries is found by trying: noise is written into a part of it and stored as JPEG, as
it would be with ``-o container.jpg`` and then once more at the quality that is to be survived. Where
a picture is cut off at 0 and 255, less of it comes back than elsewhere.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isn import images, threads
from isn.carriers.dct import blocks
from isn.carriers.dct.lattice import ROUNDING, Lattice
from isn.carriers.dct.ldpc import (
    LEAST_SIZE,
    MOST_BELIEF,
    MOST_SIZE,
    PER_NAT,
    RATES,
    WIDTH,
    Bits,
    Word,
)
from isn.envelope import HEAD_BYTES
from isn.errors import AlteredContainer, ConfigError, ImageError, NoSeal
from isn.images import Pixels
from isn.keys import SALT_BYTES, Key
from isn.progress import Tell, part

Places = NDArray[np.int64]
Floats = NDArray[np.float32]

STRENGTHS: Final = tuple(range(95, 29, -5))
"""Qualities of JPEG that a container may be made for."""

USUAL: Final = 75

STORED: Final = 98
"""Quality of JPEG at which a container is stored as one, without halving its colours."""

_HEAD_BLOCKS: Final = 96
_HEAD_WORD: Final = Word(15, 29)
_NEEDED: Final = dict(
    zip(RATES, (0.31, 0.395, 0.465, 0.54, 0.575, 0.608, 0.642, 0.676, 0.71, 0.743), strict=True)
)
"""Bits that each carried bit must be worth, by the columns of data bits: 0.8 dB from the bound,
where no word of 40 was lost, and a fiftieth more."""

_TRIED: Final = 4096
"""Blocks of a host in which it is tried what comes back."""
_LABEL: Final = b"isn dct v1"


@dataclass(frozen=True)
class Dct:
    """See :class:`isn.carriers.Carrier`.

    Attributes:
        survives: quality of the JPEG that what it writes survives, 30 to 95; taken as the next
            lower of :data:`STRENGTHS`.

    Raises:
        ConfigError: the quality is out of its range.
    """

    survives: int = USUAL

    name = "dct"

    def __post_init__(self) -> None:
        given: object = self.survives
        if isinstance(given, bool) or not isinstance(given, int) or not 30 <= given <= 95:
            raise ConfigError(
                f"a JPEG of quality {given!r} is to be survived: give a whole number from 30 to 95"
            )

    def capacity(self, host: Pixels, bits: float) -> int:
        """See :meth:`isn.carriers.Carrier.capacity`; the bits are those that survive."""
        del bits
        lattice = _lattice(self.survives)
        size = _body_blocks(host) * lattice.bits // WIDTH
        if size < LEAST_SIZE:
            return 0
        worth = _worth(host, lattice)
        return max((size * each // 8 for each, need in _NEEDED.items() if need <= worth), default=0)

    def noise(self, host: Pixels, size: int) -> float:
        """See :meth:`isn.carriers.Carrier.noise`."""
        lattice = _lattice(self.survives)
        plan = _plan(size, _body_blocks(host) * lattice.bits)
        used = _HEAD_BLOCKS + (plan.blocks(lattice) if plan else _body_blocks(host))
        return used * lattice.noise * blocks.SIDE**2 / (host.shape[0] * host.shape[1])

    def write(self, host: Pixels, head: bytes, body: bytes, key: Key, tell: Tell) -> Pixels:
        """See :meth:`isn.carriers.Carrier.write`: it is read back from a JPEG before it is given.

        Raises:
            ImageError: the host is too small, or does not keep what is written into it.
        """
        most = self.capacity(host, 1)
        if blocks.count(host) < _HEAD_BLOCKS or len(body) > most:
            raise ImageError(
                f"{len(body)} bytes are to survive a JPEG of quality {self.survives}, a host of "
                f"{host.shape[1]} x {host.shape[0]} like this takes {most}: take a larger one"
            )
        lattice, container = _lattice(self.survives), host.copy()
        _put(container, lattice, _head_place(host, lattice), _repeated(head, lattice))
        if body:
            plan = _planned(len(body), host, lattice)
            place = _body_place(host, lattice, head, key, plan.blocks(lattice))
            _put(container, lattice, place, plan.encode(body))
        tell(0.5)
        self._check(container, head, body, key, part(tell, 0.5, 1.0))
        tell(1.0)
        return container

    def _check(self, container: Pixels, head: bytes, body: bytes, key: Key, tell: Tell) -> None:
        damaged = _stored(_stored(container, STORED), _lattice(self.survives).quality)
        tell(0.3)
        try:
            same = self.read_head(damaged, key) == head
            same = same and self.read_body(damaged, head, len(body), key) == body
        except (AlteredContainer, NoSeal):
            same = False
        if not same:
            raise ImageError(
                f"what is written into this host does not survive a JPEG of quality "
                f"{self.survives}: take a larger one, or one with less pure black and white"
            )

    def read_head(self, container: Pixels, key: Key) -> bytes:
        """See :meth:`isn.carriers.Carrier.read_head`.

        Raises:
            NoSeal: the image is too small, or has no head under any strength.
        """
        del key
        return self._found(container)[0]

    def read_body(self, container: Pixels, head: bytes, size: int, key: Key) -> bytes:
        """See :meth:`isn.carriers.Carrier.read_body`.

        Raises:
            NoSeal: the image cannot hold so many.
            AlteredContainer: more was changed than can be corrected.
        """
        return self._read(container, head, size, key)[0]

    def margin(self, container: Pixels, head: bytes, size: int, key: Key) -> int:
        """Quality of the hardest JPEG that a container still survives, about; 101: none.

        Args:
            container: as for :meth:`read_body`, with the same errors.
            head: as for :meth:`read_body`.
            size: as for :meth:`read_body`.
            key: as for :meth:`read_body`.
        """
        body, lattice, place = self._read(container, head, size, key)
        plan = _planned(size, container, lattice)
        bits = _filled(plan.encode(body), lattice)
        values = blocks.coefficients(container, place.there, lattice.basis)
        strayed = lattice.strayed(values, bits, place.dither)
        noise = max(float(np.square(strayed).mean()) - lattice.left, ROUNDING**2)
        # With quality, what is left grows: the first that is too hard ends the search.
        for quality in range(100, 0, -1):
            if lattice.information(quality, noise) < _NEEDED[plan.columns]:
                return quality + 1
        return 1

    def _found(self, container: Pixels) -> tuple[bytes, Lattice]:
        """The head of a container, and the lattice under which it is one."""
        if blocks.count(container) < _HEAD_BLOCKS:
            raise NoSeal(
                f"the image has {blocks.count(container)} blocks, too few to be a container"
            )
        for quality in sorted(STRENGTHS, key=lambda each: each != _lattice(self.survives).quality):
            lattice = _lattice(quality)
            belief = _beliefs(container, lattice, _head_place(container, lattice))
            rows = -(-len(belief) // _HEAD_WORD.length)
            belief = np.pad(belief, (0, rows * _HEAD_WORD.length - len(belief)))
            both = belief.reshape(rows, -1).sum(axis=0).clip(-MOST_BELIEF, MOST_BELIEF)
            word = _HEAD_WORD.decode(both.astype(np.int16))
            if word is not None:
                return np.packbits(word[0][: 8 * HEAD_BYTES]).tobytes(), lattice
        raise NoSeal("no head is there")

    def _read(
        self, container: Pixels, head: bytes, size: int, key: Key
    ) -> tuple[bytes, Lattice, _Place]:
        there, lattice = self._found(container)
        if there != head:
            raise NoSeal("the image has another head")
        plan = _planned(size, container, lattice)
        place = _body_place(container, lattice, head, key, plan.blocks(lattice))
        return plan.decode(_beliefs(container, lattice, place)), lattice, place


@dataclass(frozen=True)
class _Place:
    """Where something lies: numbers of blocks, and the dither of each of their coefficients."""

    there: Places
    dither: Floats


@dataclass(frozen=True)
class _Plan:
    """How a body is coded: its bytes, the columns of data bits, and the size of all words."""

    length: int
    columns: int
    size: int

    @property
    def words(self) -> list[Word]:
        """The words, as many as are needed, of sizes as equal as can be."""
        count = -(-self.size // MOST_SIZE)
        return [Word(self.columns, (self.size + k) // count) for k in range(count)]

    def blocks(self, lattice: Lattice) -> int:
        """How many blocks carry it."""
        return -(-self.size * WIDTH // lattice.bits)

    def encode(self, body: bytes) -> Bits:
        """All bits of all words; behind the body are zeros."""
        data = np.zeros(self.columns * self.size, np.uint8)
        data[: 8 * self.length] = np.unpackbits(np.frombuffer(body, np.uint8))
        ends = np.cumsum([each.data for each in self.words])[:-1]
        pieces = zip(self.words, np.split(data, ends), strict=True)
        return np.concatenate([each.encode(piece) for each, piece in pieces])

    def decode(self, belief: NDArray[np.int16]) -> bytes:
        """The body that beliefs of all bits mean.

        Raises:
            AlteredContainer: one of the words is beyond repair.
        """
        ends = np.cumsum([each.length for each in self.words])
        pieces = list(zip(self.words, np.split(belief[: ends[-1]], ends[:-1]), strict=True))
        found = threads.each(lambda one: one[0].decode(one[1]), pieces)
        whole = [data[0][: each.data] for each, data in zip(self.words, found, strict=True) if data]
        if len(whole) < len(found):
            raise AlteredContainer(
                f"{len(found) - len(whole)} of the {len(found)} parts of what it carries are "
                "beyond repair, for it was changed by more than it was made to survive"
            )
        return np.packbits(np.concatenate(whole))[: self.length].tobytes()


def _plan(length: int, bits: int) -> _Plan | None:
    """The plan of the lowest rate for a body of so many bytes in so many bits; None: too long."""
    for columns in RATES:
        size = max(-(-8 * length // columns), LEAST_SIZE)
        if size * WIDTH <= bits:
            return _Plan(length, columns, size)
    return None


def _planned(length: int, container: Pixels, lattice: Lattice) -> _Plan:
    plan = _plan(length, _body_blocks(container) * lattice.bits)
    if plan is None:
        raise NoSeal(f"the image cannot carry the {length} bytes that its head names")
    return plan


@lru_cache(maxsize=len(STRENGTHS))
def _lattice(quality: int) -> Lattice:
    return Lattice(next((each for each in STRENGTHS if each <= quality), STRENGTHS[-1]))


def _body_blocks(host: Pixels) -> int:
    return max(blocks.count(host) - _HEAD_BLOCKS, 0)


def _head_place(image: Pixels, lattice: Lattice) -> _Place:
    shape = image.shape[:2]
    seed = _LABEL + struct.pack("<2Q", *shape)
    return _Place(_head_blocks(shape), _dither(seed, _HEAD_BLOCKS, lattice))


@lru_cache(maxsize=8)
def _head_blocks(shape: tuple[int, int]) -> Places:
    count = (shape[0] // blocks.SIDE) * (shape[1] // blocks.SIDE)
    return _order(_LABEL + struct.pack("<2Q", *shape), count)[:_HEAD_BLOCKS]


def _body_place(image: Pixels, lattice: Lattice, head: bytes, key: Key, count: int) -> _Place:
    seed = _LABEL + key.key("places", head[:SALT_BYTES])
    order = _order(seed, blocks.count(image))
    there = order[np.isin(order, _head_blocks(image.shape[:2]), invert=True)][:count]
    return _Place(there, _dither(seed, count, lattice))


def _order(seed: bytes, count: int) -> Places:
    """Numbers from 0 on in an order that follows from a seed."""
    drawn = np.frombuffer(hashlib.shake_256(b"order" + seed).digest(8 * count), "<u8")
    return np.argsort(drawn, kind="stable")


def _dither(seed: bytes, count: int, lattice: Lattice) -> Floats:
    """A number from 0 to 1 for each coefficient of so many blocks."""
    size = count * len(lattice.used)
    drawn = np.frombuffer(hashlib.shake_256(b"dither" + seed).digest(size), np.uint8)
    return drawn.reshape(count, -1) / np.float32(256)


def _repeated(head: bytes, lattice: Lattice) -> Bits:
    data = np.zeros(_HEAD_WORD.data, np.uint8)
    data[: 8 * HEAD_BYTES] = np.unpackbits(np.frombuffer(head, np.uint8))
    return np.resize(_HEAD_WORD.encode(data), _HEAD_BLOCKS * lattice.bits)


def _filled(bits: Bits, lattice: Lattice) -> Bits:
    """Bits by blocks, the last one filled with zeros."""
    return np.pad(bits, (0, -len(bits) % lattice.bits)).reshape(-1, lattice.bits)


def _put(container: Pixels, lattice: Lattice, place: _Place, bits: Bits) -> None:
    rows = _filled(bits, lattice)
    blocks.change(
        container,
        place.there,
        lattice.basis,
        lambda some, values: lattice.moved(values, rows[some], place.dither[some]),
    )


def _beliefs(image: Pixels, lattice: Lattice, place: _Place) -> NDArray[np.int16]:
    """What some blocks say of the bits that they carry, one after the other."""
    values = blocks.coefficients(image, place.there, lattice.basis)
    cut = blocks.cut_off(image, place.there)
    return lattice.beliefs(values, place.dither, cut).reshape(-1)


def _stored(pixels: Pixels, quality: int) -> Pixels:
    """An image after a JPEG, whose colours are halved unless it is to be stored as a container."""
    found = images.read(images.encode_jpeg(pixels, quality, whole=quality == STORED)).pixels
    return found if pixels.ndim == 3 else found[..., 0]


def _worth(host: Pixels, lattice: Lattice) -> float:
    """Bits that each carried bit is worth after a JPEG, tried with noise in bands of the host."""
    rows, columns = host.shape[0] // blocks.SIDE, host.shape[1] // blocks.SIDE
    most = max(_TRIED // columns, 1)
    chosen = np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(int))
    tall = (chosen[:, None] * blocks.SIDE + np.arange(blocks.SIDE)).reshape(-1)
    trial = np.ascontiguousarray(host[tall, : columns * blocks.SIDE])
    seed, count = _LABEL + b"trial", blocks.count(trial)
    place = _Place(np.arange(count), _dither(seed, count, lattice))
    drawn = hashlib.shake_256(seed).digest(-(-count * lattice.bits // 8))
    bits = np.unpackbits(np.frombuffer(drawn, np.uint8))[: count * lattice.bits]
    _put(trial, lattice, place, bits)
    damaged = _stored(_stored(trial, STORED), lattice.quality)
    belief = _beliefs(damaged, lattice, place) * (1 - 2.0 * bits)
    return float(1 - np.log2(1 + np.exp(-belief / PER_NAT)).mean())
