"""One table of everything that was measured; a report shows nothing but views of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from isn.evaluation.document import Sheet
    from isn.evaluation.protocol import Domain

CEILING: Final = 100.0
"""dB; equal images have an infinite PSNR, which no mean survives."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measured value.

    Attributes:
        method: its name, or that of a control.
        images: hidden images in one host; 0 for a control.
        domain: what the images are from.
        host: which host or kind of host; "" where the value is of all hosts of the domain.
        measure: a path such as "quality/container/psnr".
        value: of one image, or the mean of several.
        of: how many values that is the mean of.
        deviation: of these values from their mean; None where it was not kept.
        lowest: of these values; None where it was not kept.
    """

    method: str
    images: int
    domain: str
    host: str
    measure: str
    value: float
    of: int = 1
    deviation: float | None = 0.0
    lowest: float | None = None


@dataclass(frozen=True, slots=True)
class Stat:
    """Of some values: their number, mean, standard deviation (None: not known) and lowest."""

    of: int
    mean: float
    deviation: float | None
    lowest: float

    def told(self, digits: int = 1) -> str:
        """Mean ± deviation; of one value that value, and "± ?" where it was not kept."""
        if self.lowest >= CEILING:
            return "exact"
        if self.of == 1:
            return f"{self.mean:.{digits}f}"
        spread = "?" if self.deviation is None else f"{self.deviation:.{digits}f}"
        return f"{self.mean:.{digits}f} ± {spread}"


def pooled(rows: Iterable[Row]) -> Stat | None:
    """The values behind rows taken together, each row as many as it is the mean of.

    Returns:
        None without rows. The deviation is that of the values (divided by their number), and None
        where that of a row is not known.
    """
    found = [row for row in rows if row.of > 0]
    of = sum(row.of for row in found)
    if not of:
        return None
    mean = math.fsum(row.of * row.value for row in found) / of
    squares = [
        row.of * (row.deviation**2 + (row.value - mean) ** 2)
        for row in found
        if row.deviation is not None
    ]
    return Stat(
        of,
        mean,
        math.sqrt(math.fsum(squares) / of) if len(squares) == len(found) else None,
        min(row.value if row.lowest is None else row.lowest for row in found),
    )


@dataclass(frozen=True)
class Entrant:
    """A method, without what it takes to run it.

    Attributes:
        name: of the method.
        title: what it is.
        fingerprint: of a method that was trained, else "".
        ours: whether it is one of this project's.
        counts: the numbers of images that it hides.
    """

    name: str
    title: str
    fingerprint: str
    ours: bool
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Study:
    """What was asked, and the table of what was measured so far.

    Attributes:
        command: the words that make this again, but for ``--parts`` and ``-o``.
        seed: of the grouping and of all chance.
        counts: numbers of hidden images asked for.
        parts: that were asked for, measured already or not.
        versions: of what took part, by name.
        entrants: the methods; the first of ours is what the others are compared with.
        domains: the folders.
        shown: what the pictures, and the natural ones of the hard images, are from.
        rows: the table.
        sheets: pictures, by the part that they belong to.
    """

    command: str
    seed: int
    counts: tuple[int, ...]
    parts: tuple[str, ...]
    versions: dict[str, str]
    entrants: tuple[Entrant, ...]
    domains: tuple[Domain, ...]
    shown: str
    rows: tuple[Row, ...]
    sheets: dict[str, tuple[Sheet, ...]] = field(default_factory=dict)

    @cached_property
    def _measures(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.measure, []).append(row)
        return found

    def find(self, measure: str, **where: Any) -> list[Row]:
        """Rows of a measure, or of all measures below a path, whose columns have these values."""
        return [
            row
            for name, rows in self._measures.items()
            if f"{name}/".startswith(f"{measure}/")
            for row in rows
            if all(getattr(row, column) == value for column, value in where.items())
        ]

    def stat(self, measure: str, **where: Any) -> Stat | None:
        """These rows taken together."""
        return pooled(self.find(measure, **where))

    def total(self, measure: str, **where: Any) -> int:
        """The sum of a measure that counts."""
        return round(math.fsum(row.value for row in self.find(measure, **where)))

    def steps(self, measure: str) -> list[str]:
        """The next words of the measures below a path, each once, in the order of the table."""
        names = (row.measure.removeprefix(f"{measure}/") for row in self.find(measure))
        return list(dict.fromkeys(name.split("/")[0] for name in names))

    def tried(self, measure: str, **where: Any) -> list[tuple[str, int]]:
        """Method and number of images of the rows below a path, each pair once."""
        return list(dict.fromkeys((row.method, row.images) for row in self.find(measure, **where)))

    @property
    def ours(self) -> frozenset[str]:
        """The names of this project's methods."""
        return frozenset(each.name for each in self.entrants if each.ours)
