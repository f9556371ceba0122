"""What the parts of a coded container are worth; --write puts it into the docs.

    python benchmarks/coding.py PHOTOS --write

PHOTOS is a folder of images that no model was trained on, of which centre crops of 256 x 256 are
taken as `isn evaluate` takes them. Every row is one number of images in the room that such a host
has: with everything; without the blocks that restore what rounding took; with all numbers of a
channel coded as if they were alike, which is what the code would take without its prior; with one
quantiser, of which every number is weighed by itself; and with one that takes the nearest number,
whatever its bits.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
from _page import put

from isn import seal, zoo
from isn.codes.photos import code, rans
from isn.codes.photos.dependent import CODE, WORTH, Floats, Small, Whole
from isn.codes.photos.prior import CLASSES, FINEST, Prior
from isn.evaluation.protocol import Domain, domain
from isn.images import Pixels
from isn.metrics import psnr
from isn.paper.engine import Engine

PAGE = Path(__file__).resolve().parents[1] / "docs" / "models.md"
BEGIN, END = "<!-- begin: benchmarks/coding.py -->", "<!-- end: benchmarks/coding.py -->"
SIDE = 256
ROOM = (3 * SIDE**2 - seal.SAMPLES) * 2 // 8
KINDS = ("all of it", "no blocks", "no prior", "one quantiser", "nearest number")


def alike(bands: code.Bands, prior: Prior, step: int, lanes: int) -> Iterator[rans.Part]:
    """A code's parts, each number with the class of the mean magnitude of its channel."""
    for numbers, kinds in PARTS(bands, prior, step, lanes):
        magnitudes = np.abs(numbers).mean((1, 2))
        quarters = np.rint(4 * (np.log2(np.maximum(magnitudes, 2.0**FINEST)) - FINEST))
        classes = np.clip(quarters, 0, CLASSES - 1).astype(np.uint8)
        yield numbers, classes[:, None, None] + kinds // CLASSES * np.uint8(CLASSES)


PARTS = code.Bands.parts


def weighed(values: Floats, classes: Small, costs: Floats, *_: int) -> tuple[Whole, Small]:
    """Numbers of the even quantiser, each of which costs least in error and bits by itself."""
    size, most = np.abs(values), costs.shape[2] - 1
    low = np.floor(size).astype(np.int32)
    one, other = (
        np.square(size - each) + WORTH / 0.76 * costs[0, classes, np.minimum(each, most)]
        for each in (low, low + 1)
    )
    number = (low + (other < one)).astype(np.int32)
    return np.where(values < 0, -number, number), np.zeros_like(classes)


def nearest(values: Floats, classes: Small, *_: object) -> tuple[Whole, Small]:
    """The nearest numbers of the even quantiser."""
    return np.rint(values).astype(np.int32), np.zeros_like(classes)


@contextmanager
def alone(quantised: Callable[..., tuple[Whole, Small]]) -> Iterator[None]:
    """Codes whose numbers are all of the even quantiser."""
    stays = mock.Mock(after=np.zeros_like(CODE.after))
    with mock.patch.object(code, "quantised", quantised), mock.patch.object(rans, "CODE", stays):
        yield


def revealed(engine: Engine, hidden: Sequence[Pixels], kind: str) -> list[float]:
    """PSNR of each image as it comes back from the room of one host."""
    if kind == "no prior":
        # It cannot be decoded, for nobody sends the classes: what counts is the step that fits.
        with mock.patch.object(code.Bands, "parts", alike):
            bands = [code.Bands.of(each.transpose(2, 0, 1) / np.float32(255)) for each in hidden]
            step = code.finest(bands, engine.prior, ROOM)  # type: ignore[arg-type]
        whole = code.encode(bands, [each.shape[:2] for each in hidden], engine.prior, 10**9, step)  # type: ignore[arg-type]
        found = engine.decode(whole, SIDE**2)
    elif kind in ("one quantiser", "nearest number"):
        with alone(weighed if kind == "one quantiser" else nearest):
            found = engine.decode(engine.encode(hidden, ROOM), SIDE**2)
    elif kind == "no blocks":
        content = engine.encode(hidden, ROOM)
        with mock.patch.object(code, "BLOCKS_FROM", 10**6):
            found = engine.decode(content, SIDE**2)
    else:
        found = engine.decode(engine.encode(hidden, ROOM), SIDE**2)
    return [psnr(one, other) for one, other in zip(found, hidden, strict=True)]


def line(place: Domain, engine: Engine, count: int) -> str:
    """One number of images, as a line of the table."""
    cells = [str(count)]
    for kind in KINDS:
        found: list[float] = []
        for index in range(place.hosts):
            group = place.group(index, count)
            found += revealed(engine, [each.pixels for each in group.hidden], kind)
        cells.append(f"{statistics.fmean(found):.2f}")
        if kind == KINDS[0]:
            cells.append(f"{min(found):.1f}")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measures, prints, and writes where it is asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, help="a folder of photos")
    parser.add_argument("--model", default="coded", metavar="NAME")
    parser.add_argument("--hosts", type=int, default=24, help="groups of images (24)")
    parser.add_argument("--write", action="store_true", help="the table of docs/models.md too")
    options = parser.parse_args()
    place = domain(options.photos, count=5, crop=SIDE, limit=options.hosts)
    engine = Engine.of(zoo.load(options.model), "onnxruntime")
    lines = [
        f"| images | {KINDS[0]} | its worst | {' | '.join(KINDS[1:])} |",
        "| --: | --: | --: | --: | --: | --: | --: |",
    ]
    print("\n".join(lines))
    for count in range(1, 6):
        lines.append(line(place, engine, count))
        print(lines[-1], flush=True)
    if options.write:
        put(PAGE, BEGIN, END, "\n".join(lines))


if __name__ == "__main__":
    main()
