"""Where a run stands: the numbers of a checkpoint, checked when they are read back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from isn.errors import ModelError
from isn.training.settings import Recipe


@dataclass
class State:
    """Everything that a run must know to go on, but for its tensors.

    Attributes:
        step: steps done.
        elapsed: seconds of training, over all pieces.
        rate_scale: of the rate, after explosions.
        skipped: steps that were not taken.
        returns: times that the run went back.
        validated: validations done.
        falling: whether the rate of a plateau falls.
        averaged: updates of the averaged weights.
        norms: the last gradient norms.
        recent: whether the last steps exploded.
        start: what the weights began from.
        settings: of the whole training, as :meth:`Recipe.as_dict` gives them.
        sources: what it trains on, as :meth:`isn.training.sources.Record.as_dict` gives it; None
            where a checkpoint does not say.
    """

    step: int
    elapsed: float
    rate_scale: float
    skipped: int
    returns: int
    validated: int
    averaged: int
    norms: list[float]
    recent: list[bool]
    start: str
    settings: dict[str, Any]
    falling: bool = False
    sources: dict[str, Any] | None = None

    @classmethod
    def of(cls, document: Mapping[str, Any], folder: Path) -> State:
        """The state of a checkpoint, as :meth:`as_dict` gave it.

        Args:
            document: from ``state.json``.
            folder: of the checkpoint, for what is said where it is damaged.

        Raises:
            ModelError: something is missing, or cannot be.
        """
        wrong = sorted(name for name, fits in _FITS.items() if not fits(document.get(name)))
        if wrong:
            raise ModelError(
                f"the state in {folder} is damaged ({', '.join(wrong)}): put back a copy of it, or "
                "begin another run"
            )
        return cls(**{name: document[name] for name in _FITS if name in document})

    def as_dict(self) -> dict[str, Any]:
        """What JSON can hold."""
        return asdict(self)


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two trainings' settings, as ``section.key: old -> new``."""
    old, new = _flat(before), _flat(now)
    return [
        f"{key}: {old.get(key, '-')} -> {new.get(key, '-')}"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]


def check_model(settings: Recipe, state: State, run: Path) -> None:
    """Refuses to go on with another model, or with another optimiser, whose state does not fit.

    Raises:
        ModelError: they are not those of the checkpoint.
    """
    ours, settings_then = settings.architecture(), state.settings
    theirs = {name: settings_then.get(name) for name in ours}
    if theirs != ours:
        raise ModelError(
            f"the checkpoint in {run} is of another model ({theirs}), these settings name {ours}: "
            "give the settings of before, or begin another run with --start"
        )
    optimiser = settings_then.get("optimiser")
    name = optimiser.get("name") if isinstance(optimiser, Mapping) else None
    if name != settings.optimiser.name:
        raise ModelError(
            f"the checkpoint in {run} is of the optimiser {name}, these settings name "
            f"{settings.optimiser.name}: keep it, or begin another run with --start"
        )


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for section, values in settings.items():
        if isinstance(values, Mapping):
            # JSON has no tuples.
            flat |= {
                f"{section}.{key}": list(value) if isinstance(value, tuple) else value
                for key, value in values.items()
            }
    return flat


def _count(value: object) -> bool:
    return type(value) is int and value >= 0


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


_FITS = {
    "step": _count,
    "elapsed": _number,
    "rate_scale": _number,
    "skipped": _count,
    "returns": _count,
    "validated": _count,
    "averaged": _count,
    "norms": lambda value: isinstance(value, list) and all(map(_number, value)),
    "recent": lambda value: isinstance(value, list) and all(isinstance(x, bool) for x in value),
    "start": lambda value: isinstance(value, str),
    "settings": lambda value: isinstance(value, dict),
    "falling": lambda value: value is None or isinstance(value, bool),
    "sources": lambda value: value is None or isinstance(value, dict),
}
