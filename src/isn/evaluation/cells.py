"""Numbers as the cells of a table show them."""

from __future__ import annotations

from collections.abc import Iterable

from isn.evaluation.cost import Cost
from isn.evaluation.results import Results
from isn.evaluation.scores import CEILING, Spread
from isn.evaluation.sheets import LOST

NONE = "–"
"""Stands in a cell that has no number."""


def spreads(spreads: dict[str, Spread]) -> tuple[str, ...]:
    """Five cells of a metric each: mean and deviation, worst, and three means."""
    if not spreads:
        return (NONE,) * 5
    psnr = spreads["psnr"]
    return (
        f"{psnr.mean:.2f} ± {psnr.deviation:.2f}",
        f"{psnr.worst:.2f}",
        f"{spreads['psnr_y'].mean:.2f}",
        f"{spreads['ssim'].mean:.4f}",
        f"{spreads['ssim_y'].mean:.4f}",
    )


def mean(spreads: dict[str, Spread]) -> str:
    """The mean PSNR, or that there is none."""
    return f"{spreads['psnr'].mean:.1f}" if spreads else LOST


def left(psnr: float | None, lost: int) -> str:
    """The mean PSNR of what came back, and how many did not."""
    if psnr is None:
        return LOST
    return f"{decibels(psnr)} ({lost} lost)" if lost else decibels(psnr)


def decibels(value: float) -> str:
    """A PSNR to a tenth."""
    return "exact" if value >= CEILING else f"{value:.1f}"


def size(height: int, width: int) -> str:
    """A size as people write it: width first."""
    return f"{width} x {height}"


def megabytes(cost: Cost) -> str:
    """Peak memory."""
    return NONE if cost.peak_bytes is None else f"{cost.peak_bytes / 1e6:.0f}"


def images(count: int) -> str:
    """A number of images in words."""
    return "1 image" if count == 1 else f"{count} images"


def hosts(count: int) -> str:
    """A number of hosts in words."""
    return "1 host" if count == 1 else f"{count} hosts"


def share(value: float | None) -> str:
    """A share or an area to a hundredth."""
    return NONE if value is None else f"{value:.2f}"


def span(counts: tuple[int, ...]) -> str:
    """The numbers of images that a method hides."""
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def ours(results: Results, names: Iterable[str]) -> frozenset[int]:
    """Which rows are of this project's models, given the method of each row, or a control."""
    known = {each.name for each in results.entrants if each.ours}
    return frozenset(k for k, name in enumerate(names) if name in known)


def made_by(results: Results, names: Iterable[str]) -> str:
    """Methods in the order given, with the fingerprints of those that were trained."""
    known = {each.name: each for each in results.entrants}
    found = [known[name] for name in dict.fromkeys(names) if name in known]
    return ", ".join(
        f"{each.name} {each.fingerprint}" if each.fingerprint else each.name for each in found
    )
