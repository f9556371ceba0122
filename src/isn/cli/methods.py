"""`isn methods`: what is shipped, and what was measured of it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import click

from isn.cli.common import json_option, quiet_option
from isn.cli.voice import Voice

if TYPE_CHECKING:
    from isn.zoo import Entry

WIDTH = 80
"""Columns that a terminal has at least, as a rule."""

TITLES = ("method", "for", "images", "dB")


@click.command()
@json_option
@quiet_option
@click.pass_obj
def methods(voice: Voice) -> None:
    """List the shipped methods, the default one first.

    "Images" is how many a method hides in one host. "dB" is the mean PSNR of container / revealed
    images, as it was measured on photos for the least number of images; more reveal worse. A - was
    not measured. All but those of the paper hide files too, and take a passphrase.

    `isn capacity HOST` says what they would do with a host of yours.

    --json prints {"methods": [{"name", "purpose", "kind", "images": [least,
    most], "fingerprint", "figures"}]}; "fingerprint" is null where nothing is
    learned, and "figures" holds what was measured.
    """
    from isn import zoo

    entries = zoo.entries()
    voice.report(_table(entries))
    voice.answer(methods=[_facts(entry) for entry in entries])


def images_of(images: tuple[int, int]) -> str:
    """A least and a largest number of images in words, such as "1 to 25"."""
    least, most = images
    return str(least) if least == most else f"{least} to {most}"


def _facts(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "purpose": entry.purpose,
        "kind": entry.kind,
        "images": list(entry.images),
        "fingerprint": entry.fingerprint.hex() or None,
        "figures": dict(entry.figures),
    }


def _table(entries: tuple[Entry, ...]) -> str:
    # Not one of `rich`, whose import takes longer than all the rest of this command.
    rows = [TITLES] + [
        (each.name, each.purpose, images_of(each.images), _quality(each)) for each in entries
    ]
    name, images, quality = (max(len(row[k]) for row in rows) for k in (0, 2, 3))
    room = WIDTH - name - images - quality - 6
    lines = []
    for row in rows:
        purpose, *more = textwrap.wrap(row[1], room)
        line = f"{row[0]:{name}}  {purpose:{room}}  {row[2]:>{images}}  {row[3]:>{quality}}"
        lines += [line.rstrip(), *(" " * (name + 2) + each for each in more)]
    return "\n".join(lines)


def _quality(entry: Entry) -> str:
    figures = entry.figures.get(str(entry.images[0]), {})
    container, revealed = (figures.get(key) for key in ("container", "revealed"))
    if container is None and revealed is None:
        return "-"
    return " / ".join("-" if each is None else f"{each:.1f}" for each in (container, revealed))
