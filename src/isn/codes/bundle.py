"""The code `bundle`: files and images together, each kind in the code that is made for it.

Layout, little-endian: number of items (1 byte), of each whether it is a file (1 byte each), then
for the files and for the images: number of the code (1), its fingerprint (16), bytes (4), payload.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, TypeVar

from isn.codes import NO_FINGERPRINT, Code, Foreseen, Room
from isn.errors import ConfigError, UnknownModel
from isn.progress import Tell, part
from isn.secret import Content, File, Item, Secret, forged

_PART: Final = struct.Struct("<B16sI")
_MOST_ITEMS: Final = 255
_T = TypeVar("_T")


class Bundle:
    """See :class:`isn.codes.Code`.

    Args:
        files: the code of files.
        pictures: the code of images, of which nothing is asked at reveal.
        find: the code of a number and fingerprint.
    """

    name = "bundle"
    number = 4
    fingerprint = NO_FINGERPRINT
    counts = range(0)

    def __init__(self, files: Code, pictures: Code, find: Callable[[int, bytes], Code]) -> None:
        self._codes, self._find = (files, pictures), find

    @property
    def bits(self) -> float:
        """What the images use; the files take of it what they need."""
        return self._codes[1].bits

    def foresee(self, secret: Secret, room: Room) -> Foreseen:
        """See :meth:`isn.codes.Code.foresee`."""
        size, psnr = 1 + len(secret), None
        for code, some, heads in self._shared(secret):
            found = code.foresee(some, Room(room.size - size - heads, room.area))
            size += _PART.size + found.size
            psnr = found.psnr
        return Foreseen(size, psnr)

    def encode(self, secret: Secret, room: Room, tell: Tell) -> bytes:
        """See :meth:`isn.codes.Code.encode`."""
        shares = self._shared(secret)
        content = bytes([len(secret)]) + bytes(isinstance(each, File) for each in secret)
        for number, (code, some, heads) in enumerate(shares):
            left = Room(room.size - len(content) - heads, room.area)
            payload = code.encode(some, left, part(tell, 0.1 * number, 0.1 + 0.9 * number))
            content += _PART.pack(code.number, code.fingerprint, len(payload)) + payload
        return content

    def _shared(self, secret: Secret) -> list[tuple[Code, list[Item], int]]:
        """Each code with its items, and the bytes of the heads from its own on.

        Raises:
            ConfigError: there are too few or too many items.
        """
        if not 2 <= len(secret) <= _MOST_ITEMS:
            raise ConfigError(
                f"a bundle holds 2 to {_MOST_ITEMS} things, not {len(secret)}: give so many"
            )
        files: list[Item] = [each for each in secret if isinstance(each, File)]
        pictures: list[Item] = [each for each in secret if not isinstance(each, File)]
        return [
            (self._codes[0], files, 2 * _PART.size),
            (self._codes[1], pictures, _PART.size),
        ]

    def decode(self, payload: bytes, area: int, tell: Tell) -> list[Item]:
        """See :meth:`isn.codes.Code.decode`."""
        kinds, files, pictures = self._opened(payload)
        found = files[0].decode(files[1], area, part(tell, 0.0, 0.1))
        shown = pictures[0].decode(pictures[1], area, part(tell, 0.1, 1.0))
        return _merged(kinds, found, shown)

    def contents(self, payload: bytes, area: int) -> list[Content]:
        """See :meth:`isn.codes.Code.contents`."""
        kinds, (files, first), (pictures, second) = self._opened(payload)
        return _merged(kinds, files.contents(first, area), pictures.contents(second, area))

    def _opened(self, payload: bytes) -> tuple[bytes, tuple[Code, bytes], tuple[Code, bytes]]:
        place = 1 + (payload[0] if payload else 0)
        kinds = payload[1:place]
        if not kinds or len(payload) < place or not set(kinds) <= {0, 1}:
            raise forged("its parts do not add up")
        parts: list[tuple[Code, bytes]] = []
        for _ in range(2):
            if place + _PART.size > len(payload):
                raise forged("its parts do not add up")
            number, fingerprint, length = _PART.unpack_from(payload, place)
            start, place = place + _PART.size, place + _PART.size + length
            wrong = number == self.number or (number == self._codes[0].number) != (not parts)
            if wrong or place > len(payload):
                raise forged("its parts do not add up")
            try:
                parts.append((self._find(number, fingerprint), payload[start:place]))
            except UnknownModel as error:
                raise forged(f"one of its parts is of the unknown code {number}") from error
        if place != len(payload):
            raise forged("its parts do not add up")
        return kinds, parts[0], parts[1]


def _merged(kinds: bytes, files: list[_T], pictures: list[_T]) -> list[_T]:
    if (len(files), len(pictures)) != (kinds.count(1), kinds.count(0)):
        raise forged("its parts do not add up")
    sources = (iter(pictures), iter(files))
    return [next(sources[kind]) for kind in kinds]
