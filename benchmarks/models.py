"""Measures every shipped model through the public interface; --write stores it in the zoo's table.

    python benchmarks/models.py PHOTOS
    python benchmarks/models.py PHOTOS --paris STREET_VIEWS --threads 1 --write

PHOTOS is a folder of images that no model was trained on. Each group of one host and n hidden
images is cut from the middle, 256 x 256 pixels (224 x 224 of the street views, which is as large as
they are); smaller images are left out. PSNR is that of the 8-bit RGB images that a person would
hold: of the sealed container against the host, and of what `isn.reveal` gives against what was
hidden, averaged over images. Times are of `isn.hide` and `isn.reveal`, a median.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from _photo import photo_like
from numpy.typing import NDArray

import isn
from isn import images, zoo
from isn.backends.onnxruntime import OnnxRuntime
from isn.errors import ImageError
from isn.metrics import psnr
from isn.weights import Weights

Pixels: TypeAlias = NDArray[np.uint8]
Group: TypeAlias = "tuple[Pixels, list[Pixels]]"

TABLE = Path(zoo.__file__).with_name("models.toml")
PHOTO_SIDE, STREET_SIDE, TIMED_SIDE = 256, 224, 1024
PLAIN_GROUPS = 4


def crops(folder: Path, side: int) -> list[Pixels]:
    """The middle of every image of a folder that is large enough, in the order of their names."""
    found, small, unread = [], 0, 0
    for path in sorted(each for each in folder.iterdir() if each.is_file()):
        try:
            pixels = images.read(path).pixels
        except ImageError:
            unread += 1
            continue
        height, width = pixels.shape[:2]
        if min(height, width) < side:
            small += 1
            continue
        top, left = (height - side) // 2, (width - side) // 2
        found.append(pixels[top : top + side, left : left + side].copy())
    print(
        f"{folder}: {len(found)} images; left out: {small} smaller than {side} x {side}, "
        f"{unread} that are no images"
    )
    return found


def groups(photos: list[Pixels], hidden_images: int, count: int) -> Iterator[Group]:
    """Seeded groups of one host and its hidden images; no image twice in a group."""
    size = hidden_images + 1
    if len(photos) < size:
        raise SystemExit(f"{len(photos)} images are too few for groups of {size}: give more")
    rng, made = np.random.default_rng(0), 0
    while made < count:
        order = rng.permutation(len(photos))
        for start in range(0, len(order) - size + 1, size):
            if made == count:
                return
            host, *hidden = (photos[k] for k in order[start : start + size])
            yield host, hidden
            made += 1


def quality(weights: Weights, backend: OnnxRuntime, given: list[Group]) -> dict[str, float]:
    """Mean and worst PSNR of containers and revealed images, in dB."""
    containers, revealed = [], []
    for host, hidden in given:
        container = isn.hide(host, hidden, model=weights, backend=backend)
        containers.append(psnr(container, host))
        back = isn.reveal(container, model=weights, backend=backend)
        revealed += [psnr(one, other) for one, other in zip(back, hidden, strict=True)]
    return {
        "container_psnr": round(statistics.fmean(containers), 2),
        "revealed_psnr": round(statistics.fmean(revealed), 2),
        "worst_container_psnr": round(min(containers), 2),
        "worst_revealed_psnr": round(min(revealed), 2),
    }


def means(figures: dict[str, float], prefix: str) -> dict[str, float]:
    """The means of :func:`quality` under names that say where they were measured."""
    return {f"{prefix}_{key}": value for key, value in figures.items() if "worst" not in key}


def plain(given: list[Group], level: int) -> list[Group]:
    """The same hidden images in hosts of one level: nothing to hide behind."""
    return [(np.full_like(host, level), hidden) for host, hidden in given[:PLAIN_GROUPS]]


def times(weights: Weights, backend: OnnxRuntime, repeats: int) -> dict[str, float]:
    """Seconds that a megapixel takes to hide in and to reveal from."""
    pixels = [
        photo_like(TIMED_SIDE, TIMED_SIDE, k) for k in range(weights.config.hidden_images + 1)
    ]
    container = isn.hide(pixels[0], pixels[1:], model=weights, backend=backend)

    def median(call: Callable[[], object]) -> float:
        taken = []
        for _ in range(repeats):
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
        return round(statistics.median(taken) / (TIMED_SIDE**2 / 1e6), 2)

    return {
        "seconds_per_megapixel_hide": median(
            lambda: isn.hide(pixels[0], pixels[1:], model=weights, backend=backend)
        ),
        "seconds_per_megapixel_reveal": median(
            lambda: isn.reveal(container, model=weights, backend=backend)
        ),
    }


def row(
    path: Path, photos: list[Pixels], streets: list[Pixels], options: argparse.Namespace
) -> Any:
    """Everything that is measured of one model."""
    weights, backend = Weights.load(path), OnnxRuntime(options.threads or None)
    count = weights.config.hidden_images
    chosen = list(groups(photos, count, options.pairs))
    figures: dict[str, Any] = {"hidden_images": count, "fingerprint": weights.fingerprint.hex()}
    figures |= quality(weights, backend, chosen)
    if streets:
        measured = quality(weights, backend, list(groups(streets, count, options.pairs)))
        figures |= means(measured, "paris")
    for name, level in (("white", 255), ("black", 0)):
        figures |= means(quality(weights, backend, plain(chosen, level)), name)
    figures |= times(weights, backend, options.repeats)
    return figures | {
        "threads": backend.threads,
        "megabytes": round(path.stat().st_size / 1e6, 2),
        "parameters": weights.config.parameters,
    }


def merged(table: dict[str, Any], rows: dict[str, Any]) -> dict[str, Any]:
    """The table with these rows; what a run did not measure of the same weights is kept."""
    table = dict(table)
    for name, figures in rows.items():
        old = table.get(name, {})
        counted = [each for each in table.values() if each.get("default")]
        served = any(each["hidden_images"] == figures["hidden_images"] for each in counted)
        new = {"default": old.get("default", not served)} | figures
        same = old.get("fingerprint") == figures["fingerprint"]
        table[name] = old | new if same else new
    return dict(sorted(table.items(), key=lambda each: (each[1]["hidden_images"], each[0])))


def toml(table: dict[str, Any]) -> str:
    """The table as text; every value is a string, a number or a truth, as JSON writes them."""
    first = ("hidden_images", "fingerprint", "default")
    parts = ["# Measured and written by benchmarks/models.py --write.\n"]
    for name, figures in table.items():
        keys = [*first, *(key for key in figures if key not in first)]
        lines = [f"{key} = {json.dumps(figures[key])}" for key in keys if key in figures]
        parts.append("\n".join([f"[{json.dumps(name)}]", *lines, ""]))
    return "\n".join(parts)


def main() -> int:
    """Measures, prints, and with --write stores."""
    parser = argparse.ArgumentParser(description="Measures every shipped model.")
    parser.add_argument("data", type=Path, help="folder of photos that no model was trained on")
    parser.add_argument("--paris", type=Path, help="folder of Paris StreetView images")
    parser.add_argument("--pairs", type=int, default=24, help="groups of images a model (24)")
    parser.add_argument("--repeats", type=int, default=3, help="of which the median time is (3)")
    parser.add_argument("--threads", type=int, default=0, help="0: one for each core (0)")
    parser.add_argument("--only", nargs="+", metavar="MODEL", help="measure no others")
    parser.add_argument("--write", action="store_true", help=f"store the figures in {TABLE.name}")
    options = parser.parse_args()

    table = tomllib.loads(TABLE.read_text("utf-8"))
    found = {path.stem: path for path in sorted(TABLE.parent.glob("weights/*.safetensors"))}
    absent = sorted({*table, *(options.only or ())} - set(found))
    if absent:
        raise SystemExit(f"there are no weights of {', '.join(absent)} in {TABLE.parent}/weights")
    photos = crops(options.data, PHOTO_SIDE)
    streets = crops(options.paris, STREET_SIDE) if options.paris else []
    rows = {}
    for name in options.only or found:
        rows[name] = row(found[name], photos, streets, options)
        print(f"\n{name}")
        for key, value in rows[name].items():
            print(f"  {key:30} {value}")
    if options.write:
        part = TABLE.with_suffix(".part")
        part.write_text(toml(merged(table, rows)), "utf-8")
        os.replace(part, TABLE)
        print(f"\nwritten to {TABLE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
