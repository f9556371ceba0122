"""Measures every shipped model through its PNG files; --write stores what it found.

    python benchmarks/models.py PHOTOS
    python benchmarks/models.py PHOTOS --paris STREET_VIEWS --threads 2 --write

PHOTOS is a folder of images that no model was trained on. Groups of one host and its hidden images
are drawn from it as `isn evaluate` draws them: centre crops of 256 x 256 (224 x 224 of the street
views, which are little larger), and whole images. PSNR and SSIM are of what a person would hold:
the container as its file has it, and the revealed images in their own sizes. Times are of
`isn.hide` and `isn.reveal`, a median.

With --write the figures go into the zoo's table, which `isn models` shows, and into a page for each
model in docs/models, with the picture of its error; the tables of docs/models.md and the chart of
quality against cost are made from the zoo's.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _model_page import PAGES, PLAIN, Measured, Place, write_page, write_tables
from _photo import photo_like
from isn.paper.weights import Weights

import isn
from isn import zoo
from isn.evaluation import scores
from isn.evaluation.methods import ModelMethod
from isn.evaluation.protocol import Domain, Group, Sample, domain
from isn.paper.backends.onnxruntime import OnnxRuntime

TABLE = Path(zoo.__file__).with_name("models.toml")
PHOTO_SIDE, STREET_SIDE, TIMED_SIDE = 256, 224, 1024
PLAIN_GROUPS = 4


def places(options: argparse.Namespace) -> list[Place]:
    """What the folders hold, cut and whole."""

    def cut(folder: Path, side: int | None) -> Domain:
        return domain(folder, count=5, crop=side, limit=options.pairs)

    found = [
        Place(f"photos, {PHOTO_SIDE} x {PHOTO_SIDE}", "", cut(options.data, PHOTO_SIDE)),
        Place("photos, whole", None, cut(options.data, None)),
    ]
    if options.paris:
        name = f"street views, {STREET_SIDE} x {STREET_SIDE}"
        found += [
            Place(name, "paris", cut(options.paris, STREET_SIDE)),
            Place("street views, whole", None, cut(options.paris, None)),
        ]
    return found


def trial(method: ModelMethod, group: Group) -> scores.Trial:
    """One group through the file."""
    return scores.judge(method, group, *scores.through_file(method, group))


def measure(method: ModelMethod, place: Place, count: int) -> Measured:
    """Every group of a set."""
    groups = (place.images.group(index, count) for index in range(place.images.hosts))
    return Measured(place, count, [trial(method, each) for each in groups])


def plain(method: ModelMethod, place: Place, count: int, level: int) -> scores.Summary:
    """The first groups of a set, their hosts of one level."""
    found = []
    for index in range(min(PLAIN_GROUPS, place.images.hosts)):
        group = place.images.group(index, count)
        host = Sample("plain", np.full_like(group.host.pixels, level))
        found.append(trial(method, replace(group, host=host)))
    return scores.summary(found)


def keyed(prefix: str, summary: scores.Summary, *, worst: bool) -> dict[str, float]:
    """Figures as the zoo's table names them."""
    stem = f"{prefix}_" if prefix else ""
    found = {}
    for side, spreads in (("container", summary.container), ("revealed", summary.revealed)):
        found[f"{stem}{side}_psnr"] = round(spreads["psnr"].mean, 2)
        if worst:
            found[f"{stem}worst_{side}_psnr"] = round(spreads["psnr"].worst, 2)
    return found


def times(weights: Weights, backend: OnnxRuntime, repeats: int) -> dict[str, float]:
    """Seconds that a megapixel takes to hide in and to reveal from; nothing without repeats."""
    if not repeats:
        return {}
    pixels = [
        photo_like(TIMED_SIDE, TIMED_SIDE, k) for k in range(weights.config.hidden_images + 1)
    ]
    container = isn.hide(pixels[0], pixels[1:], model=weights, backend=backend)

    def median(call: Callable[[], object]) -> float:
        taken = []
        for _ in range(repeats):
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
        return round(statistics.median(taken) / (TIMED_SIDE**2 / 1e6), 2)

    return {
        "threads": backend.threads,
        "seconds_per_megapixel_hide": median(
            lambda: isn.hide(pixels[0], pixels[1:], model=weights, backend=backend)
        ),
        "seconds_per_megapixel_reveal": median(
            lambda: isn.reveal(container, model=weights, backend=backend)
        ),
    }


