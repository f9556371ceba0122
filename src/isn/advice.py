"""What a person should hear of what they hide, a sentence each, for whoever shows it to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from isn.images import LOSSY
from isn.secret import File

if TYPE_CHECKING:
    from isn.api import Container
    from isn.images import Picture

CONTAINER_DB: Final = 30.0
REVEALED_DB: Final = 25.0
"""PSNR below which a person would see a container change, or a revealed image spoilt."""


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


def of_betrayal(host: Picture, passphrase: str | None) -> Iterator[str]:
    """What betrays a container that is not to be found, whatever carries it."""
    if host.format in LOSSY:
        yield (
            f"{host.name} is {LOSSY[host.format]}, and that single levels of it were changed "
            "can be computed: scale it down by a third or more first, or take a photo that was "
            "never stored with loss"
        )
    if passphrase is None:
        yield "no passphrase was given: whoever has this tool can look where something is hidden"
