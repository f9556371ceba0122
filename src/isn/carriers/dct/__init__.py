"""DCT coefficients of luma, moved so far that a JPEG leaves them readable: survival.

`blocks` gives an image other coefficients, `lattice` puts bits into them, `ldpc` and `words`
correct what comes back wrong, `places` says where all lies, and `trial` finds by trying how much a
host carries. A container survives being stored as a JPEG, and then once more at the quality
promised, as happens to a ``container.jpg`` that is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from isn.carriers.dct import blocks
from isn.carriers.dct.lattice import ROUNDING, Lattice
from isn.carriers.dct.places import HEAD_BLOCKS, Place, body_blocks, body_place, head_place
from isn.carriers.dct.trial import STORED, sent, worth
from isn.carriers.dct.words import NEEDED, Body, body_of, head_bits, head_of, most_bytes
from isn.errors import AlteredContainer, ConfigError, ImageError, NoSeal
from isn.images import Pixels
from isn.keys import SALT_BYTES, Key
from isn.progress import Tell

__all__ = ["STORED", "STRENGTHS", "USUAL", "Dct"]

STRENGTHS: Final = tuple(range(95, 29, -5))
"""Qualities of JPEG that a container may be made for."""

USUAL: Final = 75


@dataclass(frozen=True)
class Dct:
    """See :class:`isn.carriers.Carrier`.

    Attributes:
        survives: quality of the JPEG that what it writes survives, 30 to 95; it is made for the
            next lower of :data:`STRENGTHS`. What is read may be made for any.

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

    @property
    def _lattice(self) -> Lattice:
        return _lattice(next(each for each in STRENGTHS if each <= self.survives))

    def capacity(self, host: Pixels, bits: float) -> int:
        """See :meth:`isn.carriers.Carrier.capacity`; how many bits survive is the host's."""
        del bits
        room = body_blocks(host) * self._lattice.bits
        return most_bytes(room, worth(host, self._lattice)) if room else 0

    def noise(self, host: Pixels, size: int) -> float:
        """See :meth:`isn.carriers.Carrier.noise`."""
        lattice, used = self._lattice, HEAD_BLOCKS
        if size:
            body = body_of(size, body_blocks(host) * lattice.bits)
            used += -(-body.bits // lattice.bits) if body else body_blocks(host)
        return float(used * lattice.noise * blocks.SIDE**2 / (host.shape[0] * host.shape[1]))

    def write(self, host: Pixels, head: bytes, body: bytes, key: Key, tell: Tell) -> Pixels:
        """See :meth:`isn.carriers.Carrier.write`: it is read back from a JPEG before it is given.

        Raises:
            ImageError: the host is too small, or does not keep what is written into it.
        """
        most = self.capacity(host, 1)
        if blocks.count(host) < HEAD_BLOCKS or len(body) > most:
            raise ImageError(
                f"{len(body)} bytes are to survive a JPEG of quality {self.survives}, a host of "
                f"{host.shape[1]} x {host.shape[0]} like this takes {most}: take a larger one"
            )
        lattice, container = self._lattice, host.copy()
        place = head_place(host, lattice)
        place.write(container, head_bits(head, HEAD_BLOCKS * lattice.bits))
        if body:
            coded, place = _laid(len(body), host, lattice, head, key)
            place.write(container, coded.encode(body))
        tell(0.5)
        if not self._survives(container, head, body, key):
            raise ImageError(
                f"what is written into this host does not survive a JPEG of quality "
                f"{self.survives}: take a larger one, or one with less pure black and white"
            )
        tell(1.0)
        return container

    def _survives(self, container: Pixels, head: bytes, body: bytes, key: Key) -> bool:
        damaged = sent(container, self._lattice.quality)
        try:
            there = self.read_head(damaged, key)
            return there == head and self.read_body(damaged, head, len(body), key) == body
        except (AlteredContainer, NoSeal):
            return False

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
            NoSeal: the image cannot hold so many, or has another head.
            AlteredContainer: more was changed than can be corrected.
        """
        if not size:
            return b""
        coded, place = self._place(container, head, size, key)
        return coded.decode(place.beliefs(container))

    def margin(self, container: Pixels, head: bytes, size: int, key: Key) -> int:
        """Quality of the hardest JPEG that a container still survives, about; 101: none.

        Foreseen from how far its coefficients lie from their places, which are known once all is
        read.

        Args:
            container: as for :meth:`read_body`, with the same errors.
            head: as for :meth:`read_body`.
            size: as for :meth:`read_body`, 1 or more.
            key: as for :meth:`read_body`.
        """
        coded, place = self._place(container, head, size, key)
        bits = coded.encode(coded.decode(place.beliefs(container)))
        apart = float(np.square(place.strayed(container, bits)).mean())
        noise = max(apart - place.lattice.left, ROUNDING**2)
        enough = NEEDED[coded.columns]
        qualities = range(1, 101)
        return next((q for q in qualities if place.lattice.information(q, noise) >= enough), 101)

    def _found(self, container: Pixels) -> tuple[bytes, Lattice]:
        """The head of a container, and the lattice under which it is one."""
        count = blocks.count(container)
        if count < HEAD_BLOCKS:
            raise NoSeal(f"the image has {count} whole blocks, too few to be a container")
        own = self._lattice.quality
        for quality in sorted(STRENGTHS, key=lambda each: each != own):
            lattice = _lattice(quality)
            head = head_of(head_place(container, lattice).beliefs(container))
            if head is not None:
                return head, lattice
        raise NoSeal("no head is there")

    def _place(self, container: Pixels, head: bytes, size: int, key: Key) -> tuple[Body, Place]:
        there, lattice = self._found(container)
        if there != head:
            raise NoSeal("the image has another head")
        return _laid(size, container, lattice, head, key)


def _laid(size: int, image: Pixels, lattice: Lattice, head: bytes, key: Key) -> tuple[Body, Place]:
    """How a body of so many bytes is coded, and where it lies."""
    coded = body_of(size, body_blocks(image) * lattice.bits)
    if coded is None:
        raise NoSeal(f"the image cannot carry the {size} bytes that its head names")
    place = body_place(image, lattice, key.key("places", head[:SALT_BYTES]), coded.bits)
    return coded, place


@cache
def _lattice(quality: int) -> Lattice:
    return Lattice(quality)
