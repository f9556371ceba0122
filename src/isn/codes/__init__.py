"""What is hidden, as bytes, and back.

A code knows nothing of the host but how many bytes it takes and how large it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from isn.progress import Tell
from isn.secret import Content, Item, Secret

LEAST_BITS, MOST_BITS = 0.01, 4.0
"""Of a sample, that a code may be told to use."""

NO_FINGERPRINT = bytes(16)
"""Of a code in which nothing is learned."""


@dataclass(frozen=True)
class Room:
    """What a host offers a code.

    Attributes:
        size: bytes that the payload may have.
        area: pixels of the host.
    """

    size: int
    area: int


@dataclass(frozen=True)
class Foreseen:
    """What would come of a secret in a room.

    Attributes:
        size: bytes of its payload, about.
        psnr: in dB, at which its images would be revealed, on average; None where only encoding
            them would tell.
    """

    size: int
    psnr: float | None


class Code(Protocol):
    """One way to say a secret in bytes.

    Attributes:
        name: what it is called.
        number: stands in the head of a container, and is never used again for anything else.
        counts: how many images it takes at once; empty where it is for files.
        bits: of a sample that it uses where nobody says how many.
        fingerprint: 16 bytes, of architecture and tensors together; zeros where nothing is learned.
    """

    name: str
    number: int

    @property
    def counts(self) -> range:
        """See the attributes."""
        ...

    @property
    def bits(self) -> float:
        """See the attributes."""
        ...

    @property
    def fingerprint(self) -> bytes:
        """See the attributes."""
        ...

    def foresee(self, secret: Secret, room: Room) -> Foreseen:
        """What would come of encoding a secret, at a small part of the cost.

        Raises:
            ConfigError: as :meth:`encode`.
            ImageError: it does not fit.
        """
        ...

    def encode(self, secret: Secret, room: Room, tell: Tell) -> bytes:
        """The secret in at most ``room.size`` bytes, as good as they allow.

        Raises:
            ConfigError: it is not for such items, or for so many.
            ImageError: it does not fit, however coarse.
        """
        ...

    def decode(self, payload: bytes, area: int, tell: Tell) -> list[Item]:
        """The items of a payload, which is not to be believed.

        Args:
            payload: as :meth:`encode` made it, or as somebody forged it.
            area: pixels of the container.
            tell: told the share that is done.

        Raises:
            AlteredContainer: it is none, or says more than such a container honestly holds.
        """
        ...

    def contents(self, payload: bytes, area: int) -> list[Content]:
        """What :meth:`decode` would give, with the same errors."""
        ...
