"""Bytes in the pixels of a host, and back.

A carrier knows nothing of what it carries: a *head* of fixed length, found without knowing
anything, and a *body*, whose length the head says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from isn.images import Pixels
from isn.keys import Key
from isn.progress import Tell


class Carrier(Protocol):
    """One way to carry bytes.

    Attributes:
        name: what it is called.
        sparse: whether few samples change, by a level, so that nobody finds them.
    """

    name: str
    sparse: bool

    @property
    def stored(self) -> int | None:
        """Quality of JPEG at which what it writes may be stored; None where it survives none."""
        ...

    def capacity(self, host: Pixels, bits: float) -> int:
        """Bytes of body that a host carries, 0 where not even a head fits.

        Args:
            host: uint8, H x W (grey) or H x W x 3.
            bits: of a sample that may be used, on average.
        """
        ...

    def noise(self, host: Pixels, size: int) -> float:
        """Mean square error, in levels, of a container with a body of so many bytes, about."""
        ...

    def write(self, host: Pixels, head: bytes, body: bytes, key: Key, tell: Tell) -> Pixels:
        """A container: the host with a head and a body in it. The host stays as it is.

        Raises:
            ImageError: the host is too small for them.
        """
        ...

    def read_head(self, container: Pixels, key: Key) -> bytes:
        """The :data:`isn.envelope.HEAD_BYTES` where a head lies; of any other image, any bytes.

        Raises:
            NoSeal: the image is too small to be a container.
        """
        ...

    def read_body(self, container: Pixels, head: bytes, size: int, key: Key) -> bytes:
        """A body of so many bytes, of the container that has this head.

        Raises:
            NoSeal: the image cannot hold so many.
        """
        ...


def carriers() -> Iterator[Carrier]:
    """All of them, in the order in which a reveal tries them, each imported in its turn."""
    from isn.carriers.trellis import Trellis

    yield Trellis()
    from isn.carriers.scattered import Scattered

    yield Scattered()
    from isn.carriers.adaptive import Adaptive

    yield Adaptive()
    from isn.carriers.dct import Dct

    yield Dct()
