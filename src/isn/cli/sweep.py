"""`isn sweep`: trains one model for every combination of some settings, and compares them."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isn.cli.common import json_option, quiet_option
from isn.cli.table import Table
from isn.cli.training import (
    STEP_COUNT,
    Display,
    Minutes,
    TrainingCommand,
    learner_of,
    need_torch,
    options_of_training,
    schedule,
    start_of,
    stop_on_signals,
)
from isn.cli.voice import Voice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isn.training.settings import Recipe
    from isn.training.sweep import Row

STEPS = 400
"""Of each training, where no length is given."""

VALIDATIONS = 2
"""Of each training, where no other number is given: they take time, and only the last counts."""


@click.command(cls=TrainingCommand)
@click.argument("config", default="fast")
@click.option(
    "--vary",
    "axes",
    multiple=True,
    required=True,
    metavar="SECTION.KEY=VALUE,VALUE",
    help="A setting and its values; repeatable: every combination is trained.",
)
@click.option(
    "--data", multiple=True, required=True, metavar="FOLDER|TAR", help="Photos; repeatable."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of all runs.")
@click.option("--minutes", type=Minutes(), help="Of each training.")
@click.option("--steps", type=STEP_COUNT, help=f"Of each training; default: {STEPS}.")
@options_of_training
@json_option
@quiet_option
@click.pass_obj
def sweep(
    voice: Voice,
    config: str,
    axes: tuple[str, ...],
    data: tuple[str, ...],
    out: Path,
    validation: tuple[str, ...],
    hidden_images: int | None,
    minutes: float | None,
    steps: int | None,
    start: str | None,
    overrides: tuple[str, ...],
    device: str | None,
    threads: int | None,
) -> None:
    """Train every combination of some settings, one after the other, and compare them.

    CONFIG is a shipped config, see below (fast where none is named), or a TOML file. Each training
    is a run in a folder of its own under --out; sweep.csv and sweep.md there hold the table, PSNR
    in dB and SSIM on the validation photos. After Ctrl-C or a crash the same command goes on: what
    is finished is kept, what was cut is resumed.

    --json prints {"rows": [{"settings", "steps", "minutes", "container", "container_ssim",
    "revealed", "revealed_ssim"}]}; a training that was not finished has only its settings.
    """
    need_torch(threads)
    from isn.training.distributed import processes
    from isn.training.session import prepare
    from isn.training.sources import Sources
    from isn.training.sweep import sweep as train_all
    from isn.training.sweep import variants

    count = [f"model.hidden_images={hidden_images}"] if hidden_images is not None else []
    brief = [*schedule(None, STEPS), f"run.validations={VALIDATIONS}"]
    fixed = [*brief, *overrides, *schedule(minutes, steps), *count]
    planned = variants(config, axes, fixed)
    sources, begun_from = Sources(data, validation), start_of(start)
    with processes(device) as group:

        def train(settings: Recipe, run: Path, resume: bool) -> bool:
            show = Display(settings, group, voice.silent)
            trainer = prepare(
                settings,
                sources,
                run,
                group,
                learner=learner_of(settings, group),
                start=begun_from,
                resume=resume,
                report=show.report,
                warn=show.warn,
            )
            stop_on_signals(trainer.stop)
            return trainer.train()

        say = Display(planned[0].settings, group, voice.silent).say
        label = begun_from[0] if begun_from else ""
        command = shlex.join(["isn", *sys.argv[1:]])
        rows = train_all(planned, out, group, train, start=label, command=command, tell=say)
        if group.first:
            voice.report(_table(rows))
            if not all(row.figures for row in rows):
                voice.note("stopped: the same command goes on")
            voice.answer(rows=[{"settings": row.variant.name, **row.figures} for row in rows])


def _table(rows: Sequence[Row]) -> Table:
    from isn.training.sweep import cells_of, heads

    titles = heads(rows)
    return Table(titles, right=range(len(titles)), rows=[*map(cells_of, rows)])
