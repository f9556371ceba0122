"""Image files below folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from isn.errors import ImageError

Name = TypeVar("Name", str, Path)

SUFFIXES: Final = (
    *(".png", ".webp", ".tif", ".tiff", ".jpg", ".jpeg", ".jpe", ".jfif"),
    *(".bmp", ".gif", ".pbm", ".pgm", ".pnm", ".ppm", ".avif", ".heic", ".heif"),
)
"""What the names of files end in that are meant to be images."""


def image_files(paths: Iterable[str | Path]) -> list[Path]:
    """The files below some folders (or the files themselves), sorted, hidden ones left out.

    Links are followed, to folders too. However many ways lead to a file, it is there once.

    Raises:
        ImageError: a path does not exist, or a folder cannot be read.
    """
    found: list[Path] = []
    entered: set[object] = set()
    for path in map(Path, paths):
        if path.is_dir():
            found += files_below(path, _refuse, entered)
        elif path.is_file():
            found.append(path)
        else:
            raise ImageError(f"there is no file or folder {path}: give a folder of images")
    return once(found)


def files_below(
    folder: Path, refuse: Callable[[OSError], None], entered: set[object] | None = None
) -> list[Path]:
    """The files of any kind in and below a folder, as :func:`image_files` finds them.

    Args:
        folder: where to look.
        refuse: told of each folder that cannot be read.
        entered: identities of folders where it was looked already; takes those where it is now.
    """
    return sorted(_below(folder, refuse, set() if entered is None else entered))


def once(names: Iterable[Name], path: Callable[[Name], Name] = lambda name: name) -> list[Name]:
    """Without the second and further names of one file.

    Args:
        names: of files.
        path: says where a file of such a name lies.
    """
    first: dict[object, Name] = {}
    for name in names:
        first.setdefault(identity(path(name)), name)
    return list(first.values())


def identity(path: str | Path) -> object:
    """The same for all names of one file or folder; for a link that leads nowhere, its own name."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return os.fspath(path)
    return status.st_dev, status.st_ino


def unreadable(error: OSError) -> ImageError:
    """The error for a folder that cannot be read."""
    return ImageError(
        f"the folder {error.filename} cannot be read ({error.strerror}): make it readable, or "
        "give another"
    )


def _refuse(error: OSError) -> None:
    raise unreadable(error) from error


def _below(folder: Path, refuse: Callable[[OSError], None], entered: set[object]) -> Iterator[Path]:
    def entering(path: Path) -> bool:
        # A link may lead to a folder that holds it.
        who = identity(path)
        new = who not in entered
        entered.add(who)
        return new

    if not entering(folder):
        return
    for place, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        visible = sorted(name for name in folders if not name.startswith("."))
        folders[:] = [name for name in visible if entering(Path(place, name))]
        for path in (Path(place, name) for name in names if not name.startswith(".")):
            # A link that leads nowhere is left for the reader to name; a pipe would never end.
            if path.is_file() or not path.exists():
                yield path
