"""`isn keysheet`: what a model that is keyed with a texture reveals under others (Fig. 10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from isn.cli.common import (
    backend_option,
    decibels,
    json_option,
    overwrite_option,
    quiet_option,
    read_picture,
)
from isn.cli.demo import demo_photos
from isn.cli.voice import Voice

if TYPE_CHECKING:
    from isn.images import Pixels
    from isn.paper.weights import Weights

DRAWN = ("shapes", "gradient", "noise")
"""Wrong textures, where none is given."""

SIDE = 96
"""Rows and columns of a drawn texture."""


@click.command()
@click.option("--model", required=True, metavar="PATH", help="Trained with --texture.")
@click.option("--texture", required=True, metavar="IMAGE", help="The right one.")
@click.option(
    "--other",
    "others",
    multiple=True,
    metavar="IMAGE",
    help="A wrong one; repeat it for more. Default: three drawings.",
)
@click.option("--host", metavar="IMAGE", help="Default: the demo's.")
@click.option(
    "--hidden", "hidden", multiple=True, metavar="IMAGE", help="Repeatable. Default: the demo's."
)
@click.option("-o", "--output", required=True, metavar="FILE", help="The sheet, a lossless file.")
@backend_option
@overwrite_option
@json_option
@quiet_option
@click.pass_obj
def keysheet(
    voice: Voice,
    model: str,
    texture: str,
    others: tuple[str, ...],
    host: str | None,
    hidden: tuple[str, ...],
    output: str,
    backend: str | None,
    overwrite: bool,
) -> None:
    """Draw what a texture-keyed model reveals under the right texture, and under others.

    A model trained with --texture takes that image for the lost part at reveal; the paper's section
    5.3 calls it a key. Images are hidden in a host, and revealed from the 8-bit container under
    each texture in turn: the sheet (Fig. 10) shows the first of them, its PSNR below it.

    --json prints {"file", "model", "container_psnr", "textures": [{"texture", "right", "psnr"}]}.
    """
    import isn
    from isn import images, metrics, zoo
    from isn.errors import ConfigError

    images.check_output(output, overwrite=overwrite)
    weights = zoo.load(model)
    if weights.config.lost is not None:
        raise ConfigError(
            f"{model} was trained with a constant and no texture: give a model of "
            "`isn train --texture IMAGE --set model.lost=none`"
        )
    cover, pictures = _images(voice, weights, host, hidden)
    keys = [(texture, read_picture(texture, voice).pixels), *_wrong(voice, others)]
    container = isn.hide(cover, pictures, model=weights, backend=backend)
    file = images.encode(container)
    revealed = [isn.reveal(file, model=weights, texture=key, backend=backend)[0] for _, key in keys]
    quality = [metrics.psnr(each, pictures[0]) for each in revealed]
    first = metrics.psnr(container, cover)
    columns: list[list[tuple[Pixels, str] | None]] = [
        [(cover, "host"), (pictures[0], "hidden")],
        [(container, f"container  {first:.1f} dB"), None],
    ]
    for k, ((_, key), seen, psnr) in enumerate(zip(keys, revealed, quality, strict=True)):
        told = "right texture" if k == 0 else "wrong texture"
        columns.append([(key, told), (seen, f"{psnr:.1f} dB")])
    images.write(output, _draw(columns), overwrite=overwrite)
    for (name, _), psnr in zip(keys, quality, strict=True):
        voice.report(f"{psnr:6.2f} dB  {name}")
    voice.report(f"{output} shows them side by side")
    voice.answer(
        file=output,
        model=model,
        container_psnr=decibels(first),
        textures=[
            {"texture": name, "right": k == 0, "psnr": decibels(psnr)}
            for k, ((name, _), psnr) in enumerate(zip(keys, quality, strict=True))
        ],
    )


def _images(
    voice: Voice, weights: Weights, host: str | None, hidden: Sequence[str]
) -> tuple[Pixels, list[Pixels]]:
    shipped = demo_photos(weights.config.hidden_images)
    cover = shipped[0] if host is None else read_picture(host, voice).pixels
    pictures = [read_picture(each, voice).pixels for each in hidden]
    return cover, pictures or shipped[1]


def _wrong(voice: Voice, others: Sequence[str]) -> list[tuple[str, Pixels]]:
    import numpy as np

    from isn import drawings

    if others:
        return [(each, read_picture(each, voice).pixels) for each in others]
    return [
        (f"drawn: {kind}", drawings.draw(kind, SIDE, SIDE, np.random.default_rng(1)))
        for kind in DRAWN
    ]


def _draw(columns: Sequence[Sequence[tuple[Pixels, str] | None]]) -> Pixels:
    import numpy as np

    from isn.cli import sheet

    width = sheet.fitting(len(columns))
    blank = np.full((2, 3, 3), 255, np.uint8)
    panels = [
        [sheet.panel(blank, "", width) if each is None else sheet.panel(*each, width) for each in c]
        for c in columns
    ]
    return sheet.sheet([sheet.row("One container, revealed under several textures", panels)])
