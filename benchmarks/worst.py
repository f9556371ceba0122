"""What the worst containers that were found cost whoever reveals them, beside honest ones.

    python benchmarks/worst.py
    python benchmarks/worst.py --write

Anybody can seal a container without a passphrase, so that its payload may say whatever a code lets
pass. All containers here have 512 x 512 pixels. Each is revealed by the tool in a process of its
own; processor time and the largest memory are that process's, start included. A forged one that is
refused has cost what it cost until then.
"""

from __future__ import annotations

import argparse
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from _page import DOCS, machine, put
from _photo import photo_like
from speed import WATCH

import isn
from isn import envelope, images, keys, method
from isn.carriers.trellis import Trellis
from isn.codes import Room, avif
from isn.images import Pixels
from isn.progress import silent
from isn.secret import File, most_pixels

PAGE = DOCS / "explanation" / "security.md"
BEGIN, END = "<!-- begin: benchmarks/worst.py -->", "<!-- end: benchmarks/worst.py -->"
SIDE = 512
KEY = keys.Public()
FLAT = 9
"""Level of every sample of what takes no bytes."""


def host() -> Pixels:
    """In which all of them hide."""
    return photo_like(SIDE, SIDE, 0)


@cache
def photo(side: int, seed: int) -> Pixels:
    """A square picture like a photo."""
    return photo_like(side, side, seed)


def honest(side: int, count: int, name: str, bits: float | None = None) -> Pixels:
    """A container of so many photos."""
    pictures = [photo(side, k + 1) for k in range(count)]
    return isn.hide(host(), pictures, method=name, bits=bits).pixels


def forged(code: Any, payload: bytes) -> Pixels:
    """A container whose seal is sound, of whatever payload."""
    sealed = envelope.close(code.number, code.fingerprint, payload, KEY)
    return Trellis().write(host(), sealed.head, sealed.body, KEY, silent)


def code_of(name: str) -> Any:
    """The code of pictures of a method that carries one."""
    shipped = method.get(name)
    if not isinstance(shipped, method.Carried):
        raise TypeError(f"{name} carries no code")
    return shipped.pictures[0]


def flat(height: int, width: int, count: int) -> Pixels:
    """Images that take next to no bytes, of `photos`, as large as it lets them be."""
    code = code_of("photos")
    pictures: list[Any] = [np.full((height, width, 3), FLAT, np.uint8)] * count
    return forged(code, code.encode(pictures, Room(60_000, SIDE * SIDE), silent))


def files(side: int, count: int) -> Pixels:
    """So many AVIF files of one flat image."""
    file = avif.encode(np.full((side, side, 3), FLAT, np.uint8), 0)
    entry = struct.pack("<III", side, side, len(file))
    return forged(code_of("avif"), bytes([count]) + entry * count + file * count)


def enlarged(name: str) -> Pixels:
    """One small image that is said to come back in as many pixels as any may have."""
    code = code_of(name)
    payload = bytearray(code.encode([photo_like(64, 64, 1)], Room(60_000, SIDE * SIDE), silent))
    side = int(most_pixels(SIDE * SIDE) ** 0.5)
    old, new = struct.pack("<II", 64, 64), struct.pack("<II", side, side)
    place = payload.rindex(old, 0, 40)
    payload[place : place + len(old)] = new
    return forged(code, bytes(payload))


def plane() -> Pixels:
    """The network's container as large as one may be, for an image as large."""
    code, area = code_of("isn-1"), SIDE * SIDE
    side = int(most_pixels(area) ** 0.5)
    picture: Any = np.full((SIDE, SIDE, 3), FLAT, np.uint8)
    payload = bytearray(code.encode([picture], Room(60_000, 2 * area), silent))
    struct.pack_into("<II", payload, 10, side, side)
    return forged(code, bytes(payload))


CASES: Sequence[tuple[str, Callable[[], Pixels]]] = (
    ("honest: a photo of that size, `photos`", lambda: honest(SIDE, 1, "photos")),
    ("honest: five, `photos`", lambda: honest(SIDE, 5, "photos")),
    ("honest: a photo, `isn-1`", lambda: honest(SIDE, 1, "isn-1")),
    ("honest: one of 32 megapixels, `photos`", lambda: honest(5656, 1, "photos")),
    ("the same, `isn-1`", lambda: honest(5656, 1, "isn-1")),
    ("a code that comes back in 32 megapixels, `photos`", lambda: enlarged("photos")),
    ("the same, `avif`", lambda: enlarged("avif")),
    ("the same, `isn-1`, its network's container the largest", plane),
    ("25 flat images of 1,024 x 1,024, `photos`", lambda: flat(1024, 1024, 25)),
    ("25 flat images of 2,000 x 2,000, `avif`", lambda: files(2000, 25)),
    ("a thread of 1 x 32,000 pixels, `photos`", lambda: flat(1, 32_000, 1)),
    (
        "a file of 256 MiB of zeros",
        lambda: isn.hide(host(), [File("zeros", bytes((1 << 28) - 4096))]).pixels,
    ),
)


def cost(container: Pixels) -> tuple[float, float, bool]:
    """Processor seconds and megabytes of a reveal, and whether it succeeded."""
    with tempfile.TemporaryDirectory() as folder:
        file, out = (str(Path(folder) / each) for each in ("container.png", "out"))
        images.write(file, container)
        words = [sys.executable, "-m", "isn", "reveal", file, "-o", out, "-q", "--threads", "1"]
        done = subprocess.run(
            [sys.executable, "-c", WATCH, *words], capture_output=True, text=True, check=False
        )
        seconds, _, memory = map(float, done.stdout.split())
        return seconds, memory, not done.returncode


def main() -> int:
    """Measures, prints, and writes where it is asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="put the table into the docs")
    options = parser.parse_args()
    lines = ["| a container of 512 x 512 | processor s | MB | |", "| :-- | --: | --: | :-- |"]
    for name, make in CASES:
        seconds, memory, done = cost(make())
        lines.append(f"| {name} | {seconds:.1f} | {memory:,.0f} | {'' if done else 'refused'} |")
        print(lines[-1], flush=True)
    lines += ["", f"`python benchmarks/worst.py --write`; {machine(1)}."]
    if options.write:
        put(PAGE, BEGIN, END, "\n".join(lines))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
