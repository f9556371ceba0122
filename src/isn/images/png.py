"""The chunks of a PNG: which of them a decoder is shown, and which a copy should have.

Pillow gives a whole file up for a text or a profile that unpacks to more than it allows, though
the pixels are intact beside it. It is shown what the pixels need, and nothing else.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from PIL import PngImagePlugin

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
HEADER_END: Final = len(SIGNATURE) + 25
"""Where the chunk IHDR ends, behind which others may be put."""

Chunk = tuple[bytes, bytes]

_COLOUR_SIZES = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4, b"pHYs": 9}
# Transparency, and what tells an animation from a picture.
_NEEDED = frozenset((b"tRNS", b"acTL", b"fcTL", b"fdAT"))
_TEXTS = frozenset((b"tEXt", b"zTXt", b"iTXt"))
# The two texts that may say which side is up.
_TURNS = frozenset((b"Raw profile type exif", b"XML:com.adobe.xmp"))


class Trimmed:
    """A PNG as a stream that leaves out what could have its pixels refused.

    Positions are those of the whole file, and the chunks left out are passed over unread, so that
    it takes no memory. It is made for a decoder that reads chunk after chunk, and goes back to no
    place but the beginning of what it read last.

    Attributes:
        profile_left_out: whether a colour profile was among it, of those seen so far.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.profile_left_out = False
        self._stream = stream
        self._next = len(SIGNATURE)
        self._turns: set[bytes] = set()

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes from the present position."""
        if self._stream.tell() == self._next:
            self._pass_over()
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Goes to a position of the whole file."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """The position in the whole file."""
        return self._stream.tell()

    def _pass_over(self) -> None:
        while True:
            start = self._stream.tell()
            header = self._stream.read(8)
            if len(header) < 8:
                self._stream.seek(start)
                return
            length, kind = int.from_bytes(header[:4]), header[4:]
            wanted = self._wanted(kind, length)
            self._next = start + 12 + length
            self._stream.seek(start if wanted else self._next)
            if wanted:
                return

    def _wanted(self, kind: bytes, length: int) -> bool:
        if not kind.isalpha() or kind[:1].isupper() or kind in _NEEDED:
            return True
        small = length <= PngImagePlugin.MAX_TEXT_CHUNK
        if kind == b"eXIf":
            return small
        if kind == b"iCCP":
            whole = small and _unpacks(_packed(kind, self._stream.read(length)))
            self.profile_left_out |= not whole
            return whole
        if kind not in _TEXTS or not small:
            return False
        content = self._stream.read(length)
        keyword = content.partition(b"\0")[0]
        if keyword not in _TURNS or keyword in self._turns:
            return False
        self._turns.add(keyword)
        return _unpacks(_packed(kind, content))


def kept(stream: BinaryIO) -> tuple[Chunk, ...]:
    """The chunks that tell of a PNG's colours and resolution, in their order.

    Of each kind the first is taken, if it is intact. The stream is left where it was.
    """
    begin = stream.tell()
    found: dict[bytes, bytes] = {}
    for kind, length in _before_pixels(stream):
        right = length == _COLOUR_SIZES.get(kind)
        right |= kind == b"iCCP" and length <= PngImagePlugin.MAX_TEXT_CHUNK
        if not right or kind in found:
            continue
        content = stream.read(length)
        intact = stream.read(4) == struct.pack(">I", zlib.crc32(kind + content))
        if intact and (kind != b"iCCP" or _unpacks(_packed(kind, content))):
            found[kind] = content
    stream.seek(begin)
    return tuple(found.items())


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk as it lies in a file."""
    check = zlib.crc32(content, zlib.crc32(kind))
    return b"".join([struct.pack(">I", len(content)), kind, content, struct.pack(">I", check)])


def with_chunks(content: bytes, chunks: tuple[Chunk, ...]) -> bytes:
    """A PNG file with further chunks between its header and its pixels."""
    added = b"".join(chunk(*each) for each in chunks)
    return content[:HEADER_END] + added + content[HEADER_END:] if added else content


def _before_pixels(stream: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Kind and length of each chunk, the stream at its content."""
    at = len(SIGNATURE)
    while True:
        stream.seek(at)
        header = stream.read(8)
        length, kind = int.from_bytes(header[:4]), header[4:]
        if len(header) < 8 or kind in (b"IDAT", b"IEND"):
            return
        yield kind, length
        at += 12 + length


def _packed(kind: bytes, content: bytes) -> bytes | None:
    """The part of a chunk that is to be unpacked; b"" where none is, None where it is malformed."""
    if kind == b"tEXt":
        return b""
    rest = content.partition(b"\0")[2]
    if kind == b"iTXt":
        if rest[:1] == b"\0":
            return b""
        return rest[2:].split(b"\0", 2)[-1] if rest[:2] == b"\x01\0" else None
    return rest[1:] if rest[:1] == b"\0" else None


def _unpacks(packed: bytes | None) -> bool:
    """Whether it unpacks to no more than a decoder allows."""
    if not packed:
        return packed is not None
    unpacking = zlib.decompressobj()
    try:
        unpacking.decompress(packed, PngImagePlugin.MAX_TEXT_CHUNK)
    except zlib.error:
        return False
    return not unpacking.unconsumed_tail
