"""One table of everything that was measured; a report shows nothing but views of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from isn.evaluation.scores import CEILING

if TYPE_CHECKING:
    from isn.evaluation.results import Results


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
    """

    method: str
    images: int
    domain: str
    host: str
    measure: str
    value: float
    of: int = 1
    deviation: float | None = 0.0


@dataclass(frozen=True, slots=True)
class Stat:
    """Number, mean and standard deviation (None: not known) of some values, and the lowest row."""

    of: int
    mean: float
    deviation: float | None
    lowest: float

    def told(self, digits: int = 1, ceiling: float = math.inf) -> str:
        """Mean ± deviation; of one value that value, and "± ?" where it was not kept.

        Args:
            digits: after the point.
            ceiling: from which on all values are exact: `CEILING` for a PSNR.
        """
        if self.lowest >= ceiling:
            return "exact"
        if self.of == 1:
            return f"{self.mean:.{digits}f}"
        spread = "?" if self.deviation is None else f"{self.deviation:.{digits}f}"
        return f"{self.mean:.{digits}f} ± {spread}"

    @property
    def psnr(self) -> str:
        """The same of a PSNR in dB, to a tenth."""
        return self.told(ceiling=CEILING)


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
        min(row.value for row in found),
    )


@dataclass(frozen=True)
class Study:
    """The table, and what was asked.

    Attributes:
        about: all but its figures: what was asked, what took part, pictures and failures.
        rows: everything that was measured so far.
    """

    about: Results
    rows: tuple[Row, ...]

    @cached_property
    def _cells(self) -> list[list[Row]]:
        """Rows that differ in their host and value alone."""
        found: dict[tuple[str, str, int, str], list[Row]] = {}
        for row in self.rows:
            key = (row.measure, row.method, row.images, row.domain)
            found.setdefault(key, []).append(row)
        return list(found.values())

    def find(self, measure: str, host: str | None = None, **where: Any) -> list[Row]:
        """Rows of a measure, or of all measures below a path, whose columns have these values."""
        return [
            row
            for rows in self._cells
            if f"{rows[0].measure}/".startswith(f"{measure}/")
            and all(getattr(rows[0], column) == value for column, value in where.items())
            for row in rows
            if host in (None, row.host)
        ]

    def stat(self, measure: str, host: str | None = None, **where: Any) -> Stat | None:
        """These rows taken together."""
        return pooled(self.find(measure, host, **where))

    def total(self, measure: str, host: str | None = None, **where: Any) -> int:
        """The sum of a measure that counts."""
        return round(math.fsum(row.value for row in self.find(measure, host, **where)))

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
        return frozenset(each.name for each in self.about.entrants if each.ours)
