"""`isn train`: from a folder of images to a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from isn.cli.training import (
    STEP_COUNT,
    Display,
    Minutes,
    TrainingCommand,
    learner_of,
    need_torch,
    schedule,
    stop_on_signals,
    threads_option,
)

if TYPE_CHECKING:
    from isn.training.settings import Recipe
    from isn.weights import Weights


@click.command(cls=TrainingCommand)
@click.argument("config", required=False)
@click.option(
    "--data",
    multiple=True,
    metavar="FOLDER|TAR",
    help="Photos, or .tar shards; repeatable. With --resume, default: those of before.",
)
@click.option("--out", "run", required=True, type=click.Path(path_type=Path), help="The run.")
@click.option(
    "--validation", multiple=True, metavar="FOLDER", help="Photos never trained on; repeatable."
)
@click.option("--texture", metavar="IMAGE", help="The lost part y_z, for a keyed model.")
@click.option("--hidden-images", type=click.IntRange(1, 5), help="How many images to hide.")
@click.option("--minutes", type=Minutes(), help="The whole schedule, in minutes of training.")
@click.option("--steps", type=STEP_COUNT, help="The whole schedule, in steps.")
@click.option("--stop-after", type=Minutes(), help="End this piece; resume later.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint in --out.")
@click.option("--start", metavar="NAME|PATH", help="Weights to begin from, as far as they fit.")
@click.option(
    "--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE", help="Any other setting."
)
@click.option("--note", default="", help="What the data is, for the model's metadata.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="Default: cuda if there is one.")
@threads_option
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

    CONFIG is a shipped config, see below, or a TOML file; with --resume it may be left out, and so
    may --data and what else the run trains on, which must be the same as before. Ctrl-C and SIGTERM
    end a run with a checkpoint. Under torchrun, every process trains a share of each batch. The
    finished model is RUN/model.safetensors, ready for --method.
    """
    from isn.errors import ConfigError

    need_torch(threads)
    from isn.training.distributed import processes
    from isn.training.session import prepare
    from isn.training.sources import Sources

    if not data and not resume:
        raise ConfigError("no images were given: give --data with a folder of photos")
    changes = [*overrides, *schedule(minutes, steps)]
    if hidden_images is not None:
        changes.append(f"model.hidden_images={hidden_images}")
    settings = _settings(config, changes, run if resume else None)
    with processes(device) as group:
        show = Display(settings, group, quiet)
        trainer = prepare(
            settings,
            Sources(data, validation, texture, note),
            run,
            group,
            learner=learner_of(settings, group),
            start=_start(start),
            resume=resume,
            report=show.report,
            warn=show.warn,
        )
        stop_on_signals(trainer.stop)
        show.begin(trainer)
        done = trainer.train(stop_after)
    if done:
        show.say(f"done: {run / 'model.safetensors'}")
    else:
        show.say(f"stopped at step {trainer.step}: go on with --resume --out {run}")


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


def _start(name: str | None) -> tuple[str, Weights] | None:
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
