"""What `--refine` is worth: dB and seconds by the number of steps; --write puts it into the docs.

    python benchmarks/refine.py PHOTOS
    python benchmarks/refine.py PHOTOS --models fast-1 isn-1 --steps 0 10 30 --write

PHOTOS is a folder of images that no model was trained on, of which centre crops of 256 x 256 are
taken as `isn evaluate` takes them. Containers are refined by torch, and revealed from their PNG
files by the default backend.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from _page import put

import isn
from isn import images, zoo
from isn.evaluation.protocol import Domain, domain
from isn.metrics import psnr

PAGE = Path(__file__).resolve().parents[1] / "docs" / "models.md"
BEGIN, END = "<!-- begin: benchmarks/refine.py -->", "<!-- end: benchmarks/refine.py -->"
SIDE = 256


def line(place: Domain, model: str, count: int, steps: int) -> str:
    """One model with so many images and steps, as a line of the table."""
    containers, revealed, seconds = [], [], []
    for index in range(place.hosts):
        group = place.group(index, count)
        host, hidden = group.host.pixels, [each.pixels for each in group.hidden]
        began = time.perf_counter()
        container = isn.hide(host, hidden, model=model, backend="torch", refine=steps)
        seconds.append((time.perf_counter() - began) / (SIDE**2 / 1e6))
        containers.append(psnr(container, host))
        back = isn.reveal(images.encode(container), backend="onnxruntime")
        revealed += [psnr(one, other) for one, other in zip(back, hidden, strict=True)]
    cells = (
        f"`{model}`",
        str(count),
        str(steps),
        f"{statistics.fmean(containers):.1f} / {statistics.fmean(revealed):.1f}",
        f"{min(containers):.1f} / {min(revealed):.1f}",
        f"{statistics.median(seconds):.0f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measures, prints, and writes where it is asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, help="a folder of photos")
    parser.add_argument("--models", nargs="+", default=["fast-1", "fast-2"], metavar="NAME")
    parser.add_argument("--steps", nargs="+", type=int, default=[0, 10, 30])
    parser.add_argument("--hosts", type=int, default=8, help="groups of images (8)")
    parser.add_argument("--write", action="store_true", help="the table of docs/models.md too")
    options = parser.parse_args()
    place = domain(options.photos, count=5, crop=SIDE, limit=options.hosts)
    lines = [
        "| model | images | steps | container / revealed, dB | worst | s/MP |",
        "| :-- | --: | --: | --: | --: | --: |",
    ]
    for model in options.models:
        for steps in options.steps:
            lines.append(line(place, model, zoo.load(model).config.hidden_images, steps))
            print(lines[-1], flush=True)
    if options.write:
        put(PAGE, BEGIN, END, "\n".join(lines))


if __name__ == "__main__":
    main()
