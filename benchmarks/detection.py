"""How detectable containers are: the curves, tables and maps of docs/results/detection.md.

    python benchmarks/detection.py PHOTOS
    python benchmarks/detection.py PHOTOS --write

PHOTOS is a folder of images that no training saw, of which the first domain is taken. It is
`isn evaluate --parts detection` for one hidden image, the methods named and every baseline, and the
forensic maps of the demo's photos. The report goes to build/detection; with --write the figures go
to docs/results/detection/, and the tables into docs/results/detection.md, between their marks.

Most of the time goes into training many small networks, two to four seconds of one core each:
of three draws, for every number of leaked pairs, every method and both controls. --limit makes it
shorter: six photos and one baseline took 35 seconds of one core.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from _page import DOCS, put

from isn import baselines, images
from isn.cli import sheet
from isn.cli.demo import demo_photos
from isn.evaluation import adapter, detection, figures, methods, report
from isn.evaluation.document import Section
from isn.evaluation.plan import Plan
from isn.evaluation.results import Results
from isn.evaluation.run import evaluate
from isn.evaluation.sections import sections
from isn.images import Pixels
from isn.steganalysis.residual import anomaly_map, paint

PAGE, FIGURES = DOCS / "results" / "detection.md", DOCS / "results" / "detection"
BEGIN, END = "<!-- begin: benchmarks/detection.py -->", "<!-- end: benchmarks/detection.py -->"


def file_names() -> list[str]:
    """Of the figures, in the order of the report's charts."""
    kinds = [f"{kind}-{name.lower()}" for name in detection.NEEDS for kind in ("roc", "leaks")]
    return ["roc-stegexpose", *kinds]


METHODS = ["photos", "photos:low", "photos:medium", "photos:high", "paper-1"]

SPLICE = (slice(100, 190), slice(150, 280))
"""Where the demo's cat is pasted into its coffee, to show what a map is for."""


def forensic_maps(ours: list[str], names: list[str]) -> Pixels:
    """Host, containers and a splice of the demo's photos, each above its map."""
    host, (hidden,) = demo_photos(1)
    shown = [("host", host)]
    shown += [
        (each.name, methods.hide(each.method, host, [hidden]))
        for each in (*map(methods.shipped, ours), *map(methods.baseline, names))
    ]
    splice = host.copy()
    splice[SPLICE] = images.resize(hidden, *host.shape[:2])[SPLICE]
    shown.append(("host, with a patch pasted in", splice))
    columns, width = [], sheet.fitting(len(shown))
    for name, pixels in shown:
        found = anomaly_map(pixels)
        told = f"map, mean {found.mean():.3f}"
        columns.append([sheet.panel(pixels, name, width), sheet.panel(paint(found), told, width)])
    return sheet.sheet([sheet.row("Where the noise is unlike that of the rest", columns)])


def tables(section: Section) -> str:
    """The section's tables as Markdown, without heading and text."""
    return report.markdown_tables(section.tables).strip()


def write(results: Results, section: Section, ours: list[str], names: list[str]) -> None:
    """Figures and page."""
    FIGURES.mkdir(exist_ok=True)
    called = file_names()
    if len(section.charts) != len(called):
        raise SystemExit(f"{len(section.charts)} charts: install '.[dev]', and give more photos")
    for name, chart in zip(called, section.charts, strict=True):
        (FIGURES / f"{name}.svg").write_text(figures.svg(chart, name) + "\n", "utf-8")
    images.write(FIGURES / "maps.png", forensic_maps(ours, names), overwrite=True)
    place = results.domains[0]
    trained = ", ".join(
        f"{each.name} {each.fingerprint}" for each in results.entrants if each.fingerprint
    )
    curves = "\n\n".join(
        f"![{chart.caption}](detection/{name}.svg)"
        for name, chart in zip(called, section.charts, strict=True)
    )
    maps = "![host, containers and a splice, each above its map](detection/maps.png)"
    about = f"Measured on {place.hosts} photos of {place.name}; {trained}."
    put(PAGE, BEGIN, END, "\n\n".join([about, tables(section), curves, maps]))


def main() -> None:
    """Measures, prints, and writes where it is asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", help="a folder of photos that no training saw")
    parser.add_argument("--methods", nargs="+", metavar="NAME", default=METHODS)
    parser.add_argument("--baselines", nargs="+", metavar="NAME", help="default: all")
    parser.add_argument("--without", nargs="+", metavar="DETECTOR", default=[], help="left out")
    parser.add_argument("--limit", type=int, help="hosts; default: all")
    parser.add_argument("--out", default="build/detection", help="for the report")
    parser.add_argument("--write", action="store_true", help="write the docs' figures and tables")
    words = parser.parse_args()
    for name in words.without:
        del detection.NEEDS[name]
    began = time.monotonic()
    names = [
        name for name in words.baselines or baselines.BASELINES if 1 in baselines.get(name).counts
    ]
    plan = Plan(
        (words.photos,),
        (1,),
        tuple(words.methods),
        tuple(names),
        limit=words.limit,
        parts=("detection",),
    )
    results = evaluate(plan)
    study = adapter.study(results)
    (section,) = (each for each in sections(study) if each.anchor == "detection")
    Path(words.out).mkdir(parents=True, exist_ok=True)
    report.write(study, words.out)
    print(tables(section))
    print("\n".join(f"* {each}." for each in report.facts(study)["findings"]))
    if words.write:
        write(results, section, words.methods, names)
    print(f"{np.ceil((time.monotonic() - began) / 60):.0f} minutes")


if __name__ == "__main__":
    main()
