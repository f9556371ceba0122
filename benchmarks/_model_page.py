"""What the docs say of the models: a page each, tables of all, the chart of quality and cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _page import put
from isn.paper.weights import Weights
from PIL import Image

import isn
from isn.cli import sheet
from isn.cli.demo import demo_photos
from isn.evaluation import scores
from isn.evaluation.protocol import Domain
from isn.images import Pixels
from isn.paper.config import MAX_HIDDEN, ModelConfig

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = DOCS / "models"
BEGIN, END = "<!-- begin: benchmarks/models.py -->", "<!-- end: benchmarks/models.py -->"
WORST = 3
"""Pairs that a page names."""

PLAIN = {"white": 255, "black": 0}
"""Hosts of one level: nothing to hide behind."""

WORDS = """\
# {name}

Hides {count} at full size{carried}. {taken}{blocks} blocks, whose dense subnets have {depth}
convolutions of growth {growth}, on {levels} Haar level{s}. {millions:.2f} M parameters in
{megabytes} MB. A megapixel takes {gmac:.0f} billion multiply-adds: {seconds_per_megapixel_hide} s
to hide, {seconds_per_megapixel_reveal} s to reveal, on {threads} CPU threads. Fingerprint
`{fingerprint}`. This page is written by `benchmarks/models.py`.

![host, container, their difference times {gain}, hidden, revealed]({name}-error.webp)

Through the PNG file, mean over images and in parentheses the worst one. PSNR in dB, of RGB and of
luma; SSIM of RGB, Gaussian window of 11 x 11. Several images share the room of one host.

| images | of | hosts | container PSNR | PSNR Y | SSIM | revealed PSNR | PSNR Y | SSIM |
| --: | :-- | --: | --: | --: | --: | --: | --: | --: |
{quality}

In a host of pure white: {white_container_psnr:.1f} / {white_revealed_psnr:.1f} dB; of pure black:
{black_container_psnr:.1f} / {black_revealed_psnr:.1f} dB.

The worst pairs of {first}:

| host | hidden | container, dB | revealed, dB |
| :-- | :-- | --: | --: |
{worst}

