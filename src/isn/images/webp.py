"""WebP files: how large a canvas one asks for, known before its decoder makes it."""

from __future__ import annotations

HEADER_BYTES = 30


def canvas(header: bytes) -> tuple[int, int]:
    """Height and width that a file's first 30 bytes name; (0, 0) where they name none."""
    kind = header[12:16]
    if len(header) < HEADER_BYTES or header[:4] != b"RIFF" or header[8:12] != b"WEBP":
        return 0, 0
    if kind == b"VP8X":
        width, height = (int.from_bytes(header[at : at + 3], "little") + 1 for at in (24, 27))
    elif kind == b"VP8L":
        sides = int.from_bytes(header[21:25], "little")
        width, height = (sides & 0x3FFF) + 1, (sides >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 ":
        width, height = (int.from_bytes(header[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    else:
        return 0, 0
    return height, width
