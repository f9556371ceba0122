"""PNG files of photos, quickly: repetition, of which a photo has none, is not looked for."""

from __future__ import annotations

import struct
import zlib
from typing import Final

import numpy as np

from isn import threads
from isn.images.picture import Pixels
from isn.images.png import SIGNATURE, chunk
from isn.kernels import call

_PIECE: Final = 1 << 20
"""Bytes that are encoded at a time, about."""
_MORE: Final = 1 << 17
"""Bytes beside twice as many as are given that their code may take."""

_ZLIB: Final = b"\x78\x01"
_ADLER: Final = 65521


def encode(samples: Pixels) -> bytes:
    """A PNG file of samples, uint8, H x W (grey) or H x W x 3."""
    height, width = samples.shape[:2]
    samples, kind = np.ascontiguousarray(samples), 0 if samples.ndim == 2 else 2
    size, step = samples.size // height, samples.size // (height * width)
    rows = max(_PIECE // size, 1)

    def piece(first: int) -> tuple[int, int, bytes]:
        last = min(first + rows, height)
        lines = np.empty((last - first) * (1 + size), np.uint8)
        call("filter", samples, first, last, size, step, lines)
        room = np.empty(2 * len(lines) + _MORE, np.uint8)
        used = call("deflate", lines, len(lines), int(last == height), room)
        return zlib.adler32(lines.data), len(lines), chunk(b"IDAT", room[:used].tobytes())

    pieces = threads.each(piece, range(0, height, rows))
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    check = struct.pack(">I", _joined([each[:2] for each in pieces]))
    return b"".join(
        [
            *(SIGNATURE, chunk(b"IHDR", header), chunk(b"IDAT", _ZLIB)),
            *(each[2] for each in pieces),
            *(chunk(b"IDAT", check), chunk(b"IEND", b"")),
        ]
    )


def _joined(sums: list[tuple[int, int]]) -> int:
    """The Adler-32 (RFC 1950) of a whole from those of its parts and their lengths."""
    low, high = 1, 0
    for each, length in sums:
        high += (each >> 16) + (low - 1) * length
        low += (each & 0xFFFF) - 1
    return high % _ADLER << 16 | low % _ADLER
