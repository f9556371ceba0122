"""Reads an image, whatever kind it is, as 8-bit sRGB."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from isn.errors import ImageError, IsnError
from isn.images import colour
from isn.images.opening import Opened, known_formats, open_image, stream_of
from isn.images.picture import (
    MAX_PIXELS,
    Picture,
    Source,
    check_size,
    lacks_memory,
    no_room_for,
    reason,
    shown,
    too_large,
)
from isn.images.png import Chunk

_MODES_STORED = ("L", "LA", "RGB", "RGBA", "RGBX")
# Of these the format itself says which picture is the main one, and it is the one that is opened.
_FIRST_IS_MAIN = ("MPO", "HEIF")


def read(source: Source, name: str | None = None, *, most: int = MAX_PIXELS) -> Picture:
    """Reads an image of any common kind as 8-bit sRGB.

    EXIF orientation and a colour profile are applied, transparent parts are laid over white,
    16 bits become 8; `Picture.stored` is without that. Of a phone's JPEG with an extra preview
    (MPO) the first picture is taken, of a HEIC the main one, of a TIFF the one whose other pages
    are smaller copies.

    Warnings of Pillow about flaws in metadata pass through as what they are: to silence them here
    would silence those of all threads.

    Args:
        source: a path, a file's bytes, a binary stream (read to its end), a PIL image, or a uint8
            array H x W (grey), H x W x 3 (RGB) or H x W x 4 (RGBA).
        name: what to call it in a message, where its own name will not do.
        most: pixels that a file may have; one with more is refused before it is decoded.

    Raises:
        ImageError: it cannot be opened or decoded, has no pixels or over `most`, has more
            than one picture, or has samples that are not 8- or 16-bit colour, or there is not
            enough memory.
    """
    name = name or _name_of(source)
    with _explained(name):
        if isinstance(source, np.ndarray):
            return _from_array(source, name)
        if isinstance(source, Image.Image):
            return _from_given(source, name)
        with contextlib.ExitStack() as stack:
            stream = stream_of(source, name, stack)
            if stream.read(1) == b"":
                raise ImageError(f"{name} is empty: give a whole image file")
            opened = open_image(stream, name)
            image = stack.enter_context(opened.image)
            if image.height * image.width > most:
                raise too_large(name, most)
            return _from_image(opened, name)


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except IsnError:
        raise
    except Image.DecompressionBombError as error:
        raise too_large(name) from error
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{name} is not an image of a known kind, or its beginning is damaged: "
            f"give one of {', '.join(known_formats())}"
        ) from error
    # Hostile files make decoders fail in every way there is; none of them may get past here.
    except Exception as error:
        if lacks_memory(error):
            raise ImageError(
                f"there is not enough memory to read {name}: close other programs or give a "
                "smaller image"
            ) from error
        raise ImageError(
            f"{name} cannot be read as an image ({reason(error)}): give an intact file"
        ) from error


def _name_of(source: object) -> str:
    if isinstance(source, str | os.PathLike):
        return shown(source)
    if isinstance(source, np.ndarray):
        return "the array"
    own = getattr(source, "filename", None) or getattr(source, "name", None)
    return shown(own) if isinstance(own, str) and own else "the image"


def _from_array(array: NDArray[Any], name: str) -> Picture:
    fits = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != np.uint8 or not fits:
        raise ImageError(
            f"{name} is {array.dtype} of shape {array.shape}: give uint8 in [0, 255] of shape "
            "H x W, H x W x 3 or H x W x 4"
        )
    check_size(array.shape[0], array.shape[1], name)
    if array.ndim == 3 and array.shape[2] == 3:
        pixels = np.ascontiguousarray(array)
        return Picture(pixels, name, "", (), stored=pixels, mode="RGB")
    return _from_image(Opened(Image.fromarray(array)), name)


def _from_given(image: Image.Image, name: str) -> Picture:
    """Of a PIL image, which is left at the page where it was."""
    page = image.tell()
    try:
        return _from_image(Opened(image), name)
    finally:
        if image.tell() != page:
            image.seek(page)


def _from_image(opened: Opened, name: str) -> Picture:
    image = opened.image
    _find_picture(image, name)
    check_size(image.height, image.width, name)
    # The file's own sample format is known only until the pixels are loaded, and so is the
    # orientation of a TIFF, which Pillow then turns by itself.
    raw = colour.raw_modes(image)
    turned = colour.turn_of(image) if image.format == "TIFF" else None
    _load(image)
    notes: list[str] = []
    depth = colour.bits(image, raw)
    if depth > 8:
        notes.append(f"{name} has {depth} bits a sample: they are reduced to 8")
    samples, alpha = colour.split_alpha(colour.to_eight_bit(image, raw, name), image, raw)
    if opened.trimmed is not None and opened.trimmed.profile_left_out:
        notes.append(colour.unusable(name))
    seen, profiled = colour.to_srgb(samples, image.info.get("icc_profile"), name, notes)
    blended = seen if alpha is None else colour.over_white(seen, alpha)
    if blended is not seen:
        notes.append(f"{name} has transparent parts: they are laid over white")
    turn = colour.turn_of(image)
    pixels = np.array(blended if turn is None else blended.transpose(turn))
    stored = pixels
    moved = turn is not None or turned is not None
    changed = profiled or blended is not seen or moved
    if changed and depth == 8 and image.mode in _MODES_STORED:
        flat = colour.to_rgb(samples)
        stored = np.array(flat if turned is None else flat.transpose(colour.BACK[turned]))
    return Picture(
        pixels,
        name,
        image.format or "",
        tuple(notes),
        stored=stored,
        mode=image.mode,
        chunks=_true_of_pixels(opened.chunks, profiled, stored.shape[:2] == pixels.shape[:2]),
    )


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except Exception as error:
        if no_room_for(image.height, image.width):
            raise MemoryError from error
        raise


def _find_picture(image: Image.Image, name: str) -> None:
    if image.format in _FIRST_IS_MAIN or not getattr(image, "is_animated", False):
        return
    if image.format != "TIFF" or not _picture_of_tiff(image):
        raise ImageError(f"{name} holds more than one picture: save the one you mean by itself")


def _picture_of_tiff(image: Image.Image) -> bool:
    from isn.images import tiff

    return tiff.find_picture(image)


def _true_of_pixels(
    chunks: tuple[Chunk, ...], profiled: bool, same_way_up: bool
) -> tuple[Chunk, ...]:
    """Without what tells of other colours than the pixels have, or of the sides the other way."""
    return tuple(
        (kind, content)
        for kind, content in chunks
        if (not profiled or kind == b"pHYs")
        and (same_way_up or kind != b"pHYs" or content[:4] == content[4:8])
    )
