"""From settings and folders to a trainer that is ready to run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from isn import images
from isn.errors import ConfigError, ModelError, OutputError
from isn.training import checkpoints, methods
from isn.training.data import Batches, ImageStore, Photos, draw_pool
from isn.training.distributed import Processes
from isn.training.invertible import Invertible
from isn.training.learner import Learner
from isn.training.loop import Trainer
from isn.training.methods import NetworkSettings, PhotosSettings
from isn.training.network import NetworkLearner
from isn.training.photos import PhotosLearner
from isn.training.progress import Progress
from isn.training.settings import Recipe, Settings
from isn.training.sources import Record, Sources, check_same, gather
from isn.training.state import State, changes, check_model
from isn.training.validation import drawing_groups
from isn.weights import Weights


def prepare(
    settings: Recipe,
    sources: Sources,
    run: Path,
    processes: Processes,
    *,
    learner: Learner | None = None,
    start: tuple[str, Weights] | None = None,
    resume: bool = False,
    report: Callable[[Progress], None] = lambda progress: None,
    warn: Callable[[str], None] = lambda message: None,
) -> Trainer:
    """Reads the data and makes the trainer.

    Args:
        settings: the whole training.
        sources: where its images come from; for a run that goes on, what is left out is as before.
        run: folder of the run.
        processes: this process among those of the training.
        learner: what is trained, for methods other than our own.
        start: weights to begin from, and what they are called.
        resume: go on from the run's last checkpoint.
        report: told of progress.
        warn: told of every file that was skipped, and of settings that are not those of before.

    Raises:
        ConfigError: the run exists already and is not to be resumed, or it was trained on other
            data, or sources contradict.
        ImageError: there is no usable image.
        ModelError: no checkpoint to resume from, or a damaged one, or weights that do not fit.
        OutputError: the run's folder is none.
    """
    state = _begun(run, processes, resume)
    before = None
    if state is not None:
        check_model(settings, state, run)
        before, sources = _continued(state, run, sources, warn)
        changed = changes(state.settings, settings.as_dict())
        if changed:
            warn(f"changed since the checkpoint: {', '.join(changed)}")
    gathered = gather(settings, sources, processes, warn)
    if before is not None:
        check_same(before, gathered.record, run)
    seed, data = settings.run.seed, settings.data
    side = max(data.crop, 256)
    pool = ImageStore(draw_pool(data.pool, side, seed), processes.device)
    if learner is None:
        fit = None if resume else gathered.photos
        if fit is not None and isinstance(settings, NetworkSettings):
            report(
                Progress(0.0, 0, 0.0, 0.0, {}, message="the linear start is fitted to the photos")
            )
        learner = _learner(settings, processes.device, sources.texture, start, fit)
    elif start is not None or sources.texture:
        raise ConfigError(f"--start and --texture are not for {settings.method}: leave them out")
    trainer = Trainer(
        settings,
        learner,
        Batches(gathered.photos, pool, data, settings.hidden_images, seed),
        (gathered.groups, drawing_groups(gathered.groups, seed)),
        run,
        processes,
        data_note=gathered.note,
        sources=gathered.record.as_dict(),
        report=report,
    )
    if resume:
        trainer.resume()
    return trainer


def _learner(
    settings: Recipe,
    device: torch.device,
    texture: str | None,
    start: tuple[str, Weights] | None,
    photos: Photos | None,
) -> Learner:
    """What is trained by settings of ours."""
    if isinstance(settings, Settings):
        lost = _texture(texture) if texture else None
        return Invertible(settings, device, texture=lost, start=start, photos=photos)
    if texture:
        raise ConfigError(f"--texture is not for {settings.method}: leave it out")
    if isinstance(settings, NetworkSettings):
        return NetworkLearner(settings, device, start=start, photos=photos)
    if isinstance(settings, PhotosSettings):
        return PhotosLearner(settings, device, start=start)
    raise ConfigError(f"these settings are for {settings.method}: give its learner too")


def settings_of(run: Path) -> Recipe:
    """The settings that a run was started with, from its last checkpoint.

    Raises:
        ModelError: there is no checkpoint, or a damaged one.
    """
    folder = checkpoints.newest(run)
    if folder is None:
        raise _nothing_in(run)
    return methods.from_mapping(State.of(checkpoints.read_state(folder), folder).settings)


def _begun(run: Path, processes: Processes, resume: bool) -> State | None:
    """Where a run stands that is resumed, in every process; None for one that begins.

    Raises:
        ConfigError: it is there and is not to be resumed.
        ModelError: it is to be resumed and is not there, or is damaged.
        OutputError: its folder is a file.
    """
    if run.exists() and not run.is_dir():
        raise OutputError(f"the run {run} is a file: give a folder")
    folder = checkpoints.newest(run) if processes.first else None
    begun = processes.object_from_first(folder is not None)
    if begun and not resume:
        raise ConfigError(
            f"{run} holds a run already: give --resume to go on with it, or another folder"
        )
    if resume and not begun:
        raise _nothing_in(run)
    if not begun:
        return None
    document = processes.object_from_first(checkpoints.read_state(folder) if folder else {})
    return State.of(document, run)


def _continued(
    state: State, run: Path, sources: Sources, warn: Callable[[str], None]
) -> tuple[Record | None, Sources]:
    """What a run was trained on, if its checkpoint says so, and what it goes on with."""
    if state.sources is None:
        warn("the checkpoint does not say what it was trained on: see that it is the same")
        return None, sources
    before = Record.of(state.sources, run)
    return before, before.continued(sources)


def _nothing_in(run: Path) -> ModelError:
    return ModelError(
        f"there is no checkpoint in {run} to resume from: give the folder of a run, or leave "
        "--resume out"
    )


def _texture(path: str) -> Tensor:
    pixels = images.read(path).pixels
    return torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32) / 255)
