"""How close containers and revealed images are, through the 8-bit file: Table 1 and Fig. 6.

PSNR and SSIM (Gaussian window of 11 x 11, sigma 1.5), each in RGB and in the luma Y of BT.601.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from isn import images, metrics
from isn.errors import RevealError
from isn.evaluation import methods
from isn.evaluation.protocol import Group
from isn.images import Pixels
from isn.method import Method

CEILING = 100.0
"""dB; equal images have an infinite PSNR, which no mean survives."""

METRICS = ("psnr", "psnr_y", "ssim", "ssim_y")


@dataclass(frozen=True)
class Score:
    """One image against another.

    Attributes:
        psnr: dB, over RGB, at most `CEILING`.
        psnr_y: dB, of the luma.
        ssim: mean of the three channels.
        ssim_y: of the luma.
    """

    psnr: float
    psnr_y: float
    ssim: float
    ssim_y: float


@dataclass(frozen=True)
class Trial:
    """One group through one method.

    Attributes:
        host: its name.
        hidden: their names.
        container: against the host.
        revealed: each against its original; None for one that is lost.
        payload: bits of the hidden images' samples for each pixel of the host.
    """

    host: str
    hidden: tuple[str, ...]
    container: Score
    revealed: tuple[Score | None, ...]
    payload: float


@dataclass(frozen=True)
class Spread:
    """Of one metric over many images.

    Attributes:
        mean: over the images.
        deviation: standard deviation of these images (not of a sample: divided by their number).
        worst: the lowest.
        images: how many.
    """

    mean: float
    deviation: float
    worst: float
    images: int


@dataclass(frozen=True)
class Summary:
    """Of one method on one domain with one count.

    Attributes:
        groups: how many hosts.
        container: by metric, over the hosts.
        revealed: by metric, over all hidden images that were revealed; empty if all are lost.
        lost: hidden images that did not come back.
        payload: mean bits of hidden samples for each pixel of the host.
    """

    groups: int
    container: dict[str, Spread]
    revealed: dict[str, Spread]
    lost: int
    payload: float


def score(a: Pixels, b: Pixels) -> Score:
    """Scores one uint8 H x W x 3 image against another of that shape.

    Raises:
        ImageError: the shapes differ, or a side is below 11.
    """
    y, z = metrics.luma(a), metrics.luma(b)
    return Score(
        min(metrics.psnr(a, b), CEILING),
        min(metrics.psnr(y, z), CEILING),
        metrics.ssim(a, b),
        metrics.ssim(y, z),
    )


def judge(group: Group, container: Pixels, revealed: Sequence[Pixels | None]) -> Trial:
    """Scores what :func:`through_file` gave for a group."""
    host = group.host.pixels
    originals = [each.pixels for each in group.hidden]
    return Trial(
        group.host.name,
        tuple(each.name for each in group.hidden),
        score(container, host),
        tuple(
            None if back is None else score(back, original)
            for back, original in zip(revealed, originals, strict=True)
        ),
        sum(8 * each.size for each in originals) / (host.shape[0] * host.shape[1]),
    )


def through_file(method: Method, group: Group) -> tuple[Pixels, list[Pixels | None]]:
    """Hides a group in a PNG file; the container as read from it, and what the file reveals.

    What a method gives back at the container's size, since it stores no other, is resized.

    Raises:
        IsnError: the method does not hide these images.
    """
    hidden = [each.pixels for each in group.hidden]
    file = images.encode(methods.hide(method, group.host.pixels, hidden))
    container = images.read(file).pixels
    try:
        shown = methods.reveal(method, container)
    except RevealError:
        return container, [None] * len(hidden)
    return container, [
        images.resize(back, *each.shape[:2]) for back, each in zip(shown, hidden, strict=True)
    ]


def summary(trials: list[Trial]) -> Summary:
    """Mean, deviation and worst over trials, at least one."""
    revealed = [each for one in trials for each in one.revealed]
    return Summary(
        len(trials),
        _spreads(one.container for one in trials),
        _spreads(each for each in revealed if each is not None),
        sum(each is None for each in revealed),
        sum(one.payload for one in trials) / len(trials),
    )


def _spreads(scores: Iterable[Score]) -> dict[str, Spread]:
    rows = [asdict(each) for each in scores]
    return {name: spread([row[name] for row in rows]) for name in METRICS} if rows else {}


def spread(values: list[float]) -> Spread:
    """Mean, deviation and worst of at least one value."""
    mean = math.fsum(values) / len(values)
    variance = math.fsum((each - mean) ** 2 for each in values) / len(values)
    return Spread(mean, math.sqrt(variance), min(values), len(values))
