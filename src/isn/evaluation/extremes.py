"""Images that are not photos, hidden in each other: Fig. 7, and what users really bring."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from isn import drawings
from isn.evaluation.protocol import Group, Sample
from isn.evaluation.scores import CEILING, spread, through_file
from isn.evaluation.showcase import Source
from isn.images import Pixels
from isn.method import Method
from isn.metrics import psnr

NATURAL = "natural"
DRAWN = {
    "monochrome": "flat",
    "noise": "noise",
    "white page": "white",
    "screenshot": "screenshot",
    "drawing": "shapes",
    "text": "page",
}
"""What the report calls it, and the kind that :mod:`isn.drawings` draws."""

PAIRS: tuple[tuple[str, str], ...] = (
    (NATURAL, NATURAL),
    (NATURAL, "monochrome"),
    ("monochrome", NATURAL),
    (NATURAL, "noise"),
    ("noise", NATURAL),
    ("monochrome", "noise"),
    ("noise", "monochrome"),
    *((NATURAL, kind) for kind in ("white page", "screenshot", "drawing", "text")),
    *((kind, NATURAL) for kind in ("white page", "screenshot", "drawing", "text")),
    ("white page", "text"),
)
"""(host, hidden): the paper's pairs both ways round, then those that users bring."""


@dataclass(frozen=True)
class Extreme:
    """One pair through one method.

    Attributes:
        host: what the host is.
        hidden: what is hidden in it.
        container: dB against the host.
        revealed: mean in dB over the images that came back, None where none did.
        deviation: standard deviation of these.
        lost: how many did not.
        pictures: host, container, first hidden image, and what was revealed of it (or None).
    """

    host: str
    hidden: str
    container: float
    revealed: float | None
    deviation: float
    lost: int
    pictures: tuple[Pixels, Pixels, Pixels, Pixels | None]


def extreme(
    method: Method, count: int, pair: tuple[str, str], source: Source, seed: int
) -> Extreme:
    """Hides `count` images of one kind in a host of another, and scores both."""
    group = _group(count, pair, source, seed)
    container, revealed = through_file(method, group)
    values = [
        min(psnr(back, each.pixels), CEILING)
        for back, each in zip(revealed, group.hidden, strict=True)
        if back is not None
    ]
    spent = spread(values) if values else None
    return Extreme(
        *pair,
        min(psnr(container, group.host.pixels), CEILING),
        spent.mean if spent else None,
        spent.deviation if spent else 0.0,
        count - len(values),
        (group.host.pixels, container, group.hidden[0].pixels, revealed[0]),
    )


def _group(count: int, pair: tuple[str, str], source: Source, seed: int) -> Group:
    photos = source.group(0, count)

    def draw(kind: str, number: int, photo: Sample) -> Sample:
        return photo if kind == NATURAL else _drawn(kind, number, photo.pixels, seed)

    host = draw(pair[0], 0, photos.host)
    return Group(host, tuple(draw(pair[1], k + 1, each) for k, each in enumerate(photos.hidden)))


def _drawn(kind: str, number: int, like: Pixels, seed: int) -> Sample:
    word = hashlib.blake2b(f"{kind} {number}".encode(), digest_size=8).digest()
    rng = np.random.default_rng([seed, int.from_bytes(word, "big")])
    height, width = like.shape[:2]
    return Sample(kind, drawings.draw(DRAWN[kind], height, width, rng))
