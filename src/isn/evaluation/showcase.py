"""The photos that the package ships, as a host and what is hidden in it.

Photos of a test set may often not be passed on. A report whose pictures show these can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Protocol

from isn import images
from isn.evaluation.protocol import Group, Sample, cut
from isn.images import Pixels

HOST = "coffee"
HIDDEN = ("cat", "rocket", "astronaut", "cat mirrored", "rocket mirrored")


class Source(Protocol):
    """What pictures are taken from: a folder, or the photos that the package ships."""

    @property
    def name(self) -> str:
        """What the reports call it."""
        ...

    def group(self, index: int, count: int) -> Group:
        """A host and the `count` images that are hidden in it."""
        ...


class Showcase:
    """One group of the photos that the package ships.

    Args:
        crop: side of the centre crop, or None for whole photos.
    """

    name = "the photos of isn demo"

    def __init__(self, crop: int | None = None) -> None:
        self._crop = crop

    def group(self, index: int, count: int) -> Group:
        """The host and the first `count` hidden photos; the same for every index.

        Raises:
            ImageError: a photo is smaller than the crop.
        """
        del index
        names = (HOST, *HIDDEN[:count])
        host, *hidden = (
            Sample(name, cut(pixels, self._crop, f"the demo's {name}"))
            for name, pixels in zip(names, photos(names), strict=True)
        )
        return Group(host, tuple(hidden))


def photos(names: Sequence[str]) -> list[Pixels]:
    """Shipped photos, uint8 H x W x 3; "cat mirrored" is the cat's mirror image."""
    found = []
    for name in names:
        stem, _, mirrored = name.partition(" ")
        content = (files("isn") / "demo" / f"{stem}.webp").read_bytes()
        pixels = images.read(content, f"the demo's {stem}").pixels
        found.append(pixels[:, ::-1].copy() if mirrored else pixels)
    return found
