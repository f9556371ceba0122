"""What `--refine` is worth: dB and processor seconds by steps; --write puts it into the docs.

    python benchmarks/refine.py VAL
    python benchmarks/refine.py VAL --methods paper-1 paper-2 --steps 0 10 30 --write

VAL is a folder of images that no training saw, of which centre crops of 256 x 256 are taken as
`isn evaluate` takes them, each domain by itself. Containers are refined by torch, and revealed from
their PNG files by the default backend.
"""

from __future__ import annotations

import argparse
import statistics
import time

from _page import DOCS, put

import isn
from isn import images, method
from isn.evaluation.protocol import Domain, domains
from isn.evaluation.scores import spread
from isn.metrics import psnr

PAGE = DOCS / "results" / "quality.md"
BEGIN, END = "<!-- begin: benchmarks/refine.py -->", "<!-- end: benchmarks/refine.py -->"
SIDE = 256
HEAD = (
    "method",
    "domain",
    "images",
    "steps",
    "hosts",
    "container",
    "revealed",
    "worst",
    "processor s/MP",
)


def line(place: Domain, name: str, steps: int) -> str:
    """One method with so many steps on one domain, as a line of the table."""
    containers, revealed, seconds = [], [], []
    count = method.get(name).counts[0]
    for index in range(place.hosts):
        group = place.group(index, count)
        host, hidden = group.host.pixels, [each.pixels for each in group.hidden]
        began = time.process_time()
        container = isn.hide(host, hidden, method=name, backend="torch", refine=steps).pixels
        seconds.append((time.process_time() - began) / (SIDE**2 / 1e6))
        containers.append(psnr(container, host))
        back = isn.reveal(images.encode(container), backend="native")
        revealed += [psnr(one, other) for one, other in zip(back, hidden, strict=True)]
    sides = [spread(each) for each in (containers, revealed)]
    cells = (
        *(f"`{name}`", place.name, str(count), str(steps), str(place.hosts)),
        *(f"{each.mean:.1f} ± {each.deviation:.1f}" for each in sides),
        " / ".join(f"{each.worst:.1f}" for each in sides),
        f"{statistics.median(seconds):.0f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measures, prints, and writes where it is asked to."""
    parser = argparse.ArgumentParser(description="What --refine is worth.")
    parser.add_argument("photos", help="a folder of photos")
    parser.add_argument("--methods", nargs="+", default=["paper-1"], metavar="NAME")
    parser.add_argument("--steps", nargs="+", type=int, default=[0, 10, 30])
    parser.add_argument("--hosts", type=int, default=8, help="of each domain (8)")
    parser.add_argument("--write", action="store_true", help=f"the table of {PAGE.name} too")
    options = parser.parse_args()
    lines = [f"| {' | '.join(each)} |" for each in (HEAD, (":--", ":--", *["--:"] * 7))]
    print("\n".join(lines))
    for name in options.methods:
        for place in domains(options.photos, count=5, crop=SIDE, limit=options.hosts):
            for steps in options.steps:
                lines.append(line(place, name, steps))
                print(lines[-1], flush=True)
    if options.write:
        put(PAGE, BEGIN, END, "\n".join(lines))


if __name__ == "__main__":
    main()
