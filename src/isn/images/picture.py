"""What an image is: its pixels, what is known of its file, and the limits that all keep."""

from __future__ import annotations

import errno
import os
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from isn.errors import ImageError

Pixels: TypeAlias = NDArray[np.uint8]
PathLike: TypeAlias = "str | os.PathLike[str]"
Source: TypeAlias = "PathLike | bytes | BinaryIO | Image.Image | NDArray[Any]"

MAX_PIXELS: Final = 100_000_000

LOSSY: Final = {"JPEG": "a JPEG", "MPO": "a JPEG", "AVIF": "an AVIF", "HEIF": "a HEIC"}
"""Formats that are seldom lossless, as Pillow calls them and as people do."""

_LONG_NAME = 500
_SHOWN = 200
_NO_MEMORY = re.compile(
    r"bad_alloc|out of memory|(cannot|can't|unable to|failed to) allocate", re.IGNORECASE
)
_ROWS = 256


@dataclass(frozen=True)
class Picture:
    """An image as the network takes it, and what is known of its file.

    Attributes:
        pixels: uint8, H x W x 3, sRGB in [0, 255], upright. An RGB array that was given to
            :func:`~isn.images.read` is not copied.
        name: what to call it in a message.
        format: Pillow's name of the file's format, such as "PNG"; "" where there was no file.
        notes: what was done to the image that a person should hear of, a sentence each.
        stored: uint8, H' x W' x 3 in [0, 255], the samples as they lie in the file: before any
            turn, profile or background, grey spread over three channels, opacity left out. It is
            `pixels` itself where nothing was done to them, and where the file has no 8-bit grey
            or RGB samples. Somebody who tags a container changes `pixels`, not this.
        mode: Pillow's name of the file's kind of samples, such as "L" or "RGB".
        chunks: kind and content of those parts of a PNG that tell of its colours and resolution
            and are as true of `pixels`.
    """

    pixels: Pixels
    name: str
    format: str
    notes: tuple[str, ...]
    stored: Pixels
    mode: str
    chunks: tuple[tuple[bytes, bytes], ...] = ()

    @cached_property
    def grey(self) -> bool:
        """Whether red, green and blue are equal in every pixel, however the file stores them.

        What counts is what can be seen: a grey photo saved as RGB gives a coloured container away
        as much as one that is saved as grey.
        """
        return is_grey(self.pixels)


def is_grey(pixels: Pixels) -> bool:
    """Whether the three planes of an image, uint8 H x W x 3, are equal."""
    for top in range(0, pixels.shape[0], _ROWS):
        rows = pixels[top : top + _ROWS]
        if (rows[..., :1] != rows[..., 1:]).any():
            return False
    return True


def check_size(height: int, width: int, name: str) -> None:
    """Raises an ImageError where an image has no pixels, or more than `MAX_PIXELS`."""
    if height < 1 or width < 1:
        raise ImageError(f"{name} is {height} x {width} and has no pixels: give an image")
    if height * width > MAX_PIXELS:
        raise too_large(name)


def too_large(name: str, most: int = MAX_PIXELS) -> ImageError:
    """The error for an image above a limit."""
    millions = f"{most / 1_000_000:.3g} million"
    return ImageError(f"{name} has more than {millions} pixels: give a smaller image")


def check_rgb(pixels: Pixels) -> None:
    """Raises an ImageError where an array is no image, uint8 of shape H x W x 3."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ImageError(
            f"the array is {pixels.dtype} of shape {pixels.shape}: give uint8 of shape H x W x 3"
        )


def shown(path: str | bytes | os.PathLike[Any]) -> str:
    """A file's name for a message: on one line, without what a terminal obeys, not over-long."""
    name = os.fsdecode(path)
    if len(name) > _LONG_NAME:
        name = f"{name[:_SHOWN]}...{name[-_SHOWN:]}"
    return "".join(map(_printable, name))


def _printable(character: str) -> str:
    # Controls, halves of a character (bytes of a name that are no text), and line ends.
    if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return character.encode("unicode_escape").decode()
    return character


def reason(error: BaseException) -> str:
    """The first line of what an error says, or its kind."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).splitlines()
    return lines[0][:120] if lines else type(error).__name__


def lacks_memory(error: BaseException) -> bool:
    """Whether an error of any library says that there was no memory left."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or bool(_NO_MEMORY.search(str(error)))


def no_room_for(height: int, width: int) -> bool:
    """Whether there is no memory for what a decoder needs of an image, some 8 bytes a pixel.

    Not all of them say why they failed. It is asked afterwards, with the decoder's own memory
    free again; a system that promises more memory than it has is not found out.
    """
    try:
        np.empty(8 * height * width, np.uint8)
    except MemoryError:
        return True
    return False
