"""`isn models`: what is shipped, and what was measured of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from isn.cli.common import json_option, quiet_option
from isn.cli.voice import Voice

if TYPE_CHECKING:
    from rich.table import Table

    from isn.zoo import Entry

UNKNOWN = "-"


@click.command()
@json_option
@quiet_option
@click.pass_obj
def models(voice: Voice) -> None:
    """List the shipped models.

    "Images" is how many a model sees at a time. "Default for" are the numbers of images for which
    it is taken where none is named; they share its room. Quality, of as many as it sees, is the
    mean PSNR in dB of container / revealed images: on validation photos, and on Paris StreetView.
    GMAC counts the multiply-adds, in billions, to hide in or reveal from a megapixel; the seconds
    are what that took on the stated number of CPU threads. A - was not measured.

    --json prints {"models": [{"name", "hidden_images", "default_for",
    "retired", "fingerprint", "parameters", "bytes", "gmac_per_megapixel", "figures",
    "training"}]}; "figures" and "training" are objects that hold what is known.
    """
    from isn import zoo

    rows = [_facts(entry) for entry in zoo.entries()]
    voice.report(_table(rows))
    voice.answer(models=rows)


def _facts(entry: Entry) -> dict[str, Any]:
    from isn import zoo

    weights = zoo.load(entry.name)
    return {
        "name": entry.name,
        "hidden_images": entry.hidden_images,
        "default_for": list(entry.default_for),
        "retired": entry.retired,
        "fingerprint": entry.fingerprint.hex(),
        "parameters": weights.config.parameters,
        "bytes": weights.size,
        "gmac_per_megapixel": round(weights.config.operations_per_pixel / 1000, 3),
        "figures": _validated(weights.training) | entry.figures,
        "training": dict(weights.training),
    }


def _validated(training: Any) -> dict[str, float]:
    """What the training itself measured, for a model that no benchmark has seen yet."""
    validation = training.get("validation")
    photos = validation.get("photos") if isinstance(validation, dict) else None
    if not isinstance(photos, dict):
        return {}
    return {f"{name}_psnr": photos[name] for name in ("container", "revealed") if name in photos}


def _table(rows: list[dict[str, Any]]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("model", no_wrap=True)
    for title in (
        "images",
        "default for",
        "parameters",
        "MB",
        "GMAC/MP",
        "PSNR, dB",
        "Paris, dB",
        "hide, s/MP",
        "reveal, s/MP",
        "threads",
    ):
        table.add_column(title, justify="right")
    for row in rows:
        figures = row["figures"]
        table.add_row(
            row["name"],
            str(row["hidden_images"]),
            ", ".join(map(str, row["default_for"])) or UNKNOWN,
            f"{row['parameters'] / 1e6:.2f} M",
            f"{row['bytes'] / 1e6:.1f}",
            f"{row['gmac_per_megapixel']:.0f}",
            _pair(figures, "container_psnr", "revealed_psnr"),
            _pair(figures, "paris_container_psnr", "paris_revealed_psnr"),
            _number(figures, "seconds_per_megapixel_hide", ".1f"),
            _number(figures, "seconds_per_megapixel_reveal", ".1f"),
            _number(figures, "threads", "d"),
        )
    return table


def _pair(figures: dict[str, Any], first: str, second: str) -> str:
    if first not in figures and second not in figures:
        return UNKNOWN
    return f"{_number(figures, first, '.2f')} / {_number(figures, second, '.2f')}"


def _number(figures: dict[str, Any], key: str, form: str) -> str:
    return format(figures[key], form) if key in figures else UNKNOWN
