"""Image files under their names: whole or not at all, and over nothing by accident."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from isn import atomic
from isn.errors import OutputError, setting
from isn.images.encoding import check_fits, encode, encode_jpeg
from isn.images.picture import PathLike, Picture, Pixels, check_rgb, reason, shown

LOSSLESS: Final = {".png": "PNG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
"""Suffixes that a container may have, and Pillow's name of the format."""

JPEG: Final = (".jpg", ".jpeg")
"""Suffixes that a container may have where what is hidden survives a JPEG."""

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


def check_output(
    path: PathLike,
    *,
    overwrite: bool = False,
    size: tuple[int, int] | None = None,
    survives: bool = False,
) -> None:
    """Refuses a file that could not be written, before the work rather than after it.

    Args:
        path: where a container is to be written.
        overwrite: whether a file that is there may be replaced.
        size: (height, width) of the image, where known.
        survives: whether what is hidden survives a JPEG, so that it may be one.

    Raises:
        OutputError: the format is lossy, unknown or too small for the image, or the file is in
            the way or cannot be made there.
    """
    name, given = shown(path), os.fsdecode(path)
    check_format(path, size=size, survives=survives)
    with _written(name):
        target = Path(os.path.realpath(given))
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
            raise OutputError(
                f"{name} cannot be written, {shown(folder)} is not a folder: give another"
            )
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"{name} cannot be written, its folder is not yours to write in")


def check_format(
    path: PathLike, *, size: tuple[int, int] | None = None, survives: bool = False
) -> None:
    """Refuses a name, wherever it is of, by what its suffix says of the file's format.

    Args:
        path: as for :func:`check_output`, and so the others.
        size: (height, width) of the image, where known.
        survives: whether what is hidden survives a JPEG.

    Raises:
        OutputError: the format is lossy, unknown or too small for the image.
    """
    file_format = _format_of(os.fsdecode(path), survives)
    if size is not None:
        check_fits(file_format, size, shown(path))


def encode_as(
    path: PathLike,
    pixels: Pixels,
    *,
    like: Picture | None = None,
    jpeg: int | None = None,
    usual: bool = False,
) -> bytes:
    """The content of an image file of this name, as :func:`write` writes it.

    Raises:
        OutputError: the format is lossy or unknown, or there is not enough memory.
    """
    file_format = _format_of(os.fsdecode(path), jpeg is not None)
    if jpeg is not None and file_format == "JPEG":
        return encode_jpeg(pixels, jpeg, whole=True, like=like)
    return encode(pixels, file_format, like=like, usual=usual)


def write(
    path: PathLike,
    pixels: Pixels,
    *,
    overwrite: bool = False,
    like: Picture | None = None,
    jpeg: int | None = None,
    usual: bool = False,
) -> None:
    """Writes an image file: whole or not at all, and over nothing by accident.

    It is lossless, or a JPEG where one is allowed.
    A symbolic link is followed: what it points at is written. A file that is replaced keeps its
    permissions. What earlier writes into the folder left there when they were killed is removed.

    Args:
        path: a name with one of the suffixes in `LOSSLESS`, or in `JPEG` where that is allowed.
        pixels: uint8, H x W x 3.
        overwrite: whether a file that is there may be replaced.
        like: the image whose file this one is to look like; see :func:`~isn.images.encode`.
        jpeg: quality of a JPEG, with colours of full resolution; None: it may not be one.
        usual: as for :func:`~isn.images.encode`.

    Raises:
        ImageError: the array is no RGB image.
        OutputError: as in :func:`check_output`, or the disk or the memory is full, or a file has
            appeared under this name meanwhile.
    """
    check_rgb(pixels)
    size = (pixels.shape[0], pixels.shape[1])
    check_output(path, overwrite=overwrite, size=size, survives=jpeg is not None)
    name, given = shown(path), os.fsdecode(path)
    content = encode_as(path, pixels, like=like, jpeg=jpeg, usual=usual)
    with _written(name):
        target = Path(os.path.realpath(given))
        atomic.remove_stale(target.parent)
        part = atomic.part_of(target)
        try:
            # Not `tempfile`: a file made here gets the permissions that the umask leaves.
            with part.open("xb") as file:
                if overwrite and target.exists():
                    # Before the content is there, which others may have no right to see.
                    part.chmod(stat.S_IMODE(target.stat().st_mode) & 0o777)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if overwrite:
                part.replace(target)
            else:
                atomic.publish(part, target)
        except FileExistsError as error:
            raise _in_the_way(name) from error
        finally:
            part.unlink(missing_ok=True)


def _format_of(given: str, survives: bool) -> str:
    name, suffix = shown(given), Path(given).suffix.lower()
    if survives and suffix in JPEG:
        return "JPEG"
    if suffix in LOSSLESS:
        return LOSSLESS[suffix]
    if suffix in _LOSSY:
        raise OutputError(
            f"{name} would be stored as {_LOSSY[suffix]}, which is lossy and destroys what is "
            f"hidden: give {_OFFERED}"
        )
    if suffix in _NOT_OFFERED:
        raise OutputError(f"{name}: {_NOT_OFFERED[suffix]} is not offered, give {_OFFERED}")
    known = f"the suffix {shown(suffix)!r}, which is not known" if suffix else "no suffix"
    raise OutputError(f"{name} has {known}: give {_OFFERED}")


def _in_the_way(name: str) -> OutputError:
    return OutputError(f"{name} is there already: give another name, or ", setting(overwrite=True))


@contextlib.contextmanager
def _written(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{name} cannot be written ({reason(error)}): make room or give another place"
        ) from error
