"""`isn methods`: what is shipped, and what was measured of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from isn.cli.common import json_option, quiet_option
from isn.cli.table import Table
from isn.cli.voice import Voice

if TYPE_CHECKING:
    from isn.zoo import Entry

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


def _table(entries: tuple[Entry, ...]) -> Table:
    rows = [(each.name, each.purpose, images_of(each.images), _quality(each)) for each in entries]
    return Table(TITLES, right=(2, 3), rows=[*rows])


def _quality(entry: Entry) -> str:
    figures = entry.figures.get(str(entry.images[0]), {})
    container, revealed = (figures.get(key) for key in ("container", "revealed"))
    if container is None and revealed is None:
        return "-"
    return " / ".join("-" if each is None else f"{each:.1f}" for each in (container, revealed))