Its last piece of training, as its file says; commands and curves of all pieces are in
[models.md](../models.md#how-they-were-trained).

{training}
"""


@dataclass(frozen=True)
class Place:
    """A set of images to measure on.

    Attributes:
        name: what the pages call it.
        key: what its figures are called in the zoo's table; "" for the ones without a prefix, None
            for those that are on the pages alone.
        images: the hosts and what is hidden in them.
    """

    name: str
    key: str | None
    images: Domain


@dataclass(frozen=True)
class Measured:
    """One model on one set, with one number of images."""

    place: Place
    count: int
    trials: list[scores.Trial]

    @property
    def summary(self) -> scores.Summary:
        """Means and worst."""
        return scores.summary(self.trials)


def write_page(
    name: str, weights: Weights, figures: dict[str, Any], measured: Sequence[Measured]
) -> None:
    """A model's page, and the picture on it."""
    config, counts = weights.config, figures.get("default_for", [])
    taken = f"Taken for {', '.join(map(str, counts))} where no model is named. " if counts else ""
    text = WORDS.format_map(
        figures
        | {
            "name": name,
            "count": _count(config),
            "taken": taken,
            "carried": _carried(config),
            "blocks": config.blocks,
            "depth": config.depth,
            "growth": config.growth,
            "levels": config.levels,
            "s": "s" * (config.levels != 1),
            "millions": config.parameters / 1e6,
            "gmac": config.operations_per_pixel / 1000,
            "gain": sheet.ERROR_GAIN,
            "quality": "\n".join(map(_quality, measured)),
            "first": measured[0].place.name,
            "worst": "\n".join(_worst(measured[0])),
            "training": "\n".join(_training(weights)),
        }
    )
    (PAGES / f"{name}.md").write_text(text, "utf-8")
    Image.fromarray(_picture(weights)).save(PAGES / f"{name}-error.webp", quality=80)


def _count(config: ModelConfig) -> str:
    if config.prior is not None:
        return f"1 to {MAX_HIDDEN} images"
    return "one image" if config.hidden_images == 1 else f"{config.hidden_images} images"


def _carried(config: ModelConfig) -> str:
    if config.base is None:
        return ""
    what = "" if config.prior is None else "their code "
    return f", {what}carried by the last digits of the host to the base {config.base}"


def _quality(measured: Measured) -> str:
    summary = measured.summary
    cells = [str(measured.count), measured.place.name, str(summary.groups)]
    for side in (summary.container, summary.revealed):
        cells += [
            f"{spread.mean:.{places}f} ({spread.worst:.{places}f})"
            for spread, places in ((side["psnr"], 1), (side["psnr_y"], 1), (side["ssim"], 3))
        ]
    return f"| {' | '.join(cells)} |"


def _worst(measured: Measured) -> Iterator[str]:
    pairs = sorted(
        (back.psnr, each.container.psnr, each.host, hidden)
        for each in measured.trials
        for hidden, back in zip(each.hidden, each.revealed, strict=True)
        if back is not None
    )
    for revealed, container, host, hidden in pairs[:WORST]:
        yield f"| {host} | {hidden} | {container:.1f} | {revealed:.1f} |"


def _training(weights: Weights) -> Iterator[str]:
    for key in ("data", "start", "steps", "minutes", "device", "torch", "date"):
        if weights.training.get(key):
            yield f"* {key}: {weights.training[key]}"


def _picture(weights: Weights) -> Pixels:
    """The demo's photos: what the model changes in the host, fifty times enlarged."""
    host, hidden = demo_photos(weights.config.hidden_images)
    container = isn.hide(host, hidden, model=weights)
    revealed = isn.reveal(container, model=weights)
    shown = [
        (host, "host"),
        (container, "container"),
        (sheet.error(container, host), f"difference x {sheet.ERROR_GAIN}"),
        (hidden[-1], f"hidden {len(hidden)}"),
        (revealed[-1], f"revealed {len(hidden)}"),
    ]
    count = len(hidden)
    title = "One photo hidden in another" if count == 1 else f"{count} photos hidden in one"
    return sheet.sheet([sheet.row(title, [[sheet.panel(*each)] for each in shown])])


MODELS = (
    *("model", "images", "default for", "val", "worst", "Paris", "white host", "black host"),
    *("M parameters", "MB", "hide, s/MP", "reveal, s/MP"),
)
SHARED = ("images", "model", "val", "worst", "Paris")


def write_tables(table: dict[str, Any]) -> None:
    """The tables of docs/models.md, and the chart below them."""
    stems = ("", "worst_", "paris_")
    shared = [
        (count, _link(name), *(_pair(figures, f"shared_{count}_{stem}") for stem in stems))
        for name, figures in table.items()
        for count in figures["default_for"]
        if count > figures["hidden_images"]
    ]
    said = [*_rows(MODELS, [_line(name, figures) for name, figures in table.items()])]
    if shared:
        said += ["", "Several images of a model that hides one, or more than it hides:"]
        said += ["", *_rows(SHARED, sorted(shared))]
    put(DOCS / "models.md", BEGIN, END, "\n".join(said))
    _draw_chart(table)


def _line(name: str, figures: dict[str, Any]) -> tuple[Any, ...]:
    return (
        _link(name),
        figures["hidden_images"],
        ", ".join(map(str, figures["default_for"])) or "–",
        *(_pair(figures, stem) for stem in ("", "worst_", "paris_", "white_", "black_")),
        f"{figures['parameters'] / 1e6:.2f}",
        figures["megabytes"],
        figures["seconds_per_megapixel_hide"],
        figures["seconds_per_megapixel_reveal"],
    )


def _link(name: str) -> str:
    return f"[`{name}`](models/{name}.md)"


def _pair(figures: dict[str, Any], stem: str) -> str:
    sides = (figures.get(f"{stem}{side}_psnr") for side in ("container", "revealed"))
    return " / ".join("–" if each is None else f"{each:.1f}" for each in sides)


def _rows(head: Sequence[str], lines: Sequence[Sequence[Any]]) -> Iterator[str]:
    for line in (head, ["---"] * len(head), *lines):
        yield f"| {' | '.join(map(str, line))} |"


def _draw_chart(table: dict[str, Any]) -> None:
    """PSNR of every model against its seconds a megapixel, and against its parameters."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter, ScalarFormatter

    figure = Figure(figsize=(9, 8), layout="constrained")
    charts = figure.subplots(2, 2, sharex="col", sharey="row")
    costs = (
        ("seconds_per_megapixel_hide", 1, "seconds to hide in a megapixel"),
        ("parameters", 1e6, "parameters, millions"),
    )
    for row, side in enumerate(("container", "revealed")):
        charts[row, 0].set_ylabel(f"{side} PSNR, dB")
        for column, (cost, unit, label) in enumerate(costs):
            axes = charts[row, column]
            for number, point in enumerate(_points(table, f"{side}_psnr")):
                name, count, key, told = point
                at = table[name][cost] / unit, table[name][key]
                own = count == table[name]["hidden_images"]
                axes.plot(*at, f"C{count - 1}o", fillstyle="full" if own else "none")
                axes.annotate(
                    told, at, xytext=(7, (-4, 8, -16)[number % 3]), textcoords="offset points"
                )
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(ScalarFormatter())
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_xticks(_ticks(axes.get_xlim()))
            axes.grid(alpha=0.3)
            axes.margins(0.2, 0.1)
            if row == 1:
                axes.set_xlabel(label)
    figure.savefig(PAGES / "cost.png", dpi=100)


def _points(table: dict[str, Any], key: str) -> Iterator[tuple[str, int, str, str]]:
    """Model, number of images, what that figure is called, and what to write beside it."""
    for name, figures in table.items():
        own = figures["hidden_images"]
        if not figures.get("retired"):
            yield name, own, key, name
        shared = [count for count in figures["default_for"] if count > own]
        for k, count in enumerate(shared):
            # They lie close together: one label for all.
            whole = f"{name}, {', '.join(map(str, shared))} images"
            yield name, count, f"shared_{count}_{key}", whole if k == len(shared) // 2 else ""


def _ticks(limits: tuple[float, float]) -> list[float]:
    steps = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
    return [each for each in steps if limits[0] <= each <= limits[1]]
