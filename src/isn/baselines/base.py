"""What every baseline is: the same two verbs as the network has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from isn import images
from isn.errors import ConfigError
from isn.images import Pixels

Sizes: TypeAlias = Sequence[tuple[int, int]]


class Baseline(Protocol):
    """Another way to hide images in an image."""

    @property
    def name(self) -> str:
        """What the command line and the reports call it."""
        ...

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        ...

    @property
    def fingerprint(self) -> str:
        """Of a method that was trained, 32 hexadecimal digits; "" for the others."""
        ...

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers of images that it can hide in one host."""
        ...

    def hide(self, host: Pixels, hidden: Sequence[Pixels]) -> Pixels:
        """Hides images in a host.

        Args:
            host: uint8 in [0, 255], H x W x 3; stays as it was.
            hidden: as many as `counts` allows, uint8, of any size, 3 channels.

        Returns:
            The container, uint8, H x W x 3.

        Raises:
            ConfigError: the number of images is not offered.
            ImageError: the host is too small for them.
        """
        ...

    def carried(self, hidden: Pixels, host: tuple[int, int]) -> Pixels:
        """What of a hidden image is really hidden, in its own size.

        Args:
            hidden: uint8, of any size, 3 channels.
            host: (height, width) of the host.

        Returns:
            The image itself where nothing is resized, else as it comes back from the resizing.
        """
        ...

    def reveal(
        self, container: Pixels, count: int, sizes: Sizes | None = None
    ) -> list[Pixels | None]:
        """Reveals what a container holds, damaged or not.

        Args:
            container: uint8, H x W x 3.
            count: number of hidden images.
            sizes: (height, width) of each, for methods that do not store them; None: the
                container's.

        Returns:
            uint8 pictures, `count` of them; None for one that is lost.

        Raises:
            ConfigError: the number of images is not offered.
        """
        ...


def check_count(baseline: Baseline, count: int) -> None:
    """Refuses a number of images that a baseline does not hide."""
    if count not in baseline.counts:
        offered = ", ".join(map(str, baseline.counts))
        raise ConfigError(
            f"{count} hidden images were given, {baseline.name} hides {offered}: give that many"
        )


def there_and_back(hidden: Pixels, host: tuple[int, int]) -> Pixels:
    """A hidden image as it comes back from the host's size, for methods that hide at that size."""
    return images.resize(images.resize(hidden, *host), *hidden.shape[:2])
