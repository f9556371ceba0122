"""From settings and folders to a trainer that is ready to run."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from isn import images
from isn.errors import ConfigError, ModelError
from isn.paper.weights import Weights
from isn.training import checkpoints, methods
from isn.training.coded import Coded
from isn.training.data import Batches, Folder, ImageStore, Photos, draw_pool, read_folder
from isn.training.distributed import Processes
from isn.training.invertible import Invertible
from isn.training.learner import Learner
from isn.training.loop import Progress, Trainer
from isn.training.settings import Recipe, Settings
from isn.training.shards import Shards
from isn.training.validation import drawing_groups, validation_groups

HELD_OUT = 0.05
"""Share of the training photos kept for validation where no folder of its own is given."""


@dataclass(frozen=True)
class Sources:
    """Where a training takes its images from.

    Attributes:
        data: folders of photos, or tar shards.
        validation: folders of photos never trained on; none: a share of `data` is held out.
        texture: image file of y_z (section 5.3), where the config's ``model.lost`` is none.
    """

    data: Sequence[str]
    validation: Sequence[str] = ()
    texture: str | None = None


def prepare(
    settings: Recipe,
    sources: Sources,
    run: Path,
    processes: Processes,
    *,
    learner: Learner | None = None,
    note: str = "",
    start: tuple[str, Weights] | None = None,
    resume: bool = False,
    report: Callable[[Progress], None] = lambda progress: None,
    warn: Callable[[str], None] = lambda message: None,
) -> Trainer:
    """Reads the data and makes the trainer.

    Args:
        settings: the whole training.
        sources: where its images come from.
        run: folder of the run.
        processes: this process among those of the training.
        learner: what is trained, for methods other than our own.
        note: what the data is, for the model's metadata; empty: the number of photos.
        start: weights to begin from, and what they are called.
        resume: go on from the run's last checkpoint.
        report: told of progress.
        warn: told of every file that was skipped.

    Raises:
        ConfigError: the run exists already and is not to be resumed, or sources contradict.
        ImageError: there is no usable image.
        ModelError: no checkpoint to resume from, or weights that do not fit.
    """
    begun = processes.object_from_first(checkpoints.newest(run) is not None)
    if not resume and begun:
        raise ConfigError(
            f"{run} holds a run already: give --resume to go on with it, or another folder"
        )
    if resume and not begun:
        raise ModelError(f"there is no checkpoint in {run} to resume from")
    shards = [each for each in sources.data if each.endswith(".tar")]
    if shards and len(shards) != len(sources.data):
        raise ConfigError("tar shards and folders are mixed: give one kind")
    seed, data = settings.run.seed, settings.data
    crop = data.validation_crop
    held_out: Folder
    photos: Photos
    if shards:
        if not sources.validation:
            raise ConfigError("tar shards need a validation folder of their own: --validation")
        photos = Shards(
            shards, data.crop, processes.device, seed=seed, rank=processes.rank, warn=warn
        )
        held_out = read_folder(sources.validation, crop)
        found = f"{len(shards)} tar shards"
    else:
        folder = read_folder(sources.data, data.crop)
        _warn_all(folder, warn)
        if sources.validation:
            held_out = read_folder(sources.validation, crop)
        else:
            folder, held_out = _split(folder, crop, seed)
        photos = ImageStore(folder.pixels, processes.device)
        found = f"{len(folder.pixels)} photos"
    _warn_all(held_out, warn)
    groups = validation_groups(held_out.pixels, settings.hidden_images, data, seed)
    side = max(data.crop, 256)
    pool = ImageStore(draw_pool(data.pool, side, seed), processes.device)
    if learner is None:
        learner = _invertible(settings, processes.device, sources.texture, start)
    elif start is not None or sources.texture:
        raise ConfigError(
            f"--start and --texture are for our own network, not for {settings.method}: leave them "
            "out"
        )
    trainer = Trainer(
        settings,
        learner,
        Batches(photos, pool, data, settings.hidden_images, seed),
        (groups, drawing_groups(groups, seed)),
        run,
        processes,
        data_note=note or found,
        report=report,
    )
    if resume:
        trainer.resume()
    return trainer


def _invertible(
    settings: Recipe, device: torch.device, texture: str | None, start: tuple[str, Weights] | None
) -> Learner:
    if not isinstance(settings, Settings):
        raise ConfigError(f"these settings are for {settings.method}: give its learner too")
    lost = _texture(texture) if texture else None
    kind = Invertible if settings.model.prior is None else Coded
    return kind(settings, device, texture=lost, start=start)


def settings_of(run: Path) -> Recipe:
    """The settings that a run was started with, from its last checkpoint.

    Raises:
        ModelError: there is no checkpoint.
    """
    folder = checkpoints.newest(run)
    if folder is None:
        raise ModelError(f"there is no checkpoint in {run} to resume from")
    document = json.loads((folder / "state.json").read_text("utf-8"))
    return methods.from_mapping(document["state"]["settings"])


def _split(folder: Folder, crop: int, seed: int) -> tuple[Folder, Folder]:
    """Keeps a share of the photos for validation, chosen by the seed."""
    large = [k for k, each in enumerate(folder.pixels) if min(each.shape[:2]) >= crop]
    if len(folder.pixels) < 3 or not large:
        raise ConfigError(
            f"{len(folder.pixels)} photos, {len(large)} of them of {crop} x {crop} or more, are "
            "too few to hold some out: give more, or a folder with --validation"
        )
    rng = np.random.default_rng([seed, 0x5B1])
    count = max(1, round(HELD_OUT * len(folder.pixels)))
    chosen = set(rng.permutation(large)[:count].tolist())

    def part(inside: bool) -> Folder:
        kept = [k for k in range(len(folder.pixels)) if (k in chosen) == inside]
        return Folder([folder.pixels[k] for k in kept], [folder.names[k] for k in kept])

    return part(False), part(True)


def _texture(path: str) -> Tensor:
    pixels = images.read(path).pixels
    return torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32) / 255)


def _warn_all(folder: Folder, warn: Callable[[str], None]) -> None:
    for sentence in folder.skipped:
        warn(sentence)
    skipped, used = len(folder.skipped), len(folder.pixels)
    if skipped:
        warn(f"{skipped} file{'s' * (skipped > 1)} skipped, {used} image{'s' * (used > 1)} used")
