"""Which images are hosts, which are hidden, and how they are cut: the same for every method.

The images of a folder are put into an order by a hash of the seed and their names. The first ones
are the hosts, one after the other; in each host the images that follow it are hidden, as many as
are asked for. So the hosts, and the first hidden image of each, are the same for every count, and
the same on every machine.

Images of one kind are never averaged with those of another. A folder that mixes several, whose
files are called ``imagenet_0017.png`` and ``bsds_0042.png``, six or more of each, is as many
domains; any other folder is one.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from isn import images
from isn.errors import ConfigError, ImageError, counted
from isn.images import Pixels
from isn.paper.config import MAX_HIDDEN

SMALLEST = 48
"""Pixels of a side below which there is little to see, and no room to damage an image."""

NOT_IMAGES = (".md", ".txt", ".json", ".csv", ".toml", ".html")
"""Suffixes of files that lie beside images: passed over without a word."""


@dataclass(frozen=True)
class Skip:
    """A file that is not used.

    Attributes:
        name: path within the folder, readable.
        reason: one sentence.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Sample:
    """An image as every method is given it.

    Attributes:
        name: path within the folder, readable.
        pixels: uint8, H x W x 3.
    """

    name: str
    pixels: Pixels


@dataclass(frozen=True)
class Group:
    """A host and what is hidden in it."""

    host: Sample
    hidden: tuple[Sample, ...]


@dataclass(frozen=True)
class Domain:
    """Usable images of one kind, in the order that the seed gives them.

    Attributes:
        name: what the reports call it.
        folder: where they lie.
        prefix: with which their names begin; "" where the folder is one domain.
        names: usable images, paths within the folder.
        skipped: files that are not used.
        crop: side of the centre crop, or None for native resolution.
        hosts: how many of the first images are hosts.
    """

    name: str
    folder: Path
    prefix: str
    names: tuple[str, ...]
    skipped: tuple[Skip, ...]
    crop: int | None
    hosts: int

    def group(self, index: int, count: int) -> Group:
        """Reads host number `index` and the `count` images that follow it."""
        places = [(index + k) % len(self.names) for k in range(count + 1)]
        host, *hidden = (self._sample(self.names[place]) for place in places)
        return Group(host, tuple(hidden))

    def _sample(self, name: str) -> Sample:
        pixels = images.read(self.folder / name).pixels
        return Sample(readable(name), cut(pixels, self.crop, readable(name)))


