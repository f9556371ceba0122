"""What the commands that train share: the methods, the clock, signals, and progress."""

from __future__ import annotations

import math
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isn.cli.voice import aside, printable
from isn.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable

    from isn.training.distributed import Processes
    from isn.training.learner import Learner
    from isn.training.loop import Trainer
    from isn.training.progress import Progress
    from isn.training.settings import Recipe
    from isn.weights import Weights

LINE_SECONDS = 10.0
"""Between two lines of progress where standard error is no terminal."""

_CLEARED = "\r\x1b[2K"
"""Before what takes the place of a line of a terminal."""

STEP_COUNT = click.IntRange(1)

_OPTIONS = (
    click.option(
        "--validation", multiple=True, metavar="FOLDER", help="Photos never trained on; repeatable."
    ),
    click.option("--hidden-images", type=click.IntRange(1, 5), help="How many images to hide."),
    click.option("--start", metavar="NAME|PATH", help="Weights to begin from, as far as they fit."),
    click.option(
        "--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE", help="Any other setting."
    ),
    click.option(
        "--device", type=click.Choice(["cpu", "cuda"]), help="Default: cuda if there is one."
    ),
    click.option(
        "--threads", type=click.IntRange(1, 1024), help="CPU threads; default: all cores."
    ),
)


def options_of_training(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options that all commands which train have."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


class Minutes(click.ParamType[float]):
    """A length of time: finite, and more than nothing."""

    name = "minutes"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The minutes; a usage error where there are none."""
        try:
            minutes = float(value)
        except ValueError:
            minutes = math.nan
        if not 0 < minutes < math.inf:
            self.fail(f"{value!r} is no length of time: give minutes above 0", param, ctx)
        return minutes


class TrainingCommand(click.Command):
    """A command whose help names the shipped configs, which are read when it is asked for."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of configs."""
        from isn.training.settings import shipped

        with formatter.section("Configs"):
            formatter.write_dl(list(shipped().items()))
        super().format_epilog(ctx, formatter)


def need_torch(threads: int | None) -> None:
    """Sets how many threads torch takes; None: as many as there are cores.

    Raises:
        BackendError: torch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise BackendError("training needs torch: pip install 'isn[train]'") from error
    if threads is not None:
        torch.set_num_threads(threads)


def schedule(minutes: float | None, steps: int | None) -> list[str]:
    """The settings of a schedule of that length; none where no length was given."""
    if minutes is not None and steps is not None:
        raise click.UsageError("--minutes and --steps are two lengths of one schedule: give one")
    if minutes is not None:
        return [f"run.minutes={float(minutes)}", "run.steps=0"]
    return [f"run.steps={steps}", "run.minutes=0.0"] if steps is not None else []


def learner_of(settings: Recipe, group: Processes) -> Learner | None:
    """What is trained, for methods whose networks the training does not know; None: our own."""
    from isn.training.methods import BalujaSettings

    if not isinstance(settings, BalujaSettings):
        return None
    from isn.baselines.baluja import KIND
    from isn.baselines.baluja_network import BalujaNetwork
    from isn.training.pair import Pair
    from isn.weights import Weights

    count, filters = settings.model.hidden_images, settings.model.filters
    return Pair(
        BalujaNetwork(count, filters),
        settings,
        group.device,
        lambda tensors, training: Weights(
            KIND, {"hidden_images": count, "filters": filters}, tensors, training
        ),
    )


def start_of(name: str | None) -> tuple[str, Weights] | None:
    """Weights to begin from and what they are called, by a shipped name or a path."""
    if name is None:
        return None
    from isn import method, zoo
    from isn.baselines import baluja, baluja_network
    from isn.weights import Weights

    path = Path(name)
    if path.suffix != ".safetensors":
        return name, zoo.weights(name)
    # A run's model is always called so: what it is called is the run.
    label = path.absolute().parent.name if path.name == "model.safetensors" else path.stem
    kinds = method.architectures() | {baluja.KIND: baluja_network.shapes}
    return label, Weights.load(path, kinds)


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Calls `stop` at the first Ctrl-C or SIGTERM."""

    def handle(number: int, frame: object) -> None:
        del frame
        # A second one ends it at once.
        signal.signal(number, signal.SIG_DFL)
        stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)


class Display:
    """Progress on standard error: one line that moves on a terminal, lines now and then elsewhere.

    Only rank 0 prints.
    """

    def __init__(self, settings: Recipe, group: Processes, quiet: bool) -> None:
        self.settings, self.silent = settings, quiet or not group.first
        self.terminal = sys.stderr is not None and sys.stderr.isatty()
        self.validated, self.last = "", 0.0

    def begin(self, trainer: Trainer) -> None:
        """Says what is going to be trained."""
        count, step = self.settings.hidden_images, trainer.step
        parameters = sum(each.numel() for each in trainer.stack.parameters())
        self.say(
            f"{count} hidden image{'s' * (count > 1)}, {parameters / 1e6:.2f} M parameters"
            + (f", from step {step}" if step else "")
        )

    def report(self, progress: Progress) -> None:
        """Shows how far it is."""
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
        if progress.message:
            return
        now = time.monotonic()
        pause = 0.2 if self.terminal else LINE_SECONDS
        if self.silent or now - self.last < pause:
            return
        self.last = now
        line = f"{100 * progress.share:5.1f} %  step {progress.step}  "
        if progress.stage:
            line += f"{progress.stage}: {progress.done} of {progress.total} groups"
        else:
            line += (
                f"{progress.steps_per_second:.2f} it/s  {_left(progress)} left  "
                f"loss {progress.terms.get('loss', float('nan')):.4g}  {self.validated}"
            )
        if self.terminal:
            aside(f"{_CLEARED}{line}", "")
        else:
            aside(line)

    def warn(self, sentence: str) -> None:
        """Prints a sentence on a file that was skipped."""
        self.say(sentence)

    def say(self, sentence: str) -> None:
        """Prints a sentence on a line of its own."""
        if not self.silent:
            aside((_CLEARED if self.terminal else "") + printable(sentence, "\n"))


def _left(progress: Progress) -> str:
    if not progress.share or not progress.elapsed:
        return "?"
    seconds = round(progress.elapsed * (1 - progress.share) / progress.share)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
