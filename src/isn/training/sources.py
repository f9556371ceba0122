"""What a training takes its images from: read, split, and recorded so that it cannot change."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from isn.errors import ConfigError, ImageError, ModelError
from isn.finding import identity
from isn.training.data import Folder, ImageStore, Photos, Pixels, read_folder
from isn.training.distributed import Processes
from isn.training.settings import Recipe
from isn.training.shards import Shards, is_remote
from isn.training.validation import validation_groups

HELD_OUT = 0.05
"""Share of the training photos kept for validation where no folder of its own is given."""


@dataclass(frozen=True)
class Sources:
    """Where a training takes its images from.

    Attributes:
        data: folders of photos, or tar shards; none: those of the run that is resumed.
        validation: folders of photos never trained on; none: a share of `data` is held out.
        texture: image file of y_z (section 5.3), where the config's ``model.lost`` is none.
        note: what the data is, for the model's metadata; empty: the number of photos.
    """

    data: Sequence[str]
    validation: Sequence[str] = ()
    texture: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Record:
    """What a run trains on, as its checkpoints keep it.

    Attributes:
        data: absolute paths of what was given.
        validation: likewise.
        texture: likewise.
        note: as it was given.
        seed: of the split and of every crop.
        photos: how many images are trained on, or how many shards.
        photos_digest: of their files' names and sizes, in order.
        held_out: how many images are validated on.
        held_out_digest: of their files' names and sizes, in order.
        texture_digest: of the texture's file; empty where there is none.
    """

    data: list[str]
    validation: list[str]
    texture: str | None
    note: str
    seed: int
    photos: int
    photos_digest: str
    held_out: int
    held_out_digest: str
    texture_digest: str

    @classmethod
    def of(cls, document: Mapping[str, Any], run: Path) -> Record:
        """What :meth:`as_dict` gave.

        Raises:
            ModelError: something is missing, or of another kind.
        """
        for each in fields(cls):
            value, kind = document.get(each.name), _KINDS.get(each.name, str)
            if each.name == "texture" and value is None and each.name in document:
                continue
            listed = kind is not list or (
                isinstance(value, list) and all(isinstance(path, str) for path in value)
            )
            if type(value) is not kind or not listed:
                raise ModelError(
                    f"the checkpoint in {run} is damaged: its sources.{each.name} is missing or of "
                    "another kind, so put back a copy or begin another run"
                )
        return cls(**{each.name: document[each.name] for each in fields(cls)})

    def as_dict(self) -> dict[str, Any]:
        """What JSON can hold."""
        return asdict(self)

    def continued(self, given: Sources) -> Sources:
        """What was given for a run that goes on, and what it had before where nothing was."""
        return Sources(
            given.data or self.data,
            given.validation or self.validation,
            given.texture or self.texture,
            given.note or self.note,
        )

    def differences(self, now: Record) -> list[str]:
        """What another record has otherwise, but for where files lie and the note."""
        found = []
        if now.texture_digest != self.texture_digest:
            found.append("the texture is another file")
        if now.seed != self.seed:
            return [f"run.seed is {now.seed} and was {self.seed}", *found]
        for what, ours, theirs, same in (
            ("to train on", self.photos, now.photos, now.photos_digest == self.photos_digest),
            ("held out", self.held_out, now.held_out, now.held_out_digest == self.held_out_digest),
        ):
            if theirs != ours:
                found.append(f"{theirs} images are {what} and {ours} were")
            elif not same:
                found.append(f"the {ours} images {what} are others, or in another order")
        return found


_KINDS: dict[str, type] = {
    "data": list,
    "validation": list,
    "seed": int,
    "photos": int,
    "held_out": int,
}


@dataclass(frozen=True)
class Gathered:
    """What was read.

    Attributes:
        photos: source of patches.
        groups: to validate on, P x (1 + n) x 3 x H x W uint8, on the CPU.
        note: what the data is, for the model's metadata.
        record: for the checkpoints.
    """

    photos: Photos
    groups: Tensor
    note: str
    record: Record


def gather(
    settings: Recipe, sources: Sources, processes: Processes, warn: Callable[[str], None]
) -> Gathered:
    """Reads photos, or opens shards, and sets some apart for validation.

    Args:
        settings: the whole training.
        sources: where its images come from.
        processes: this process among those of the training.
        warn: told of every file that was skipped.

    Raises:
        ConfigError: nothing was given, kinds are mixed, there are too few photos, or some are to be
            trained on and validated on.
        ImageError: there is no usable image, or no such file.
    """
    if not sources.data:
        raise ConfigError("no images were given: give --data with a folder of photos")
    shards = [each for each in sources.data if each.endswith(".tar")]
    if shards and len(shards) != len(sources.data):
        raise ConfigError("tar shards and folders are mixed: give one kind")
    seed, crop = settings.run.seed, settings.data.crop
    photos: Photos
    if shards:
        if not sources.validation:
            raise ConfigError("tar shards need a validation folder of their own: --validation")
        held_out = _read(sources.validation, settings.data.validation_crop, warn)
        photos = Shards(shards, crop, processes.device, seed=seed, rank=processes.rank, warn=warn)
        files, found = shards, f"{len(shards)} tar shards"
    else:
        folder = _read(sources.data, crop, warn)
        if sources.validation:
            held_out = _read(sources.validation, settings.data.validation_crop, warn)
            _check_apart(folder, held_out)
        else:
            folder, held_out = _split(folder, settings)
        photos = ImageStore(folder.pixels, processes.device)
        files, found = folder.names, f"{len(folder.pixels)} photos"
    groups = validation_groups(held_out.pixels, settings.hidden_images, settings.data, seed)
    record = Record(
        data=[each if is_remote(each) else os.path.abspath(each) for each in sources.data],
        validation=[os.path.abspath(each) for each in sources.validation],
        texture=os.path.abspath(sources.texture) if sources.texture else None,
        note=sources.note,
        seed=seed,
        photos=len(files),
        photos_digest=_digest(files),
        held_out=len(held_out.names),
        held_out_digest=_digest(held_out.names),
        texture_digest=_content(sources.texture) if sources.texture else "",
    )
    return Gathered(photos, groups, sources.note or found, record)


def check_same(before: Record, now: Record, run: Path) -> None:
    """Refuses to go on with other data.

    Raises:
        ConfigError: it names what differs.
    """
    differences = before.differences(now)
    if differences:
        raise ConfigError(
            f"the run {run} was trained on other data ({'; '.join(differences)}): give what it "
            "was trained on, leave --data out, or begin another run with --start"
        )


def _read(paths: Sequence[str], smallest: int, warn: Callable[[str], None]) -> Folder:
    folder = read_folder(paths, smallest)
    for sentence in folder.skipped:
        warn(sentence)
    skipped, used = len(folder.skipped), len(folder.pixels)
    if skipped:
        warn(f"{skipped} file{'s' * (skipped > 1)} skipped, {used} image{'s' * (used > 1)} used")
    return folder


def _check_apart(folder: Folder, held_out: Folder) -> None:
    trained = {identity(name) for name in folder.names}
    both = [name for name in held_out.names if identity(name) in trained]
    if both:
        raise ConfigError(
            f"{len(both)} of {len(held_out.names)} images of --validation are in --data too, as "
            f"{both[0]}: give photos that are not trained on, or leave --validation out"
        )


def _split(folder: Folder, settings: Recipe) -> tuple[Folder, Folder]:
    """Keeps a share of the photos for validation, chosen by the seed; copies go together.

    Raises:
        ConfigError: there are not enough for a group to validate on and one to train on.
    """
    crop, group = settings.data.validation_crop, 1 + settings.hidden_images
    contents = [_pixels(each) for each in folder.pixels]
    first = {content: k for k, content in reversed(list(enumerate(contents)))}
    distinct = sorted(first.values())
    large = [k for k in distinct if min(folder.pixels[k].shape[:2]) >= crop]
    if len(distinct) < 2 * group or len(large) < group:
        raise ConfigError(
            f"{len(distinct)} different photos, {len(large)} of them of {crop} x {crop} or more, "
            f"are too few to hide {group - 1} in one and hold some out: give {2 * group}, {group} "
            "of them so large, or a folder with --validation"
        )
    rng = np.random.default_rng([settings.run.seed, 0x5B1])
    count = min(max(group, round(HELD_OUT * len(folder.pixels))), len(distinct) - group)
    chosen = set(rng.permutation(large)[:count].tolist())
    away = {contents[k] for k in chosen}

    def part(kept: Iterable[int]) -> Folder:
        kept = list(kept)
        return Folder([folder.pixels[k] for k in kept], [folder.names[k] for k in kept])

    trained = part(k for k, content in enumerate(contents) if content not in away)
    return trained, part(sorted(chosen))


def _pixels(image: Pixels) -> bytes:
    whole = np.ascontiguousarray(image)
    return hashlib.blake2b(whole.data, key=repr(whole.shape).encode()).digest()


def _digest(files: Iterable[str]) -> str:
    """Of names and sizes, wherever the files lie."""
    digest = hashlib.sha256()
    for each in files:
        path = Path(each)
        name = each if is_remote(each) else f"{path.name} {path.stat().st_size}"
        digest.update(f"{name}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _content(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise ImageError(f"the texture {path} cannot be read ({error.strerror})") from error