def domains(
    folder: str | os.PathLike[str],
    *,
    count: int,
    crop: int | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> tuple[Domain, ...]:
    """Looks through a folder, and all below it, for images to evaluate on.

    With a limit, only as many images are opened as the groups need, whatever the count.

    Args:
        folder: where the images are; hidden files and those in `NOT_IMAGES` are passed over.
        count: the largest number of hidden images wanted.
        crop: side of the centre crop, at least `SMALLEST`; None: native resolution.
        limit: how many hosts of each domain at most; None: all images.
        seed: of the order.

    Returns:
        One domain that is called as the folder, or several that are called as the names begin.

    Raises:
        ConfigError: a setting is out of its range.
        ImageError: there is no such folder, or it holds too few usable images.
    """
    root = Path(folder)
    if crop is not None and crop < SMALLEST:
        raise ConfigError(f"a crop of {crop} was given: give {SMALLEST} pixels or more")
    if limit is not None and limit < 1:
        raise ConfigError(f"a limit of {limit} was given: give 1 host or more")
    if not root.is_dir():
        raise ImageError(f"{root} is not a folder: give one that holds images")
    found = _ordered(root, seed)
    prefixes = _prefixes(found)
    if not prefixes:
        return (_domain(root, "", found, (), count, crop, limit),)
    strangers = tuple(
        Skip(readable(each), f"{readable(each)} is none of {', '.join(prefixes)}")
        for each in found
        if _prefix(each) not in prefixes
    )
    return tuple(
        _domain(
            root,
            prefix,
            [each for each in found if _prefix(each) == prefix],
            () if k else strangers,
            count,
            crop,
            limit,
        )
        for k, prefix in enumerate(prefixes)
    )


def _domain(
    root: Path,
    prefix: str,
    found: Iterable[str],
    strangers: tuple[Skip, ...],
    count: int,
    crop: int | None,
    limit: int | None,
) -> Domain:
    # Not by the count: the groups of a limited run are to be the same for every count.
    wanted = None if limit is None else limit + MAX_HIDDEN
    usable: list[str] = []
    skipped = list(strangers)
    for each in found:
        if wanted is not None and len(usable) >= wanted:
            break
        try:
            cut(images.read(root / each).pixels, crop, readable(each))
        except ImageError as error:
            skipped.append(Skip(readable(each), readable(str(error))))
        else:
            usable.append(each)
    where = f"{root}/{prefix}_*" if prefix else str(root)
    if len(usable) < count + 1:
        raise ImageError(_too_few(where, count, usable, skipped))
    return Domain(
        prefix or readable(called(root)),
        root,
        prefix,
        tuple(usable),
        tuple(skipped),
        crop,
        len(usable) if limit is None else min(limit, len(usable)),
    )


def called(folder: str | os.PathLike[str]) -> str:
    """What a folder is called: its last part; that of a link and not of what it points to."""
    return os.path.basename(os.path.abspath(folder))


def readable(name: str) -> str:
    """A name that any file and terminal takes, whatever bytes it was made of."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _prefix(name: str) -> str:
    """The word before the first underscore of a file's name; "" where it is none."""
    word, mark, _ = name.rpartition("/")[2].partition("_")
    return word if mark and word[:1].isalpha() else ""


def _prefixes(names: Iterable[str]) -> tuple[str, ...]:
    """With what the names of several domains begin; nothing where there is one domain."""
    counts = Counter(map(_prefix, names))
    # As many as a host and its hidden images take: a word that a few names share is no domain.
    found = sorted(each for each, n in counts.items() if each and n > MAX_HIDDEN)
    return tuple(found) if len(found) > 1 else ()


def _ordered(root: Path, seed: int) -> list[str]:
    found = []
    for folder, below, names in os.walk(root):
        below[:] = [each for each in below if not each.startswith(".")]
        for name in names:
            path = Path(folder, name)
            # A pipe would wait for ever; what cannot be looked at is named when it is opened.
            if os.path.exists(path) and not os.path.isfile(path):
                continue
            if not name.startswith(".") and path.suffix.lower() not in NOT_IMAGES:
                found.append(path.relative_to(root).as_posix())

    # A hash and no generator: NumPy may change what a seed draws, and an image that is added
    # is to leave the order of the others as it was.
    def place(name: str) -> bytes:
        return hashlib.blake2b(f"{seed}\n{name}".encode(errors="backslashreplace")).digest()

    return sorted(found, key=place)


def cut(pixels: Pixels, crop: int | None, name: str) -> Pixels:
    """The centre crop of an image, or where there is none the image.

    Args:
        pixels: uint8, H x W x 3.
        crop: side of the square; None: the whole image.
        name: for the error.

    Raises:
        ImageError: the image is smaller than the crop, or than `SMALLEST`.
    """
    height, width = pixels.shape[:2]
    side = SMALLEST if crop is None else crop
    if min(height, width) < side:
        wanted = "an evaluation takes" if crop is None else "the crop takes"
        raise ImageError(f"{name} is {width} x {height}, {wanted} {side} x {side} pixels at least")
    if crop is None:
        return pixels
    top, left = (height - crop) // 2, (width - crop) // 2
    return pixels[top : top + crop, left : left + crop].copy()


def _too_few(where: str, count: int, usable: list[str], skipped: list[Skip]) -> str:
    left_out = ""
    if skipped:
        shown = "; ".join(each.reason for each in skipped[:3])
        more = f"; and {len(skipped) - 3} more" if len(skipped) > 3 else ""
        left_out = f" ({len(skipped)} skipped: {shown}{more})"
    found = counted(len(usable), "usable image")
    return (
        f"{where} holds {found}{left_out}, a host and {count} hidden need {count + 1}: give a "
        "folder with more images, a smaller --count or a smaller --crop"
    )
