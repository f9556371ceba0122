"""`isn hide`: images and files into a host, checked by revealing before anything is written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from isn.cli.capacity import facts_of, fitting, table
from isn.cli.common import (
    STANDARD,
    backend_option,
    bits_option,
    count_of,
    decibels,
    file_option,
    json_option,
    output_option,
    overwrite_option,
    quiet_option,
    read_picture,
    read_secret,
    secrecy_option,
    sides,
    survive_option,
    texture_option,
    threads_option,
    write_standard,
)
from isn.cli.passphrase import passphrase_options, read_passphrase
from isn.cli.progress import progress_bar
from isn.cli.voice import Voice, cell

if TYPE_CHECKING:
    from rich.table import Table

    from isn.api import Capacity, Container
    from isn.images import Picture
    from isn.method import Method
    from isn.secret import File

_USUAL = 75
"""Quality of JPEG that a container survives which is one itself."""


@click.command()
@click.argument("host")
@click.argument("images", metavar="[IMAGE]...", nargs=-1)
@file_option
@output_option(
    "OUT",
    "The container: .png, .webp, .tif, or .jpg (see --survive); - for PNG on standard output.",
)
@click.option(
    "--method",
    metavar="NAME|PATH",
    help="See `isn methods`; or a weights file.  [default: photos]",
)
@bits_option
@secrecy_option
@survive_option
@passphrase_options
@click.option(
    "--refine",
    type=click.IntRange(0, 1000),
    metavar="N",
    help="Make a container of the paper's methods reveal better by so many steps of gradient "
    "descent, 30 for example: slow, needs torch.",
)
@texture_option
@backend_option
@threads_option
@overwrite_option
@click.option("--dry-run", is_flag=True, help="Say what it would give, and do nothing.")
@json_option
@quiet_option
@click.pass_obj
def hide(
    voice: Voice,
    host: str,
    images: tuple[str, ...],
    files: tuple[str, ...],
    output: str,
    method: str | None,
    bits: float | None,
    secrecy: str | None,
    survive: int | None,
    ask: bool,
    passphrase_file: str | None,
    refine: int | None,
    texture: str | None,
    backend: str | None,
    overwrite: bool,
    dry_run: bool,
) -> int:
    """Hide images and files in HOST.

    HOST and each IMAGE are image files of any size; one of them may be - for standard input. A file
    of any other kind is given with --file. Everything comes back in its own size, files exactly.

    The container looks like HOST. Before it is written it is revealed, and what that gave is
    printed: PSNR in dB, of the container against HOST and of each revealed image against IMAGE.
    All that is hidden shares the room of the host: see `isn capacity`.

    Send the container as a file: whatever stores it with loss (JPEG, most messengers) destroys
    what is hidden, unless it was made with --survive, or is itself a .jpg. Then far less fits.

    With a passphrase, nobody without it can reveal what is hidden, or forge the container. It comes
    from --passphrase (asked for twice), --passphrase-file or ISN_PASSPHRASE: the first of
    these that is given counts. The paper's own methods take none.

    --dry-run says what would come of it, and the exit code is 0 where it fits, 1 where not.

    --json prints {"container", "width", "height", "method", "container_psnr",
    "hidden": [{"file", "width", "height", "revealed_psnr"} or {"file", "bytes"}],
    "notes", "warnings"}; a PSNR is null where the images are equal. A failure
    prints {"error", "kind"}. With -o - it is the last line of standard error.
    With --dry-run it is {"container", "fits", ...} and what `isn capacity`
    prints of a method.
    """
    from isn import advice
    from isn.images import check_output, encode
    from isn.method import DEFAULT, get

    if not images and not files:
        raise click.UsageError("nothing was given to hide: give an IMAGE, or a file with --file")
    jpeg = _is_jpeg(output)
    if jpeg and survive is None:
        survive = _USUAL
    if output != STANDARD:
        check_output(output, overwrite=overwrite, survives=jpeg)
    chosen = get(
        method or DEFAULT,
        bits=bits,
        secrecy=secrecy,
        survive=survive,
        refine=refine,
        texture=None if texture is None else read_picture(texture, voice).pixels,
        backend=backend,
    )
    cover, secret = read_secret(host, images, files, voice)
    if output != STANDARD:
        rows, columns = cover.pixels.shape[:2]
        check_output(output, overwrite=overwrite, size=(rows, columns), survives=jpeg)
    if dry_run:
        found = fitting(chosen.name, cover, secret, bits=bits, secrecy=secrecy, survive=survive)
        return _foretell(voice, output, found)
    passphrase = read_passphrase(ask, passphrase_file, twice=True)
    if secrecy is not None:
        _warn(voice, advice.of_betrayal(cover, passphrase))
    container = _hide(voice, cover, secret, chosen, passphrase)
    with progress_bar(voice, "writing"):
        if output == STANDARD:
            write_standard(encode(container.pixels, like=cover))
        else:
            container.save(output, overwrite=overwrite)
        if jpeg:
            container = container.as_jpeg()
    values = container.revealed or ()
    _warn(voice, (*advice.of_loss(container, secret), *advice.of_guessing(passphrase)))
    names = [*images, *files]
    voice.report(_table(container, names, secret, values))
    if output != STANDARD:
        told = count_of(len(images), len(files))
        under = "" if passphrase is None else ", under a passphrase"
        voice.report(f"{output} holds {told}, hidden by {container.method}{under}")
    voice.answer(
        container=output,
        width=container.pixels.shape[1],
        height=container.pixels.shape[0],
        method=container.method,
        container_psnr=decibels(container.psnr),
        hidden=[_facts(*each) for each in zip(names, secret, values, strict=True)],
        notes=voice.notes,
        warnings=voice.warnings,
    )
    return 0


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
    from isn.errors import IsnError, RevealError

    try:
        with progress_bar(voice, "hiding") as tell:
            return isn.hide(
                cover, secret, method=chosen, passphrase=passphrase, check=True, progress=tell
            )
    except RevealError as error:
        raise IsnError(
            f"the container that was made does not reveal ({error}), so nothing was written: try "
            "another method or backend"
        ) from error


def _is_file(item: Picture | File) -> bool:
    from isn.secret import File

    return isinstance(item, File)


def _warn(voice: Voice, sentences: Iterable[str]) -> None:
    for each in sentences:
        voice.warn(each)


def _table(
    container: Container,
    names: Sequence[str],
    secret: Sequence[Picture | File],
    values: Sequence[float],
) -> Table:
    from rich import box
    from rich.table import Table

    drawn = Table("", "name", "size", box=box.SIMPLE_HEAD)
    drawn.add_column("PSNR, dB", justify="right")
    host = container.host
    size = sides(*host.pixels.shape[:2])
    drawn.add_row("container", cell(host.name), size, f"{container.psnr:.2f}")
    for k, (name, item, value) in enumerate(zip(names, secret, values, strict=True), 1):
        told = f"{value:.2f}" if math.isfinite(value) else "exact"
        drawn.add_row(f"revealed {k}", cell(_name(name, item)), _size(item), told)
    return drawn


def _name(given: str, item: Picture | File) -> str:
    # Of standard input, what it is called; of a file, where it lies.
    return given if _is_file(item) else item.name


def _size(item: Picture | File) -> str:
    from isn.secret import File

    if isinstance(item, File):
        return f"{len(item.content)} bytes"
    return sides(*item.pixels.shape[:2])


def _facts(name: str, item: Picture | File, value: float) -> dict[str, Any]:
    from isn.secret import File

    if isinstance(item, File):
        return {"file": name, "bytes": len(item.content)}
    height, width = item.pixels.shape[:2]
    return {"file": name, "width": width, "height": height, "revealed_psnr": decibels(value)}
