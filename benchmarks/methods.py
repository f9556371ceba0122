"""Measures every method and baseline through its PNG files; --write stores what it found.

    python benchmarks/methods.py VAL
    python benchmarks/methods.py VAL --paris STREET_VIEWS --threads 2 --write

VAL is a folder of images that no training saw. Groups of one host and its hidden images are drawn
from it as `isn evaluate` draws them, centre crops of 224 x 224, each domain by itself. PSNR and
SSIM are of what a person would hold: the container as its file has it, and the revealed images in
their own sizes. Times are of `isn.hide` and `isn.reveal`, a median.

With --write all figures go into docs/results/quality.json, and from there into the tables of
docs/results/quality.md and of the README, and into the zoo's figures, which `isn methods` shows.
Methods that a run leaves out, by --only, keep what was measured before.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import _quality
from _photo import photo_like

import isn
from isn import baselines, method, threads
from isn.evaluation import methods, scores
from isn.evaluation.methods import Contender
from isn.evaluation.plan import COUNTS, Plan
from isn.evaluation.protocol import Domain
from isn.method import Carried, Method

TIMED_SIDE = 1024
SAME = ("avif-2",)
"""Baselines that are a shipped method."""


def contenders(only: list[str] | None) -> list[Contender]:
    """Shipped methods, then what else one might take."""
    lacking = baselines.missing()
    rivals = [each for each in baselines.BASELINES if each not in (*lacking, *SAME)]
    unknown = set(only or ()) - {*method.names(), *rivals}
    if unknown:
        raise SystemExit(f"there is no method {', '.join(sorted(unknown))}")
    return [
        make(name)
        for make, names in ((methods.shipped, method.names()), (methods.baseline, rivals))
        for name in names
        if only is None or name in only
    ]


def measure(contender: Contender, place: Domain, count: int) -> dict[str, Any]:
    """One method on one domain with one number of images."""
    trials = []
    for index in range(place.hosts):
        group = place.group(index, count)
        trials.append(scores.judge(group, *scores.through_file(contender.method, group)))
    return {
        "method": contender.name,
        "fingerprint": contender.fingerprint,
        "domain": place.name,
        "count": count,
        **asdict(scores.summary(trials)),
    }


def cost(contender: Contender, repeats: int) -> dict[str, Any]:
    """Seconds that a megapixel takes to hide in and to reveal from, with the fewest images.

    Nothing without repeats, or of a baseline.
    """
    if not repeats or not contender.ours:
        return {}
    words: dict[str, Any] = {"backend": "native"} if contender.networked else {}
    pixels = [photo_like(TIMED_SIDE, TIMED_SIDE, k) for k in range(contender.counts[0] + 1)]
    timed = method.get(contender.source, **words)
    container = isn.hide(pixels[0], pixels[1:], method=timed).pixels

    def median(call: Callable[[], object]) -> float:
        taken = []
        for _ in range(repeats):
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
        return round(statistics.median(taken) / (TIMED_SIDE**2 / 1e6), 2)

    return {
        "threads": threads.count(),
        "seconds_hide": median(lambda: isn.hide(pixels[0], pixels[1:], method=timed)),
        "seconds_reveal": median(lambda: isn.reveal(container, method=timed)),
    }


def bits(chosen: Method, place: Domain) -> dict[str, float]:
    """Bits of a sample that a code of fixed length uses; nothing of what fills its room."""
    if not isinstance(chosen, Carried) or "backend" not in chosen.options:
        return {}
    group = place.group(0, chosen.counts[0])
    _, payload = chosen.encoded(group.host.pixels, [each.pixels for each in group.hidden])
    return {"bits": round(8 * len(payload) / group.host.pixels.size, 3)}


def rows(contender: Contender, places: tuple[Domain, ...]) -> Iterator[dict[str, Any]]:
    """All numbers of images on all domains, each printed."""
    for count in COUNTS:
        if count not in contender.counts:
            continue
        for place in places:
            row = measure(contender, place, count)
            told = " / ".join(_quality.spread(row[side]) for side in ("container", "revealed"))
            print(f"{contender.name:10} {count} {place.name:12} {told}", flush=True)
            yield row


def main() -> int:
    """Measures, prints, and with --write stores."""
    parser = argparse.ArgumentParser(description="Measures every method and baseline.")
    parser.add_argument("data", help="folder of photos that no training saw")
    parser.add_argument("--paris", metavar="FOLDER", help="of Paris StreetView, or of any others")
    parser.add_argument("--hosts", type=int, default=24, help="of each domain (24)")
    parser.add_argument("--crop", type=int, default=224, help="side of the centre crop (224)")
    parser.add_argument(
        "--repeats", type=int, default=3, help="of which the median time is; 0 takes no times (3)"
    )
    parser.add_argument("--threads", type=int, default=0, help="0: one for each core (0)")
    parser.add_argument("--only", nargs="+", metavar="METHOD", help="measure no others")
    parser.add_argument("--write", action="store_true", help="store it, and write the tables")
    options = parser.parse_args()
    if options.threads:
        threads.limit(options.threads)
    folders = (options.data, *([options.paris] if options.paris else []))
    places = Plan(folders, crop=options.crop, limit=options.hosts).domains()
    for contender in contenders(options.only):
        found = list(rows(contender, places))
        times = cost(contender, options.repeats) | bits(contender.method, places[0])
        print(f"{contender.name:10} {times}", flush=True)
        if options.write:
            # One after the other, so that a run that is cut has stored what it measured.
            _quality.store(options.crop, contender, found, times)
    return 0


if __name__ == "__main__":
    sys.exit(main())
