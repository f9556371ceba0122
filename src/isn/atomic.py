"""Files that are there whole or not at all, whenever a process is killed or the disk is full.

A file, or a new folder of some, is written under a name of its own, a *part*, and then given its
name in one step. What killed processes left of parts goes with a later write into the same folder.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from pathlib import Path

_PART = re.compile(r"\.isn-(\d{1,10})-[0-9a-f]{16}\.part")
_STALE_SECONDS = 3600
_NO_REPLACE = 1
_HERE = -100


def part_of(target: Path) -> Path:
    """A name beside a file's, under which it is written first."""
    return target.with_name(f".isn-{os.getpid()}-{os.urandom(8).hex()}.part")


def write(path: str | os.PathLike[str], content: bytes) -> None:
    """Writes a file, in the place of one that may be there.

    Raises:
        OSError: it cannot be written.
    """
    target = Path(path)
    remove_stale(target.parent)
    part = part_of(target)
    try:
        store(part, content)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def store(part: Path, content: bytes | memoryview) -> None:
    """Writes a new file, so that it lasts."""
    with part.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def publish(part: Path, target: Path) -> None:
    """Gives a file its name, over nothing.

    Raises:
        FileExistsError: something has the name.
        OSError: the folder cannot be written.
    """
    for give_the_name in (os.link, _rename_to_new):
        try:
            give_the_name(part, target)
        except FileExistsError:
            raise
        except (OSError, AttributeError, NotImplementedError):
            continue
        return
    # Neither hard links nor a rename that replaces nothing: some network folders. A name that was
    # claimed by an empty file would hold nothing for good if this process were killed then, so
    # that a file which appears between these two lines, and is replaced, is the lesser evil.
    if os.path.lexists(target):
        raise FileExistsError
    part.rename(target)


def _rename_to_new(part: Path, target: Path) -> None:
    """Renames a file in one step where nothing has the new name; FAT, without links, can do that.

    Raises:
        FileExistsError: something has the name.
        OSError: the file system cannot do it.
        NotImplementedError, AttributeError: the operating system cannot.
    """
    if sys.platform == "win32":
        part.rename(target)
        return
    if sys.platform != "linux":
        raise NotImplementedError
    import ctypes

    rename = ctypes.CDLL(None, use_errno=True).renameat2
    if rename(_HERE, os.fsencode(part), _HERE, os.fsencode(target), _NO_REPLACE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def remove_stale(folder: Path) -> None:
    """Removes what killed processes left: their number is free, and an hour has passed.

    Either alone would not do: on a network folder the process may run on another machine.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _PART.fullmatch(entry.name)
            if match is None:
                continue
            with contextlib.suppress(OSError):
                age = time.time() - entry.stat(follow_symlinks=False).st_mtime
                if age > _STALE_SECONDS and not _is_alive(int(match[1])):
                    if entry.is_dir(follow_symlinks=False):
                        # Late, as there seldom is one.
                        import shutil

                        shutil.rmtree(entry.path, ignore_errors=True)
                    else:
                        Path(entry.path).unlink()


def _is_alive(process: int) -> bool:
    # On Windows such a call would end the process, and an open file cannot be removed anyway.
    if sys.platform == "win32":
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
