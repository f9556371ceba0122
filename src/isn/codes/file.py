"""The code `file`: files of any kind, with their names, compressed.

LZMA of the standard library (the xz format without its container): smaller than deflate by a tenth
to a third on documents, and no dependency. Layout, little-endian, all of it compressed together::

    for each file    length of the name (2 bytes), of the content (8), name in UTF-8, content

What LZMA would make longer stands uncompressed in chunks of the same format, so that it is known
beforehand how much fits (:func:`most_bytes`).
"""

from __future__ import annotations

import lzma
import struct
import unicodedata
from typing import Any, Final

from isn.codes import NO_FINGERPRINT, Foreseen, Room
from isn.errors import ConfigError, ImageError
from isn.progress import Tell
from isn.secret import MOST_BYTES, Content, File, Item, Secret, forged

MOST_FILES: Final = 1000
LONGEST_NAME: Final = 200
"""Bytes of a file's name."""

_ENTRY: Final = struct.Struct("<HQ")
_FILTERS: Final[list[dict[str, Any]]] = [{"id": lzma.FILTER_LZMA2, "preset": 6}]
_LEAST_REACH: Final = 1 << 12
_REACH: Final = 1 << 23
"""Bytes that LZMA looks back: the least there may be, and those of the preset."""
_CHUNK: Final = 1 << 16
_CHUNK_HEAD: Final = struct.Struct(">BH")
_END: Final = b"\0"
"""Of LZMA2, uncompressed: bytes of a chunk, what precedes it (1 in the first, 2 in others, and its
length less 1), and what ends the last."""
_DEVICES: Final = frozenset(
    [
        *("CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"),
        *(f"{port}{k}" for port in ("COM", "LPT") for k in "0123456789\xb9\xb2\xb3"),
    ]
)


class Files:
    """See :class:`isn.codes.Code`."""

    name = "file"
    number = 3
    fingerprint = NO_FINGERPRINT
    bits = 4.0
    counts = range(0)

    def encode(self, secret: Secret, room: Room, tell: Tell) -> bytes:
        """See :meth:`isn.codes.Code.encode`."""
        packed = _compressed(_files_of(secret))
        _check_room(len(packed), room)
        tell(1.0)
        return packed

    def foresee(self, secret: Secret, room: Room) -> Foreseen:
        """See :meth:`isn.codes.Code.foresee`: exactly, for compressing takes no time."""
        size = len(_compressed(_files_of(secret)))
        _check_room(size, room)
        return Foreseen(size, float("inf"))

    def decode(self, payload: bytes, area: int, tell: Tell) -> list[Item]:
        """See :meth:`isn.codes.Code.decode`."""
        del area
        found: list[Item] = list(_opened(payload))
        tell(1.0)
        return found

    def contents(self, payload: bytes, area: int) -> list[Content]:
        """See :meth:`isn.codes.Code.contents`."""
        del area
        return [Content(None, each.name, len(each.content)) for each in _opened(payload)]


def most_bytes(room: int) -> int:
    """Bytes that a file and its name may have together in a room, however little they compress."""
    whole, rest = divmod(max(room - len(_END), 0), _CHUNK_HEAD.size + _CHUNK)
    stored = whole * _CHUNK + max(rest - _CHUNK_HEAD.size, 0)
    return min(max(stored - _ENTRY.size, 0), MOST_BYTES)


def _check_room(size: int, room: Room) -> None:
    if size > room.size:
        raise ImageError(
            f"the files take {size} bytes when compressed, the host has room for "
            f"{max(room.size, 0)}: take a larger host, or fewer or smaller files"
        )


def safe_name(name: str) -> str:
    """A file name that no file system, shell or terminal minds: the last part of a path alone.

    Control characters, the separators of all systems and what Windows reserves are replaced by an
    underscore, a leading dot too, so that nothing hidden or foreign is written; the length ends at
    :data:`LONGEST_NAME` bytes, with the suffix kept.
    """
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    plain = "".join(map(_plain, unicodedata.normalize("NFC", last)))
    plain = plain.strip(" ").rstrip(". ")
    if not plain:
        return "file"
    if plain.startswith((".", "-", "~")):
        plain = "_" + plain[1:]
    # Windows looks past spaces there.
    if plain.partition(".")[0].rstrip(" ").upper() in _DEVICES:
        plain = "_" + plain
    stem, dot, suffix = plain.rpartition(".")
    if not dot or len(suffix) > 20:
        stem, suffix = plain, ""
    else:
        suffix = dot + suffix
    room = LONGEST_NAME - len(suffix.encode())
    short = stem.encode()[:room].decode(errors="ignore") + suffix
    return short.rstrip(". ")


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Zs":
        # Of spaces there are many that look alike.
        return " "
    odd = category[0] == "C" or character in '<>:"/\\|?*\u2028\u2029'
    return "_" if odd else character


def _files_of(secret: Secret) -> list[File]:
    files = [each for each in secret if isinstance(each, File)]
    if len(files) < len(secret):
        raise ConfigError("the method file hides files alone: leave the images out")
    if not 1 <= len(files) <= MOST_FILES:
        raise ConfigError(f"{len(files)} files were given: give 1 to {MOST_FILES}")
    total = sum(len(each.content) for each in files)
    if total > MOST_BYTES:
        raise ConfigError(
            f"the files have {total} bytes together, at most {MOST_BYTES} are taken: leave some out"
        )
    return files


def _compressed(files: list[File]) -> bytes:
    parts = []
    for each in files:
        name = safe_name(each.name).encode()
        parts += [_ENTRY.pack(len(name), len(each.content)), name, each.content]
    whole = b"".join(parts)
    # To look back further than there is takes nothing off, and milliseconds to make room for.
    reach = min(max(1 << len(whole).bit_length(), _LEAST_REACH), _REACH)
    packed = lzma.compress(whole, lzma.FORMAT_RAW, filters=[{**_FILTERS[0], "dict_size": reach}])
    chunks = range(0, len(whole), _CHUNK)
    if len(packed) <= len(whole) + len(chunks) * _CHUNK_HEAD.size + len(_END):
        return packed
    stored = bytearray()
    for start in chunks:
        chunk = whole[start : start + _CHUNK]
        stored += _CHUNK_HEAD.pack(2 if start else 1, len(chunk) - 1) + chunk
    return bytes(stored + _END)


def _opened(payload: bytes) -> list[File]:
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_FILTERS)
    limit = MOST_BYTES + MOST_FILES * (_ENTRY.size + LONGEST_NAME)
    try:
        whole = decompressor.decompress(payload, limit)
    except lzma.LZMAError as error:
        raise forged("its files do not decompress") from error
    if not decompressor.eof or decompressor.unused_data:
        raise forged("its files have no end")
    files: list[File] = []
    place = 0
    while place < len(whole):
        if len(files) == MOST_FILES or place + _ENTRY.size > len(whole):
            raise forged("its files do not add up")
        name_length, length = _ENTRY.unpack_from(whole, place)
        start = place + _ENTRY.size + name_length
        place = start + length
        if place > len(whole):
            raise forged("its files do not add up")
        name = whole[start - name_length : start].decode(errors="replace")
        files.append(File(safe_name(name), whole[start:place]))
    if not files:
        raise forged("it holds no file")
    return files
