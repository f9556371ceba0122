"""How close containers and revealed images are, through the 8-bit file: Table 1 and Fig. 6.

PSNR and SSIM (Gaussian window of 11 x 11, sigma 1.5), each in RGB and in the luma Y of BT.601.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from isn import images, metrics
from isn.errors import ImageError
from isn.evaluation.methods import Method
from isn.evaluation.protocol import Group
from isn.images import Pixels

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
        carried: each against the original as it was resized for hiding; None where lost.
        resized: whether any hidden image had to be resized.
        payload: bits of the hidden images' samples for each pixel of the host.
    """

    host: str
    hidden: tuple[str, ...]
    container: Score
    revealed: tuple[Score | None, ...]
    carried: tuple[Score | None, ...]
    resized: bool
    payload: float


@dataclass(frozen=True)
class Spread:
    """Of one metric over many images.

    Attributes:
        mean: over the images.
        deviation: standard deviation of these images (not of a sample: divided by their number).
        worst: the lowest.
    """

    mean: float
    deviation: float
    worst: float


@dataclass(frozen=True)
class Summary:
    """Of one method on one domain with one count.

    Attributes:
        groups: how many hosts.
        container: by metric, over the hosts.
        revealed: by metric, over all hidden images that were revealed; empty if all are lost.
        carried: the same, against what was really hidden; empty where nothing was resized.
        lost: hidden images that did not come back.
        payload: mean bits of hidden samples for each pixel of the host.
    """

    groups: int
    container: dict[str, Spread]
    revealed: dict[str, Spread]
    carried: dict[str, Spread]
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


def judge(
    method: Method, group: Group, container: Pixels, revealed: Sequence[Pixels | None]
) -> Trial:
    """Scores what :func:`through_file` gave for a group."""
    host = group.host.pixels
    size = (host.shape[0], host.shape[1])
    originals = [each.pixels for each in group.hidden]
    carried = method.carried(originals, size)
    resized = any(
        kept is not each and (kept != each).any()
        for kept, each in zip(carried, originals, strict=True)
    )
    scores = tuple(
        None if back is None else score(back, original)
        for back, original in zip(revealed, originals, strict=True)
    )
    return Trial(
        group.host.name,
        tuple(each.name for each in group.hidden),
        score(container, host),
        scores,
        tuple(
            None if back is None else score(back, kept)
            for back, kept in zip(revealed, carried, strict=True)
        )
        if resized
        else scores,
        resized,
        sum(8 * each.size for each in originals) / (size[0] * size[1]),
    )


def through_file(method: Method, group: Group) -> tuple[Pixels, list[Pixels | None]]:
    """Hides a group in a PNG file; the container as read from it, and what the file reveals.

    Raises:
        ImageError: the method revealed a picture of another size than the hidden one.
    """
    hidden = [each.pixels for each in group.hidden]
    file = images.encode(method.hide(group.host.pixels, hidden))
    sizes = [(each.shape[0], each.shape[1]) for each in hidden]
    revealed = method.reveal(file, sizes)
    for back, size in zip(revealed, sizes, strict=True):
        if back is not None and back.shape[:2] != size:
            raise ImageError(
                f"{method.name} revealed {back.shape[:2]} where {size} was hidden: "
                "a method must give images back in their own size"
            )
    return images.read(file).pixels, revealed


def summary(trials: list[Trial]) -> Summary:
    """Mean, deviation and worst over trials, at least one."""
    revealed = [each for one in trials for each in one.revealed]
    carried = [each for one in trials for each in one.carried]
    return Summary(
        len(trials),
        _spreads(one.container for one in trials),
        _spreads(each for each in revealed if each is not None),
        _spreads(each for each in carried if each is not None)
        if any(one.resized for one in trials)
        else {},
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
    return Spread(mean, math.sqrt(variance), min(values))
