"""What a reveal writes: where each thing goes, and all of them or none."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from isn import atomic
from isn.cli import stores
from isn.cli.common import STANDARD, count_of
from isn.errors import OutputError
from isn.finding import SUFFIXES

if TYPE_CHECKING:
    from isn.secret import Content

_SUFFIX: Final = re.compile(r"\.[a-z][a-z0-9]{0,4}")
"""What a file's name ends in, rather than a folder's, such as 1.2."""


def unused(stem: str, suffix: str, taken: set[str]) -> str:
    """A name that is not taken yet, with a number where it must be; takes it.

    Args:
        stem: what it begins with.
        suffix: what it ends in.
        taken: names in small letters, because on many systems large ones are the same.
    """
    name, number = f"{stem}{suffix}", 1
    while name.casefold() in taken:
        number += 1
        name = f"{stem}-{number}{suffix}"
    taken.add(name.casefold())
    return name


def stem_of(name: str) -> str:
    """What a file is called without its suffix, for a name beside it that leads nowhere else."""
    stem = Path(name).stem
    return stem if stem.strip(". ") else "container"


def folder_of_all(output: str) -> Path:
    """The folder in which each of several containers gets one of its own.

    Raises:
        OutputError: it is standard output, or the name of an image or of a file that is there.
    """
    target = Path(output)
    is_image = target.suffix.lower() in SUFFIXES
    if output == STANDARD or (not target.is_dir() and is_image):
        raise OutputError(f"{output} takes one thing, several containers were given: give a folder")
    if os.path.lexists(target) and not target.is_dir():
        raise _no_folder(output)
    return target


def plan(
    output: str, contents: Sequence[Content], *, overwrite: bool, folder: bool = False
) -> list[Path]:
    """The files to write, refused here if they could not be written after the work.

    One thing goes to `output` itself where that name suits it: one that ends like an image that can
    be written for an image, or like any other file for a file. Otherwise `output` is a folder, as
    where its name ends in a slash.

    Args:
        output: as it was given; ``-`` for standard output, which takes one thing.
        contents: what is going to be revealed.
        overwrite: whether files that are there may be replaced.
        folder: whether `output` is one, whatever its name suits.

    Raises:
        OutputError: something is in the way, or there is more than one place has room for.
    """
    files = sum(each.size is None for each in contents)
    if output == STANDARD:
        if len(contents) > 1:
            told = count_of(len(contents) - files, files)
            raise OutputError(
                f"the container holds {told}, standard output takes one: give a folder"
            )
        return [Path(STANDARD)]
    target = Path(output)
    folder = folder or not os.path.basename(output)
    if not target.is_dir():
        if not folder and len(contents) == 1 and _suits(target, contents[0]):
            check_free(target, overwrite)
            _check_above(target)
            return [target]
        if not folder:
            _check_is_folder(output, len(contents) - files, files)
        if os.path.lexists(target):
            raise _no_folder(output)
        _check_above(target)
    paths = [target / name for name in _names(contents)]
    for path in paths:
        check_free(path, overwrite)
    return paths


def write_all(paths: Sequence[Path], contents: Sequence[bytes], *, overwrite: bool) -> None:
    """Writes all files or, where one of them fails, none: what was there before is there again.

    A symbolic link that is replaced is replaced itself: the names may come from a container, and
    nothing elsewhere is to be written under them.

    Args:
        paths: in one folder, which is made if it is missing.
        contents: of each file.
        overwrite: whether files that are there may be replaced.

    Raises:
        OutputError: one cannot be written.
    """
    folder = paths[0].parent
    if len(paths) > 1 and not os.path.lexists(folder):
        _write_folder(folder, dict(zip(paths, contents, strict=True)))
        return
    made = stores.make_local(folder)
    done: list[tuple[Path, Path | None]] = []
    atomic.remove_stale(folder)
    parts = [atomic.part_of(path) for path in paths]
    try:
        for path, part, content in zip(paths, parts, contents, strict=True):
            with _written(path):
                atomic.store(part, content)
        for path, part in zip(paths, parts, strict=True):
            # Much may have happened here since the plan was made.
            check_free(path, overwrite)
            with _written(path):
                old = _kept(path) if overwrite and os.path.lexists(path) else None
                done.append((path, old))
                _place(part, path, old is not None)
    except BaseException:
        # The last one may not have been placed, and then it is not ours to take away.
        for path, old in reversed(done):
            if old is not None:
                old.replace(path)
                # Two names of one file are not replaced by each other.
                old.unlink(missing_ok=True)
            elif _same(path, parts[paths.index(path)]):
                path.unlink()
        _tidy(parts)
        with contextlib.suppress(OSError):
            for each in made:
                each.rmdir()
        raise
    _tidy([*parts, *(old for _, old in done if old is not None)])


def _write_folder(folder: Path, contents: Mapping[Path, bytes]) -> None:
    """Writes a new folder with some files, so that even a kill leaves all of them or none."""
    made = stores.make_local(folder.parent)
    atomic.remove_stale(folder.parent)
    part = atomic.part_of(folder)
    try:
        with _written(folder):
            part.mkdir()
        for path, content in contents.items():
            with _written(path):
                atomic.store(part / path.name, content)
        with _written(folder):
            part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        with contextlib.suppress(OSError):
            for each in made:
                each.rmdir()
        raise


def _suits(target: Path, content: Content) -> bool:
    from isn.images import JPEG, LOSSLESS

    suffix = target.suffix.lower()
    if content.size is not None:
        return suffix in (*LOSSLESS, *JPEG)
    own = Path(content.name).suffix.lower()
    return suffix == own != "" or (bool(_SUFFIX.fullmatch(suffix)) and suffix not in SUFFIXES)


def _check_is_folder(output: str, images: int, files: int) -> None:
    """Refuses a name that is meant for a file, which is not going to be one."""
    suffix = Path(output).suffix.lower()
    if images == 1 and not files and _SUFFIX.fullmatch(suffix):
        raise OutputError(
            f"{output} is no name for an image that is written: give one that ends in .png, "
            ".webp, .tif or .jpg, or a folder, with a slash at its end"
        )
    if suffix in SUFFIXES:
        told = count_of(images, files)
        raise OutputError(f"{output} is one image, the container holds {told}: give a folder")


def _names(contents: Sequence[Content]) -> list[str]:
    """1.png, 2.png, ... for images; for files their own, of which no two may be the same."""
    images = sum(each.size is not None for each in contents)
    taken = {f"{k}.png" for k in range(1, images + 1)}
    names, image = [], 0
    for each in contents:
        if each.size is not None:
            image += 1
            names.append(f"{image}.png")
            continue
        names.append(unused(*os.path.splitext(each.name), taken))
    return names


def check_free(path: Path, overwrite: bool) -> None:
    """Refuses a file that could not be written because something is in its place.

    Raises:
        OutputError: there is a file, which may not be replaced, or something else.
    """
    if not os.path.lexists(path):
        return
    if path.is_dir() or not (path.is_file() or path.is_symlink()):
        raise OutputError(f"{path} is there and no file: give another folder")
    if not overwrite:
        raise _in_the_way(path)


def _check_above(target: Path) -> None:
    above = next(each for each in target.absolute().parents if os.path.lexists(each))
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise OutputError(
            f"{target} cannot be made, {above} is not a folder that you may write in: give another"
        )


def _kept(path: Path) -> Path:
    """A second name of a file, or a copy, under which it stays until all are written."""
    old = atomic.part_of(path)
    try:
        os.link(path, old, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(path, old, follow_symlinks=False)
    return old


def _place(part: Path, path: Path, replace: bool) -> None:
    if replace:
        part.replace(path)
        return
    atomic.publish(part, path)


def _same(path: Path, part: Path) -> bool:
    """Whether a file is the one that was written, and not one that came there meanwhile."""
    if not os.path.lexists(path):
        return False
    return not part.exists() or path.samefile(part)


def _tidy(paths: Sequence[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise _in_the_way(path) from error
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror}): make room there"
        ) from error


def _no_folder(output: str) -> OutputError:
    return OutputError(f"{output} is there and not a folder: give the name of a folder")


def _in_the_way(path: Path) -> OutputError:
    return OutputError(f"{path} is there already: give another folder, or --overwrite")
