"""`isn hide`: images into a host, checked by revealing them before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from isn.cli.common import (
    STANDARD,
    backend_option,
    choose_backend,
    decibels,
    json_option,
    model_name,
    model_option,
    output_option,
    overwrite_option,
    passphrase_options,
    quiet_option,
    read_passphrase,
    read_picture,
    sides,
    texture_option,
    threads_option,
    write_standard,
)
from isn.cli.progress import progress_bar
from isn.cli.voice import Voice

_PARTS = {2: "half", 3: "a third", 4: "a quarter", 5: "a fifth"}

if TYPE_CHECKING:
    from rich.table import Table

    from isn.images import Picture, Pixels
    from isn.paper.backends.base import Backend
    from isn.paper.weights import Weights

CONTAINER_DB, REVEALED_DB = 30.0, 25.0
"""PSNR below which a person would see a container change, or a revealed image spoilt."""


@dataclass(frozen=True)
class Checked:
    """A container, and what its own reveal was measured to be worth.

    Attributes:
        pixels: the container, uint8 H x W x 3.
        container: its PSNR against the host, dB.
        revealed: PSNR of each revealed image against the hidden one, dB.
    """

    pixels: Pixels
    container: float
    revealed: tuple[float, ...]


@click.command()
@click.argument("host")
@click.argument("hidden", nargs=-1, required=True)
@output_option("FILE", "The container: .png, .webp or .tif; - for PNG on standard output.")
@model_option
@passphrase_options
@texture_option
@click.option(
    "--refine",
    type=click.IntRange(0, 1000),
    default=0,
    metavar="STEPS",
    help="Make the container reveal better by so many steps of gradient descent, 30 for example: "
    "slow, needs torch.",
)
@backend_option
@threads_option
@overwrite_option
@json_option
@quiet_option
@click.pass_obj
def hide(
    voice: Voice,
    host: str,
    hidden: tuple[str, ...],
    output: str,
    model: str | None,
    ask: bool,
    passphrase_file: str | None,
    texture: str | None,
    refine: int,
    backend: str | None,
    threads: int | None,
    overwrite: bool,
) -> None:
    """Hide 1 to 5 images in HOST.

    Each of HOST and HIDDEN is an image file of any size; one of them may be - for standard input.
    The container looks like HOST. Before it is written it is revealed, and what that gave is
    printed: PSNR in dB, of the container against HOST and of each revealed image against HIDDEN.

    Several images share the room of the host, each with less detail.

    Send the container as a file: whatever stores it with loss (JPEG, most messengers) destroys
    what is hidden.

    With a passphrase, HIDDEN is encrypted, and nobody without the passphrase can reveal or forge
    the container. (With a --model other than the default it is scrambled only, which costs quality,
    and wants a HOST of some 100 x 100 pixels at least.) It comes from --passphrase (asked for
    twice), --passphrase-file or ISN_PASSPHRASE: the first of these that is given counts.

    --json prints {"container", "width", "height", "model", "fingerprint",
    "container_psnr", "hidden": [{"file", "width", "height", "revealed_psnr"}],
    "notes", "warnings"}; a PSNR is null where the images are equal. A failure
    prints {"error", "kind"}. With -o - it is the last line of standard error.
    """
    from isn import images, zoo

    if (host, *hidden).count(STANDARD) > 1:
        raise click.UsageError("- was given more than once: only one image is on standard input")
    if output != STANDARD:
        images.check_output(output, overwrite=overwrite)
    weights = zoo.load(model or zoo.default(len(hidden)).name)
    cover = read_picture(host, voice)
    if output != STANDARD:
        rows, columns = cover.pixels.shape[:2]
        images.check_output(output, overwrite=overwrite, size=(rows, columns))
    pictures = [read_picture(each, voice) for each in hidden]
    key = None if texture is None else read_picture(texture, voice)
    secret = read_passphrase(ask, passphrase_file, twice=True)
    engine = choose_backend(backend or ("torch" if refine else None), threads)
    checked = _hide(voice, cover, pictures, weights, key, engine, secret, refine)
    if output == STANDARD:
        write_standard(images.encode(checked.pixels, like=cover))
    else:
        images.write(output, checked.pixels, overwrite=overwrite, like=cover)
    _note_shared(voice, weights, len(pictures))
    _warn(voice, cover, pictures, checked)
    name = model_name(weights, model)
    voice.report(_table(cover, pictures, checked))
    under = "" if secret is None else ", under a passphrase"
    if output != STANDARD:
        voice.report(f"{output} holds {_images(len(pictures))}, hidden by {name}{under}")
    voice.answer(
        container=output,
        width=checked.pixels.shape[1],
        height=checked.pixels.shape[0],
        model=name,
        fingerprint=weights.fingerprint.hex(),
        container_psnr=decibels(checked.container),
        hidden=[
            {
                "file": file,
                "width": picture.pixels.shape[1],
                "height": picture.pixels.shape[0],
                "revealed_psnr": decibels(value),
            }
            for file, picture, value in zip(hidden, pictures, checked.revealed, strict=True)
        ],
        notes=voice.notes,
        warnings=voice.warnings,
    )


def _hide(
    voice: Voice,
    cover: Picture,
    pictures: Sequence[Picture],
    weights: Weights,
    texture: Picture | None,
    backend: Backend,
    passphrase: str | None,
    refine: int,
) -> Checked:
    import isn
    from isn.errors import IsnError, RevealError
    from isn.metrics import psnr

    with progress_bar(voice, "hiding") as tell:
        container = isn.hide(
            cover,
            pictures,
            model=weights,
            passphrase=passphrase,
            backend=backend,
            refine=refine,
            progress=tell,
        )
    try:
        with progress_bar(voice, "checking") as tell:
            revealed = isn.reveal(
                container,
                model=weights,
                passphrase=passphrase,
                backend=backend,
                texture=texture,
                progress=tell,
            )
    except RevealError as error:
        raise IsnError(
            f"the container that was made does not reveal ({error}), so nothing was written: "
            "try another model or backend"
        ) from error
    return Checked(
        container,
        psnr(container, cover.pixels),
        tuple(psnr(a, b.pixels) for a, b in zip(revealed, pictures, strict=True)),
    )


def _note_shared(voice: Voice, weights: Weights, count: int) -> None:
    planes = weights.config.hidden_images
    # Where a prior is, they share the room of a code, each at full size.
    if count > planes and weights.config.prior is None:
        # Of the plane that holds most of them.
        most = -(-count // planes)
        voice.note(
            f"the model hides {_images(planes)} at full size, so {count} share that room, and come "
            f"back with the detail of about {_PARTS[most]} of the pixels"
        )


def _warn(voice: Voice, cover: Picture, pictures: Sequence[Picture], checked: Checked) -> None:
    if checked.container < CONTAINER_DB:
        voice.warn(
            f"the container is at {checked.container:.1f} dB of {cover.name}, and below "
            f"{CONTAINER_DB:.0f} dB the change can be seen: take another host or fewer images"
        )
    for picture, value in zip(pictures, checked.revealed, strict=True):
        if value < REVEALED_DB:
            larger = picture.pixels.size > cover.pixels.size
            remedy = "take a larger host" if larger else "take another host or fewer images"
            voice.warn(
                f"{picture.name} comes back at {value:.1f} dB, and below {REVEALED_DB:.0f} dB "
                f"the loss can be seen: {remedy}"
            )


def _table(cover: Picture, pictures: Sequence[Picture], checked: Checked) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table("", "image", "size", box=box.SIMPLE_HEAD)
    table.add_column("PSNR, dB", justify="right")
    rows = [("container", cover, checked.container)]
    rows += [
        (f"revealed {k}", picture, value)
        for k, (picture, value) in enumerate(zip(pictures, checked.revealed, strict=True), 1)
    ]
    for role, picture, value in rows:
        size = sides(*picture.pixels.shape[:2])
        table.add_row(role, Text(picture.name, overflow="fold"), size, f"{value:.2f}")
    return table


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
