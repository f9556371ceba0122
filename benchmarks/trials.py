"""Trains variants of `fast` for the same time each, and tabulates what came out of them.

    python benchmarks/trials.py PHOTOS VALIDATION
    python benchmarks/trials.py PHOTOS VALIDATION --only "blocks 8" "blocks 2"
    python benchmarks/trials.py PHOTOS VALIDATION --write

Each trial is `isn train fast` for two hidden images, from fresh weights, on one core, with
something changed; so it says how fast a variant learns, not where it would end. A trial that is
finished in --out is kept, so that the same command goes on with those that are missing. With
--write the table goes into docs/models.md, between its marks.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from _page import put

from isn.paper.config import ModelConfig
from isn.paper.weights import Weights

PAGE = Path(__file__).resolve().parents[1] / "docs" / "models.md"
BEGIN, END = "<!-- begin: benchmarks/trials.py -->", "<!-- end: benchmarks/trials.py -->"

COMMON = (
    "model.hidden_images=2",
    "data.crop=64",
    "data.validation_pairs=16",
    "optimiser.rate=1.5e-3",
    "optimiser.warmup=0.05",
    "loss.container=16",
    "run.autocast=bf16",
    "run.exact_share=0.05",
    "run.validations=0",
)
"""What all trials have in common, beside the config `fast`."""


@dataclass(frozen=True)
class Trial:
    """One variant.

    Attributes:
        about: what is varied.
        name: of the variant; a folder is called so.
        changes: to the common settings.
    """

    about: str
    name: str
    changes: tuple[str, ...] = ()


TRIALS = (
    Trial("nothing", "base"),
    Trial("nothing", "base, seed 2", ("run.seed=2",)),
    Trial("host", "last digits, base 8", ("model.base=8", "loss.lost=0")),
    Trial("host", "base 8, 2 blocks", ("model.base=8", "loss.lost=0", "model.blocks=2")),
    Trial("blocks", "2 blocks", ("model.blocks=2",)),
    Trial("blocks", "8 blocks", ("model.blocks=8",)),
    Trial("dense blocks", "growth 8", ("model.growth=8",)),
    Trial("dense blocks", "growth 32", ("model.growth=32",)),
    Trial("dense blocks", "3 convolutions", ("model.depth=3",)),
    Trial("Haar levels", "0 levels", ("model.levels=0",)),
    Trial("Haar levels", "2 levels", ("model.levels=2",)),
    Trial("log-scale", "clamp 2", ("model.clamp=2.0",)),
    Trial("loss", "container 8", ("loss.container=8",)),
    Trial("loss", "container 32", ("loss.container=32",)),
    Trial("loss", "lost 0", ("loss.lost=0",)),
    Trial("loss", "host 0", ("loss.host=0",)),
    Trial("loss", "revealed charbonnier", ("loss.revealed_distance=charbonnier",)),
    Trial("loss", "straight clamp", ("loss.straight_clamp=true",)),
    Trial("rate", "rate 8e-4", ("optimiser.rate=8e-4",)),
    Trial("rate", "rate 3e-3", ("optimiser.rate=3e-3",)),
    Trial("schedule", "constant", ("optimiser.schedule=constant",)),
    Trial("optimiser", "AdaMax, rate 3e-3", ("optimiser.name=adamax", "optimiser.rate=3e-3")),
    Trial("averaging", "no average", ("optimiser.ema=0",)),
    Trial("batch", "2 crops of 96", ("data.crop=96",)),
    Trial("batch", "1 crop of 64", ("data.batch=1",)),
    Trial("precision", "float32", ("run.autocast=none",)),
    Trial("images", "half recoloured", ("data.recoloured=0.5",)),
    Trial("images", "photos only", ("data.drawings=0", "data.overexposed=0")),
)


@dataclass(frozen=True)
class Outcome:
    """What came out of a trial: steps done, and dB of container and revealed images."""

    trial: Trial
    config: ModelConfig
    steps: int
    container: float
    revealed: float


def command(trial: Trial, options: argparse.Namespace) -> list[str]:
    """What trains it."""
    words = ["isn", "train", "fast", "--data", str(options.photos), "--validation"]
    words += [str(options.validation), "--out", str(options.out / trial.name)]
    words += ["--minutes", f"{options.minutes:g}", "--threads", "1", "--quiet"]
    for change in (*COMMON, *trial.changes):
        words += ["--set", change]
    return words


def outcome(trial: Trial, out: Path) -> Outcome | None:
    """What a finished run measured; None where it is not finished."""
    path = out / trial.name / "model.safetensors"
    if not path.is_file():
        return None
    weights = Weights.load(path)
    photos = weights.training["validation"]["photos"]
    return Outcome(
        trial, weights.config, weights.training["steps"], photos["container"], photos["revealed"]
    )


def run(trial: Trial, options: argparse.Namespace) -> None:
    """Trains it on one core; one that explodes has no outcome."""
    words = command(trial, options)
    print(shlex.join(words), flush=True)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    told = [sys.executable, "-m", *words]
    done = subprocess.run(told, env=environment, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        print(f"  {done.stderr.strip().splitlines()[-1]}", flush=True)


def table(outcomes: Sequence[Outcome]) -> str:
    """The table as Markdown, with the difference to the mean of the unchanged trials."""
    bases = [each for each in outcomes if each.trial.about == TRIALS[0].about]
    container, revealed = (
        sum(getattr(each, side) for each in bases) / len(bases) if bases else float("nan")
        for side in ("container", "revealed")
    )
    lines = [
        "| changed | trial | kMAC a pixel | steps | container, dB | revealed, dB |",
        "| :-- | :-- | --: | --: | --: | --: |",
    ]
    lines += [
        f"| {each.trial.about} | {each.trial.name} "
        f"| {each.config.operations_per_pixel / 1000:.0f} | {each.steps:,} "
        f"| {each.container:.1f} ({each.container - container:+.1f}) "
        f"| {each.revealed:.1f} ({each.revealed - revealed:+.1f}) |"
        for each in outcomes
    ]
    return "\n".join(lines)


def main() -> None:
    """Trains, prints, and writes where it is asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, help="a folder of photos to train on")
    parser.add_argument("validation", type=Path, help="a folder of others")
    parser.add_argument("--minutes", type=float, default=2.0, help="of each trial (2)")
    parser.add_argument("--only", nargs="+", metavar="TRIAL", help="train no others")
    parser.add_argument("--out", type=Path, default=Path("runs/trials"), help="folder of all runs")
    parser.add_argument("--write", action="store_true", help=f"the table of {PAGE.name} too")
    options = parser.parse_args()
    unknown = set(options.only or ()) - {each.name for each in TRIALS}
    if unknown:
        parser.error(f"there is no trial {', '.join(sorted(unknown))}")
    for trial in TRIALS:
        if options.only is not None and trial.name not in options.only:
            continue
        if outcome(trial, options.out) is None:
            run(trial, options)
    found = [each for each in (outcome(trial, options.out) for trial in TRIALS) if each]
    missing = [trial.name for trial in TRIALS if trial not in {each.trial for each in found}]
    said = table(found)
    print(said)
    if missing:
        print(f"no outcome: {', '.join(missing)}")
    if options.write:
        put(PAGE, BEGIN, END, said)


if __name__ == "__main__":
    main()
