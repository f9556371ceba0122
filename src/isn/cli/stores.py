"""Files by name or by address: on this machine, or in a store such as S3, through fsspec.

A list of jobs may be a stranger's, so that only the stores in `STORES` are reached, and none of
fsspec's chains of addresses is followed. All of them show an object once it is whole, and not
before: there, a container needs no name of its own until it is written.
"""

from __future__ import annotations

import errno
import os
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from isn.errors import ConfigError, ImageError, OutputError

if TYPE_CHECKING:
    from isn.api import Container
    from isn.secret import File

STORES: Final = ("s3", "gs", "gcs", "az", "abfs")
"""What an address begins with, other than `file`; each is a package of its own for fsspec."""

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


def path_of(name: str) -> str | None:
    """Where a file lies on this machine; None of one in a store.

    Args:
        name: a path, or an address.

    Raises:
        ConfigError: it is an address of no store that is known.
    """
    match = _SCHEME.match(name)
    if match is None:
        return name
    scheme = match[1].lower()
    if scheme in STORES:
        return None
    host, slash, rest = name[match.end() :].partition("/")
    if scheme != "file" or host not in ("", "localhost"):
        known = ", ".join(f"{each}://" for each in STORES)
        raise ConfigError(
            f"{_shown(name)} is no address that is known: give a path, file:///, or one of {known}"
        )
    # As fsspec has it: nothing in it is quoted.
    return rest if os.name == "nt" else slash + rest


def is_folder(name: str) -> bool:
    """Whether there is a folder of that name on this machine.

    Raises:
        ConfigError: as :func:`path_of`.
    """
    path = path_of(name)
    return path is not None and os.path.isdir(path)


def path_here(name: str) -> str:
    """Where a file or a folder is to lie on this machine.

    Raises:
        ConfigError: as :func:`path_of`.
        OutputError: it is the address of one in a store.
    """
    path = path_of(name)
    if path is None:
        raise OutputError(f"{_shown(name)} is in a store: give a file or folder on this machine")
    return path


def check_there(*names: str) -> None:
    """Refuses a file of this machine that is not there, before anything else is looked at.

    Args:
        names: of files, or addresses; ``-`` is standard input.

    Raises:
        ConfigError: as :func:`path_of`.
        ImageError: there is none.
    """
    for name in names:
        path = path_of(name)
        if path not in (None, "-") and not os.path.lexists(path):
            raise ImageError(
                f"{_shown(name)} cannot be opened ({os.strerror(errno.ENOENT)}): give a file that "
                "you may read"
            )


def source(name: str) -> str | bytes:
    """What an image is read from: a path, or the bytes of one in a store.

    Raises:
        ConfigError: as :func:`path_of`.
        ImageError: it cannot be read there, or is too large.
    """
    from isn.images import MAX_STREAM_BYTES

    path = path_of(name)
    if path is not None:
        return path
    content = _read(name, MAX_STREAM_BYTES)
    if len(content) > MAX_STREAM_BYTES:
        raise ImageError(f"{_shown(name)} has more than {MAX_STREAM_BYTES} bytes: give a smaller")
    return content


def file(name: str) -> File:
    """A file of any kind that is to be hidden.

    Raises:
        ConfigError: as :func:`path_of`, or it is too large.
        ImageError: it cannot be read.
    """
    from isn.secret import MOST_BYTES, File

    path = path_of(name)
    if path is not None:
        return File.read(path)
    content = _read(name, MOST_BYTES)
    if len(content) > MOST_BYTES:
        raise ConfigError(f"{_shown(name)} has more than {MOST_BYTES} bytes: give a smaller file")
    return File(posixpath.basename(name), content)


def check_output(
    name: str,
    *,
    overwrite: bool,
    size: tuple[int, int] | None = None,
    survives: bool = False,
) -> None:
    """Refuses a container that could not be written, as :func:`isn.images.check_output` does.

    Raises:
        ConfigError: as :func:`path_of`.
        OutputError: its format will not do, or something is in its place.
    """
    from isn import images

    path = path_of(name)
    if path is not None:
        images.check_output(path, overwrite=overwrite, size=size, survives=survives)
        return
    images.check_format(name, size=size, survives=survives)
    try:
        taken = not overwrite and _store(name).exists(name)
    # Every store has errors of its own.
    except Exception as error:
        raise _unwritten(name, error) from error
    if taken:
        raise _in_the_way(name)


def save(container: Container, name: str, *, overwrite: bool) -> None:
    """Writes a container, whole or not at all, and over nothing by accident.

    Raises:
        ConfigError: as :func:`path_of`.
        OutputError: it cannot be written so, or there.
    """
    path = path_of(name)
    if path is not None:
        container.save(path, overwrite=overwrite)
        return
    content = container.encoded(name)
    try:
        _store(name).pipe_file(name, content, mode="overwrite" if overwrite else "create")
    except FileExistsError as error:
        raise _in_the_way(name) from error
    except Exception as error:
        raise _unwritten(name, error) from error


def make_folder(name: str) -> None:
    """Makes a folder for containers; in a store there are none to be made.

    Raises:
        ConfigError: as :func:`path_of`.
        OutputError: it cannot be made, or nothing that is installed reaches the store.
    """
    path = path_of(name)
    if path is not None:
        make_local(Path(path))
        return
    try:
        _store(name)
    except Exception as error:
        raise _unwritten(name, error) from error


def make_local(folder: Path) -> list[Path]:
    """Makes a folder and those above it; returns those that are new, innermost first."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be made ({error.strerror}): give another folder"
        ) from error
    return missing


def below(folder: str, name: str) -> str:
    """The name or address of a file in a folder."""
    if _SCHEME.match(folder) is None:
        return os.path.join(folder, name)
    return f"{folder.rstrip('/')}/{name}"


def as_given(place: str, path: Path) -> str:
    """The name of a file in a folder of this machine, or of that itself, as the folder was given.

    Args:
        place: a path, or an address.
        path: where the file lies.
    """
    here = path_here(place)
    within = os.path.relpath(path, here)
    return str(path) if here == place else place if within == "." else below(place, within)


def _read(name: str, most: int) -> bytes:
    """At most one byte more than so many."""
    try:
        with _store(name).open(name, "rb") as stream:
            content: bytes = stream.read(most + 1)
    except ModuleNotFoundError:
        raise
    except Exception as error:
        raise ImageError(
            f"{_shown(name)} cannot be read ({_reason(error)}): give a file that you may read"
        ) from error
    return content


def _store(name: str) -> Any:
    """The file system of an address.

    Its methods take a whole address; `fsspec.open` would follow a chain of them.
    """
    import fsspec

    return fsspec.filesystem(name.partition("://")[0].lower())


def _unwritten(name: str, error: Exception) -> Exception:
    if isinstance(error, ModuleNotFoundError):
        return error
    return OutputError(
        f"{_shown(name)} cannot be written ({_reason(error)}): give a place that you may write in"
    )


def _in_the_way(name: str) -> OutputError:
    return OutputError(f"{_shown(name)} is there already: give another name, or --overwrite")


def _reason(error: Exception) -> str:
    from isn.images.picture import reason

    # Some stores say the name alone.
    return "there is no such file" if isinstance(error, FileNotFoundError) else reason(error)


def _shown(name: str) -> str:
    from isn.images.picture import shown

    return shown(name)
