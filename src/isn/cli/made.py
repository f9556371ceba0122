"""What `isn hide` says of a container that it has made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from isn.cli.common import STANDARD, count_of, decibels, sides
from isn.cli.table import Table
from isn.cli.voice import Voice
from isn.errors import counted

if TYPE_CHECKING:
    from isn.api import Container
    from isn.cli.hide import Order
    from isn.images import Picture
    from isn.secret import File


def tell(
    voice: Voice,
    order: Order,
    container: Container,
    secret: Sequence[Picture | File],
    passphrase: str | None,
) -> None:
    """Says it for people and for programs.

    Args:
        voice: to speak with.
        order: what was to be hidden, and where the container was written.
        container: as whoever opens it sees it, revealed from.
        secret: what is hidden in it.
        passphrase: under which, or None.
    """
    from isn import advice

    values = container.revealed or ()
    for sentence in (*advice.of_loss(container, secret), *advice.of_guessing(passphrase)):
        voice.warn(sentence)
    names = [*order.images, *order.files]
    if not voice.silent:
        voice.report(_table(container, names, secret, values))
    if order.output != STANDARD:
        told = count_of(len(order.images), len(order.files))
        under = "" if passphrase is None else ", under a passphrase"
        by = container.method
        if container.code != by:
            by = f"{by}, code {container.code}"
        voice.report(f"{order.output} holds {told}, hidden by {by}{under}")
    voice.answer(
        container=order.output,
        width=container.pixels.shape[1],
        height=container.pixels.shape[0],
        method=container.method,
        code=container.code,
        container_psnr=decibels(container.psnr),
        hidden=[_facts(*each) for each in zip(names, secret, values, strict=True)],
        notes=voice.notes,
        warnings=voice.warnings,
    )


def _table(
    container: Container,
    names: Sequence[str],
    secret: Sequence[Picture | File],
    values: Sequence[float],
) -> Table:
    drawn = Table(("", "name", "size", "PSNR, dB"), right=(3,))
    host = container.host
    size = sides(*host.pixels.shape[:2])
    drawn.rows.append(("container", host.name, size, f"{container.psnr:.2f}"))
    for k, (name, item, value) in enumerate(zip(names, secret, values, strict=True), 1):
        told = f"{value:.2f}" if math.isfinite(value) else "exact"
        drawn.rows.append((f"revealed {k}", _name(name, item), _size(item), told))
    return drawn


def _name(given: str, item: Picture | File) -> str:
    # Of standard input, what it is called; of a file, where it lies.
    from isn.secret import File

    return given if isinstance(item, File) else item.name


def _size(item: Picture | File) -> str:
    from isn.secret import File

    if isinstance(item, File):
        return counted(len(item.content), "byte")
    return sides(*item.pixels.shape[:2])


def _facts(name: str, item: Picture | File, value: float) -> dict[str, Any]:
    from isn.secret import File

    if isinstance(item, File):
        return {"file": name, "bytes": len(item.content)}
    height, width = item.pixels.shape[:2]
    return {"file": name, "width": width, "height": height, "revealed_psnr": decibels(value)}
