"""`isn batch`: many containers by a list, each made as `isn hide` makes one."""

from __future__ import annotations

from dataclasses import asdict, replace

import click

from isn.cli import crew, failures, joblist, stores
from isn.cli.cluster import crew_for, ray_option
from isn.cli.common import json_option, overwrite_option, quiet_option, threads_option
from isn.cli.crew import workers_option
from isn.cli.hiding import Order
from isn.cli.joblist import Entry
from isn.cli.many import Outcome, Turns
from isn.cli.passphrase import passphrase_options, read_passphrase
from isn.cli.voice import Voice
from isn.cli.worker import Job
from isn.errors import counted, sentence


@click.command()
@click.argument("jobs", metavar="JOBS")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False),
    metavar="FOLDER",
    help="Gets the containers; made if it is missing.",
)
@passphrase_options
@threads_option
@workers_option
@ray_option
@click.option("--resume", is_flag=True, help="Pass over jobs whose container is there, and whole.")
@overwrite_option
@json_option
@quiet_option
@click.pass_obj
def batch(
    voice: Voice,
    jobs: str,
    output: str,
    ask: bool,
    passphrase_file: str | None,
    workers: int | None,
    cluster: str | None,
    resume: bool,
    overwrite: bool,
) -> int:
    """Make the containers that JOBS lists.

    JOBS is a .csv file, whose first line names its columns, or a .jsonl file, with a JSON object a
    line. Both know: host, image and file (what is hidden: one of them at least), output (a name in
    FOLDER; default: that of the host, as .png), method, bits, secrecy, survive, scaled and
    fit, as for `isn hide`. In CSV the columns image and file may be repeated and their cells empty,
    in JSON they may be lists. Files are looked for from the current folder; one passphrase is for
    all. Their names, and FOLDER, may be addresses: file://, and s3://, gs:// and az:// through
    fsspec.

    One job that fails is named, with its line in JOBS; the others go on, and the exit code is 1.
    Each container is written whole or not at all, so that after an interruption --resume goes on.
    It asks whether an image is there under the name, not whether the job was the same.

    With --ray a job whose worker or node is lost is tried again, three times in all. Where its
    container turns out to be there, it counts as skipped.

    --json prints a line for each job: {"line", ...} with what `isn hide` prints, or "container" and
    "skipped", or "container", "error" and "kind"; at last {"jobs", "done", "skipped", "failed"}.
    """
    doing = crew_for(workers, cluster)
    if not output:
        raise click.UsageError("-o is empty: give a folder")
    entries = joblist.read(jobs)
    stores.make_folder(output)
    phrase = read_passphrase(ask, passphrase_file, twice=True)
    turns, skipped = Turns(voice, "container", [str(each.line) for each in entries]), 0

    def take(place: int, outcome: Outcome) -> None:
        nonlocal skipped
        skipped += bool(outcome.facts.get("skipped"))
        turns.take(place, _told(outcome, entries[place], jobs, output))

    sound = [place for place, each in enumerate(entries) if each.error is None]
    for place, each in enumerate(entries):
        if each.error is not None:
            take(place, Outcome(error=sentence(each.error), kind=type(each.error).__name__))
    made = [
        Job("hide", each.output, asdict(_order(each, output, overwrite)), phrase, resume)
        for each in (entries[place] for place in sound)
    ]
    crew.run_with_bar(voice, "hiding", made, doing, lambda k, came: take(sound[k], came))
    done = len(entries) - skipped - turns.failed
    counts = f"{done} done, {skipped} skipped, {turns.failed} failed"
    voice.report(f"{counted(len(entries), 'job')}: {counts}")
    voice.item(jobs=len(entries), done=done, skipped=skipped, failed=turns.failed)
    return failures.FAILED if turns.failed else 0


def _order(entry: Entry, folder: str, overwrite: bool) -> Order:
    options = {key: value for key, value in entry.fields.items() if key not in joblist.LISTS}
    return Order(
        **options,
        output=stores.below(folder, entry.output),
        images=entry.fields["image"],
        files=entry.fields["file"],
        overwrite=overwrite,
    )


def _told(outcome: Outcome, entry: Entry, jobs: str, folder: str) -> Outcome:
    """An outcome that says which line of the list it is about."""
    name = stores.below(folder, entry.output) if entry.output else None
    facts = {"line": entry.line, **(outcome.facts or {"container": name})}
    error = outcome.error and f"{jobs}, line {entry.line}: {outcome.error}"
    return replace(outcome, facts=facts, error=error)
