"""How long StegExpose's four detectors take on one 640 x 425 image, and what they find.

Nothing of it runs on more than one thread. The original program, in java and at its default
speed, took 1.4 s for an image of this size. 640 x 426 is measured too, because an odd height spares
sample pairs the work.

What is hidden in the demo photos is random: in the lowest bits of 20 % and of
all samples by replacement, and in all of them by matching (+1 or -1 where the bit is wrong).

    python benchmarks/stegexpose.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.resources import files
from statistics import median

import numpy as np

from isn import images
from isn.steganalysis import stegexpose

JAVA_SECONDS = 1.4
REPEATS = 15


def speed() -> None:
    """Prints the best and the median of each detector and of all four, and the ratio."""
    rng = np.random.default_rng(0)
    judges: dict[str, Callable[[images.Pixels], object]] = {
        **stegexpose.DETECTORS,
        "all four": stegexpose.analyze,
    }
    for height in (425, 426):
        smooth = np.add.outer(np.arange(height) / 4, np.arange(640) / 5)[..., None]
        image = (smooth + rng.normal(10, 3, (height, 640, 3))).clip(0, 255).astype(np.uint8)
        print(f"640 x {height} RGB, {REPEATS} times")
        for name, detector in judges.items():
            times = []
            for _ in range(REPEATS):
                begin = time.perf_counter()
                detector(image)
                times.append((time.perf_counter() - begin) * 1000)
            line = f"  {name:13} best {min(times):6.1f} ms  median {median(times):6.1f} ms"
            if detector is stegexpose.analyze:
                line += f"  {1000 * JAVA_SECONDS / median(times):.0f} times as fast as java"
            print(line)


def detection() -> None:
    """Prints what the fusion says of the demo photos, clean and with messages in them."""
    print("fusion    " + "".join(f"{name:>14}" for name in MESSAGES))
    for source in (files("isn") / "demo").iterdir():
        if source.name.endswith(".webp"):
            photo = images.read(source.read_bytes(), source.name).pixels
            found = [stegexpose.analyze(hide(photo)) for hide in MESSAGES.values()]
            cells = "".join(f"{each.fusion:>13.3f}{' *'[bool(each.stego)]}" for each in found)
            print(f"{source.name[:-5]:10}{cells}")
    print(f"* above the threshold of {stegexpose.THRESHOLD}")


def _replace(share: float) -> Callable[[images.Pixels], images.Pixels]:
    def hide(photo: images.Pixels) -> images.Pixels:
        rng = np.random.default_rng(1)
        bits = rng.integers(0, 2, photo.shape, dtype=np.uint8)
        chosen = rng.random(photo.shape) < share
        return np.where(chosen, photo & 0xFE | bits, photo).astype(np.uint8)

    return hide


def _match(photo: images.Pixels) -> images.Pixels:
    rng = np.random.default_rng(1)
    change = rng.choice([-1, 1, 0, 0], photo.shape)
    stego: images.Pixels = (photo + change).clip(0, 255).astype(np.uint8)
    return stego


MESSAGES: dict[str, Callable[[images.Pixels], images.Pixels]] = {
    "clean": lambda photo: photo,
    "LSB 20 %": _replace(0.2),
    "LSB 100 %": _replace(1.0),
    "+-1 100 %": _match,
}


if __name__ == "__main__":
    speed()
    detection()
