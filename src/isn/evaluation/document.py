"""What a report is made of, whatever it is written as."""

from __future__ import annotations

from dataclasses import dataclass, field

from isn.evaluation.svg import Chart
from isn.images import Pixels


@dataclass(frozen=True)
class Table:
    """Rows of words and numbers.

    Attributes:
        caption: what it shows, a sentence.
        columns: headings; the first `named` columns hold names, the others numbers.
        rows: as many cells each.
        named: how many columns hold names.
        ours: indices of the rows that are this project's.
        better: (row, column) of the cells that have the better figures.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    named: int = 1
    ours: frozenset[int] = frozenset()
    better: frozenset[tuple[int, int]] = frozenset()


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
    """One part of the evaluation.

    Attributes:
        anchor: a word for links.
        title: its heading.
        text: what it shows and how to read it; "" where that is plain.
        tables: its tables.
        charts: its curves, below the tables.
        sheets: its pictures, which a report shows below all tables.
        command: what measures this part alone.
        made_by: the methods that are in it, with the fingerprints of those that were trained.
    """

    anchor: str
    title: str
    text: str = ""
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    command: str = ""
    made_by: str = ""


@dataclass(frozen=True)
class Document:
    """A whole report.

    Attributes:
        title: its heading.
        lead: what it is, a sentence or two.
        headlines: what the figures say, in a few sentences.
        findings: the other sentences, method by method.
        sections: the parts, in order.
    """

    title: str
    lead: str
    headlines: tuple[str, ...]
    findings: tuple[str, ...]
    sections: tuple[Section, ...] = field(default=())
