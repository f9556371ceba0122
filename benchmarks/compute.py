"""What hours of training buy: fresh networks of one recipe, each trained for twice the time.

    python benchmarks/compute.py PHOTOS VAL --out runs/compute --write
    python benchmarks/compute.py PHOTOS VAL --out runs/compute --study rates --write

PHOTOS is a folder to train on, VAL one of photos that no training saw. Each network is trained from
nothing for some minutes by the clock, on one thread, its schedule finished; what counts is the
processor time that it had. It is judged through the PNG file on ImageNet photos of VAL, as
`isn evaluate` takes them, 224 x 224. The line is the least-squares fit of what is revealed, in dB,
to the logarithm of hours. What was measured stays in the folder, and is not measured again.

The study `rates` has AdamW and Muon at several rates, for minutes, and the best of each for hours.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from _page import DOCS, put

from isn import method
from isn.evaluation import scores
from isn.evaluation.plan import Plan
from isn.weights import Weights

PAGE = DOCS / "results" / "training.md"
HEAD = ("network", "optimiser", "processor hours", "container", "revealed")
SIDE, HOSTS = 224, 8

THE_PAPERS = 4e17
"""Operations: 500,000 steps of two crops of 144 x 144 by 8 blocks, forwards and backwards."""

PHOTOS_ALONE = ("data.drawings=0", "data.overexposed=0", "optimiser.ema=0.99")
ADAMW = "optimiser.name=adamw"
MUON = ("optimiser.name=muon", "optimiser.rate=1e-3")


@dataclass(frozen=True)
class Series:
    """Networks that differ in the time that they were trained for.

    Attributes:
        network: what they are.
        optimiser: that trained them.
        config: of `isn train`.
        images: that each hides.
        settings: for ``--set``.
        minutes: that each of them is trained for.
    """

    network: str
    optimiser: str
    config: str
    images: int
    settings: tuple[str, ...]
    minutes: tuple[int, ...]

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.network.partition(',')[0]}-{self.optimiser}".lower()


OF_ISN = ("model.planes=2", "data.crop=96", "data.batch=2", "optimiser.ema=0.99")

HOURS = (
    Series("paper-1, 4 blocks", "Muon", "fast", 1, (*PHOTOS_ALONE, *MUON), (6, 12, 24)),
    Series("paper-2, 4 blocks", "Muon", "fast", 2, (*PHOTOS_ALONE, *MUON), (6, 12, 24, 48)),
    Series("paper-2, 4 blocks", "AdamW", "fast", 2, (*PHOTOS_ALONE, ADAMW), (6, 12, 24, 48)),
    Series("isn-2", "AdamW", "isn", 2, OF_ISN, (3, 6, 12)),
)


def _at(optimiser: str, rate: str, minutes: int) -> Series:
    """A paper-2 of the study of rates."""
    chosen = (f"optimiser.name={optimiser.lower()}", f"optimiser.rate={rate}")
    slower = ("optimiser.ema=0.998",) if minutes > 60 else ()
    settings = (*PHOTOS_ALONE, *chosen, *slower)
    name = f"{optimiser}, {rate}"
    return Series("paper-2, 4 blocks", name, "fast", 2, settings, (minutes,))


def _of_isn(rate: str, *minutes: int) -> Series:
    """An isn-2 of the study of rates."""
    settings = (*OF_ISN, "optimiser.name=muon", f"optimiser.rate={rate}")
    return Series("isn-2", f"Muon, {rate}", "isn", 2, settings, minutes)


RATES = (
    *(_at("AdamW", rate, 5) for rate in ("5e-4", "1e-3", "2e-3")),
    *(_at("Muon", rate, 5) for rate in ("5e-4", "1e-3", "2e-3")),
    _at("AdamW", "2e-3", 134),
    _at("Muon", "2e-3", 134),
    _of_isn("1e-3", 3),
    _of_isn("4e-3", 3),
    _of_isn("2e-3", 3, 6, 12),
)
"""The best rate of each is trained for longer."""

STUDIES = {"hours": HOURS, "rates": RATES}


@dataclass(frozen=True)
class Point:
    """What came of one training.

    Attributes:
        hours: of a processor.
        operations: additions and multiplications of its convolutions: of each parameter at each
            cell of a batch, in hiding and revealing, forwards once and backwards twice.
        container: PSNR in dB, with its deviation; so what is revealed.
    """

    hours: float
    operations: float
    container: float
    container_deviation: float
    revealed: float
    revealed_deviation: float


def trained(series: Series, minutes: int, photos: str, validation: str, run: Path) -> float:
    """Trains one network; returns the processor hours that it took."""
    words = ["--hidden-images", str(series.images), "--minutes", str(minutes), "--threads", "1"]
    for each in (*series.settings, "run.validations=0", "data.validation_pairs=8"):
        words += ["--set", each]
    command = [sys.executable, "-m", "isn", "train", series.config, *words]
    command += ["--data", photos, "--validation", validation, "--out", str(run)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 3600


def operations(run: Path) -> float:
    """See :class:`Point`, of crops of 96 x 96 and two of them a step, as `fast` and `isn` have."""
    (last,) = run.glob("checkpoint-*")
    weights = Weights.load(run / "model.safetensors", method.architectures())
    parameters = sum(each.size for each in weights.tensors.values())
    cells = 2 * (96 >> int(weights.config["levels"])) ** 2
    steps = int(last.name.partition("-")[2])
    return float(2 * parameters * cells * 2 * 3 * steps)


def judged(weights: Path, validation: str) -> tuple[float, float, float, float]:
    """PSNR of containers and of what they reveal: mean and deviation of each."""
    chosen = method.of("trained", Weights.load(weights, method.architectures()))
    places = Plan((validation,), crop=SIDE, limit=HOSTS).domains()
    (place,) = (each for each in places if "imagenet" in each.name)
    containers, revealed = [], []
    for index in range(HOSTS):
        group = place.group(index, chosen.counts[0])
        found = scores.judge(group, *scores.through_file(chosen, group))
        containers.append(found.container.psnr)
        revealed += [each.psnr for each in found.revealed if each is not None]
    one, other = scores.spread(containers), scores.spread(revealed)
    return one.mean, one.deviation, other.mean, other.deviation


def point(series: Series, minutes: int, photos: str, validation: str, out: Path) -> Point:
    """One training, measured once."""
    kept = out / f"{series.name}-{minutes}.json"
    if not kept.exists():
        run = out / f"{series.name}-{minutes}"
        hours = trained(series, minutes, photos, validation, run)
        found = Point(hours, operations(run), *judged(run / "model.safetensors", validation))
        kept.write_text(json.dumps(asdict(found)), "utf-8")
    return Point(**json.loads(kept.read_text("utf-8")))


def fit(points: list[Point]) -> tuple[float, float]:
    """What is revealed after an hour, and what ten times the hours add, in dB."""
    logarithms = np.log10([each.hours for each in points])
    slope, level = np.polyfit(logarithms, [each.revealed for each in points], 1)
    return float(level), float(slope)


def lines(series: Series, points: list[Point]) -> list[str]:
    """A series as lines of the table, and its fit."""
    rows = [
        (
            *(series.network, series.optimiser, f"{each.hours:.3f}"),
            f"{each.container:.1f} ± {each.container_deviation:.1f}",
            f"{each.revealed:.1f} ± {each.revealed_deviation:.1f}",
        )
        for each in points
    ]
    if len(points) > 2:
        level, slope = fit(points)
        after = f"**{level:.1f} {slope:+.1f} log10(hours)**"
        rows.append((series.network, series.optimiser, "fit", "", after))
    return [f"| {' | '.join(each)} |" for each in rows]


def said(points: list[Point]) -> str:
    """What the fit of a series says of the training of the paper."""
    level, slope = fit(points)
    hours = THE_PAPERS * points[-1].hours / points[-1].operations
    return (
        f"The paper's networks were trained with some {THE_PAPERS:.0e} operations, which are "
        f"{hours:,.0f} of these hours. There the line of `paper-2` by Muon would be at "
        f"{level + slope * np.log10(hours):.0f} dB, where the paper has 32.2: an extrapolation by "
        f"{np.log10(hours / points[-1].hours):.1f} decades, which shows that lines do not go on."
    )


def arguments(about: str, studies: Iterable[str] = ()) -> argparse.Namespace:
    """What was given to a study of trainings, or to one of several; its folder is there then."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("photos", help="a folder of photos to train on")
    parser.add_argument("validation", help="a folder of photos that no training saw")
    parser.add_argument("--out", type=Path, required=True, help="a folder for runs and figures")
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.name} too")
    if names := list(studies):
        parser.add_argument("--study", choices=names, default=names[0], help=f"({names[0]})")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    return options


def main() -> None:
    """Trains, measures, prints, and writes where it is asked to."""
    options = arguments("What hours of training buy.", STUDIES)
    mark = f"benchmarks/compute.py {options.study}"
    closing: list[str] = []
    table = [f"| {' | '.join(each)} |" for each in (HEAD, (":--", ":--", "--:", "--:", "--:"))]
    for series in STUDIES[options.study]:
        points = [
            point(series, each, options.photos, options.validation, options.out)
            for each in series.minutes
        ]
        table += lines(series, points)
        print("\n".join(table[-len(points) - 1 :]), flush=True)
        if (series.network, series.optimiser) == ("paper-2, 4 blocks", "Muon"):
            closing = ["", said(points)]
    if options.write:
        begin, end = (f"<!-- {each}: {mark} -->" for each in ("begin", "end"))
        put(PAGE, begin, end, "\n".join([*table, *closing]))


if __name__ == "__main__":
    main()
