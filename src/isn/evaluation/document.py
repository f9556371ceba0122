"""What a report is made of, whatever it is written as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from isn.evaluation.table import Stat
from isn.images import Pixels

NONE: Final = "–"
"""Stands in a cell that has no number."""

LOST: Final = "no picture"
"""Stands where nothing was revealed."""


@dataclass(frozen=True)
class Table:
    """Rows of words and numbers.

    Attributes:
        caption: what it shows, a sentence.
        columns: headings; the first `named` columns hold names, the others numbers.
        rows: as many cells each.
        named: how many columns hold names.
        ours: what stands first in the rows of this project's methods, which stand out.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    named: int = 1
    ours: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Chart:
    """Curves over named places.

    Attributes:
        caption: what it shows.
        across: what the horizontal axis counts.
        up: what the vertical axis counts.
        places: labels along the horizontal axis.
        curves: by name, a point for each place, with its deviation; None where there is none.
        lost: whether None means that nothing came back, which is shown as a cross at the bottom.
        quiet: names of curves without colour: of the paper, and of controls.
    """

    caption: str
    across: str
    up: str
    places: tuple[str, ...]
    curves: dict[str, list[Stat | None]]
    lost: bool = False
    quiet: tuple[str, ...] = ()


@dataclass(frozen=True)
class Panel:
    """One picture of a sheet.

    Attributes:
        pixels: uint8, H x W x 3; None for one that is lost.
        label: what stands below it.
        role: "host" or "hidden", which gives it the paper's blue or orange border, or "error".
    """

    pixels: Pixels | None
    label: str
    role: str


@dataclass(frozen=True)
class Sheet:
    """Rows of pictures, each row under a name."""

    caption: str
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]


@dataclass(frozen=True)
class Section:
    """One part of the evaluation; what it shows and how to read it is said in the templates.

    Attributes:
        anchor: a word for links, and its text's name in the templates.
        title: its heading.
        tables: its tables.
        charts: its curves, below the tables.
        sheets: its pictures, which a report shows below all tables.
        command: what measures this part alone.
        made_by: the methods that are in it, with the fingerprints of those that were trained.
        measured: whether it is, or is still to be.
    """

    anchor: str
    title: str
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    command: str = ""
    made_by: str = ""
    measured: bool = True
