"""What the code `photos` is worth beside codecs, and its parts; --write puts it into the docs.

    pip install pillow-jxl-plugin
    python benchmarks/coding.py VAL --write

VAL is a folder of images that no training saw, of which centre crops of 224 x 224 are taken as
`isn evaluate` takes them, each domain by itself. Every row is one number of images in the room that
such a host has at two bits a sample: with everything, and no other code tried; with AVIF and JPEG
XL, the highest quality at which all images fit, and nothing but their streams counted; with all
numbers of a channel coded as if they were alike, which is what the code would take without its
prior; with one quantiser, of which every number is weighed by itself; and with one that takes the
nearest number, whatever its bits.
"""

from __future__ import annotations

import argparse
import importlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

import numpy as np
from _page import DOCS, put
from PIL import Image

from isn import method
from isn.carriers.trellis import Trellis
from isn.codes import Room, avif
from isn.codes.entropy import rans
from isn.codes.entropy.dependent import CODE, WORTH, Floats, Small, Whole
from isn.codes.entropy.prior import CLASSES, FINEST
from isn.codes.entropy.search import Search
from isn.codes.photos import Photos, code
from isn.codes.photos.image import Bands
from isn.codes.photos.levels import Prior
from isn.codes.still import file_of
from isn.evaluation.protocol import Domain, domains
from isn.evaluation.scores import spread
from isn.images import Pixels
from isn.method import Carried
from isn.metrics import psnr
from isn.progress import silent

PAGE = DOCS / "results" / "quality.md"
BEGIN, END = "<!-- begin: benchmarks/coding.py -->", "<!-- end: benchmarks/coding.py -->"
SIDE = 224
KINDS = ("all of it", "AVIF", "JPEG XL", "no prior", "one quantiser", "nearest number")
EFFORT = 7
"""Of JPEG XL: libjxl's own."""
SCALAR = 0.76
"""Square error that the two quantisers make of that of one, at the same bits."""


def alike(bands: Bands, prior: Prior, step: int, lanes: int) -> Iterator[rans.Part]:
    """A code's parts, each number with the class of the mean magnitude of its channel."""
    for numbers, kinds in PARTS(bands, prior, step, lanes):
        magnitudes = np.abs(numbers).mean((1, 2))
        quarters = np.rint(4 * (np.log2(np.maximum(magnitudes, 2.0**FINEST)) - FINEST))
        classes = np.clip(quarters, 0, CLASSES - 1).astype(np.uint8)
        yield numbers, classes[:, None, None] + kinds // CLASSES * np.uint8(CLASSES)


PARTS = code.parts


def weighed(values: Floats, classes: Small, costs: Floats, *_: int) -> tuple[Whole, Small]:
    """Numbers of the even quantiser, each of which costs least in error and bits by itself."""
    size, most = np.abs(values), costs.shape[2] - 1
    low = np.floor(size).astype(np.int32)
    one, other = (
        np.square(size - each) + WORTH / SCALAR * costs[0, classes, np.minimum(each, most)]
        for each in (low, low + 1)
    )
    number = (low + (other < one)).astype(np.int32)
    return np.where(values < 0, -number, number), classes


def nearest(values: Floats, classes: Small, *_: object) -> tuple[Whole, Small]:
    """The nearest numbers of the even quantiser."""
    return np.rint(values).astype(np.int32), classes


@contextmanager
def alone(quantised: Callable[..., tuple[Whole, Small]]) -> Iterator[None]:
    """Codes whose numbers are all of the even quantiser."""
    stays = mock.Mock(after=np.zeros_like(CODE.after))
    with mock.patch.object(code, "quantised", quantised), mock.patch.object(rans, "CODE", stays):
        yield


@contextmanager
def fixed(step: int) -> Iterator[None]:
    """Codes of one step, whatever they take."""

    def only(taken: Callable[[int], float]) -> int:
        taken(step)
        return step

    with mock.patch.object(Search, "finest", side_effect=only):
        yield


