"""The AV1 stream of one still picture, and the AVIF file around it.

An AVIF file of a small picture is mostly boxes (ISO/IEC 23008-12) that say the same of every
picture, 275 bytes, so the stream alone is carried and its file is made again. What this project
writes has a reduced still-picture header and one frame; all else is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

_BOX: Final = struct.Struct(">I4s")
_BOXES: Final = [b"ftyp", b"meta", b"mdat"]
_COLOUR: Final = struct.pack(">4sHHHB", b"nclx", 1, 13, 6, 0x80)
"""sRGB as BT.601 luma and chroma, all 256 levels: what Pillow makes of RGB."""
_PROFILE: Final = bytes([0x81, 0x20, 0, 0])
"""Version 1; 4:4:4 of 8 bits, whatever the level."""

_SEQUENCE, _FRAME_HEADER, _TILES, _FRAME = 1, 3, 4, 6
_HARMLESS: Final = {2, 5, 15}
"""Kinds of units that give no picture: delimiters, metadata, padding (AV1, section 6.2.2)."""


def stream_of(file: bytes) -> bytes:
    """The AV1 stream of an AVIF file that Pillow wrote from RGB, 4:4:4.

    Raises:
        ValueError: its colours are others, or it holds anything but one picture.
    """
    boxes = list(_boxes(file))
    if [name for name, _ in boxes] != _BOXES or _COLOUR not in boxes[1][1]:
        raise ValueError("it is no AVIF file of one picture, 4:4:4, in sRGB")
    stream = boxes[2][1]
    coded_size(stream)
    return stream


def file_of(stream: bytes) -> bytes:
    """The AVIF file of an AV1 stream.

    Args:
        stream: not to be believed.

    Raises:
        ValueError: as :func:`coded_size`.
    """
    height, width = coded_size(stream)
    properties = _box(
        b"ipco",
        _box(b"ispe", struct.pack(">III", 0, width, height)),
        _box(b"pixi", struct.pack(">I4B", 0, 3, 8, 8, 8)),
        _box(b"av1C", _PROFILE),
        _box(b"colr", _COLOUR),
    )
    # One item, number 1, of which all four properties hold; the decoder must know the third.
    associations = _box(b"ipma", struct.pack(">IIHB4B", 0, 1, 1, 4, 1, 2, 0x80 | 3, 4))
    item = _box(b"infe", struct.pack(">IHH4s", 2 << 24, 1, 0, b"av01"), b"Color\0")
    kind = _box(b"ftyp", b"avif", bytes(4), b"avifmif1miafMA1A")

    def meta(place: int) -> bytes:
        return _box(
            b"meta",
            bytes(4),
            _box(b"hdlr", bytes(8), b"pict", bytes(13)),
            _box(b"pitm", struct.pack(">IH", 0, 1)),
            _box(b"iloc", struct.pack(">IHHHHHII", 0, 0x4400, 1, 1, 0, 1, place, len(stream))),
            _box(b"iinf", struct.pack(">IH", 0, 1), item),
            _box(b"iprp", properties, associations),
        )

    place = len(kind) + len(meta(0)) + _BOX.size
    return kind + meta(place) + _box(b"mdat", stream)


def coded_size(stream: bytes) -> tuple[int, int]:
    """Height and width of the frame in an AV1 stream.

    Args:
        stream: not to be believed.

    Raises:
        ValueError: it is not laid out as that of one picture is written.
    """
    try:
        units = list(_units(stream))
    except IndexError as error:
        raise ValueError("it ends too early") from error
    kinds = [kind for kind, _ in units if kind not in _HARMLESS]
    frame = [each for each in kinds if each != _TILES]
    if frame not in ([_SEQUENCE, _FRAME], [_SEQUENCE, _FRAME_HEADER]):
        raise ValueError(f"it has units of the kinds {kinds[:9]}")
    return _size_of(next(content for kind, content in units if kind == _SEQUENCE))


def _box(name: bytes, *content: bytes) -> bytes:
    whole = b"".join(content)
    return _BOX.pack(_BOX.size + len(whole), name) + whole


def _boxes(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each outer box of a file of ours."""
    place = 0
    while place < len(file):
        size, name = _BOX.unpack_from(file, place)
        yield name, file[place + _BOX.size : place + max(size, _BOX.size)]
        place += max(size, _BOX.size)


def _units(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of each unit of an AV1 stream (section 5.3)."""
    place = 0
    while place < len(stream):
        head = stream[place]
        # Neither forbidden bits nor layers, and a length.
        if head & 0x87 != 0x02:
            raise ValueError("one of its units has no length, or layers")
        size, shift = 0, 0
        while True:
            place += 1
            size |= (stream[place] & 0x7F) << shift
            shift += 7
            if not stream[place] & 0x80:
                break
            if shift > 28:
                raise ValueError("one of its units is too long")
        place += 1
        kind = head >> 3
        if kind not in {_SEQUENCE, _FRAME_HEADER, _TILES, _FRAME, *_HARMLESS}:
            raise ValueError(f"it has a unit of the kind {kind}")
        yield kind, stream[place : place + size]
        place += size


def _size_of(header: bytes) -> tuple[int, int]:
    """Height and width by a sequence header (section 5.5.1)."""
    bits = "".join(f"{each:08b}" for each in header[:8])
    # Profile, 3 bits; still picture; reduced header; level, 5 bits; widths of what follows.
    if bits[3:5] != "11" or len(bits) < 24:
        raise ValueError("it is not of one still picture")
    across, down = int(bits[10:14], 2) + 1, int(bits[14:18], 2) + 1
    if len(bits) < 18 + across + down:
        raise ValueError("it ends too early")
    return int(bits[18 + across :][:down], 2) + 1, int(bits[18:][:across], 2) + 1
