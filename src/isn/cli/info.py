"""`isn info`: what a container says about itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from isn.cli.common import (
    facts_of,
    json_option,
    quiet_option,
    read_picture,
    sides,
)
from isn.cli.many import are_several, look
from isn.cli.passphrase import passphrase_options, read_passphrase
from isn.cli.progress import progress_bar
from isn.cli.table import Table
from isn.cli.voice import Voice
from isn.errors import counted, sentence

if TYPE_CHECKING:
    from isn.api import Inspection
    from isn.errors import RevealError
    from isn.images import Picture
    from isn.secret import Content


@click.command()
@click.argument("containers", metavar="CONTAINER...", nargs=-1, required=True)
@click.option("--method", metavar="PATH", help="Weights that made it, where they are not shipped.")
@passphrase_options
@json_option
@quiet_option
@click.pass_obj
def info(
    voice: Voice,
    containers: tuple[str, ...],
    method: str | None,
    ask: bool,
    passphrase_file: str | None,
) -> int:
    """Say what CONTAINER holds, and whether it is intact.

    CONTAINER is an image file, or - for standard input. The exit code is 0 for an intact
    container, and 3 where it is none, or was changed.

    Several may be given, and folders, which stand for the images below them. Then one that is none
    or was changed is named, the others go on, and the exit code is 1.

    Without its passphrase, a container made with one looks like any other image; it comes from
    --passphrase (asked for), --passphrase-file or ISN_PASSPHRASE: the first that is given counts.

    --json prints {"file", "format", "width", "height", "sealed", "intact",
    "code", "carrier", "survives", "scaled", "length", "fingerprint", "contents": [{"width",
    "height"} or {"name", "bytes"}], "notes"}, and "error" and "kind" beside them where the
    exit code is 3. "length" counts the bytes of the body. "code" is null for
    one that is not shipped; so is all that is not known where no seal opens.
    "survives" is the quality of the hardest JPEG that it would still survive, 101
    for none, and null where it was not made to survive one; "scaled" is the longer
    side that it may be scaled down to. Of several containers each prints its own
    line.
    """
    if not are_several(containers):
        _look(voice, containers[0], method, lambda: read_passphrase(ask, passphrase_file))
        return 0
    secret = read_passphrase(ask, passphrase_file)

    def work(own: Voice, name: str) -> None:
        try:
            _look(own, name, method, lambda: secret)
        finally:
            own.report("")

    return look(voice, containers, "file", "looking", work)


def _look(
    voice: Voice, container: str, method: str | None, passphrase: Callable[[], str | None]
) -> None:
    import isn
    from isn.errors import AlteredContainer, NoSeal

    picture = read_picture(container, voice)
    secret = passphrase()
    found: Inspection | None = None
    refused: RevealError | None = None
    try:
        with progress_bar(voice, "looking"):
            found = isn.inspect(picture, method=method, passphrase=secret)
    except NoSeal as error:
        refused = error
    if found is not None and not found.intact:
        refused = AlteredContainer(
            f"{picture.name} is a container, but it was changed after it was made: take the file "
            f"as it was written{_advice(found)}"
        )
    voice.report(_table(picture, found))
    voice.answer(**_facts(voice, container, picture, found, refused))
    if refused is not None:
        raise refused


def _advice(found: Inspection) -> str:
    """What else may help; nothing where what is left shows nothing."""
    from isn import zoo

    entry = zoo.entry_of(found.fingerprint)
    if entry is None or entry.kind != "paper":
        return ""
    return f", or look at what is left with isn reveal --salvage --method {entry.name}"


def _table(picture: Picture, found: Inspection | None) -> Table:
    rows: list[Sequence[str]] = [("file", picture.name), ("size", sides(*picture.pixels.shape[:2]))]
    if found is None:
        rows.append(("container", "nothing opens so"))
    else:
        rows += [
            ("container", "yes, intact" if found.intact else "yes, but altered"),
            ("code", found.code or "not a shipped one"),
            ("carrier", found.carrier),
            *([("survives", _survival(found.survives))] if found.survives is not None else []),
            *([("", f"scaling down to a longer side of {found.scaled}")] if found.scaled else []),
            ("body", counted(found.length, "byte")),
            *([("fingerprint", found.fingerprint.hex())] if any(found.fingerprint) else []),
            *((f"hidden {k}", _told(each)) for k, each in enumerate(found.contents, 1)),
        ]
    return Table(rows=rows)


def _survival(quality: int) -> str:
    if quality > 100:
        return "nothing harder than it has been through"
    return f"being stored as a JPEG again, of quality {quality} or more, about"


def _told(content: Content) -> str:
    if content.size is None:
        return f"{content.name}, {counted(content.length, 'byte')}"
    return f"image, {sides(*content.size)}"


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
        "code": found.code if found else None,
        "carrier": found.carrier if found else None,
        "survives": found.survives if found else None,
        "scaled": found.scaled if found else None,
        "length": found.length if found else None,
        "fingerprint": found.fingerprint.hex() if found else None,
        "contents": [facts_of(each) for each in found.contents] if found else [],
        "notes": voice.notes,
    }
    if refused is not None:
        facts |= {"error": sentence(refused), "kind": type(refused).__name__}
    return facts
