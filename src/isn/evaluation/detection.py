"""Who can see that something is hidden: ROC curves (Fig. 9), and detectors that learn.

StegExpose's fusion judges whole containers. The detectors that learn, a linear discriminant on
features of SPAM or on those of colours, and XuNet, are given N leaked pairs of a clean image and
its container, and judge others; a pair is a tile of a photo, and no photo is ever on both sides.
Two controls stand beside the methods: LSB matching at full rate, which must be found, and clean
photos against other clean photos, of which nothing can be said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from isn.images import Pixels
from isn.steganalysis.colour import colour
from isn.steganalysis.learned import Discriminant, Learner, Outcome, leaked_pairs
from isn.steganalysis.roc import area, found_at
from isn.steganalysis.spam import spam
from isn.steganalysis.stegexpose import THRESHOLD, analyze

Floats: TypeAlias = NDArray[np.float64]
Step: TypeAlias = Callable[[], None]

TILE: Final = 128
"""Rows and columns of a pair; those of the smallest host where that is smaller."""

LEAKS: Final = (10, 20, 50, 100, 200)
"""N, as far as `LEARNED_SHARE` of the pairs reaches."""

LEARNED_SHARE: Final = 0.55
"""Of all pairs at most; the others are judged."""

DRAWS: Final = 3
"""Times that the leaked pairs are drawn anew; figures are means."""

ACCUSED: Final = tuple(k / 20 for k in range(21))
"""Shares of clean images accused, at which a ROC curve is written down."""

SPAM: Final = "SPAM"
COLOUR: Final = "colour"
XUNET: Final = "XuNet"
NEEDS: Final[dict[str, str]] = {SPAM: "sklearn", COLOUR: "sklearn", XUNET: "torch"}
"""What each of the detectors that learn needs."""

FEATURES: Final[dict[str, Callable[[Pixels], Floats]]] = {SPAM: spam, COLOUR: colour}
"""What those of them see that look at features."""

MATCHING: Final = "LSB matching"
CLEAN: Final = "clean"


@dataclass(frozen=True)
class Fusion:
    """StegExpose's fusion on whole images.

    Attributes:
        area: under the ROC curve; None where no image has an answer.
        found: share of the containers above the program's own threshold.
        accused: share of the clean images above it.
        unanswered: images, clean or not, without an answer.
        roc: shares found at `ACCUSED`; empty where no image has an answer.
    """

    area: float | None
    found: float
    accused: float
    unanswered: int
    roc: tuple[float, ...]


@dataclass(frozen=True)
class Learned:
    """A detector that learned from N leaked pairs, over all draws.

    Attributes:
        detector: one of `NEEDS`.
        pairs: N.
        tested: pairs that it judged, of all draws together.
        accuracy: mean share of right verdicts.
        area: mean area under the ROC curve.
        deviation: of the area, over the draws.
        roc: mean shares found at `ACCUSED`.
    """

    detector: str
    pairs: int
    tested: int
    accuracy: float
    area: float
    deviation: float
    roc: tuple[float, ...]


@dataclass(frozen=True)
class Detected:
    """How well a method's containers are told from clean images.

    Attributes:
        method: its name, or that of a control.
        count: hidden images; 0 for a control.
        control: whether this is one.
        hosts: photos.
        tiles: pairs that there are.
        fusion: of StegExpose.
        learned: by detector and N.
    """

    method: str
    count: int
    control: bool
    hosts: int
    tiles: int
    fusion: Fusion
    learned: tuple[Learned, ...]


@dataclass(frozen=True)
class Seen:
    """What the detectors are given of some images.

    Attributes:
        fusions: n values of StegExpose; NaN without an answer.
        hosts: the image that each tile is of.
        tiles: uint8, m x S x S x 3.
        features: m rows each, by the detector that sees them.
    """

    fusions: Floats
    hosts: NDArray[np.intp]
    tiles: Pixels
    features: Mapping[str, Floats]


def look(images: Iterable[Pixels], side: int, step: Step = lambda: None) -> Seen:
    """Takes from images what the detectors need.

    Args:
        images: at least one, uint8, H x W x 3.
        side: of the tiles.
        step: called after each image.
    """
    fusions, hosts, cuts = [], [], []
    for number, pixels in enumerate(images):
        fusions.append(analyze(pixels).fusion)
        mine = tiles(pixels, side)
        hosts += [number] * len(mine)
        cuts += mine
        step()
    features = {name: np.array([of(each) for each in cuts]) for name, of in FEATURES.items()}
    return Seen(np.array(fusions), np.array(hosts), np.stack(cuts), features)


def tiles(pixels: Pixels, side: int) -> list[Pixels]:
    """Squares from the corners of an image, one, two or four: none overlaps another."""
    height, width = pixels.shape[:2]
    return [
        pixels[top : top + side, left : left + side]
        for top in _places(height, side)
        for left in _places(width, side)
    ]


def matched(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """LSB matching at full rate: half of the samples, drawn at random, move by one level."""
    change = rng.choice(np.array([-1, 1, 0, 0], np.int16), pixels.shape)
    values = pixels + change
    # At the ends of the scale there is one way only.
    moved: Pixels = np.where((values < 0) | (values > 255), pixels - change, values).astype(
        np.uint8
    )
    return moved


def against_others(seen: Seen, seed: int) -> tuple[Seen, Seen]:
    """Two halves of the images, drawn from a seed, one in the place of containers."""
    order = np.random.default_rng(seed).permutation(len(seen.fusions))
    half = len(order) // 2
    sides: tuple[list[int], list[int]] = ([], [])
    labels: list[int] = []
    for number, pair in enumerate(zip(order[:half], order[half : 2 * half], strict=True)):
        mine = [np.flatnonzero(seen.hosts == each) for each in pair]
        count = min(map(len, mine))
        labels += [number] * count
        for kept, places in zip(sides, mine, strict=True):
            kept += places[:count].tolist()
    first, second = (
        Seen(
            seen.fusions[whole],
            np.array(labels, np.intp),
            seen.tiles[kept],
            {name: rows[kept] for name, rows in seen.features.items()},
        )
        for whole, kept in zip((order[:half], order[half : 2 * half]), sides, strict=True)
    )
    return first, second


def detectors() -> tuple[str, ...]:
    """Those detectors that learn for which everything is installed."""
    return tuple(name for name, needed in NEEDS.items() if find_spec(needed) is not None)


def leaks(pairs: int) -> tuple[int, ...]:
    """Which N there are enough pairs for."""
    return tuple(each for each in LEAKS if each <= LEARNED_SHARE * pairs)


def fusion(clean: Seen, stego: Seen) -> Fusion:
    """StegExpose on clean images and on containers."""
    a, b = (each.fusions[np.isfinite(each.fusions)] for each in (clean, stego))
    accused, found = (float(np.mean(side > THRESHOLD)) if len(side) else 0.0 for side in (a, b))
    answered = bool(len(a) and len(b))
    return Fusion(
        area(a, b) if answered else None,
        found,
        accused,
        len(clean.fusions) + len(stego.fusions) - len(a) - len(b),
        tuple(found_at(a, b, ACCUSED).tolist()) if answered else (),
    )


def learn(
    clean: Seen,
    stego: Seen,
    names: Sequence[str],
    seed: int,
    step: Step = lambda: None,
    draws: int = DRAWS,
) -> tuple[Learned, ...]:
    """Each detector, at each N that there are pairs enough for.

    Args:
        clean: of clean images.
        stego: of the containers made of them, in the same order.
        names: of :func:`detectors`.
        seed: of the draws and of the training.
        step: called after each training.
        draws: how many of each.
    """
    found = []
    for name in names:
        a, b = (each.features[name] if name in FEATURES else each.tiles for each in (clean, stego))
        for pairs in leaks(len(clean.hosts)):
            outcomes = []
            for draw in range(seed, seed + draws):
                learner = _learner(name, draw)
                outcomes.append(leaked_pairs(a, b, clean.hosts, pairs, draw, learner))
                step()
            found.append(_mean(name, outcomes))
    return tuple(found)


def _learner(name: str, seed: int) -> Learner:
    if name in FEATURES:
        return Discriminant
    from isn.steganalysis.cnn import Cnn

    return partial(Cnn, seed=seed)


def _mean(name: str, outcomes: list[Outcome]) -> Learned:
    def mean(values: Iterable[Any]) -> Any:
        return np.mean(list(values), axis=0)

    curves = (found_at(each.clean_scores, each.stego_scores, ACCUSED) for each in outcomes)
    return Learned(
        name,
        outcomes[0].pairs,
        sum(each.tested for each in outcomes),
        float(mean(each.accuracy for each in outcomes)),
        float(mean(each.area for each in outcomes)),
        float(np.std([each.area for each in outcomes])),
        tuple(mean(curves).tolist()),
    )


def _places(length: int, side: int) -> tuple[int, ...]:
    return (0, length - side) if length >= 2 * side else ((length - side) // 2,)
