"""Files and streams, up to the point where a decoder knows their size and kind."""

from __future__ import annotations

import contextlib
import io
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, cast

from PIL import Image, UnidentifiedImageError, features

from isn.errors import ImageError
from isn.images import heif, png, webp
from isn.images.picture import MAX_PIXELS, no_room_for, reason, too_large

MAX_STREAM_BYTES: Final = 1 << 30
"""Enough for `MAX_PIXELS` at 8 bytes each, uncompressed; an endless stream stops here."""

_PLUGINS: Final = {
    "PNG": "Png",
    "JPEG": "Jpeg",
    "TIFF": "Tiff",
    "BMP": "Bmp",
    "GIF": "Gif",
    "PPM": "Ppm",
    "WEBP": "WebP",
    "AVIF": "Avif",
}
"""Pillow's modules for what is read, by its names of the formats, in the order of trial."""

_OPTIONAL: Final = ("WEBP", "AVIF")

_Factory = Callable[[IO[bytes], str], Image.Image]


@dataclass(frozen=True)
class Opened:
    """A file whose header is read and whose pixels are not.

    Attributes:
        image: what Pillow made of it.
        chunks: of a PNG, what tells of its colours and resolution.
        trimmed: of a PNG, what the decoder reads it through.
    """

    image: Image.Image
    chunks: tuple[png.Chunk, ...] = ()
    trimmed: png.Trimmed | None = None


def known_formats() -> tuple[str, ...]:
    """Pillow's names of the formats that are read."""
    return (*filter(_built, _PLUGINS), heif.FORMAT)


def _built(name: str) -> bool:
    """Whether this Pillow reads a format; MPO it opens by way of JPEG."""
    if name not in _OPTIONAL:
        return True
    module = name.lower()
    return module in features.modules and bool(features.check(module))


def register(name: str) -> None:
    """Lets Pillow read and write a format; by itself it would import others as well."""
    if name in _PLUGINS and name not in Image.OPEN:
        import_module(f"PIL.{_PLUGINS[name]}ImagePlugin")


def open_image(stream: BinaryIO, name: str) -> Opened:
    """Finds the kind of a file and reads its header.

    Not `Image.open`, which warns of images that are large and allowed, opens formats that others
    have registered, and knows nothing of HEIF.

    Args:
        stream: the file.
        name: what to call it in a message.

    Raises:
        ImageError: it is a WebP above `MAX_PIXELS`, for which its decoder would make room at once.
        UnidentifiedImageError: no known format, or a header that is damaged.
        Exception: whatever a decoder raises.
    """
    stream.seek(0)
    prefix = stream.read(webp.HEADER_BYTES)
    stream.seek(0)
    height, width = webp.canvas(prefix)
    if height * width > MAX_PIXELS:
        raise too_large(name)
    trimmed = png.Trimmed(stream) if prefix.startswith(png.SIGNATURE) else None
    chunks = png.kept(stream) if trimmed else ()
    for factory in _factories(prefix):
        stream.seek(0)
        # What Pillow takes for "not this format".
        with contextlib.suppress(SyntaxError, IndexError, TypeError, struct.error):
            try:
                image = factory(cast("IO[bytes]", trimmed or stream), "")
            except OSError as error:
                # WebP's decoder makes its canvas here, and does not say why it could not.
                if no_room_for(height, width):
                    raise MemoryError from error
                raise
            return Opened(image, chunks, trimmed)
    raise UnidentifiedImageError


def _factories(prefix: bytes) -> Iterator[_Factory]:
    for name in filter(_built, _PLUGINS):
        register(name)
        factory, accepts = Image.OPEN[name]
        if accepts is None or accepts(prefix) is True:
            yield _tiff() if name == "TIFF" else factory
    if heif.accepts(prefix):
        yield lambda stream, _: heif.open_heif(cast(BinaryIO, stream))


def _tiff() -> _Factory:
    # Late, as whatever few files need.
    from isn.images.tiff import Tiff

    return Tiff


def stream_of(source: object, name: str, stack: contextlib.ExitStack) -> BinaryIO:
    """A binary stream that can be sought in, of a path, bytes or any binary stream.

    Args:
        source: what was given.
        name: what to call it in a message.
        stack: closes what had to be opened.

    Raises:
        ImageError: it cannot be opened, does not end, or is nothing of the kind.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return io.BytesIO(source)
    if isinstance(source, str | os.PathLike):
        try:
            file = stack.enter_context(Path(os.fsdecode(source)).open("rb"))  # noqa: SIM115
        # ValueError: a name that no file can have, with a NUL or half a character.
        except (OSError, ValueError) as error:
            raise ImageError(
                f"{name} cannot be opened ({reason(error)}): give an image file that you may read"
            ) from error
        if file.seekable():
            return file
    elif hasattr(source, "read"):
        file = cast(Any, source)
    else:
        raise ImageError(
            f"{name} is of type {type(source).__name__}: give a path, bytes, a binary stream, "
            "a PIL image or a uint8 array"
        )
    content = file.read(MAX_STREAM_BYTES + 1)
    if not isinstance(content, bytes):
        raise ImageError(f"{name} is a text stream: open it in binary mode")
    if len(content) > MAX_STREAM_BYTES:
        raise ImageError(f"{name} does not end after {MAX_STREAM_BYTES} bytes: give a smaller file")
    return io.BytesIO(content)
