"""What may be hidden: images and files, and what of them is believed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np

from isn.errors import AlteredContainer, ConfigError, ImageError, Spelled
from isn.images import MAX_PIXELS, Pixels
from isn.images.picture import reason, shown

MOST_BYTES = 1 << 28
"""Bytes of all files together, before compression: what a reveal may have to hold in memory."""

MOST_IMAGES = 25
"""Images that one host takes: as many as the largest published network hides."""


@dataclass(frozen=True)
class File:
    """A file that is hidden, or was.

    Attributes:
        name: without folders; at reveal it holds nothing that a file system or terminal minds.
        content: its bytes.
    """

    name: str
    content: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if (type(self.name), type(self.content)) != (str, bytes):
            raise ConfigError(
                f"a file was given as {type(self.name).__name__} and "
                f"{type(self.content).__name__}: give its name as str and its content as bytes"
            )

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> File:
        """A file as it lies on the disk.

        Raises:
            ImageError: it cannot be read.
            ConfigError: it has more than :data:`MOST_BYTES`.
        """
        try:
            with Path(path).open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except (OSError, ValueError) as error:
            raise ImageError(
                f"{shown(path)} cannot be read ({reason(error)}): give a file that you may read"
            ) from error
        if len(content) > MOST_BYTES:
            raise ConfigError(
                f"{shown(path)} has more than {MOST_BYTES} bytes: give a smaller file"
            )
        return cls(os.path.basename(os.fspath(path)), content)


@contextlib.contextmanager
def or_as_file(source: object) -> Iterator[None]:
    """Adds to an error of reading a hidden image that a file of any kind can be hidden as it is.

    Args:
        source: what is read; of what is no path of a file, nothing is added.
    """
    try:
        yield
    except ImageError as error:
        if not isinstance(source, str | os.PathLike) or not os.path.isfile(source):
            raise
        instead = Spelled("isn.File.read", "--file")
        raise ImageError(*error.args, ", or hide it as it is with ", instead) from error


Item: TypeAlias = "Pixels | File"
"""One thing that is hidden: an image, uint8 H x W x 3, or a file."""

Secret: TypeAlias = "Sequence[Item]"


@dataclass(frozen=True)
class Content:
    """What a payload says of one item, without decoding it.

    Attributes:
        size: (height, width) of an image; None of a file.
        name: of a file; "" of an image.
        length: bytes of a file; 0 of an image.
    """

    size: tuple[int, int] | None
    name: str = ""
    length: int = 0


def forged(what: str) -> AlteredContainer:
    """The error for a payload whose seal holds and which says what no code of ours ever says."""
    return AlteredContainer(
        f"the container opens, but {what}, which isn never writes: do not trust this file"
    )


def pictures_of(secret: Secret, name: str, area: int) -> list[Pixels]:
    """The images of a secret that holds nothing else.

    Args:
        secret: what was given.
        name: of the code.
        area: pixels of the host.

    Raises:
        ConfigError: it holds files too, or no image, or too many.
        ImageError: an image is so large that no reveal would believe it.
    """
    pictures = [each for each in secret if isinstance(each, np.ndarray)]
    if len(pictures) < len(secret):
        raise ConfigError(f"the method {name} hides images alone: leave the files out")
    if not 1 <= len(pictures) <= MOST_IMAGES:
        raise ConfigError(f"{len(pictures)} hidden images were given: give 1 to {MOST_IMAGES}")
    pixels = [each.shape[0] * each.shape[1] for each in pictures]
    for found, most, what in (
        (max(pixels), most_pixels(area), "a hidden image has"),
        (sum(pixels), most_together(area), "the hidden images have"),
    ):
        if found > most:
            raise ImageError(
                f"{what} {found} pixels, such a host takes {most} at most: take a larger host, or "
                "make the images smaller"
            )
    return pictures


def most_pixels(area: int) -> int:
    """Pixels that one hidden image may have in a container of so many.

    A small file must not make a reveal allocate a huge picture.
    """
    return min(MAX_PIXELS, max(32_000_000, 16 * area))


def most_together(area: int) -> int:
    """Pixels that all hidden images together may have in a container of so many."""
    return max(MAX_PIXELS, MOST_IMAGES * area)


def check_sizes(sizes: Sequence[tuple[int, int]], area: int) -> None:
    """Refuses sizes of hidden images that were not written by an honest code.

    Args:
        sizes: (height, width) of each image.
        area: pixels of the container.

    Raises:
        AlteredContainer: there are none or too many, or a side or an area is out of its range.
    """
    most, together = most_pixels(area), most_together(area)
    if not 1 <= len(sizes) <= MOST_IMAGES:
        raise forged(f"it says that it holds {len(sizes)} images")
    for rows, columns in sizes:
        if not (rows >= 1 and columns >= 1 and rows * columns <= most):
            raise forged(f"it says that an image has {columns} x {rows} pixels")
    if sum(rows * columns for rows, columns in sizes) > together:
        raise forged("it says that its images are larger together than such a container holds")
