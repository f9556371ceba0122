"""`isn evaluate`: the paper's experiments on any folder, next to the alternatives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isn.cli import stores
from isn.cli.common import backend_option, json_option, quiet_option
from isn.cli.failures import FAILED
from isn.cli.progress import progress_bar
from isn.cli.table import Table
from isn.cli.voice import Voice

if TYPE_CHECKING:
    from isn.evaluation.results import Results

NOBODY = "none"
"""Stands for no method, or no baseline, at all."""


def _split(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    del ctx, param
    return None if value is None else tuple(dict.fromkeys(value.replace(" ", "").split(",")))


@click.command()
@click.option(
    "--data",
    "folders",
    multiple=True,
    required=True,
    metavar="FOLDER",
    help="Of images; repeat it for others. One that holds imagenet_*, bsds_* is two domains.",
)
@click.option(
    "--count",
    "counts",
    multiple=True,
    type=click.IntRange(1, 5),
    help="Hidden images in one host; repeat it for more. Default: 1 to 5.",
)
@click.option(
    "--methods",
    multiple=True,
    metavar="NAME|PATH",
    help="Repeat it for more; photos:high is photos with that --secrecy, photos:75 with that "
    "--survive; none leaves them out. Default: all that `isn methods` lists.",
)
@click.option(
    "--baselines",
    multiple=True,
    metavar="NAME|PATH",
    help="lsb-4, avif-1 to avif-3, baluja-1, baluja-2; repeat it for more, or none. Default: all.",
)
@click.option("--crop", type=int, metavar="N", help="Centre crop of N x N. Default: whole images.")
@click.option("--limit", type=int, metavar="N", help="Hosts of each domain. Default: all images.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of hosts and of noise."
)
@click.option(
    "--parts",
    callback=_split,
    metavar="LIST",
    help="Of table,capacity,damage,extremes,detection,cost. Default: all.",
)
@click.option(
    "--sheets",
    type=click.Choice(["data", "demo"]),
    default="data",
    show_default=True,
    help="What the pictures show: your images, or photos that ship with isn.",
)
@backend_option
@click.option("-o", "--output", required=True, metavar="FOLDER", help="For the three reports.")
@json_option
@quiet_option
@click.pass_obj
def evaluate(
    voice: Voice,
    folders: tuple[str, ...],
    counts: tuple[int, ...],
    methods: tuple[str, ...],
    baselines: tuple[str, ...],
    crop: int | None,
    limit: int | None,
    seed: int,
    parts: tuple[str, ...] | None,
    sheets: str,
    backend: str | None,
    output: str,
) -> int:
    """Measure methods on your images, next to what else one might take.

    Writes report.html (one file, pictures inside), report.md and report.json into FOLDER: quality
    of containers and revealed images, quality against the number of hidden images, what is left
    after damage, hard images, what detectors find, and cost. Every figure is taken through the
    8-bit file; images of different kinds are never averaged together.

    Files that cannot be read, and images smaller than the crop, are named, counted and left out.
    Where a method fails on an image, that is named too, the rest is measured and reported, and the
    exit code is 1. The part cost times images of up to 12 megapixels, which takes minutes.

    --json prints what report.json holds, and "files", the paths of the three reports.
    """
    from isn import baselines as others
    from isn.evaluation import adapter, report
    from isn.evaluation.plan import COUNTS, Plan
    from isn.evaluation.results import PARTS
    from isn.evaluation.run import evaluate as measure

    plan = Plan(
        folders,
        tuple(sorted(set(counts))) or COUNTS,
        _chosen(methods),
        _chosen(baselines),
        crop,
        limit,
        seed,
        parts or PARTS,
        backend,
        sheets,
    )
    folder = Path(output)
    # Before the work: the end of an hour is no time to hear that there is no place for the report.
    stores.make_local(folder)
    with progress_bar(voice, "evaluating") as progress:
        results = measure(plan, progress, lambda found: report.write(adapter.study(found), folder))
    if not baselines:
        for sentence in others.missing().values():
            voice.warn(f"left out: {sentence}")
    for domain in results.domains:
        for skip in domain.skipped:
            voice.warn(f"skipped: {skip.reason}")
    for each in results.failures:
        who = " on ".join(filter(None, (each.method, each.what)))
        voice.complain(f"not measured, part {each.part}: {who}: {each.reason}")
    study = adapter.study(results)
    paths, facts = report.write(study, folder), report.facts(study)
    if results.quality:
        voice.report(_table(results))
    for sentence in facts["findings"]:
        voice.report(f"* {sentence}.")
    voice.report("Reports: " + ", ".join(map(str, paths)))
    voice.answer(**facts, files=[os.fspath(path) for path in paths])
    return FAILED if results.failures else 0


def _chosen(names: tuple[str, ...]) -> tuple[str, ...] | None:
    """None stands for all, as where the option was not given."""
    if not names:
        return None
    return tuple(dict.fromkeys(name for name in names if name != NOBODY))


def _table(results: Results) -> Table:
    psnr_and_ssim = ("container dB", "SSIM", "revealed dB", "SSIM")
    titles = ("domain", "images", "method", "hosts", *psnr_and_ssim, "lost")
    table = Table(titles, right=range(3, len(titles)))
    for each in results.quality:
        row = [each.domain, str(each.count), each.method, str(each.summary.groups)]
        for spreads in (each.summary.container, each.summary.revealed):
            psnr, ssim = spreads.get("psnr"), spreads.get("ssim")
            row += [
                f"{psnr.mean:.2f} ± {psnr.deviation:.2f}" if psnr else "-",
                f"{ssim.mean:.4f}" if ssim else "-",
            ]
        table.rows.append([*row, str(each.summary.lost)])
    return table
