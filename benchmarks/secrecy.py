"""What `--secrecy` leaves of quality, and what its code loses; --write puts it into the docs.

    python benchmarks/secrecy.py VAL
    python benchmarks/secrecy.py VAL --write
    python benchmarks/secrecy.py LARGE --side 512 --hosts 24
    python benchmarks/secrecy.py LARGE --whole --rates 0.025 --shares 0.0625

VAL is a folder of images that no training saw, of which centre crops of 256 x 256 are taken as
`isn evaluate` takes them, each domain by itself. An image as large as its host is hidden, and one
of a quarter of its area, or of other shares. The coding loss is the cost of the changes that were
made beyond that of ideal embedding (each pixel by itself, at the same costs, as many bits).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import cast

import numpy as np
from _page import DOCS, put

from isn import envelope, images, method
from isn.carriers import adaptive
from isn.carriers.costs import hill
from isn.evaluation import methods
from isn.evaluation.protocol import Domain, domains
from isn.evaluation.scores import spread
from isn.images import Pixels
from isn.method import SECRECY, Carried
from isn.metrics import psnr
from isn.progress import silent

PAGE = DOCS / "results" / "detection.md"
BEGIN, END = "<!-- begin: benchmarks/secrecy.py -->", "<!-- end: benchmarks/secrecy.py -->"
SIDE = 256
SHARES = {1.0: "as large", 0.25: "a quarter", 0.0625: "a sixteenth"}
HEAD = (
    *("secrecy", "hidden", "domain", "hosts", "container", "revealed", "worst revealed"),
    *("pixels moved", "coding loss", "s to hide"),
)


@dataclass(frozen=True)
class Made:
    """One container: PSNR in dB of it and of what it reveals, and shares."""

    container: float
    revealed: float
    moved: float
    loss: float
    seconds: float


def made(chosen: Carried, host: Pixels, hidden: Pixels) -> Made:
    """Hides one image in one host."""
    began = time.process_time()
    container = methods.hide(chosen, host, [hidden])
    seconds = time.process_time() - began
    (revealed,) = methods.reveal(chosen, container)
    moved = container[..., 1] != host[..., 1]
    return Made(
        psnr(container, host),
        psnr(revealed, hidden),
        float(moved.mean()),
        coding_loss(chosen, host),
        seconds,
    )


def coding_loss(chosen: Carried, host: Pixels) -> float:
    """What a full container's changes cost beyond those of ideal embedding."""
    size = chosen.room(host, chosen.pictures[0]).size + envelope.TAG_BYTES
    head, body = (np.random.default_rng(0).bytes(each) for each in (envelope.HEAD_BYTES, size))
    container = chosen.carrier.write(host, head, body, methods.KEY, silent)
    costs = hill(host)
    bits = 8 * (envelope.HEAD_BYTES + size) / costs.size
    least = float((adaptive.moving(costs, adaptive.multiplier(costs, bits)) * costs).sum())
    return float(((container[..., 1] != host[..., 1]) * costs).sum()) / least - 1


def line(place: Domain, rate: str, share: float) -> str:
    """One rate on one domain, and images of a share of their hosts' area, as a line."""
    bits = None if rate in SECRECY else float(rate)
    chosen = cast(Carried, method.get(secrecy=rate if bits is None else "high", bits=bits))
    found = []
    for index in range(place.hosts):
        group = place.group(index, 1)
        hidden = group.hidden[0].pixels
        sides = (round(share**0.5 * side) for side in hidden.shape[:2])
        found.append(made(chosen, group.host.pixels, images.resize(hidden, *sides)))
    container, revealed = (
        spread([getattr(each, name) for each in found]) for name in ("container", "revealed")
    )
    moved, losses = (
        np.array([getattr(each, name) for each in found]) for name in ("moved", "loss")
    )
    cells = (
        *(rate, SHARES.get(share, str(share)), place.name, str(place.hosts)),
        f"{container.mean:.1f} ± {container.deviation:.1f}",
        f"{revealed.mean:.1f} ± {revealed.deviation:.1f}",
        f"{revealed.worst:.1f}",
        f"{100 * moved.mean():.1f} %",
        f"{100 * losses.mean():.1f} ± {100 * losses.std():.1f} %",
        f"{np.median([each.seconds for each in found]):.2f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measures, prints, and writes where it is asked to."""
    parser = argparse.ArgumentParser(description="What --secrecy leaves of quality.")
    parser.add_argument("photos", help="a folder of photos")
    parser.add_argument("--hosts", type=int, default=8, help="of each domain (8)")
    parser.add_argument("--side", type=int, default=SIDE, help="of the crops (256)")
    parser.add_argument("--whole", action="store_true", help="no crops")
    parser.add_argument("--rates", nargs="*", default=list(SECRECY), help="words, or bits a sample")
    parser.add_argument("--shares", nargs="*", type=float, default=[1.0, 0.25], help="of the area")
    parser.add_argument("--write", action="store_true", help=f"the table of {PAGE.name} too")
    options = parser.parse_args()
    lines = [f"| {' | '.join(each)} |" for each in (HEAD, (*[":--"] * 3, *["--:"] * 7))]
    print("\n".join(lines))
    crop = None if options.whole else options.side
    for place in domains(options.photos, count=1, crop=crop, limit=options.hosts):
        for share in options.shares:
            for rate in options.rates:
                lines.append(line(place, rate, share))
                print(lines[-1], flush=True)
    if options.write:
        put(PAGE, BEGIN, END, "\n".join(lines))


if __name__ == "__main__":
    main()
