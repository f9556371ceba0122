"""Curves as small SVG pictures: points at named places, one line for each method."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#444444")
"""Okabe and Ito's, which people who see few colours can tell apart."""

REFERENCE = "#8a8a8a"

_WIDTH, _HEIGHT = 680, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 190, 18, 46


@dataclass(frozen=True)
class Series:
    """One curve.

    Attributes:
        name: of the method.
        values: one for each place of the chart; None where there is no point.
        lost: places where the method was tried and nothing came back: a cross at the bottom.
        reference: whether it is a published curve, drawn grey and dashed.
    """

    name: str
    values: tuple[float | None, ...]
    lost: frozenset[int] = frozenset()
    reference: bool = False


@dataclass(frozen=True)
class Chart:
    """Curves over named places.

    Attributes:
        caption: what it shows.
        across: what the horizontal axis counts.
        up: what the vertical axis counts.
        places: labels along the horizontal axis.
        series: the curves.
    """

    caption: str
    across: str
    up: str
    places: tuple[str, ...]
    series: tuple[Series, ...]


def draw(chart: Chart) -> str:
    """The chart as an ``<svg>`` element without scripts, fonts or links of its own."""
    low, high, step = _axis([v for each in chart.series for v in each.values if v is not None])
    plot = _Plot(len(chart.places), low, high)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"',
        f'aria-label="{escape(chart.caption)}" font-family="system-ui, sans-serif"',
        'font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
    ]
    for k in range(round((high - low) / step) + 1):
        parts += _level(plot, low + k * step)
    for k, label in enumerate(chart.places):
        parts.append(_text(plot.x(k), _HEIGHT - _BOTTOM + 18, label, "middle"))
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(_text(middle, _HEIGHT - 8, chart.across, "middle", "#555555"))
    parts.append(
        f'<text transform="translate(13 {(_TOP + _HEIGHT - _BOTTOM) / 2:.1f}) rotate(-90)" '
        f'text-anchor="middle" fill="#555555">{escape(chart.up)}</text>'
    )
    room = min(20, (_HEIGHT - _TOP - 12) / max(1, len(chart.series)))
    for k, each in enumerate(chart.series):
        colour = REFERENCE if each.reference else COLOURS[k % len(COLOURS)]
        # Side by side, or the crosses of all methods would look like one.
        dash = _dash(each, k)
        parts += _curve(plot, each, colour, dash, 9 * (k - (len(chart.series) - 1) / 2))
        parts += _legend(each, colour, dash, _TOP + 8 + room * k)
    return "\n".join([*parts, "</svg>"])


def _dash(series: Series, number: int) -> str:
    """What tells a published curve, and one whose colour is there already, from the others."""
    if series.reference:
        return ' stroke-dasharray="5 4"'
    return ' stroke-dasharray="2 3"' if number >= len(COLOURS) else ""


@dataclass(frozen=True)
class _Plot:
    places: int
    low: float
    high: float

    def x(self, place: int) -> float:
        room = _WIDTH - _LEFT - _RIGHT
        return _LEFT + room * (place + 0.5) / max(self.places, 1)

    def y(self, value: float) -> float:
        room = _HEIGHT - _TOP - _BOTTOM
        return _TOP + room * (self.high - value) / (self.high - self.low)


def _axis(values: list[float]) -> tuple[float, float, float]:
    """Lowest and highest level and the step between levels: four to seven of them."""
    if not values:
        return 0, 50, 10
    low, high = min(values), max(values)
    step = next((s for s in (1, 2, 5, 10, 20) if (high - low) / s <= 6), 50)
    low, high = step * math.floor(low / step), step * math.ceil(high / step)
    return low, max(high, low + step), step


def _level(plot: _Plot, value: float) -> list[str]:
    y = plot.y(value)
    return [
        f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#e4e4e4"/>',
        _text(_LEFT - 7, y + 4, f"{value:g}", "end", "#555555"),
    ]


def _curve(plot: _Plot, series: Series, colour: str, dash: str, aside: float) -> list[str]:
    parts = []
    points = [
        (plot.x(k), plot.y(value)) if value is not None else None
        for k, value in enumerate(series.values)
    ]
    for run in _runs(points):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in run)
        if len(run) > 1:
            parts.append(
                f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
            )
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2" fill="{colour}"/>' for x, y in run]
    parts += [_cross(plot.x(k) + aside, _HEIGHT - _BOTTOM - 5, colour) for k in sorted(series.lost)]
    return parts


def _runs(points: list[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if run]


def _legend(series: Series, colour: str, dash: str, y: float) -> list[str]:
    x = _WIDTH - _RIGHT + 14
    return [
        (
            f'<line x1="{x}" y1="{y}" x2="{x + 22}" y2="{y}" stroke="{colour}" '
            f'stroke-width="2"{dash}/>'
        ),
        f'<circle cx="{x + 11}" cy="{y}" r="3.2" fill="{colour}"/>',
        _text(x + 29, y + 4, series.name, "start"),
    ]


def _cross(x: float, y: float, colour: str) -> str:
    return (
        f'<path d="M{x - 3.5:.1f} {y - 3.5:.1f}l7 7m0 -7l-7 7" stroke="{colour}" stroke-width="2" '
        'fill="none"/>'
    )


def _text(x: float, y: float, words: str, anchor: str, colour: str = "#222222") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">'
        f"{escape(words)}</text>"
    )
