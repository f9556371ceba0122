"""How large the one picture in an AVIF file is, as its AV1 frame says it, before it is decoded.

A file names a size twice: in its boxes (ISO/IEC 23008-12), which libavif tells, and in the sequence
header of its AV1 stream, by which the decoder works. One that names a small size in the boxes and
a huge one in the stream is decoded whole and then made small. What this project writes has one
item in one piece, with a reduced still-picture header and one frame; all else is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

_TOP: Final = [b"ftyp", b"meta", b"mdat"]
_BOX: Final = struct.Struct(">I4s")
_ITEM: Final = struct.Struct(">IHHHHHII")
"""Of ``iloc``, version 0: widths of its fields, then of one item one extent."""
_WIDTHS: Final = 0x4400
_SEQUENCE, _FRAME_HEADER, _TILES, _FRAME = 1, 3, 4, 6
_HARMLESS: Final = {2, 5, 15}
"""Kinds of units that give no picture: delimiters, metadata, padding (AV1, section 6.2.2)."""


def coded_size(file: bytes) -> tuple[int, int]:
    """Height and width of the frame in an AVIF file.

    Args:
        file: not to be believed.

    Raises:
        ValueError: it is not laid out as an AVIF file of one picture is written.
    """
    try:
        units = list(_units(_stream(file)))
    except (struct.error, IndexError) as error:
        raise ValueError("it ends too early") from error
    kinds = [kind for kind, _ in units if kind not in _HARMLESS]
    frame = [each for each in kinds if each != _TILES]
    if frame not in ([_SEQUENCE, _FRAME], [_SEQUENCE, _FRAME_HEADER]):
        raise ValueError(f"its stream has units of the kinds {kinds[:9]}")
    return _size_of(next(content for kind, content in units if kind == _SEQUENCE))


def _stream(file: bytes) -> bytes:
    """The AV1 stream of the only item."""
    top = list(_boxes(file, 0, len(file)))
    if [name for name, _, _ in top] != _TOP:
        raise ValueError("its boxes are others than those of a picture")
    _, start, end = top[1]
    places = [at for name, at, _ in _boxes(file, start + 4, end) if name == b"iloc"]
    if len(places) != 1:
        raise ValueError(f"it says in {len(places)} places where its items lie")
    version, widths, items, _, _, extents, offset, length = _ITEM.unpack_from(file, places[0])
    if (version, widths, items, extents) != (0, _WIDTHS, 1, 1):
        raise ValueError("it has more than one item in one piece")
    return file[offset : offset + length]


def _boxes(file: bytes, place: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, and first and last byte of the content, of each box."""
    while place < end:
        size, name = _BOX.unpack_from(file, place)
        if not _BOX.size <= size <= end - place:
            raise ValueError("a box is longer than its place")
        yield name, place + _BOX.size, place + size
        place += size


def _units(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of each unit of an AV1 stream (section 5.3)."""
    place = 0
    while place < len(stream):
        head = stream[place]
        # Neither forbidden bits nor layers, and a length.
        if head & 0x87 != 0x02:
            raise ValueError("a unit of its stream has no length, or layers")
        size, shift = 0, 0
        while True:
            place += 1
            size |= (stream[place] & 0x7F) << shift
            shift += 7
            if not stream[place] & 0x80:
                break
            if shift > 28:
                raise ValueError("a unit of its stream is too long")
        place += 1
        kind = head >> 3
        if kind not in {_SEQUENCE, _FRAME_HEADER, _TILES, _FRAME, *_HARMLESS}:
            raise ValueError(f"its stream has a unit of the kind {kind}")
        yield kind, stream[place : place + size]
        place += size


def _size_of(header: bytes) -> tuple[int, int]:
    """Height and width by a sequence header (section 5.5.1)."""
    bits = "".join(f"{each:08b}" for each in header[:8])
    # Profile, 3 bits; still picture; reduced header; level, 5 bits; widths of what follows.
    if bits[3:5] != "11" or len(bits) < 24:
        raise ValueError("its stream is not of one still picture")
    across, down = int(bits[10:14], 2) + 1, int(bits[14:18], 2) + 1
    if len(bits) < 18 + across + down:
        raise ValueError("it ends too early")
    return int(bits[18 + across :][:down], 2) + 1, int(bits[18:][:across], 2) + 1
