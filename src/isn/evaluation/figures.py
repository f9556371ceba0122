"""Curves as SVG: legible on paper, on a light and on a dark page, and the same every time."""

from __future__ import annotations

import io
import re
from math import nan
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from isn.evaluation.document import Chart

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
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7.2, 3.0))
        axes = figure.add_axes((0.1, 0.16, 0.6, 0.81))
        coloured = [each for each in chart.curves if each not in chart.quiet]
        for k, each in enumerate(coloured):
            look = (COLOURS[k % 7], _MARKS[(k + k // 7) % 7], _LINES[k // 7 % 3])
            # Side by side, or the crosses of all methods would look like one.
            aside = 0.6 * (k + 0.5) / len(coloured) - 0.3
            _draw(axes, each, chart, look, aside)
        for each in chart.quiet:
            if each in chart.curves:
                _draw(axes, each, chart, (_INK, "o", "--"), 0.0)
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


def _draw(axes: Any, name: str, chart: Chart, look: tuple[str, str, Any], aside: float) -> None:
    colour, mark, line = look
    curve = chart.curves[name]
    values = [nan if each is None else each.mean for each in curve]
    spread = [0.0 if each is None else each.deviation or 0.0 for each in curve]
    bars = {"yerr": spread, "elinewidth": 0.7, "capsize": 2} if any(spread) else {}
    style = {"color": colour, "marker": mark, "linestyle": line, "label": _plain(name)}
    axes.errorbar(range(len(curve)), values, **style, **bars)
    if chart.lost:
        places = [k + aside for k, each in enumerate(curve) if each is None]
        low, bottom = [0.02] * len(places), axes.get_xaxis_transform()
        axes.plot(places, low, color=colour, marker="x", linestyle="", transform=bottom)


def _plain(words: str) -> str:
    # The font has no glyph for every letter, and none for a byte that is no letter. A name that
    # begins with a line would be left out of the legend.
    known = words.encode("ascii", "backslashreplace").decode("ascii").replace("\n", "\\n")
    return known[:_LONGEST].lstrip("_") or "?"


def _alone(text: str, name: str) -> str:
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    return text.replace(_INK, "currentColor").strip()
