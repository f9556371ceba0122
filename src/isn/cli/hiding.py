"""What `isn hide` does for one host, and says of the container."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from isn.cli import stores
from isn.cli.capacity import facts_of, fitting, table
from isn.cli.common import (
    STANDARD,
    count_of,
    decibels,
    read_picture,
    read_secret,
    sides,
    write_standard,
)
from isn.cli.progress import progress_bar
from isn.cli.table import Table
from isn.cli.voice import Voice
from isn.errors import counted

if TYPE_CHECKING:
    from isn.api import Capacity, Container
    from isn.images import Picture
    from isn.method import Method
    from isn.secret import File

_USUAL = 75
"""Quality of JPEG that a container survives which is one itself."""


@dataclass(frozen=True)
class Order:
    """What to hide, in what, and how: the options of the command, but for the passphrase."""

    host: str
    output: str
    images: Sequence[str] = ()
    files: Sequence[str] = ()
    method: str | None = None
    bits: float | None = None
    secrecy: str | None = None
    survive: int | None = None
    scaled: int | str | None = None
    fit: int | str | None = None
    refine: int | None = None
    texture: str | None = None
    backend: str | None = None
    overwrite: bool = False
    dry_run: bool = False

    @property
    def tuning(self) -> dict[str, Any]:
        """What the method is told, where it is one that carries bytes."""
        usual = _USUAL if _is_jpeg(self.output) else None
        survive = usual if self.survive is None else self.survive
        return {
            "bits": self.bits,
            "secrecy": self.secrecy,
            "survive": survive,
            "scaled": self.scaled,
        }


def carry_out(voice: Voice, order: Order, passphrase: Callable[[], str | None]) -> int:
    """Hides as it was ordered; returns the exit code.

    Args:
        voice: to speak with.
        order: what to hide, in what, and how.
        passphrase: asked for once all else is sound.

    Raises:
        IsnError: as :func:`isn.hide`, or the container cannot be written.
        click.UsageError: as :func:`~isn.cli.common.read_secret`, or nothing was given to hide.
    """
    from isn import advice

    output, overwrite = order.output, order.overwrite
    if not order.images and not order.files:
        raise click.UsageError("nothing was given to hide: give an IMAGE, or a file with --file")
    stores.check_there(order.host, *order.images, *order.files)
    jpeg = _is_jpeg(output)
    if jpeg and order.survive is None:
        _check_lasting(order)
    if output != STANDARD:
        stores.check_output(output, overwrite=overwrite, survives=jpeg)
    chosen = _method(voice, order)
    cover, secret = read_secret(order.host, order.images, order.files, voice, order.fit)
    if output != STANDARD:
        rows, columns = cover.pixels.shape[:2]
        stores.check_output(output, overwrite=overwrite, size=(rows, columns), survives=jpeg)
    if order.dry_run:
        return _foretell(voice, output, fitting(chosen.name, cover, secret, **order.tuning))
    phrase = passphrase()
    if order.secrecy is not None:
        for sentence in advice.of_betrayal(phrase):
            voice.warn(sentence)
    hidden = _hide(voice, cover, secret, chosen, phrase)
    for sentence in hidden.host.notes:
        voice.note(sentence)
    container = _write(voice, order, hidden)
    _tell(voice, order, container, secret, phrase)
    return 0


def _method(voice: Voice, order: Order) -> Method:
    from isn.method import DEFAULT, get

    return get(
        order.method or DEFAULT,
        **order.tuning,
        refine=order.refine,
        texture=None if order.texture is None else read_picture(order.texture, voice).pixels,
        backend=order.backend,
    )


def _write(voice: Voice, order: Order, container: Container) -> Container:
    """Writes a container; returns it as whoever opens the file sees it."""
    with progress_bar(voice, "writing"):
        if order.output == STANDARD:
            write_standard(container.encoded())
        else:
            stores.save(container, order.output, overwrite=order.overwrite)
        return container.as_jpeg() if _is_jpeg(order.output) else container


def _check_lasting(order: Order) -> None:
    """Refuses what does not go with a container whose name alone asks that it survives a JPEG.

    Raises:
        click.UsageError: there is something.
    """
    from isn.method import get

    given = [f"--{name}" for name in ("bits", "secrecy") if getattr(order, name) is not None]
    if order.method and "survive" not in get(order.method).options:
        given = [f"--method {order.method}"]
    if given:
        raise click.UsageError(
            f"a .jpg is to survive a JPEG, which nothing does with {given[0]}: give a .png, or "
            f"leave out {given[0]}"
        )


def _is_jpeg(output: str) -> bool:
    from pathlib import Path

    from isn.images import JPEG

    return output != STANDARD and Path(output).suffix.lower() in JPEG


def _foretell(voice: Voice, output: str, found: Capacity) -> int:
    """Says what hiding would give; returns the exit code."""
    voice.report(table([found]))
    voice.answer(
        container=output, fits=not found.fits, **facts_of(found), notes=voice.notes, warnings=[]
    )
    return 1 if found.fits else 0


def _hide(
    voice: Voice,
    cover: Picture,
    secret: Sequence[Picture | File],
    chosen: Method,
    passphrase: str | None,
) -> Container:
    """A container that was checked.

    Raises:
        IsnError: what comes out of it is not what was hidden.
    """
    import isn
    from isn.errors import IsnError, RevealError, sentence

    try:
        with progress_bar(voice, "hiding") as tell:
            return isn.hide(
                cover, secret, method=chosen, passphrase=passphrase, check=True, progress=tell
            )
    except RevealError as error:
        raise IsnError(
            f"the container that was made does not reveal ({sentence(error)}), so nothing was "
            "written: try another method or backend"
        ) from error


def _tell(
    voice: Voice,
    order: Order,
    container: Container,
    secret: Sequence[Picture | File],
    passphrase: str | None,
) -> None:
    """Says for people and for programs what was made.

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
