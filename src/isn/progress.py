"""How far a long piece of work is: a function that is told a share from 0 to 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Tell: TypeAlias = Callable[[float], None]


def silent(share: float) -> None:
    """Tells nobody."""
    del share


def part(tell: Tell, start: float, end: float) -> Tell:
    """A teller for a part of the work, which goes from one share of the whole to another."""
    return lambda share: tell(start + (end - start) * min(max(share, 0.0), 1.0))
