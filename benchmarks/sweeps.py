"""The paper's Tables 2 and 3 as trends: what the weights of the loss and more blocks do.

    python benchmarks/sweeps.py PHOTOS VAL --out runs/sweeps
    python benchmarks/sweeps.py PHOTOS VAL --out runs/sweeps --write

PHOTOS is a folder to train on, VAL one of photos that no training saw. Every network begins with
what ships of its number of images; blocks that it has not begin as the identity, and get half of
the steps, which is as much processor time. It is judged as by `compute.py`. What was trained and
measured stays in the folder, and is not done again.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from _page import put
from compute import ADAMW, PAGE, PHOTOS_ALONE, arguments, judged

BEGIN, END = "<!-- begin: benchmarks/sweeps.py -->", "<!-- end: benchmarks/sweeps.py -->"
BLOCKS, STEPS = 8, 120
"""Of what ships, and of its training here."""

SETTINGS = (
    *PHOTOS_ALONE[:2],
    *("optimiser.ema=0.98", "optimiser.rate=3e-4", ADAMW),
    *("run.validations=0", "data.validation_pairs=8"),
)

Row = tuple[float, float, float, float]
"""PSNR in dB of containers and of what is revealed: mean and deviation of each."""


@dataclass(frozen=True)
class Sweep:
    """Networks that differ in the container's weight alone.

    Attributes:
        images: that they hide.
        blocks: that they have.
        paper: what the paper has, in dB by weight.
    """

    images: int
    blocks: int
    paper: dict[int, str]

    @property
    def name(self) -> str:
        """At the head of its column."""
        images = f"{self.images} image" + "s" * (self.images > 1)
        return images if self.images < 4 else f"{images}, {self.blocks} blocks"


_ONE = {2: "27.6 / 41.4", 4: "29.1 / 42.3", 8: "33.3 / 41.2"}
_TWO = {2: "27.1 / 38.0", 4: "28.8 / 38.2", 8: "29.9 / 37.5"}

ALL = (
    Sweep(1, BLOCKS, _ONE | {16: "35.6 / 42.0", 32: "40.5 / 43.3", 64: "42.4 / 40.7"}),
    Sweep(2, BLOCKS, _TWO | {16: "35.5 / 39.3", 32: "37.6 / 38.9", 64: "39.1 / 39.1"}),
    Sweep(4, BLOCKS, {4: "27.6 / 32.9", 32: "33.6 / 31.6", 64: "36.5 / 31.1"}),
    Sweep(4, 2 * BLOCKS, {4: "27.0 / 34.7", 32: "34.6 / 33.2", 64: "36.0 / 33.0"}),
)


def trained(sweep: Sweep, photos: str, validation: str, run: Path) -> None:
    """Trains all of a sweep, as far as that is not done."""
    weights = ",".join(map(str, sweep.paper))
    words = ["--start", f"paper-{sweep.images}", "--hidden-images", str(sweep.images)]
    words += ["--vary", f"loss.container={weights}", "--steps", str(STEPS * BLOCKS // sweep.blocks)]
    for each in (*SETTINGS, f"model.blocks={sweep.blocks}"):
        words += ["--set", each]
    words += ["--data", photos, "--validation", validation, "--threads", "1", "--out", str(run)]
    subprocess.run([sys.executable, "-m", "isn", "sweep", "fast", *words], check=True)


def measured(sweep: Sweep, photos: str, validation: str, out: Path) -> dict[int, Row]:
    """What came of a sweep, by weight; measured once."""
    run = out / f"paper-{sweep.images}-{sweep.blocks}"
    kept = run.with_suffix(".json")
    if not kept.exists():
        trained(sweep, photos, validation, run)
        found = {
            weight: judged(run / f"loss.container={weight}" / "model.safetensors", validation)
            for weight in sweep.paper
        }
        kept.write_text(json.dumps(found), "utf-8")
    rows = json.loads(kept.read_text("utf-8"))
    return {int(weight): tuple(row) for weight, row in rows.items()}


def table(found: Sequence[tuple[Sweep, dict[int, Row]]]) -> list[str]:
    """Sweeps side by side, and what the paper has."""
    ours, papers = ([f"{whose}{each.name}" for each, _ in found] for whose in ("", "the paper, "))
    lines = [f"| `loss.container` | {' | '.join([*ours, *papers])} |"]
    lines += [f"| --: |{' --: |' * (2 * len(found))}"]
    for weight in found[0][1]:
        cells = []
        for _, rows in found:
            container, one, revealed, other = rows[weight]
            cells.append(f"{container:.1f} ± {one:.1f} / {revealed:.1f} ± {other:.1f}")
        cells += [each.paper[weight] for each, _ in found]
        lines.append(f"| {weight} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Trains, measures, prints, and writes where it is asked to."""
    options = arguments("The paper's Tables 2 and 3 as trends.")
    found = [measured(each, options.photos, options.validation, options.out) for each in ALL]
    pairs = list(zip(ALL, found, strict=True))
    lines = [*table(pairs[:2]), "", *table(pairs[2:])]
    print("\n".join(lines))
    if options.write:
        put(PAGE, BEGIN, END, "\n".join(lines))


if __name__ == "__main__":
    main()
