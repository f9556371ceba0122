"""What a person should hear of what they hide, a sentence each, for whoever shows it to them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from isn.secret import File

if TYPE_CHECKING:
    from isn.api import Container
    from isn.images import Picture

CONTAINER_DB: Final = 30.0
REVEALED_DB: Final = 25.0
"""PSNR below which a person would see a container change, or a revealed image spoilt."""

_ENOUGH_BITS: Final = 50
"""Of a passphrase drawn at random: half of all guesses, a tenth of a second each, take a thousand
processors 1,800 years."""

_FEW: Final = 5
"""Different characters below which a passphrase is a repetition."""

_KINDS: Final = ((str.islower, 26), (str.isupper, 26), (str.isdigit, 10))


def of_loss(container: Container, secret: Sequence[Picture | File]) -> Iterator[str]:
    """What can be seen of the loss in a container that was checked."""
    if container.psnr < CONTAINER_DB:
        yield (
            f"the container is at {container.psnr:.1f} dB of {container.host.name}, and below "
            f"{CONTAINER_DB:.0f} dB the change can be seen: take another host, or hide less"
        )
    for item, value in zip(secret, container.revealed or (), strict=True):
        if not isinstance(item, File) and value < REVEALED_DB:
            yield (
                f"{item.name} comes back at {value:.1f} dB, and below {REVEALED_DB:.0f} dB "
                "the loss can be seen: take a larger host, or hide less"
            )


def of_betrayal(passphrase: str | None) -> Iterator[str]:
    """What betrays a container that is not to be found, whatever carries it."""
    if passphrase is None:
        yield "no passphrase was given: whoever has this tool can look where something is hidden"


def of_guessing(passphrase: str | None) -> Iterator[str]:
    """What a passphrase lets others do that has little in it."""
    if passphrase and is_weak(passphrase):
        yield "the passphrase is so short that it can be guessed: take five random words"


def is_weak(passphrase: str) -> bool:
    """Whether a passphrase could be guessed even if it had been drawn at random.

    From its length and the kinds of its characters alone: one that is not weak here may still be a
    name, or well known.
    """
    letters = sum(size for is_kind, size in _KINDS if any(map(is_kind, passphrase)))
    others = any(not each.isalnum() for each in passphrase)
    bits = len(passphrase) * math.log2(max(letters + 33 * others, 2))
    return bits < _ENOUGH_BITS or len(set(passphrase)) < _FEW