def jpeg_xl(pixels: Pixels, quality: float) -> bytes:
    """An image as a bare JPEG XL stream."""
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    image.save(buffer, "JXL", quality=quality, effort=EFFORT, num_threads=1, use_container=False)
    return buffer.getvalue()


def by_jpeg_xl(hidden: Sequence[Pixels], room: int) -> list[bytes]:
    """Each image as JPEG XL at one quality, to a tenth, the highest at which all fit."""
    low, high, streams = 1, 1000, list[bytes]()
    while low < high - 1:
        middle = (low + high) // 2
        made = [jpeg_xl(each, middle / 10) for each in hidden]
        if sum(map(len, made)) <= room:
            low, streams = middle, made
        else:
            high = middle
    return streams


def by_avif(hidden: Sequence[Pixels], room: int) -> list[bytes]:
    """Each image as a file of the code `avif`, whose streams fill the room."""
    return [file_of(each) for each in avif.fitting(hidden, room, silent)]


CODECS = {"AVIF": by_avif, "JPEG XL": by_jpeg_xl}


def revealed(photos: Photos, hidden: Sequence[Pixels], kind: str) -> list[float]:
    """PSNR of each image as it comes back from the room of one host."""
    area = SIDE**2
    room = Room(Trellis().capacity(np.empty((SIDE, SIDE, 3), np.uint8), photos.bits), area)

    if kind in CODECS:
        files = CODECS[kind](hidden, room.size)
        shown = (Image.open(io.BytesIO(each)).convert("RGB") for each in files)
        return [psnr(np.asarray(one), other) for one, other in zip(shown, hidden, strict=True)]

    def there_and_back(room: Room) -> list[float]:
        found = photos.decode(photos.encode(hidden, room, silent), area, silent)
        return [psnr(np.asarray(one), other) for one, other in zip(found, hidden, strict=True)]

    if kind == "all of it":
        return there_and_back(room)
    if kind != "no prior":
        with alone(weighed if kind == "one quantiser" else nearest):
            return there_and_back(room)
    # It cannot be decoded, for nobody sends the classes: what counts is the step that fits.
    with mock.patch.object(code, "parts", alike):
        payload = photos.encode(hidden, room, silent)
    with fixed(int.from_bytes(payload[1:3], "little", signed=True)):
        return there_and_back(Room(1 << 30, area))


def line(place: Domain, photos: Photos, count: int) -> str:
    """One number of images, as a line of the table."""
    cells = [place.name, str(count)]
    for kind in KINDS:
        found: list[float] = []
        for index in range(place.hosts):
            group = place.group(index, count)
            found += revealed(photos, [each.pixels for each in group.hidden], kind)
        told = spread(found)
        if kind == KINDS[0]:
            cells.append(str(told.images))
        cells.append(f"{told.mean:.2f} ± {told.deviation:.2f}")
        if kind == KINDS[0]:
            cells.append(f"{told.worst:.1f}")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measures, prints, and writes where it is asked to."""
    parser = argparse.ArgumentParser(description="What the parts of the code photos are worth.")
    parser.add_argument("photos", help="a folder of photos")
    parser.add_argument("--hosts", type=int, default=24, help="of each domain (24)")
    parser.add_argument("--counts", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--write", action="store_true", help=f"the table of {PAGE.name} too")
    options = parser.parse_args()
    # Registers its format with Pillow.
    importlib.import_module("pillow_jxl")
    chosen = method.get("photos")
    photos = chosen.pictures[0] if isinstance(chosen, Carried) else None
    if not isinstance(photos, Photos):
        raise SystemExit("photos is no code of this kind")
    head = ("domain", "hidden", "images", KINDS[0], "its worst", *KINDS[1:])
    lines = [f"| {' | '.join(each)} |" for each in (head, (":--", *["--:"] * (len(head) - 1)))]
    print("\n".join(lines))
    for place in domains(options.photos, count=5, crop=SIDE, limit=options.hosts):
        for count in options.counts:
            lines.append(line(place, photos, count))
            print(lines[-1], flush=True)
    if options.write:
        put(PAGE, BEGIN, END, "\n".join(lines))


if __name__ == "__main__":
    main()
