"""A sweep: one training for every combination of some settings, and a table of what came out.

Each variant is a run in a folder of its own. One that is finished is kept, one that was cut goes
on from its checkpoint, so that the same words said again go on with the sweep.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from isn import atomic
from isn.errors import ConfigError, ModelError
from isn.training import checkpoints, methods
from isn.training.distributed import Processes
from isn.training.settings import Recipe
from isn.training.state import State

FIGURES = ("container", "container_ssim", "revealed", "revealed_ssim")
"""Of a validation on photos, as :class:`isn.training.validation.Quality` names them."""

COLUMNS = ("steps", "minutes", *FIGURES)
"""Of the tables, after the settings that vary."""

_HEADS = {
    "container": "container, dB",
    "container_ssim": "SSIM",
    "revealed": "revealed, dB",
    "revealed_ssim": "SSIM",
}

Train = Callable[[Recipe, Path, bool], bool]
"""Trains in a folder, from its last checkpoint where told so; False where it was stopped."""


@dataclass(frozen=True)
class Variant:
    """One combination.

    Attributes:
        changes: ``section.key=value`` each, one for each setting that varies.
        settings: the whole training.
    """

    changes: tuple[str, ...]
    settings: Recipe

    @property
    def name(self) -> str:
        """Of its folder."""
        return ",".join(self.changes)

    @property
    def values(self) -> tuple[str, ...]:
        """Of the settings that vary, as they were given."""
        return tuple(each.partition("=")[2] for each in self.changes)


@dataclass(frozen=True)
class Row:
    """What came out of one variant.

    Attributes:
        variant: what was trained.
        figures: by the names in `COLUMNS`; empty where it is not finished.
    """

    variant: Variant
    figures: Mapping[str, float]


def variants(config: str, axes: Sequence[str], overrides: Sequence[str] = ()) -> list[Variant]:
    """Every combination of the values, the last setting varying fastest.

    Args:
        config: name or path, as for :func:`isn.training.methods.load`.
        axes: ``section.key=value,value`` each.
        overrides: ``section.key=value`` each, the same in all variants.

    Raises:
        ConfigError: an axis names no values, or one twice, or settings that are not to be had.
    """
    choices = [_choices(axis) for axis in axes]
    if not choices:
        raise ConfigError("nothing varies: name a setting and its values, section.key=value,value")
    keys = [each[0].partition("=")[0] for each in choices]
    if len(set(keys)) < len(keys):
        raise ConfigError(f"one setting varies twice among {', '.join(keys)}: name it once")
    return [
        Variant(changes, methods.load(config, [*overrides, *changes]))
        for changes in product(*choices)
    ]


def _choices(axis: str) -> list[str]:
    key, _, text = axis.partition("=")
    values = [each.strip() for each in text.split(",")]
    if not all(values):
        raise ConfigError(f"{axis!r} names no values: write section.key=value,value")
    if len(set(values)) < len(values):
        raise ConfigError(f"{axis!r} names a value twice: name each once")
    return [f"{key.strip()}={value}" for value in values]


def sweep(
    planned: Sequence[Variant],
    out: Path,
    processes: Processes,
    train: Train,
    *,
    start: str = "",
    command: str = "",
    tell: Callable[[str], None] = lambda sentence: None,
) -> list[Row]:
    """Trains what is not finished yet, one after the other; ``sweep.csv`` and ``.md`` follow.

    Args:
        planned: what to train.
        out: folder of all runs.
        processes: this process among those of the trainings; the first one writes.
        train: trains one variant.
        start: what the weights are called that each begins from.
        command: that does all this, for the table.
        tell: told what happens.

    Returns:
        A row for each variant; those after one that was stopped have no figures, unless they were
        finished before.

    Raises:
        ConfigError: a folder holds a training with other settings, or from another start.
    """
    stopped = False
    for number, variant in enumerate(planned, 1):
        run, place = out / variant.name, f"{number} of {len(planned)}: {variant.name}"
        finished, begun = processes.object_from_first(_state(variant, run, start))
        if finished:
            tell(f"{place} is finished already")
        elif not stopped:
            tell(f"{place}, " + ("goes on" if begun else "begins"))
            stopped = not train(variant.settings, run, begun)
        if processes.first:
            write_tables(_rows(planned, out), out, command)
    return processes.object_from_first(_rows(planned, out))


def write_tables(rows: Sequence[Row], out: Path, command: str = "") -> None:
    """Writes ``sweep.csv`` and ``sweep.md`` into a folder.

    Raises:
        OutputError: the folder cannot be written.
    """
    plain = io.StringIO(newline="")
    writer = csv.writer(plain)
    writer.writerow([*axes_of(rows), *COLUMNS])
    for row in rows:
        cells = [row.figures.get(name, "") for name in COLUMNS]
        writer.writerow([*row.variant.values, *cells])
    table = [heads(rows), ["--:"] * len(heads(rows)), *map(cells_of, rows)]
    lines = [f"| {' | '.join(cells)} |" for cells in table]
    intro = [f"    {command}", ""] if command else []
    with checkpoints.writing(out):
        out.mkdir(parents=True, exist_ok=True)
        atomic.write(out / "sweep.csv", plain.getvalue().encode())
        atomic.write(out / "sweep.md", "\n".join([*intro, *lines, ""]).encode())


def axes_of(rows: Sequence[Row]) -> list[str]:
    """The settings that vary."""
    return [each.partition("=")[0] for each in rows[0].variant.changes]


def heads(rows: Sequence[Row]) -> list[str]:
    """Of the columns, for people."""
    return [*axes_of(rows), *(_HEADS.get(name, name) for name in COLUMNS)]


def cells_of(row: Row) -> list[str]:
    """One line of the table, for people; - for what is not finished."""
    forms = {"steps": ".0f", "minutes": ".1f", "container": ".2f", "revealed": ".2f"}
    cells = [
        format(row.figures[name], forms.get(name, ".4f")) if row.figures else "-"
        for name in COLUMNS
    ]
    return [*row.variant.values, *cells]


def _rows(planned: Sequence[Variant], out: Path) -> list[Row]:
    return [Row(each, _figures(out / each.name)) for each in planned]


def _figures(run: Path) -> dict[str, float]:
    training = _training(run)
    if training is None:
        return {}
    photos = training["validation"]["photos"]
    figures = {name: training.get(name, photos.get(name)) for name in COLUMNS}
    missing = [name for name, value in figures.items() if not isinstance(value, int | float)]
    if missing:
        raise _unfinished(run / "model.safetensors", f"{', '.join(missing)} of it are not there")
    return figures


def _state(variant: Variant, run: Path, start: str) -> tuple[bool, bool]:
    """Whether a variant is finished, and whether it was begun.

    Raises:
        ConfigError: its folder holds a training with other settings, or from another start.
    """
    training, folder = _training(run), checkpoints.newest(run)
    if training is not None:
        settings, note = training["settings"], training.get("start", "")
    elif folder is not None:
        state = State.of(checkpoints.read_state(folder), folder)
        settings, note = state.settings, state.start
    else:
        return False, False
    if methods.from_mapping(settings) != variant.settings:
        raise ConfigError(
            f"{run} holds a training with other settings: give the settings of before, or another "
            "folder"
        )
    if note.rpartition(" (")[0] != start:
        raise ConfigError(
            f"{run} holds a training that began from {note or 'no weights'}: give the same "
            "--start, or another folder"
        )
    return training is not None, True


def _training(run: Path) -> dict[str, Any] | None:
    """The metadata of a finished run, of whatever method; None where there is none."""
    path = run / "model.safetensors"
    if not path.is_file():
        return None
    try:
        with safe_open(path, "numpy") as file:
            training: Any = json.loads((file.metadata() or {})["training"])
        whole = isinstance(training["settings"], dict) and isinstance(
            training["validation"]["photos"], dict
        )
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise _unfinished(path, error) from error
    if not whole:
        raise _unfinished(path, "its settings or figures are no tables")
    found: dict[str, Any] = training
    return found


def _unfinished(path: Path, reason: object) -> ModelError:
    return ModelError(
        f"{path} is not the model of a finished training ({reason}): move it away, and it is "
        "trained again"
    )
