"""DCT coefficients of luma, moved so far that a JPEG leaves them readable: survival.

`blocks` gives an image other coefficients, `lattice` puts bits into them, `ldpc` and `words`
correct what comes back wrong, `places` says where all lies, `scaled` puts it where scaling does not
reach, `find` looks for it, and `trial` finds by trying how much a host carries. A container
survives being stored as a JPEG, and then once more at the quality promised, as happens to a
``container.jpg`` that is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from isn.carriers.dct import blocks, scaled
from isn.carriers.dct.find import Found, find, lattice_of
from isn.carriers.dct.lattice import ROUNDING, Lattice
from isn.carriers.dct.places import HEAD_BLOCKS, Place, body_blocks, body_place, head_place
from isn.carriers.dct.trial import STORED, sent, sent_small, worth, worth_small
from isn.carriers.dct.words import NEEDED, Body, body_of, head_bits, most_bytes
from isn.errors import AlteredContainer, ConfigError, ImageError, NoSeal, setting
from isn.images import Pixels
from isn.keys import SALT_BYTES, Key
from isn.progress import Tell

__all__ = ["STORED", "STRENGTHS", "USUAL", "Dct", "Margin"]

STRENGTHS: Final = tuple(range(95, 29, -5))
"""Qualities of JPEG that a container may be made for."""

USUAL: Final = 75


@dataclass(frozen=True)
class Margin:
    """What a container still survives.

    Attributes:
        jpeg: quality of the hardest JPEG, about; 101: none.
        side: pixels of the longer side that it may be scaled down to; None: it was made for none,
            or has been.
    """

    jpeg: int
    side: int | None = None


@dataclass(frozen=True)
class Dct:
    """See :class:`isn.carriers.Carrier`.

    Attributes:
        survives: quality of the JPEG that what it writes survives, 30 to 95; it is made for the
            next lower of :data:`STRENGTHS`. What is read may be made for any.
        scaled: pixels of the longer side that a container may be scaled down to besides; it is made
            for the next lower of :data:`isn.carriers.dct.scaled.STRENGTHS` then. 0: none.

    Raises:
        ConfigError: the quality or the side is out of its range.
    """

    survives: int = USUAL
    scaled: int = 0

    name = "dct"
    sparse = False
    stored = STORED

    def __post_init__(self) -> None:
        given: object = self.survives
        if isinstance(given, bool) or not isinstance(given, int) or not 30 <= given <= 95:
            raise ConfigError(
                setting(survive=given), " was given: give a whole number from 30 to 95"
            )
        if not self.scaled:
            return
        scaled.side_for(self.scaled)
        least = min(scaled.STRENGTHS)
        if given < least:
            raise ConfigError(
                setting(survive=given),
                " was given with ",
                setting("scaled"),
                f": give {least} or more",
            )

    @property
    def _quality(self) -> int:
        """Of the JPEG that is tried."""
        known = scaled.STRENGTHS if self.scaled else STRENGTHS
        return next(each for each in known if each <= self.survives)

    @property
    def _lattice(self) -> Lattice:
        return lattice_of(scaled.STRENGTHS[self._quality] if self.scaled else self._quality)

    def _small(self, host: Pixels) -> Pixels:
        """What of a host carries: the host made small, or itself.

        Raises:
            ImageError: the host is too large or too small to be scaled to it.
        """
        if not self.scaled:
            return host
        longer = max(host.shape[:2])
        try:
            side = scaled.side_for(self.scaled, longer)
        except ConfigError as error:
            raise ImageError(
                f"the host is {host.shape[1]} x {host.shape[0]}, too small to be scaled to "
                f"{self.scaled}: take a larger one"
            ) from error
        if longer > scaled.MOST * side:
            raise ImageError(
                f"the host is {host.shape[1]} x {host.shape[0]}, too large to be scaled to "
                f"{self.scaled}: scale it down first, to {scaled.MOST * side}"
            )
        return scaled.small(host, side)

    def _for(self, host: Pixels) -> Dct:
        """Itself, or what promises the same of a host that is small already."""
        small = self.scaled >= max(host.shape[:2])
        return replace(self, scaled=0) if self.scaled and small else self

    def capacity(self, host: Pixels, bits: float) -> int:
        """See :meth:`isn.carriers.Carrier.capacity`; how many bits survive is the host's.

        Raises:
            ImageError: the host is too large or too small to be scaled.
        """
        if (plain := self._for(host)) is not self:
            return plain.capacity(host, bits)
        return self._room(host, self._small(host))

    def _room(self, host: Pixels, small: Pixels) -> int:
        """Bytes of body of a host, of which this carries."""
        room = body_blocks(small) * self._lattice.bits
        if not room:
            return 0
        if not self.scaled:
            return most_bytes(room, worth(host, self._lattice))
        side = max(small.shape[:2])
        return most_bytes(room, worth_small(host, self._lattice, side, self._quality))

    def noise(self, host: Pixels, size: int) -> float:
        """See :meth:`isn.carriers.Carrier.noise`."""
        if (plain := self._for(host)) is not self:
            return plain.noise(host, size)
        lattice, used, small = self._lattice, HEAD_BLOCKS, self._small(host)
        if size:
            body = body_of(size, body_blocks(small) * lattice.bits)
            used += -(-body.bits // lattice.bits) if body else body_blocks(small)
        return float(used * lattice.noise * blocks.SIDE**2 / (small.shape[0] * small.shape[1]))

    def write(self, host: Pixels, head: bytes, body: bytes, key: Key, tell: Tell) -> Pixels:
        """See :meth:`isn.carriers.Carrier.write`: it is read back from a JPEG before it is given.

        Raises:
            ImageError: the host is too small, or does not keep what is written into it.
        """
        if (plain := self._for(host)) is not self:
            return plain.write(host, head, body, key, tell)
        small = self._small(host)
        most = self._room(host, small)
        if blocks.count(small) < HEAD_BLOCKS or len(body) > most:
            raise ImageError(
                f"{len(body)} bytes are to survive {self._promise}, a host of "
                f"{host.shape[1]} x {host.shape[0]} like this takes {most}: take a larger one"
            )
        container = self._written(small, head, body, key)
        if self.scaled:
            container = scaled.enlarged(host, small, container)
        tell(0.5)
        if not all(_holds(each, head, body, key) for each in self._ways(container, small)):
            raise ImageError(
                f"what is written into this host does not survive {self._promise}: "
                "take a larger one, or one with less pure black and white"
            )
        tell(1.0)
        return container

    @property
    def _promise(self) -> str:
        jpeg = f"a JPEG of quality {self.survives}"
        return f"{jpeg} at a longer side of {self.scaled}" if self.scaled else jpeg

    def _written(self, host: Pixels, head: bytes, body: bytes, key: Key) -> Pixels:
        lattice, container = self._lattice, host.copy()
        place = head_place(host, lattice)
        place.write(container, head_bits(head, HEAD_BLOCKS * lattice.bits))
        if body:
            coded, place = _laid(len(body), host, lattice, head, key)
            place.write(container, coded.encode(body))
        return container

    def _ways(self, container: Pixels, small: Pixels) -> Iterator[Pixels]:
        """A container after what it is to survive."""
        yield sent(container, self._quality)
        if self.scaled:
            yield from sent_small(container, self._quality, max(small.shape[:2]))

    def read_head(self, container: Pixels, key: Key) -> bytes:
        """See :meth:`isn.carriers.Carrier.read_head`.

        Raises:
            NoSeal: the image is too small, or has no head under any strength.
        """
        del key
        return self._find(container).head

    def read_body(self, container: Pixels, head: bytes, size: int, key: Key) -> bytes:
        """See :meth:`isn.carriers.Carrier.read_body`.

        Raises:
            NoSeal: the image cannot hold so many, or has another head.
            AlteredContainer: more was changed than can be corrected.
        """
        if not size:
            return b""
        return _decoded(self._find(container, head), size, key)

    def margin(self, container: Pixels, head: bytes, size: int, key: Key) -> Margin:
        """What a container still survives, about.

        Foreseen from how far its coefficients lie from their places, which are known once all is
        read.

        Args:
            container: as for :meth:`read_body`, with the same errors.
            head: as for :meth:`read_body`.
            size: as for :meth:`read_body`, 1 or more.
            key: as for :meth:`read_body`.
        """
        found = self._find(container, head)
        coded, place = _laid(size, found.image, found.lattice, head, key)
        bits = coded.encode(coded.decode(place.beliefs(found.image, found.scatter)))
        apart = float(np.square(place.strayed(found.image, bits)).mean())
        noise = max(apart - place.lattice.left, ROUNDING**2)
        enough = NEEDED[coded.columns]
        qualities = range(1, 101)
        hardest = (q for q in qualities if place.lattice.information(q, noise) >= enough)
        sides = max(found.image.shape[:2]), max(container.shape[:2])
        return Margin(next(hardest, 101), sides[0] if sides[0] < sides[1] else None)

    def _find(self, container: Pixels, head: bytes | None = None) -> Found:
        found = find(container, self._lattice.quality, STRENGTHS)
        if head not in (None, found.head):
            raise NoSeal("the image has another head")
        return found


def _holds(container: Pixels, head: bytes, body: bytes, key: Key) -> bool:
    """Whether a container gives back what was written into it."""
    try:
        found = find(container, USUAL, STRENGTHS)
        return found.head == head and _decoded(found, len(body), key) == body
    except (AlteredContainer, NoSeal):
        return False


def _decoded(found: Found, size: int, key: Key) -> bytes:
    """The body that lies under a head."""
    if not size:
        return b""
    coded, place = _laid(size, found.image, found.lattice, found.head, key)
    return coded.decode(place.beliefs(found.image, found.scatter))


def _laid(size: int, image: Pixels, lattice: Lattice, head: bytes, key: Key) -> tuple[Body, Place]:
    """How a body of so many bytes is coded, and where it lies."""
    coded = body_of(size, body_blocks(image) * lattice.bits)
    if coded is None:
        raise NoSeal(f"the image cannot carry the {size} bytes that its head names")
    place = body_place(image, lattice, key.key("places", head[:SALT_BYTES]), coded.bits)
    return coded, place
