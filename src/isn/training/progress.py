"""What a run tells while it goes on, and how it is asked to end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from isn.training.validation import Quality


@dataclass(frozen=True)
class Progress:
    """What a run tells while it goes on.

    Attributes:
        share: of the schedule that is done, 0 to 1.
        step: steps done.
        elapsed: seconds of training, over all pieces.
        steps_per_second: lately.
        terms: the last loss and its parts, by name.
        photos: the last validation on photos, or None.
        drawings: the last validation on drawings, or None.
        message: something out of the ordinary, or empty.
        stage: what is going on between steps, or empty.
        done: groups of that stage.
        total: groups of that stage.
    """

    share: float
    step: int
    elapsed: float
    steps_per_second: float
    terms: Mapping[str, float]
    photos: Quality | None = None
    drawings: Quality | None = None
    message: str = ""
    stage: str = ""
    done: int = 0
    total: int = 0


class Stopped(Exception):
    """Somebody asked a run to end while it validated."""
