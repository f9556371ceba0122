"""Processor time and memory of the tool, beside its peers in the same run; fails if it got slower.

    python benchmarks/speed.py --threads 1
    python benchmarks/speed.py --threads 1 --write
    python benchmarks/speed.py --threads 2 --sides 512 1024 2048 4896

Every row is a process of its own: the tool is started anew, reads its files, checks what it hid and
writes a PNG. The peer is a search for the AVIF file that fills the same room, at speed 6, of one
image, by halving the range of qualities. Beside the paper's network stands eager torch: the forward
pass alone on the whole image, which is all that the two can be compared in. Ratios to these peers
are compared with those that were written down last; one that is a third larger fails.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

BEGIN, END = "<!-- begin: benchmarks/speed.py -->", "<!-- end: benchmarks/speed.py -->"
RECORD = Path(__file__).with_suffix(".json")
WORSE = 4 / 3
PEER_SIDE, MOST = 1024, 5
NETWORK, TURNS = "paper-1", 6

AVIF = """
import bisect, sys
from isn import images
from isn.codes.avif import encode
pixels = images.read(sys.argv[1], "the image").pixels
bisect.bisect(range(101), pixels.size // 4, key=lambda quality: len(encode(pixels, quality)))
"""

EAGER = """
import sys, time, numpy, torch
from isn import images, zoo
from isn.paper.backends.torch import Torch
from isn.paper.config import ModelConfig
from isn.paper.network import Network
torch.set_num_threads(int(sys.argv[1]))
weights = zoo.weights(sys.argv[2])
config = ModelConfig.from_mapping(dict(weights.config))
network = Network.of(config, Torch("cpu").subnets(config, weights.as_float32()))
planes = [
    torch.from_numpy(
        images.read(path, "an image").pixels.transpose(2, 0, 1).astype(numpy.float32) / 255
    )[None]
    for path in sys.argv[3:]
]
with torch.inference_mode():
    network.forward(*planes)
    start = time.process_time()
    network.forward(*planes)
    print(time.process_time() - start)
"""

NATIVE = """
import sys, time
from isn import images, method, threads
from isn.keys import Public
threads.limit(int(sys.argv[1]))
host, hidden = (images.read(path, "an image").pixels for path in sys.argv[3:])
chosen = method.get(sys.argv[2], backend="native")
chosen.hide(host, [hidden], Public())
start = time.process_time()
chosen.hide(host, [hidden], Public())
print(time.process_time() - start)
"""


WATCH = """
import os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
clock = time.perf_counter() - start
process.returncode = os.waitstatus_to_exitcode(status)
unit = 1 if sys.platform == "darwin" else 1024
print(used.ru_utime + used.ru_stime, clock, used.ru_maxrss * unit / 1e6)
sys.exit(process.returncode != 0)
"""
"""A small process between, for a new one is counted as large as the one that it comes from."""

Ratios = dict[str, float]


class Cost(NamedTuple):
    """What a process took: seconds of processors, seconds of the clock, most megabytes."""

    processor: float
    clock: float
    megabytes: float


def cost(words: list[str], repeats: int) -> Cost:
    """The least of several runs of a process, which must succeed."""
    runs = []
    for _ in range(repeats):
        done = subprocess.run(
            [sys.executable, "-c", WATCH, *words], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(words)} failed: {done.stderr[-500:]}")
        runs.append(Cost(*map(float, done.stdout.split())))
    return Cost(*map(min, *runs)) if len(runs) > 1 else runs[0]


def said(words: list[str]) -> float:
    """The number that a process prints."""
    return float(subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout)


def growth(points: list[tuple[float, float]]) -> float:
    """The exponent by which the second grows with the first: least squares of logarithms."""
    logs = [(math.log(x), math.log(y)) for x, y in points]
    x, y = (sum(each) / len(logs) for each in zip(*logs, strict=True))
    return sum((a - x) * (b - y) for a, b in logs) / sum((a - x) ** 2 for a, _ in logs)


Found = dict[tuple[str, int, int], Cost]
"""By verb, side and number of images."""


def measured(folder: Path, arguments: argparse.Namespace) -> Found:
    """What the tool's commands take."""
    tool, found = [sys.executable, "-m", "isn"], Found()
    words = ["--threads", str(arguments.threads), "--overwrite", "-o"]
    container, shown = str(folder / "container.png"), str(folder / "shown")
    for side in sorted({*arguments.sides, PEER_SIDE}):
        host, *hidden = (photo(folder, side, k) for k in range(1 + MOST))
        repeats = arguments.repeats if side < 2 * PEER_SIDE else 1
        for count in (1, MOST) if side <= arguments.most else (1,):
            hide = [*tool, "hide", host, *hidden[:count], *words, container]
            found["hide", side, count] = cost(hide, repeats)
            reveal = [*tool, "reveal", container, *words, shown]
            found["reveal", side, count] = cost(reveal, repeats)
        if side == min(arguments.sides):
            found["info", side, count] = cost([*tool, "info", container], repeats)
    return found


def photo(folder: Path, side: int, seed: int) -> str:
    """The path of a square image."""
    from _photo import photo_like

    from isn import images

    path = folder / f"{side}-{seed}.png"
    if not path.exists():
        images.write(path, photo_like(side, side, seed))
    return str(path)


def compared(folder: Path, found: Found, peer: float, arguments: argparse.Namespace) -> Ratios:
    """Processor time in proportion to that of the peers."""
    ratios = {
        f"{verb} {count}, of the AVIF search": found[verb, PEER_SIDE, count].processor / peer
        for verb in ("hide", "reveal")
        for count in (1, MOST)
        if (verb, PEER_SIDE, count) in found
    }
    if not arguments.no_network:
        pair = [photo(folder, PEER_SIDE // 2, seed) for seed in range(2)]
        # In turns, so that what else the machine does meets both.
        turns = [
            [
                said([sys.executable, "-c", each, str(arguments.threads), NETWORK, *pair])
                for each in (NATIVE, EAGER)
            ]
            for _ in range(TURNS)
        ]
        ours, eager = map(min, zip(*turns, strict=True))
        ratios[f"{NETWORK}, of eager torch"] = ours / eager
    return ratios


def table(found: Found, ratios: Ratios, peer: float) -> str:
    """All of it as Markdown."""
    lines = [
        "| | megapixels | images | processor, s | clock, s | MB |",
        "|:--|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {verb} | {side * side / 1e6:.2f} | {count} | {taken.processor:.2f} | {taken.clock:.2f} "
        f"| {taken.megabytes:.0f} |"
        for (verb, side, count), taken in found.items()
    ]
    each = "; ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
    lines += ["", f"The AVIF search at 1 megapixel takes {peer:.1f} s. Ratios: {each}.", ""]
    for verb in ("hide", "reveal"):
        sizes = [
            (side * side, taken.processor)
            for (what, side, count), taken in found.items()
            if (what, count) == (verb, 1) and side >= PEER_SIDE // 2
        ]
        counts = [
            (count, found[verb, PEER_SIDE, count].processor)
            for count in (1, MOST)
            if (verb, PEER_SIDE, count) in found
        ]
        if min(len(sizes), len(counts)) > 1:
            lines.append(
                f"From a quarter of a megapixel on, {verb} grows by the power {growth(sizes):.2f} "
                f"of the pixels; from one image to {MOST} by {growth(counts):.2f} of their number."
            )
    return "\n".join(lines)


def slower(ratios: Ratios, before: Ratios) -> list[str]:
    """Sentences on the ratios that are a third larger than before."""
    return [
        f"SLOWER: {name} is {ratio:.2f}, and was {before[name]:.2f}"
        for name, ratio in ratios.items()
        if ratio > WORSE * before.get(name, math.inf)
    ]


def main() -> int:
    """Prints the table; 1 where a ratio is a third larger than the one written down."""
    parser = argparse.ArgumentParser(description="Processor time and memory, beside peers.")
    parser.add_argument("--sides", type=int, nargs="+", default=[256, 512, 1024, 2048, 4896])
    parser.add_argument("--most", type=int, default=2048, help="largest side with five images")
    parser.add_argument("--threads", type=int, default=1, help="that compute (1)")
    parser.add_argument("--repeats", type=int, default=2, help="runs, of which the least counts")
    parser.add_argument("--no-network", action="store_true", help="leave out what needs torch")
    parser.add_argument("--write", action="store_true", help="the docs' table and the record")
    arguments = parser.parse_args()
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    os.environ |= dict.fromkeys(names, str(arguments.threads))

    from _page import DOCS, machine, put

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = measured(folder, arguments)
        search = [sys.executable, "-c", AVIF, photo(folder, PEER_SIDE, 1)]
        peer = cost(search, arguments.repeats).processor
        ratios = compared(folder, found, peer, arguments)
    shown = table(found, ratios, peer)
    print(shown)
    if arguments.write:
        about = f"Each in a process of its own, least of {arguments.repeats}, "
        about += f"{machine(arguments.threads)}."
        put(DOCS / "results" / "cost.md", BEGIN, END, f"{about}\n\n{shown}")
        RECORD.write_text(json.dumps(ratios, indent=1) + "\n", "utf-8")
        return 0
    before = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {}
    for sentence in slower(ratios, before):
        print(sentence)
    return int(bool(slower(ratios, before)))


if __name__ == "__main__":
    sys.exit(main())