def row(
    path: Path, sets: Sequence[Place], options: argparse.Namespace
) -> tuple[dict[str, Any], list[Measured]]:
    """Everything that is measured of one model: for the table, and for its page."""
    weights, backend = Weights.load(path), OnnxRuntime(options.threads or None)
    method = ModelMethod(path.stem, weights, str(path), backend)
    own = weights.config.hidden_images
    figures: dict[str, Any] = {"hidden_images": own, "fingerprint": method.fingerprint}
    sharing = method.sharing()
    counts = (*method.counts, *(sharing.counts if sharing else ()))
    measured = [measure(method, place, count) for count in counts for place in sets]
    for each in measured:
        if each.place.key is not None:
            shared = f"shared_{each.count}" if each.count != own else ""
            prefix = "_".join(filter(None, (shared, each.place.key)))
            figures |= keyed(prefix, each.summary, worst=not each.place.key)
    for name, level in PLAIN.items():
        figures |= keyed(name, plain(method, sets[0], own, level), worst=False)
    figures |= times(weights, backend, options.repeats)
    return figures | {
        "megabytes": round(path.stat().st_size / 1e6, 2),
        "parameters": weights.config.parameters,
    }, measured


def merged(table: dict[str, Any], rows: dict[str, Any]) -> dict[str, Any]:
    """The table with these rows; what a run did not measure of the same weights is kept."""
    table = dict(table)
    for name, figures in rows.items():
        old = table.get(name, {})
        count = figures["hidden_images"]
        served = any(count in each.get("default_for", ()) for each in table.values())
        new = {"default_for": old.get("default_for", [] if served else [count])} | figures
        same = old.get("fingerprint") == figures["fingerprint"]
        table[name] = old | new if same else new
        if old.get("retired"):
            table[name]["retired"] = True
    return dict(sorted(table.items(), key=lambda each: (each[1]["hidden_images"], each[0])))


def toml(table: dict[str, Any]) -> str:
    """The table as text; every value is a string, a number, a truth or a list, as in JSON."""
    first = ("hidden_images", "fingerprint", "default_for", "retired")
    parts = ["# Measured and written by benchmarks/models.py --write.\n"]
    for name, figures in table.items():
        keys = [*first, *(key for key in figures if key not in first)]
        lines = [f"{key} = {json.dumps(figures[key])}" for key in keys if key in figures]
        parts.append("\n".join([f"[{json.dumps(name)}]", *lines, ""]))
    return "\n".join(parts)


def main() -> int:
    """Measures, prints, and with --write stores."""
    parser = argparse.ArgumentParser(description="Measures every shipped model.")
    parser.add_argument("data", type=Path, help="folder of photos that no model was trained on")
    parser.add_argument("--paris", type=Path, help="folder of Paris StreetView images")
    parser.add_argument("--pairs", type=int, default=24, help="groups of images a set (24)")
    parser.add_argument(
        "--repeats", type=int, default=3, help="of which the median time is; 0 takes no times (3)"
    )
    parser.add_argument("--threads", type=int, default=0, help="0: one for each core (0)")
    parser.add_argument("--only", nargs="+", metavar="MODEL", help="measure no others")
    parser.add_argument("--write", action="store_true", help="the table, the pages and the chart")
    options = parser.parse_args()

    table = tomllib.loads(TABLE.read_text("utf-8"))
    found = {path.stem: path for path in sorted(TABLE.parent.glob("weights/*.safetensors"))}
    absent = sorted({*table, *(options.only or ())} - set(found))
    if absent:
        raise SystemExit(f"there are no weights of {', '.join(absent)} in {TABLE.parent}/weights")
    sets = places(options)
    for name in options.only or found:
        figures, measured = row(found[name], sets, options)
        print(f"\n{name}")
        for key, value in figures.items():
            print(f"  {key:34} {value}", flush=True)
        if options.write:
            # One after the other, so that a run that is cut has stored what it measured, and read
            # again, so that two runs of different models do not undo each other.
            table = merged(tomllib.loads(TABLE.read_text("utf-8")), {name: figures})
            part = TABLE.with_suffix(".part")
            part.write_text(toml(table), "utf-8")
            os.replace(part, TABLE)
            write_page(name, Weights.load(found[name]), table[name], measured)
    if options.write:
        write_tables(table)
        print(f"\nwritten to {TABLE} and {PAGES}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
