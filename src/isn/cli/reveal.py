"""`isn reveal`: what is hidden in a container, as files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import click

from isn.cli import crew, failures, outputs, stores
from isn.cli.cluster import crew_for
from isn.cli.common import (
    STANDARD,
    backend_option,
    json_option,
    output_option,
    overwrite_option,
    quiet_option,
    texture_option,
    threads_option,
)
from isn.cli.crew import workers_option
from isn.cli.many import Several, Turns, are_several
from isn.cli.passphrase import passphrase_options, read_passphrase
from isn.cli.revealing import Order, carry_out, check
from isn.cli.voice import Voice
from isn.cli.worker import Job


@click.command()
@click.argument("containers", metavar="CONTAINER...", nargs=-1, required=True)
@output_option(
    "FOLDER|FILE",
    "A folder gets 1.png, 2.png, ... and the files under their names; a name such as x.png, x.jpg "
    "or x.pdf gets the one image or file that there is, - one thing on standard output. Several "
    "containers get a folder each in it.",
)
@click.option(
    "--method",
    metavar="NAME|PATH",
    help="Weights that made it, where they are not shipped; or what --salvage is to try.",
)
@click.option(
    "--salvage",
    is_flag=True,
    help="Reveal what is left in a damaged container of one of the paper's own methods: with "
    "--method.",
)
@passphrase_options
@texture_option
@backend_option
@threads_option
@workers_option
@overwrite_option
@json_option
@quiet_option
@click.pass_obj
def reveal(
    voice: Voice,
    /,
    containers: tuple[str, ...],
    output: str,
    ask: bool,
    passphrase_file: str | None,
    workers: int | None,
    **given: Any,
) -> int:
    """Reveal what is hidden in CONTAINER.

    CONTAINER is the file that `isn hide` wrote, or - for standard input. It says by itself which
    method made it, and what it holds. A folder is made if it is missing. Of several things all are
    written or none, and none over a file that is there, but with --overwrite.

    A container that was changed is refused, because what comes out of it is spoilt or forged. Under
    --salvage nothing is checked: of any image at all, something comes out, in the container's size.

    A container made with a passphrase wants it again, from --passphrase (asked for),
    --passphrase-file or ISN_PASSPHRASE: the first of these that is given counts. A wrong one is
    refused.

    Several containers may be given, and folders, which stand for the images below them. Each is
    revealed into a folder in FOLDER that has its name, without the suffix and with a number where
    it must be. One that fails is named, the others go on, and the exit code is 1.

    What comes out without a passphrase may be anybody's: do not trust a file more for having been
    hidden.

    --json prints {"container", "code", "salvaged", "files": [{"file", "width",
    "height"} or {"file", "bytes"}], "notes", "warnings"}. A failure prints
    {"error", "kind"}. With -o - it is the last line of standard error. Of several
    containers each prints its own line, with "error" and "kind" where it failed.
    """

    def passphrase() -> str | None:
        return read_passphrase(ask, passphrase_file)

    if are_several(containers):
        return _all(voice, containers, output, given, passphrase, workers)
    carry_out(voice, Order(containers[0], output, **given), passphrase)
    return 0


def _all(
    voice: Voice,
    containers: Sequence[str],
    output: str,
    given: dict[str, Any],
    passphrase: Callable[[], str | None],
    workers: int | None,
) -> int:
    """Reveals several containers; returns the exit code."""
    check(given["method"], given["salvage"])
    if given["texture"] == STANDARD:
        raise click.UsageError("--texture - was given with several containers: name a file")
    outputs.folder_of_all(stores.path_here(output))
    several, taken = Several(containers), set[str]()
    turns, phrase = Turns(voice, "container", several.names), passphrase()
    turns.refuse(several.failed)
    jobs = [
        Job(
            "reveal",
            name,
            asdict(Order(name, stores.below(output, own), folder=True, **given)),
            phrase,
        )
        for name in several.names
        for own in [outputs.unused(outputs.stem_of(name), "", taken)]
    ]
    crew.run_with_bar(voice, "revealing", jobs, crew_for(workers, None), turns.take)
    return failures.FAILED if turns.failed else 0
