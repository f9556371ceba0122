"""What `isn analyze` says of one image: as a table, as CSV, and for JSON."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING, Any

from isn.cli.table import Table
from isn.cli.voice import printable

if TYPE_CHECKING:
    from isn.steganalysis.stegexpose import Findings

COLUMNS = (
    *("file", "stego", "hidden_bytes", "primary_sets", "chi_square", "sample_pairs"),
    *("rs_analysis", "fusion", "agreeing", "answering"),
)
"""Of the CSV: StegExpose's own eight in its order, and how many detectors agree of how many."""

TITLES = ("file", "verdict", "agree", "fusion", "sets", "chi", "pairs", "RS", "bytes")
VERDICTS = {True: "stego", False: "nothing", None: "no answer"}


def row(name: str, findings: Findings, file_bytes: int) -> dict[str, Any]:
    """What the detectors found, by `COLUMNS`."""
    values = (
        *(name, findings.stego, findings.hidden_bytes(file_bytes)),
        *(findings.primary_sets, findings.chi_square, findings.sample_pairs),
        *(findings.rs_analysis, findings.fusion, findings.agreeing, len(findings.answers)),
    )
    return dict(zip(COLUMNS, values, strict=True))


def as_csv(rows: list[dict[str, Any]]) -> str:
    """All rows, below their headings."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([printable(row["file"]), *map(_as_java, list(row.values())[1:])])
    return text.getvalue()


def _as_java(value: float | None) -> str:
    """As StegExpose writes it, so that what reads its reports reads these."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return "NaN" if math.isnan(value) else str(value)


def facts(
    row: dict[str, Any], noise: dict[str, float], maps: dict[str, str] | None
) -> dict[str, Any]:
    """A row for JSON, which knows no NaN, its noise, and where its map is if maps were drawn."""
    finite = {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in row.items()
    } | {"jpeg_noise": noise.get(row["file"])}
    return finite | {"map": maps.get(row["file"])} if maps is not None else finite


def cells(row: dict[str, Any]) -> list[str]:
    """A row for people, by `TITLES`."""
    numbers = ("fusion", "primary_sets", "chi_square", "sample_pairs", "rs_analysis")
    estimate = row["hidden_bytes"]
    return [
        printable(row["file"]),
        VERDICTS[row["stego"]],
        f"{row['agreeing']} of {row['answering']}",
        *(_number(row[name]) for name in numbers),
        "-" if estimate is None else str(estimate),
    ]


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return "NaN" if math.isnan(value) else f"{value:.3f}"


def table(cells: list[list[str]]) -> Table:
    """Rows below their headings."""
    return Table(TITLES, right=range(2, len(TITLES)), rows=[*cells])
