"""The same secret in each of many hosts: `isn hide` where HOST is a folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isn.cli import crew, failures, outputs, stores
from isn.cli.common import STANDARD
from isn.cli.crew import Run
from isn.cli.many import Outcome, Several, Turns
from isn.cli.voice import Voice
from isn.cli.worker import Job
from isn.errors import OutputError

if TYPE_CHECKING:
    from isn.cli.hiding import Order


def hide_in_all(voice: Voice, order: Order, passphrase: Callable[[], str | None], run: Run) -> int:
    """Hides in each image below a folder; returns the exit code.

    Args:
        voice: to speak with.
        order: of one container, but that its host and its output are folders.
        passphrase: asked for once, for all.
        run: does the jobs.

    Raises:
        OutputError: the output is no folder, or that of the hosts or in it.
        ImageError: something that is to be hidden is not there.
        click.UsageError: nothing was given to hide, or standard input, or a dry run was.
    """
    if not order.images and not order.files:
        raise click.UsageError("nothing was given to hide: give an IMAGE, or a file with --file")
    if STANDARD in (*order.images, *order.files, order.texture):
        raise click.UsageError("- was given for a folder of hosts: name a file")
    if order.dry_run:
        raise click.UsageError("--dry-run takes one host: see `isn capacity` for a folder")
    stores.check_there(*order.images, *order.files)
    path, several, taken = stores.path_of(order.output), Several([order.host]), set[str]()
    folder = order.output
    if path is not None:
        _check_apart(stores.path_here(order.host), outputs.folder_of_all(path))
    turns, phrase = Turns(voice, "host", several.names), passphrase()
    turns.refuse(several.failed)
    stores.make_folder(folder)
    jobs = [
        Job("hide", name, asdict(replace(order, host=name, output=output)), phrase)
        for name in several.names
        for own in [outputs.unused(outputs.stem_of(name), ".png", taken)]
        for output in [stores.below(folder, own)]
    ]

    def take(place: int, outcome: Outcome) -> None:
        facts = {"host": several.names[place], **outcome.facts}
        turns.take(place, replace(outcome, facts=facts))

    crew.run_with_bar(voice, "hiding", jobs, run, take)
    return failures.FAILED if turns.failed else 0


def _check_apart(hosts: str, folder: Path) -> None:
    """Refuses containers among the hosts: they would replace them, or be hosts the next time.

    Raises:
        OutputError: the folder for containers is that of the hosts, or in it.
    """
    if folder.resolve().is_relative_to(Path(hosts).resolve()):
        raise OutputError(
            f"the containers would come among the hosts in {hosts}: give a folder outside it"
        )
