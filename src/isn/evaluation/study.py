"""One table of everything that was measured; a report shows nothing but views of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from isn.evaluation.table import Row, Stat, pooled

if TYPE_CHECKING:
    from isn.evaluation.results import Results


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
    def _cells(self) -> dict[str, list[list[Row]]]:
        """By the paths above it: rows that differ in their host and value alone."""
        found: dict[tuple[str, str, int, str], list[Row]] = {}
        for row in self.rows:
            key = (row.measure, row.method, row.images, row.domain)
            found.setdefault(key, []).append(row)
        below: dict[str, list[list[Row]]] = {}
        for rows in found.values():
            for path in accumulate(rows[0].measure.split("/"), "{}/{}".format):
                below.setdefault(path, []).append(rows)
        return below

    def find(self, measure: str, host: str | None = None, **where: Any) -> list[Row]:
        """Rows of a measure, or of all measures below a path, whose columns have these values."""
        return [
            row
            for rows in self._cells.get(measure, ())
            if all(getattr(rows[0], column) == value for column, value in where.items())
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
