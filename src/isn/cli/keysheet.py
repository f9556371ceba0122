"""`isn keysheet`: what a network keyed with a texture reveals under others (Fig. 10)."""

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
    from isn.api import Container
    from isn.images import Pixels
    from isn.paper.method import Paper

DRAWN = ("shapes", "gradient", "noise")
"""Wrong textures, where none is given."""

SIDE = 96
"""Rows and columns of a drawn texture."""


@click.command()
@click.option("--method", required=True, metavar="PATH", help="Weights trained with --texture.")
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
    method: str,
    texture: str,
    others: tuple[str, ...],
    host: str | None,
    hidden: tuple[str, ...],
    output: str,
    backend: str | None,
    overwrite: bool,
) -> None:
    """Draw what a texture-keyed network reveals under the right texture, and under others.

    A network trained with --texture takes that image for the lost part at reveal; the paper's
    section 5.3 calls it a key. Images are hidden in a host, and revealed from the 8-bit container
    under each texture in turn: the sheet (Fig. 10) shows the first of them, its PSNR below it.

    --json prints {"file", "method", "container_psnr", "textures": [{"texture", "right", "psnr"}]}.
    """
    import isn
    from isn import images, metrics

    images.check_output(output, overwrite=overwrite)
    keyed = _keyed(method, backend)
    cover, pictures = _images(voice, keyed, host, hidden)
    keys = [(texture, read_picture(texture, voice).pixels), *_wrong(voice, others)]
    container = isn.hide(cover, pictures, method=keyed)
    revealed = [_first(container, keyed, key) for _, key in keys]
    quality = [metrics.psnr(each, pictures[0]) for each in revealed]
    columns: list[list[tuple[Pixels, str] | None]] = [
        [(cover, "host"), (pictures[0], "hidden")],
        [(container.pixels, f"container  {container.psnr:.1f} dB"), None],
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
        method=method,
        container_psnr=decibels(container.psnr),
        textures=[
            {"texture": name, "right": k == 0, "psnr": decibels(psnr)}
            for k, ((name, _), psnr) in enumerate(zip(keys, quality, strict=True))
        ],
    )


def _keyed(path: str, backend: str | None) -> Paper:
    from isn.errors import ConfigError
    from isn.method import get
    from isn.paper.method import Paper

    chosen = get(path, backend=backend)
    if isinstance(chosen, Paper) and chosen.config.lost is None:
        return chosen
    raise ConfigError(
        f"{path} was trained without a texture: give weights of "
        "`isn train --texture IMAGE --set model.lost=none`"
    )


def _first(container: Container, keyed: Paper, texture: Pixels) -> Pixels:
    """The first image that comes out under a texture."""
    import isn
    from isn.errors import AlteredContainer

    first, *_ = isn.reveal(container, method=keyed, texture=texture)
    if isinstance(first, isn.File):
        raise AlteredContainer("the container holds a file, and images were hidden")
    return first


def _images(
    voice: Voice, keyed: Paper, host: str | None, hidden: Sequence[str]
) -> tuple[Pixels, list[Pixels]]:
    shipped = demo_photos(keyed.config.hidden_images)
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
