"""`isn train`: from a folder of images to a model."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from isn.training.distributed import Processes
    from isn.training.learner import Learner
    from isn.training.loop import Progress, Trainer
    from isn.training.settings import Recipe
    from isn.weights import Weights

LINE_SECONDS = 10.0
"""Between two lines of progress where standard error is no terminal."""


@click.command()
@click.argument("config", required=False)
@click.option(
    "--data", multiple=True, metavar="FOLDER|TAR", help="Photos, or .tar shards; repeatable."
)
@click.option("--out", "run", required=True, type=click.Path(path_type=Path), help="The run.")
@click.option(
    "--validation", multiple=True, metavar="FOLDER", help="Photos never trained on; repeatable."
)
@click.option("--texture", metavar="IMAGE", help="The lost part y_z, for a keyed model.")
@click.option("--hidden-images", type=click.IntRange(1, 5), help="How many images to hide.")
@click.option("--minutes", type=float, help="The whole schedule, in minutes of training.")
@click.option("--steps", type=int, help="The whole schedule, in steps.")
@click.option("--stop-after", type=float, metavar="MINUTES", help="End this piece; resume later.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint in --out.")
@click.option("--start", metavar="NAME|PATH", help="Weights to begin from, as far as they fit.")
@click.option(
    "--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE", help="Any other setting."
)
@click.option("--note", default="", help="What the data is, for the model's metadata.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="Default: cuda if there is one.")
@click.option("--threads", type=int, help="CPU threads; default: all cores.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def train(
    config: str | None,
    data: tuple[str, ...],
    run: Path,
    validation: tuple[str, ...],
    texture: str | None,
    hidden_images: int | None,
    minutes: float | None,
    steps: int | None,
    stop_after: float | None,
    resume: bool,
    start: str | None,
    overrides: tuple[str, ...],
    note: str,
    device: str | None,
    threads: int | None,
    quiet: bool,
) -> None:
    """Train a model on a folder of images.

    CONFIG is a shipped config (fast, quality, paper, tiny; baluja, which is a baseline) or a TOML
    file; with --resume it may be left out. Ctrl-C ends a run with a checkpoint. Under torchrun,
    every process trains a share of each batch. The finished model is RUN/model.safetensors, ready
    for --model.
    """
    from isn.errors import BackendError, ConfigError

    try:
        import torch
    except ImportError as error:
        raise BackendError("training needs torch: pip install 'isn[train]'") from error

    from isn.training.distributed import processes
    from isn.training.session import Sources, prepare

    if threads:
        torch.set_num_threads(threads)
    if not data:
        raise ConfigError(
            "no images were given: give --data with a folder of photos"
            + (", the same as before" if resume else "")
        )
    changes = [*overrides, *_schedule(minutes, steps)]
    if hidden_images is not None:
        changes.append(f"model.hidden_images={hidden_images}")
    settings = _settings(config, changes, run if resume else None)
    with processes(device) as group:
        show = _Display(settings, group, quiet)
        trainer = prepare(
            settings,
            Sources(data, validation, texture),
            run,
            group,
            learner=learner_of(settings, group),
            note=note,
            start=_start(start),
            resume=resume,
            report=show.report,
            warn=show.warn,
        )
        _stop_on_signals(trainer.stop)
        show.begin(trainer)
        done = trainer.train(stop_after)
    if done:
        show.say(f"done: {run / 'model.safetensors'}")
    else:
        show.say(f"stopped at step {trainer.step}: go on with --resume --out {run}")


def _schedule(minutes: float | None, steps: int | None) -> list[str]:
    if minutes is not None and steps is not None:
        raise click.UsageError("--minutes and --steps are two lengths of one schedule: give one")
    if minutes is not None:
        return [f"run.minutes={float(minutes)}", "run.steps=0"]
    return [f"run.steps={steps}", "run.minutes=0.0"] if steps is not None else []


def _settings(config: str | None, changes: list[str], resumed: Path | None) -> Recipe:
    from isn.training import methods
    from isn.training.session import settings_of
    from isn.training.settings import shipped

    if config is not None:
        return methods.load(config, changes)
    if resumed is None:
        raise click.UsageError(f"no config was given: name one of {', '.join(shipped())}")
    if changes:
        raise click.UsageError("to change settings of a resumed run, name its config too")
    return settings_of(resumed)


def learner_of(settings: Recipe, group: Processes) -> Learner | None:
    """What is trained, for methods whose networks the training does not know; None: our own."""
    from isn.training.methods import BalujaSettings

    if not isinstance(settings, BalujaSettings):
        return None
    from isn.baselines.baluja_network import BalujaNetwork
    from isn.baselines.baluja_weights import BalujaWeights
    from isn.training.pair import Pair

    count, filters = settings.model.hidden_images, settings.model.filters
    return Pair(
        BalujaNetwork(count, filters),
        settings,
        group.device,
        lambda tensors, training: BalujaWeights(count, filters, tensors, training),
    )


def _start(name: str | None) -> tuple[str, Weights] | None:
    if name is None:
        return None
    from isn import zoo

    path = Path(name)
    # A run's model is always called so: what it is called is the run.
    label = path.absolute().parent.name if path.name == "model.safetensors" else path.stem
    return label, zoo.load(name)


def _stop_on_signals(stop: Callable[[], None]) -> None:
    def handle(number: int, frame: object) -> None:
        del frame
        # A second one ends it at once.
        signal.signal(number, signal.SIG_DFL)
        stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)


class _Display:
    """Progress on standard error: one line that moves on a terminal, lines now and then elsewhere.

    Only rank 0 prints.
    """

    def __init__(self, settings: Recipe, group: Processes, quiet: bool) -> None:
        self.settings, self.silent = settings, quiet or not group.first
        self.terminal = sys.stderr.isatty()
        self.validated, self.last = "", 0.0

    def begin(self, trainer: Trainer) -> None:
        count, step = self.settings.hidden_images, trainer.step
        parameters = sum(each.numel() for each in trainer.stack.parameters())
        self.say(
            f"{count} hidden image{'s' * (count > 1)}, {parameters / 1e6:.2f} M parameters"
            + (f", from step {step}" if step else "")
        )

    def report(self, progress: Progress) -> None:
        if progress.message:
            self.say(progress.message)
        if progress.photos is not None:
            self.validated = f"{progress.photos.container:.2f} / {progress.photos.revealed:.2f} dB"
            drawn = progress.drawings
            self.say(
                f"step {progress.step}: photos {self.validated}"
                + (f", drawings {drawn.container:.2f} / {drawn.revealed:.2f} dB" if drawn else "")
            )
            return
        now = time.monotonic()
        pause = 0.2 if self.terminal else LINE_SECONDS
        if self.silent or progress.message or now - self.last < pause:
            return
        self.last = now
        line = (
            f"{100 * progress.share:5.1f} %  step {progress.step}  "
            f"{progress.steps_per_second:.2f} it/s  {_left(progress)} left  "
            f"loss {progress.terms.get('loss', float('nan')):.4g}  {self.validated}"
        )
        if self.terminal:
            click.echo(f"\r\x1b[2K{line}", err=True, nl=False)
        else:
            click.echo(line, err=True)

    def warn(self, sentence: str) -> None:
        self.say(sentence)

    def say(self, sentence: str) -> None:
        if not self.silent:
            click.echo(("\r\x1b[2K" if self.terminal else "") + sentence, err=True)


def _left(progress: Progress) -> str:
    if not progress.share or not progress.elapsed:
        return "?"
    seconds = round(progress.elapsed * (1 - progress.share) / progress.share)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
