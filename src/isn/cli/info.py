"""`isn info`: what a container says about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from isn.cli.common import (
    json_option,
    passphrase_options,
    quiet_option,
    read_passphrase,
    read_picture,
    sides,
)
from isn.cli.voice import Voice

if TYPE_CHECKING:
    from rich.table import Table

    from isn.api import Inspection
    from isn.errors import RevealError
    from isn.images import Picture


@click.command()
@click.argument("container")
@passphrase_options
@json_option
@quiet_option
@click.pass_obj
def info(voice: Voice, container: str, ask: bool, passphrase_file: str | None) -> None:
    """Say what CONTAINER holds, and whether it is intact.

    CONTAINER is an image file, or - for standard input. The exit code is 0 for an intact
    container, and 3 where there is no seal or pixels were changed.

    Without its passphrase, a container made with one looks like any other image; it comes from
    --passphrase (asked for), --passphrase-file or ISN_PASSPHRASE: the first that is given counts.

    --json prints {"file", "format", "width", "height", "sealed", "intact",
    "model", "fingerprint", "hidden": [{"width", "height"}], "notes"}, and
    "error" and "kind" beside them where the exit code is 3. "model" is null for
    one that is not shipped; so are "model" and "fingerprint" without a seal.
    """
    import isn
    from isn.errors import AlteredContainer, NoSeal

    picture = read_picture(container, voice)
    secret = read_passphrase(ask, passphrase_file)
    found: Inspection | None = None
    refused: RevealError | None = None
    try:
        found = isn.inspect(picture, passphrase=secret)
    except NoSeal as error:
        refused = error
    if found is not None and not found.intact:
        refused = AlteredContainer(
            f"{picture.name} is a container, but its pixels were changed after it was sealed: "
            "take the file that hiding wrote"
        )
    voice.report(_table(picture, found))
    voice.answer(**_facts(voice, container, picture, found, refused))
    if refused is not None:
        raise refused


def _table(picture: Picture, found: Inspection | None) -> Table:
    from rich.table import Table
    from rich.text import Text

    state = "no" if found is None else "yes, intact" if found.intact else "yes, but altered"
    rows = [
        ("file", picture.name),
        ("size", sides(*picture.pixels.shape[:2])),
        ("sealed", state),
    ]
    if found is not None:
        rows += [
            ("model", found.model or "not a shipped one"),
            ("fingerprint", found.fingerprint.hex()),
            *((f"hidden {k}", sides(*size)) for k, size in enumerate(found.sizes, 1)),
        ]
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(name, Text(value, overflow="fold"))
    return table


def _facts(
    voice: Voice,
    container: str,
    picture: Picture,
    found: Inspection | None,
    refused: RevealError | None,
) -> dict[str, object]:
    facts: dict[str, object] = {
        "file": container,
        "format": picture.format,
        "width": picture.pixels.shape[1],
        "height": picture.pixels.shape[0],
        "sealed": found is not None,
        "intact": found is not None and found.intact,
        "model": found.model if found else None,
        "fingerprint": found.fingerprint.hex() if found else None,
        "hidden": [{"width": w, "height": h} for h, w in found.sizes] if found else [],
        "notes": voice.notes,
    }
    if refused is not None:
        facts |= {"error": str(refused), "kind": type(refused).__name__}
    return facts
