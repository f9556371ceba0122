"""One flat table of all that was measured, and what its rows have in common."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from isn.evaluation.scores import CEILING


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
