"""Image files in and out: the only module that opens or writes them.

What comes in is untrusted: only known formats are opened, nothing above `MAX_PIXELS` is decoded,
and whatever goes wrong is an :class:`~isn.errors.ImageError`. What goes out is lossless, carries
no metadata, and appears under its name whole or not at all.
"""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import stat
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError, features

from isn.errors import ImageError, IsnError, OutputError

Pixels: TypeAlias = NDArray[np.uint8]
PathLike: TypeAlias = "str | os.PathLike[str]"
Source: TypeAlias = "PathLike | bytes | BinaryIO | Image.Image | NDArray[Any]"

MAX_PIXELS: Final = 100_000_000
MAX_STREAM_BYTES: Final = 1 << 30
"""Enough for `MAX_PIXELS` at 8 bytes each, uncompressed; an endless stream stops here."""

LOSSLESS: Final = {".png": "PNG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
"""Suffixes that a container may have, and Pillow's name of the format."""

_OFFERED = "a name that ends in .png, .webp, .tif or .tiff"
_LOSSY = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    ".gif": "GIF",
    ".avif": "AVIF",
    ".heic": "HEIC",
    ".heif": "HEIF",
    ".jp2": "JPEG 2000",
    ".jxl": "JPEG XL",
}
_NOT_OFFERED = {".bmp": "BMP", ".ppm": "PPM"}
_WEBP_SIDE = 16383
_LONG_SIDE = 1 << 16
_LANCZOS_GAP = 3.0
_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "WEBP": {"lossless": True, "exact": True},
    # Tag 317 is the horizontal predictor, which about halves a photo.
    "TIFF": {"compression": "tiff_adobe_deflate", "tiffinfo": {317: 2}},
}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# ImportError: a Pillow built without LittleCMS.
_PROFILE_ERRORS = (
    *(ImageCms.PyCMSError, OSError, TypeError, ValueError, KeyError, AttributeError),
    *(RuntimeError, OverflowError, MemoryError, ImportError),
)


@dataclass(frozen=True)
class Picture:
    """An image as the network takes it.

    Attributes:
        pixels: uint8, H x W x 3, sRGB in [0, 255], upright. An RGB array that was given to
            :func:`read` is not copied.
        name: what to call it in a message.
        format: Pillow's name of the file's format, such as "PNG"; "" where there was no file.
        notes: what was done to the image that a person should hear of, a sentence each.
    """

    pixels: Pixels
    name: str
    format: str
    notes: tuple[str, ...]


def read(source: Source, name: str | None = None) -> Picture:
    """Reads an image of any common kind as 8-bit sRGB.

    EXIF orientation and a colour profile are applied, transparent parts are laid over white,
    16 bits become 8. Of a phone's JPEG with an extra preview (MPO) the first picture is taken.

    Args:
        source: a path, a file's bytes, a binary stream (read to its end), a PIL image, or a uint8
            array H x W (grey), H x W x 3 (RGB) or H x W x 4 (RGBA).
        name: what to call it in a message, where its own name will not do.

    Raises:
        ImageError: it cannot be opened or decoded, has no pixels or over `MAX_PIXELS`, has more
            than one picture, or has samples that are not 8- or 16-bit colour.
    """
    name = name or _name_of(source)
    with _explained(name), warnings.catch_warnings():
        # Pillow warns of large images, which are refused here by a limit of our own, and of
        # flaws in metadata that do not touch the picture.
        warnings.simplefilter("ignore")
        if isinstance(source, np.ndarray):
            return _from_array(source, name)
        if isinstance(source, Image.Image):
            return _from_image(source, name)
        with contextlib.ExitStack() as stack:
            stream = _stream(source, name, stack)
            if stream.read(1) == b"":
                raise ImageError(f"{name} is empty: give a whole image file")
            stream.seek(0)
            image = stack.enter_context(Image.open(stream, formats=_known_formats()))
            return _from_image(image, name)


