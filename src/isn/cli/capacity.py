"""`isn capacity`: what fits in a host by each method, before any work."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from isn.cli.common import (
    STANDARD,
    bits_option,
    decibels,
    file_option,
    fit_option,
    json_option,
    quiet_option,
    read_hidden,
    read_picture,
    read_secret,
    scaled_option,
    secrecy_option,
    survive_option,
)
from isn.cli.many import are_several, look
from isn.cli.methods import images_of
from isn.cli.progress import progress_bar
from isn.cli.table import Table
from isn.cli.voice import Voice

if TYPE_CHECKING:
    from isn.api import Capacity
    from isn.images import Picture
    from isn.secret import File


@click.command()
@click.argument("host")
@click.argument("images", metavar="[IMAGE]...", nargs=-1)
@file_option
@click.option(
    "--host",
    "others",
    multiple=True,
    metavar="FILE|FOLDER",
    help="Another host; repeat it for more.",
)
@bits_option
@secrecy_option
@survive_option
@scaled_option
@fit_option
@json_option
@quiet_option
@click.pass_obj
def capacity(
    voice: Voice,
    /,
    host: str,
    images: tuple[str, ...],
    files: tuple[str, ...],
    others: tuple[str, ...],
    fit: str | None,
    **options: Any,
) -> int:
    """Say what fits in HOST by each shipped method.

    With IMAGE and --file, as for `isn hide`, whether these fit, and at what quality they would be
    revealed; without them, what room there is. Nothing is hidden and nothing is written.

    "Images" is how many a method hides, "file" the bytes that one file may have which is hidden
    alone, its name included; the paper's own methods hide none. "Container" and "revealed" are PSNR
    in dB, as they are to be expected, of images where nothing is given; a - was not measured, and ~
    is what other photos came back at, where nobody can say it of those given. Where something does
    not fit, the last column says why. With --secrecy, "found" is how many in a hundred verdicts of
    the best detector that was tried are right, once it has learned from 1,000 such containers of
    224 x 224 pixels: 50 is a coin, and of larger ones more is found.

    HOST may be a folder, which stands for the images below it, and --host names more of both. Then
    a host that cannot be read is named, the others go on, and the exit code is 1.

    --json prints {"host", "methods": [{"method", "purpose", "images": [least,
    most], "room", "container_psnr", "revealed_psnr", "usual", "found", "why_not"}],
    "notes"};
    "room" is the bytes of "file", null where none is hidden, "revealed_psnr" null
    where nobody can say or files alone are hidden, and "why_not" where all fits.
    "usual" is true where "revealed_psnr" is what other photos came back at;
    "found" is a share, null without --secrecy and where nobody can say. Of
    several hosts each prints its own line.
    """
    if not are_several((host, *others)):
        cover, secret = read_secret(host, images, files, voice, fit)
        _tell(voice, host, cover, secret, options)
        return 0
    if STANDARD in images:
        raise click.UsageError("- was given beside several hosts: name files alone")
    shared = read_hidden(images, files, voice)

    def work(own: Voice, name: str) -> None:
        own.report(name)
        _tell(own, name, read_picture(name, own, fit), shared, options)

    return look(voice, (host, *others), "host", "looking", work)


def _tell(
    voice: Voice,
    host: str,
    cover: Picture,
    secret: Sequence[Picture | File],
    options: dict[str, Any],
) -> None:
    import isn

    with progress_bar(voice, "looking"):
        found = isn.capacity(cover, secret or None, **options)
    voice.report(table(found))
    voice.answer(host=host, methods=[facts_of(each) for each in found], notes=voice.notes)


def fitting(
    name: str,
    host: Picture,
    secret: Sequence[Picture | File],
    **options: Any,
) -> Capacity:
    """What one shipped method would make of a secret in a host.

    Raises:
        click.UsageError: it is not a shipped one, of which nothing was measured.
    """
    import isn
    from isn import zoo

    if name not in {each.name for each in zoo.entries()}:
        raise click.UsageError(
            f"--dry-run knows the shipped methods alone, and {name} is none: leave it out"
        )
    (found,) = isn.capacity(host, secret, methods=[name], **options)
    return found


def table(rows: Sequence[Capacity]) -> Table:
    """What to show of capacities; a column in which nothing stands is left out."""
    titles: tuple[str, ...] = ("method", "images", "file, bytes", "container, dB", "revealed, dB")
    sought = any(each.found is not None for each in rows)
    titles += ("found, %",) if sought else ()
    refused = any(each.fits for each in rows)
    drawn = Table((*titles, "why not") if refused else titles, right=range(1, len(titles)))
    for each in rows:
        cells = [
            each.method,
            images_of(each.images),
            str(each.size) if each.size else "-",
            _decibels(each.container),
            ("~" if each.usual else "") + _decibels(each.revealed),
        ]
        if sought:
            cells.append("-" if each.found is None else f"{100 * each.found:.0f}")
        drawn.rows.append([*cells, each.fits] if refused else cells)
    return drawn


def facts_of(row: Capacity) -> dict[str, Any]:
    """What to tell programs of a capacity."""
    return {
        "method": row.method,
        "purpose": _purpose(row),
        "images": list(row.images),
        "room": row.size or None,
        "container_psnr": row.container,
        "revealed_psnr": None if row.revealed is None else decibels(row.revealed),
        "usual": row.usual,
        "found": None if row.found is None else round(row.found, 3),
        "why_not": row.fits or None,
    }


def _purpose(row: Capacity) -> str:
    from isn import zoo

    return zoo.entry(row.method).purpose


def _decibels(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if math.isfinite(value) else "exact"
