"""Curves as SVG: legible on paper, on a light and on a dark page, and the same every time."""

from __future__ import annotations

import io
import re
from itertools import cycle
from math import nan
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from isn.evaluation.document import Chart
from isn.evaluation.study import Stat

COLOURS: Final = ("#1b7fc4", "#d2601a", "#0f9070", "#bf5f9c", "#a67c00", "#8262c9", "#c9404f")
"""Each stands out from white and from the dark page alike; marks tell them apart in grey."""

_MARKS: Final = "os^DvPX"
_LINES: Final = ("-", (0, (4, 2)), (0, (1, 1.5)))
_INK: Final = "#010101"
"""What is drawn in it takes the colour of the text around the picture."""

_INKED = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
_STYLE: Final[Any] = {
    **dict.fromkeys((*_INKED, "grid.color"), _INK),
    "svg.hashsalt": "isn",
    "svg.fonttype": "none",
    # A name is not a formula, whatever it holds.
    "text.parse_math": False,
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.alpha": 0.2,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "legend.frameon": False,
}
_LONGEST: Final = 32
"""Letters of a name in a legend."""


def svg(chart: Chart, name: str) -> str:
    """The chart as an ``<svg>`` element that refers to nothing outside itself.

    Args:
        chart: what to draw.
        name: a word that makes its ids differ from those of other charts on the same page.
    """
    looks = cycle((c, m, line) for line in _LINES for c, m in zip(COLOURS, _MARKS, strict=True))
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7.2, 3.0))
        axes = figure.add_axes((0.08, 0.16, 0.62, 0.81))
        for words, curve in chart.curves.items():
            look = (_INK, "o", "--") if words in chart.quiet else next(looks)
            _draw(axes, _plain(words), curve, look, lost=chart.lost)
        axes.set_xticks(range(len(chart.places)), chart.places)
        axes.set_xlim(-0.5, len(chart.places) - 0.5)
        axes.set_xlabel(chart.across)
        axes.set_ylabel(chart.up)
        size = min(8.0, 160 / max(len(chart.curves), 1))
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02), fontsize=size)
        buffer = io.StringIO()
        nobody = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nobody)
    return _alone(buffer.getvalue(), name)


def _draw(axes: Any, name: str, curve: list[Stat | None], look: Any, *, lost: bool) -> None:
    colour, mark, line = look
    values = [nan if each is None else each.mean for each in curve]
    spread = [0.0 if each is None else each.deviation or 0.0 for each in curve]
    bars = {"yerr": spread, "elinewidth": 0.7, "capsize": 2} if any(spread) else {}
    axes.errorbar(
        range(len(curve)), values, color=colour, marker=mark, linestyle=line, label=name, **bars
    )
    crosses = [k for k, each in enumerate(curve) if lost and each is None]
    bottom = [0.02] * len(crosses)
    place = axes.get_xaxis_transform()
    axes.plot(crosses, bottom, color=colour, marker="x", linestyle="", transform=place)


def _plain(words: str) -> str:
    # The font has no glyph for every letter, and none for a byte that is no letter. A name that
    # begins with a line would be left out of the legend.
    known = words.encode("ascii", "backslashreplace").decode("ascii").replace("\n", "\\n")
    return known[:_LONGEST].lstrip("_") or "?"


def _alone(text: str, name: str) -> str:
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    return text.replace(_INK, "currentColor").strip()