def within(pixels: Pixels, area: int) -> Pixels:
    """An image of no more pixels than an area: itself where it has no more, else resized.

    Args:
        pixels: uint8, H x W x 3.
        area: pixels that it may have, 1 or more.
    """
    height, width = pixels.shape[:2]
    if height * width <= area:
        return pixels
    ratio = (area / (height * width)) ** 0.5
    # Where an image is like a thread, one side stays a pixel, and the other takes what is left.
    height = max(int(height * ratio), 1)
    width = max(min(int(width * ratio), area // height), 1)
    return resize(pixels, min(height, area // width), width)


def resize(pixels: Pixels, height: int, width: int) -> Pixels:
    """Resamples with a Lanczos window, on gamma-coded values.

    Args:
        pixels: uint8, H x W x 3.
        height: rows wanted, at least 1.
        width: columns wanted, at least 1.

    Returns:
        uint8, height x width x 3; the input itself where it has that size already.

    Raises:
        ImageError: the size is not positive or over `MAX_PIXELS`, or the array is no RGB image.
    """
    _check_rgb(pixels)
    if height < 1 or width < 1:
        raise ImageError(f"an image cannot be resized to {height} x {width}: give positive sides")
    _check_size(height, width, "the resized image")
    if pixels.shape[:2] == (height, width):
        return pixels
    # The filter's coefficients take about 50 bytes for each position of a side, which for an image
    # like a thread would be gigabytes: a long side is made piece by piece, or from averages.
    gap = _LANCZOS_GAP if max(pixels.shape[:2]) > _LONG_SIDE else None
    image = Image.fromarray(pixels)
    down, across = pixels.shape[0] / height, pixels.shape[1] / width
    resized = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _LONG_SIDE):
        for left in range(0, width, _LONG_SIDE):
            bottom, right = min(top + _LONG_SIDE, height), min(left + _LONG_SIDE, width)
            piece = image.resize(
                (right - left, bottom - top),
                Image.Resampling.LANCZOS,
                (left * across, top * down, right * across, bottom * down),
                gap,
            )
            resized[top:bottom, left:right] = np.asarray(piece)
    return resized


def encode(pixels: Pixels, format: str = "PNG") -> bytes:  # noqa: A002
    """A lossless image file, as bytes, without metadata.

    Args:
        pixels: uint8, H x W x 3.
        format: "PNG", "WEBP" or "TIFF".

    Raises:
        ImageError: the array is no RGB image.
        OutputError: the format is another one, or cannot hold an image of this size.
    """
    _check_rgb(pixels)
    if format not in _OPTIONS:
        raise OutputError(f"{format} is not offered: choose PNG, WEBP or TIFF, which are lossless")
    _check_fits(format, (pixels.shape[0], pixels.shape[1]), "the image")
    buffer = io.BytesIO()
    try:
        Image.fromarray(pixels).save(buffer, format, **_OPTIONS[format])
    except (OSError, ValueError, RuntimeError, KeyError, MemoryError) as error:
        raise OutputError(
            f"the image cannot be encoded as {format} ({_reason(error)}): choose PNG"
        ) from error
    return buffer.getvalue()


def check_output(
    path: PathLike, *, overwrite: bool = False, size: tuple[int, int] | None = None
) -> None:
    """Refuses a file that could not be written, before the work rather than after it.

    Args:
        path: where a container is to be written.
        overwrite: whether a file that is there may be replaced.
        size: (height, width) of the image, where known.

    Raises:
        OutputError: the format is lossy, unknown or too small for the image, or the file is in
            the way or cannot be made there.
    """
    name = os.fspath(path)
    file_format = _format_of(name)
    if size is not None:
        _check_fits(file_format, size, name)
    with _written(name):
        target = Path(os.path.realpath(name))
        folder = target.parent
        if target.is_dir():
            raise OutputError(f"{name} is a folder: give {_OFFERED}")
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            raise OutputError(f"{name} is a device or a pipe, not a file: give {_OFFERED}")
        if target.exists() and not overwrite:
            raise _in_the_way(name)
        if not folder.exists():
            raise OutputError(f"{name} cannot be written, its folder is missing: make it first")
        if not folder.is_dir():
            raise OutputError(f"{name} cannot be written, {folder} is not a folder: give another")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"{name} cannot be written, its folder is not yours to write in")


def write(path: PathLike, pixels: Pixels, *, overwrite: bool = False) -> None:
    """Writes a lossless image file: whole or not at all, and over nothing by accident.

    A symbolic link is followed: what it points at is written.

    Args:
        path: a name with one of the suffixes in `LOSSLESS`.
        pixels: uint8, H x W x 3.
        overwrite: whether a file that is there may be replaced.

    Raises:
        ImageError: the array is no RGB image.
        OutputError: as in :func:`check_output`, or the disk is full, or a file has appeared
            under this name meanwhile.
    """
    _check_rgb(pixels)
    check_output(path, overwrite=overwrite, size=(pixels.shape[0], pixels.shape[1]))
    name = os.fspath(path)
    content = encode(pixels, _format_of(name))
    target = Path(os.path.realpath(name))
    part = target.with_name(f".isn-{secrets.token_hex(8)}.part")
    with _written(name):
        try:
            # Not `tempfile`: a file made here gets the permissions that the umask leaves.
            with part.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            _publish(part, target, overwrite)
        except FileExistsError as error:
            raise _in_the_way(name) from error
        finally:
            part.unlink(missing_ok=True)


def _publish(part: Path, target: Path, overwrite: bool) -> None:
    if overwrite:
        part.replace(target)
        return
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except (OSError, AttributeError, NotImplementedError):
        # No hard links here (FAT, some network folders): claim the name, then replace the claim.
        target.open("xb").close()
        try:
            part.replace(target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise


def _format_of(name: str) -> str:
    suffix = Path(name).suffix.lower()
    if suffix in LOSSLESS:
        return LOSSLESS[suffix]
    if suffix in _LOSSY:
        raise OutputError(
            f"{name} would be stored as {_LOSSY[suffix]}, which is lossy and destroys what is "
            f"hidden: give {_OFFERED}"
        )
    if suffix in _NOT_OFFERED:
        raise OutputError(f"{name}: {_NOT_OFFERED[suffix]} is not offered, give {_OFFERED}")
    given = f"the suffix {suffix!r}, which is not known" if suffix else "no suffix"
    raise OutputError(f"{name} has {given}: give {_OFFERED}")


def _check_fits(file_format: str, size: tuple[int, int], name: str) -> None:
    if file_format == "WEBP" and max(size) > _WEBP_SIDE:
        raise OutputError(
            f"{name} is to hold {size[0]} x {size[1]} pixels, WebP ends at {_WEBP_SIDE} a side: "
            "choose PNG or TIFF"
        )


def _in_the_way(name: str) -> OutputError:
    return OutputError(f"{name} is there already: give another name, or --overwrite")


@contextlib.contextmanager
def _written(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{name} cannot be written ({_reason(error)}): make room or give another place"
        ) from error


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except IsnError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_large(name) from error
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        raise ImageError(
            f"{name} cannot be opened ({_reason(error)}): give an image file that you may read"
        ) from error
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{name} is not an image of a known kind, or its beginning is damaged: "
            f"give one of {', '.join(_known_formats())}"
        ) from error
    # Hostile files make decoders fail in every way there is; none of them may get past here.
    except Exception as error:
        raise ImageError(
            f"{name} cannot be read as an image ({_reason(error)}): give an intact file"
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).splitlines()
    return lines[0][:120] if lines else type(error).__name__


def _name_of(source: object) -> str:
    if isinstance(source, str | os.PathLike):
        return os.fsdecode(source)
    if isinstance(source, np.ndarray):
        return "the array"
    own = getattr(source, "filename", None) or getattr(source, "name", None)
    return own if isinstance(own, str) and own else "the image"


def _known_formats() -> tuple[str, ...]:
    # Pillow opens MPO by way of JPEG, and may be built without the others' libraries.
    known = [each for each in ("webp", "avif") if each in features.modules]
    optional = [each for each in known if features.check(each)]
    return ("PNG", "JPEG", "TIFF", "BMP", "GIF", "PPM", *(each.upper() for each in optional))


def _stream(source: object, name: str, stack: contextlib.ExitStack) -> BinaryIO:
    if isinstance(source, bytes | bytearray | memoryview):
        return io.BytesIO(source)
    if isinstance(source, str | os.PathLike):
        file = stack.enter_context(Path(source).open("rb"))  # noqa: SIM115
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


def _from_array(array: NDArray[Any], name: str) -> Picture:
    fits = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != np.uint8 or not fits:
        raise ImageError(
            f"{name} is {array.dtype} of shape {array.shape}: give uint8 in [0, 255] of shape "
            "H x W, H x W x 3 or H x W x 4"
        )
    if array.ndim == 3 and array.shape[2] == 3:
        _check_size(array.shape[0], array.shape[1], name)
        return Picture(np.ascontiguousarray(array), name, "", ())
    _check_size(array.shape[0], array.shape[1], name)
    return _from_image(Image.fromarray(array), name)


def _from_image(image: Image.Image, name: str) -> Picture:
    _check_size(image.height, image.width, name)
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise ImageError(f"{name} holds more than one picture: save the one you mean by itself")
    # The file's own sample format is known only until the pixels are loaded.
    raw = _raw_modes(image)
    image.load()
    notes: list[str] = []
    eight_bit = _to_eight_bit(image, raw, name, notes)
    colour, alpha = _split_alpha(eight_bit, image, raw)
    colour = _to_srgb(colour, image.info.get("icc_profile"), name, notes)
    if alpha is not None and cast("tuple[int, int]", alpha.getextrema())[0] < 255:
        notes.append(f"{name} has transparent parts: they are laid over white")
        canvas = Image.new("RGB", colour.size, "white")
        canvas.paste(colour, mask=alpha)
        colour = canvas
    return Picture(np.array(_upright(colour, image)), name, image.format or "", tuple(notes))


def _raw_modes(image: Image.Image) -> tuple[str, ...]:
    """The sample formats that a file not yet loaded names, in Pillow's spelling ("RGB;16B")."""
    raw = []
    for tile in getattr(image, "tile", ()):
        arguments = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        deep_ppm = image.format == "PPM" and arguments[1:] and cast(int, arguments[1]) > 255
        raw.append(f"{image.mode};16" if deep_ppm else str(arguments[0] if arguments else ""))
    return tuple(raw)


def _to_eight_bit(
    image: Image.Image, raw: tuple[str, ...], name: str, notes: list[str]
) -> Image.Image:
    if any(";16" in each or ";12" in each for each in raw) or image.mode.startswith("I;16"):
        notes.append(f"{name} has 16 bits a sample: they are reduced to 8")
    # A PGM of 16 bits is the one file whose 32-bit integers have a known range.
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        top = 4095 if "I;12" in raw else 65535
        values = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((values * 255 + top // 2) // top).clip(0, 255).astype(np.uint8))
    if image.mode in ("I", "F", "LAB"):
        kind = {"I": "32-bit integer", "F": "floating-point", "LAB": "Lab"}[image.mode]
        raise ImageError(
            f"{name} has {kind} samples, whose range is not known: save it with 8 or 16 bits RGB"
        )
    return image


def _split_alpha(
    image: Image.Image, original: Image.Image, raw: tuple[str, ...]
) -> tuple[Image.Image, Image.Image | None]:
    """The colour (L, RGB or CMYK) and the opacity (L), where there is one."""
    mode = image.mode
    key = original.info.get("transparency")
    if mode in ("P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif mode in ("La", "RGBa"):
        image = image.convert(mode.upper())
    elif key is not None and mode in ("1", "L", "RGB"):
        image = image.convert("L") if mode == "1" else image
        return image, _keyed(image, original, key, raw)
    if image.mode in ("LA", "RGBA"):
        return image.convert(image.mode[:-1]), image.getchannel("A")
    if image.mode == "1":
        return image.convert("L"), None
    if image.mode not in ("L", "RGB", "CMYK"):
        return image.convert("RGB"), None
    return image, None


def _keyed(
    image: Image.Image, original: Image.Image, key: object, raw: tuple[str, ...]
) -> Image.Image:
    """The opacity where one colour stands for transparent; Pillow keeps it in the file's depth."""
    values, wanted = np.asarray(image), np.asarray(key)
    if original.mode.startswith("I;16"):
        values = np.asarray(original)
    elif original.mode == "1":
        wanted = np.where(wanted > 0, 255, 0)
    elif "RGB;16B" in raw:
        wanted = wanted >> 8
    elif raw in (("L;2",), ("L;4",)):
        wanted = wanted * {"L;2": 85, "L;4": 17}[raw[0]]
    same = values == wanted
    if same.ndim == 3:
        same = same.all(axis=-1)
    return Image.fromarray(np.where(same, 0, 255).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: object, name: str, notes: list[str]) -> Image.Image:
    if profile:
        try:
            return _apply_profile(image, cast(bytes, profile))
        except _PROFILE_ERRORS:
            notes.append(f"{name} has a colour profile that cannot be used: it is ignored")
    if image.mode == "CMYK":
        notes.append(f"{name} is CMYK without a usable profile: its colours in RGB are a guess")
    return image.convert("RGB")


def _apply_profile(image: Image.Image, profile: bytes) -> Image.Image:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if image.mode == "L" and source.profile.xcolor_space.strip() == "RGB":
        image = image.convert("RGB")
    transform = ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        image.mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    convert = cast("Callable[[Image.Image], Image.Image]", transform.apply)
    # sRGB comes in many editions; an image in any of them must stay as it is to the last bit,
    # for it may be a container that somebody tagged without a loss.
    if image.mode != "CMYK":
        probe = _probe(image.mode)
        change = np.asarray(convert(probe)).astype(int) - np.asarray(probe.convert("RGB"))
        if np.abs(change).max() <= 2:
            return image.convert("RGB")
    return convert(image)


def _probe(mode: str) -> Image.Image:
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    if mode == "L":
        return Image.fromarray(steps[None, :])
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1)
    return Image.fromarray(grid.reshape(len(steps), -1, 3))


def _upright(image: Image.Image, original: Image.Image) -> Image.Image:
    turn = None
    # Metadata that cannot be parsed is no reason to refuse the picture beside it.
    with contextlib.suppress(Exception):
        turn = _TURNS.get(original.getexif().get(ExifTags.Base.Orientation, 1))
    return image if turn is None else image.transpose(turn)


def _check_size(height: int, width: int, name: str) -> None:
    if height < 1 or width < 1:
        raise ImageError(f"{name} is {height} x {width} and has no pixels: give an image")
    if height * width > MAX_PIXELS:
        raise _too_large(name)


def _too_large(name: str) -> ImageError:
    limit = MAX_PIXELS // 1_000_000
    return ImageError(f"{name} has more than {limit} million pixels: give a smaller image")


def _check_rgb(pixels: Pixels) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ImageError(
            f"the array is {pixels.dtype} of shape {pixels.shape}: give uint8 of shape H x W x 3"
        )
