"""Pixels as a file's bytes: lossless, or a JPEG where what is hidden is made to survive one."""

from __future__ import annotations

import io
import zlib
from typing import Any, Final

import numpy as np
from PIL import Image

from isn.errors import OutputError
from isn.images import png, quick
from isn.images.opening import register
from isn.images.picture import Picture, Pixels, check_rgb, is_grey, lacks_memory, reason

_SIDES = {"WEBP": ("WebP", 16383), "JPEG": ("JPEG", 65500)}
_THOROUGH: Final = {"compress_type": zlib.Z_FILTERED}
_BRISK: Final = _THOROUGH | {"compress_level": 4}
_LARGE: Final = 1 << 23
"""Pixels from which repetition is looked for with half the effort."""
_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "PNG": _THOROUGH,
    "WEBP": {"lossless": True, "exact": True},
    # Tag 317 is the horizontal predictor, which about halves a photo.
    "TIFF": {"compression": "tiff_adobe_deflate", "tiffinfo": {317: 2}},
}
_GREY_MODES = ("1", "L", "LA", "La", "I")
_BAND, _FEWEST = 8, 4
_SAMPLED = 1 / 32
_WORTH_ASKING, _MOST_ASKED = 1 << 16, 1 << 18
_LARGER = 1.05


def encode(
    pixels: Pixels,
    format: str = "PNG",  # noqa: A002
    *,
    like: Picture | None = None,
    usual: bool = False,
) -> bytes:
    """A lossless image file, as bytes.

    It holds no metadata but what `like` lends it: then it is stored as grey where that file is
    and the pixels are, and a PNG tells of colours and resolution what that PNG does.

    Args:
        pixels: uint8, H x W x 3.
        format: "PNG", "WEBP" or "TIFF".
        like: the image whose file this one is to look like.
        usual: whether a PNG is one that most programs could have written; else it is made quickly,
            and whoever looks into the file sees by what.

    Raises:
        ImageError: the array is no RGB image.
        OutputError: the format is another one, or cannot hold an image of this size, or there is
            not enough memory.
    """
    check_rgb(pixels)
    if format not in _OPTIONS:
        raise OutputError(f"{format} is not offered: choose PNG, WEBP or TIFF, which are lossless")
    check_fits(format, (pixels.shape[0], pixels.shape[1]), "the image")
    try:
        as_grey = like is not None and _stored_grey(like) and is_grey(pixels)
        samples = np.ascontiguousarray(pixels[..., 0]) if as_grey else pixels
        if format != "PNG":
            return _saved(samples, format, _OPTIONS[format])
        file = _saved(samples, "PNG", {}) if usual else _as_png(samples)
        return png.with_chunks(file, () if like is None else _lent(like, as_grey))
    except (OSError, ValueError, RuntimeError, KeyError, MemoryError) as error:
        if lacks_memory(error):
            raise OutputError(
                f"there is not enough memory to encode the image as {format}: close other "
                "programs or give a smaller image"
            ) from error
        raise OutputError(
            f"the image cannot be encoded as {format} ({reason(error)}): choose PNG"
        ) from error


def encode_jpeg(
    pixels: Pixels, quality: int, *, whole: bool = False, like: Picture | None = None
) -> bytes:
    """A JPEG file, as bytes; without metadata.

    Args:
        pixels: uint8, H x W (grey) or H x W x 3.
        quality: 1 to 100, as libjpeg counts.
        whole: whether colours keep their resolution (4:4:4); else it is halved (4:2:0).
        like: as for :func:`encode`.

    Raises:
        OutputError: JPEG cannot hold an image of this size.
    """
    check_fits("JPEG", (pixels.shape[0], pixels.shape[1]), "the image")
    as_grey = pixels.ndim == 3 and like is not None and _stored_grey(like) and is_grey(pixels)
    samples = np.ascontiguousarray(pixels[..., 0]) if as_grey else pixels
    subsampling = "4:4:4" if whole else "4:2:0"
    return _saved(samples, "JPEG", {"quality": quality, "subsampling": subsampling})


def check_fits(file_format: str, size: tuple[int, int], name: str) -> None:
    """Raises an OutputError where a format cannot hold an image of a size, (height, width)."""
    known, side = _SIDES.get(file_format, ("", max(size)))
    if max(size) > side:
        raise OutputError(
            f"{name} is to hold {size[0]} x {size[1]} pixels, {known} ends at {side} a side: "
            "choose PNG or TIFF"
        )


def _saved(samples: Pixels, file_format: str, options: dict[str, Any]) -> bytes:
    register(file_format)
    buffer = _Named(file_format)
    Image.fromarray(samples).save(buffer, **options)
    return buffer.getvalue()


class _Named(io.BytesIO):
    """A file whose name says its format: told it, Pillow would import those of five others."""

    def __init__(self, file_format: str) -> None:
        super().__init__()
        self.name = f"image.{file_format.lower()}"


def _as_png(samples: Pixels) -> bytes:
    """A PNG, quickly where to look for repetition would not make it much smaller.

    In a photo, and all the more in a container, there is little to be found, and to look for it
    takes ten times as long. In a page of text there is much. Bands from all over the image tell
    which it is, since what is hidden may end halfway. In what is large less of it is looked for:
    where a lot repeats itself, that takes longer than all else that a reveal does.
    """
    height, width = samples.shape[:2]
    if height * width < _WORTH_ASKING:
        return _saved(samples, "PNG", _THOROUGH)
    most = max(_MOST_ASKED // (width * _BAND), 1)
    count = min(max(round(height * _SAMPLED / _BAND), _FEWEST), most)
    tops = np.linspace(0, max(height - _BAND, 0), count + 2).astype(int)[1:-1]
    bands = np.concatenate([samples[top : top + _BAND] for top in tops])
    if len(quick.encode(bands)) <= _LARGER * len(_saved(bands, "PNG", _THOROUGH)):
        return quick.encode(samples)
    return _saved(samples, "PNG", _THOROUGH if height * width < _LARGE else _BRISK)


def _stored_grey(like: Picture) -> bool:
    return like.mode in _GREY_MODES or like.mode.startswith("I;16")


def _lent(like: Picture, as_grey: bool) -> tuple[png.Chunk, ...]:
    # A profile of grey says nothing of colours.
    same = as_grey or not _stored_grey(like)
    return tuple(each for each in like.chunks if same or each[0] != b"iCCP")
