"""The shipped models: by name, by the number of images they hide, by fingerprint.

What was measured of each stands in ``models.toml`` beside this file, written by
``benchmarks/models.py``. Weights once released stay here, found by their fingerprint, so that a
container made today opens in ten years.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import as_file, files
from typing import Any

from isn.errors import ConfigError, ModelError, UnknownModel
from isn.paper.weights import Weights


@dataclass(frozen=True)
class Entry:
    """One shipped model, without its weights.

    Attributes:
        name: what ``--model`` calls it.
        hidden_images: how many images it hides in one host.
        fingerprint: 16 bytes that name it in a container.
        default_for: the numbers of images for which it is taken where no model is named: its own,
            or larger ones, whose images share its planes (:mod:`isn.mosaic`).
        retired: whether a better one has taken its place, and it stays for its containers' sake.
        figures: what ``benchmarks/models.py`` measured: PSNR in dB, size, cost.
    """

    name: str
    hidden_images: int
    fingerprint: bytes
    default_for: tuple[int, ...]
    retired: bool
    figures: dict[str, Any]


@cache
def entries() -> tuple[Entry, ...]:
    """All shipped models, those that hide one image first."""
    table = tomllib.loads((files("isn.zoo") / "models.toml").read_text("utf-8"))
    return tuple(
        Entry(
            name,
            row.pop("hidden_images"),
            bytes.fromhex(row.pop("fingerprint")),
            tuple(row.pop("default_for", ())),
            row.pop("retired", False),
            row,
        )
        for name, row in table.items()
    )


def default(hidden_images: int) -> Entry:
    """The model taken for so many hidden images where none is named.

    Raises:
        ConfigError: none hides that many.
    """
    for entry in entries():
        if hidden_images in entry.default_for:
            return entry
    counts = sorted(count for entry in entries() for count in entry.default_for)
    raise ConfigError(
        f"{hidden_images} hidden images were given, the shipped models hide "
        f"{counts[0]} to {counts[-1]}: give fewer"
    )


def load(name_or_path: str | os.PathLike[str]) -> Weights:
    """A model by its name in the zoo, or from a weights file.

    Raises:
        ModelError: there is no such name or file, or the file is not a model.
    """
    name = os.fspath(name_or_path)
    if any(entry.name == name for entry in entries()):
        return _shipped(name)
    if name.endswith(".safetensors") or os.sep in name:
        return Weights.load(name)
    raise ModelError(
        f"there is no model {name!r}: give the path of a .safetensors file, or one of "
        f"{', '.join(entry.name for entry in entries())}"
    )


def entry_of(fingerprint: bytes) -> Entry | None:
    """The shipped model of this fingerprint, or None."""
    return next((each for each in entries() if each.fingerprint == fingerprint), None)


def by_fingerprint(fingerprint: bytes) -> Weights:
    """The shipped model that a container names.

    Raises:
        UnknownModel: it is not among the shipped ones.
    """
    entry = entry_of(fingerprint)
    if entry is None:
        raise UnknownModel(
            f"the container was made by a model of fingerprint {fingerprint.hex()}, which is not "
            "among the shipped ones: give its file with --model"
        )
    return _shipped(entry.name)


@lru_cache(maxsize=4)
def _shipped(name: str) -> Weights:
    with as_file(files("isn.zoo") / "weights" / f"{name}.safetensors") as path:
        return Weights.load(path)
