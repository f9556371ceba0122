"""What is left after damage: noise, lossy files, a lost row, resampling, brightness.

The revealed images are compared with the originals as the same damage would move them: after a
crop of one pixel the original loses that pixel too.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from PIL import Image

from isn import images, metrics
from isn.evaluation import methods
from isn.evaluation.protocol import Group
from isn.evaluation.scores import CEILING, spread
from isn.images import Pixels
from isn.method import Method

Change = Callable[[Pixels, np.random.Generator], Pixels]

NOISE = (0.5, 1.0, 2.0, 4.0, 8.0)
JPEG = (100, 95, 90, 80, 70, 60, 50)
WEBP = (100, 90, 80, 50)
BRIGHTER = 1.1


@dataclass(frozen=True)
class Damage:
    """One thing that happens to a container.

    Attributes:
        family: such as "JPEG".
        label: such as "quality 90".
        strength: where it stands on the axis of its family.
        change: what is done to the pixels.
        moves: what it does to the place of things, which the originals then share.
    """

    family: str
    label: str
    strength: float
    change: Change
    moves: Callable[[Pixels], Pixels] = field(default=lambda pixels: pixels)


@dataclass(frozen=True)
class Left:
    """What a method revealed after one damage.

    Attributes:
        family: of the damage.
        label: of the damage.
        strength: of the damage.
        psnr: mean in dB over the pictures that came back; None where none did.
        deviation: standard deviation of these.
        pictures: how many came back.
        lost: how many did not.
    """

    family: str
    label: str
    strength: float
    psnr: float | None
    deviation: float
    pictures: int
    lost: int


def noisy(pixels: Pixels, rng: np.random.Generator, *, sigma: float) -> Pixels:
    """Gaussian noise of `sigma` levels, rounded to 8 bit."""
    values = pixels + sigma * rng.standard_normal(pixels.shape)
    changed: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return changed


def lossy(pixels: Pixels, rng: np.random.Generator, *, kind: str, quality: int) -> Pixels:
    """Through a JPEG (4:2:0, as most writers do) or a lossy WebP file."""
    del rng
    buffer = io.BytesIO()
    options = {"subsampling": "4:2:0"} if kind == "JPEG" else {}
    Image.fromarray(pixels).save(buffer, kind, quality=quality, **options)
    return images.read(buffer.getvalue()).pixels


def cropped(pixels: Pixels, rng: np.random.Generator | None = None) -> Pixels:
    """Without the first row and the first column."""
    del rng
    return np.ascontiguousarray(pixels[1:, 1:])


def scaled(pixels: Pixels, rng: np.random.Generator, *, factor: float = 0.9) -> Pixels:
    """To a part of the size and back."""
    del rng
    height, width = pixels.shape[:2]
    small = images.resize(pixels, round(factor * height), round(factor * width))
    return images.resize(small, height, width)


def brighter(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Every sample times `BRIGHTER`."""
    del rng
    changed: Pixels = np.clip(np.rint(pixels * BRIGHTER), 0, 255).astype(np.uint8)
    return changed


DAMAGES: tuple[Damage, ...] = (
    Damage("nothing", "nothing", 0, lambda pixels, rng: pixels),
    *(Damage("noise", f"sigma {s:g}", s, partial(noisy, sigma=s)) for s in NOISE),
    *(Damage("JPEG", f"quality {q}", q, partial(lossy, kind="JPEG", quality=q)) for q in JPEG),
    *(Damage("WebP", f"quality {q}", q, partial(lossy, kind="WEBP", quality=q)) for q in WEBP),
    Damage("edit", "one-pixel crop", 0, cropped, cropped),
    Damage("edit", "scaled by 0.9 and back", 0, scaled),
    Damage("edit", "10 % brighter", 0, brighter),
)


def survive(
    method: Method,
    groups: list[Group],
    *,
    seed: int,
    damages: tuple[Damage, ...] = DAMAGES,
    step: Callable[[], None] = lambda: None,
) -> list[Left]:
    """Damages the containers of a method in every way and scores what they still reveal.

    Args:
        method: what hides.
        groups: at least one.
        seed: of the noise, which is the same for every method.
        damages: what happens to the containers.
        step: called after each reveal.

    Raises:
        IsnError: the method does not hide these images.
    """
    values: list[list[float]] = [[] for _ in damages]
    lost = [0] * len(damages)
    for number, group in enumerate(groups):
        originals = [each.pixels for each in group.hidden]
        container = methods.hide(method, group.host.pixels, originals)
        for k, damage in enumerate(damages):
            rng = np.random.default_rng([seed, number, k])
            revealed = methods.left(method, damage.change(container, rng), len(originals))
            for back, original in zip(revealed, originals, strict=True):
                if back is None:
                    lost[k] += 1
                else:
                    wanted = damage.moves(original)
                    back = images.resize(back, *wanted.shape[:2])
                    values[k].append(min(metrics.psnr(back, wanted), CEILING))
            step()
    return [
        _left(damage, found, missing)
        for damage, found, missing in zip(damages, values, lost, strict=True)
    ]


def _left(damage: Damage, found: list[float], lost: int) -> Left:
    spent = spread(found) if found else None
    return Left(
        damage.family,
        damage.label,
        damage.strength,
        spent.mean if spent else None,
        spent.deviation if spent else 0.0,
        len(found),
        lost,
    )
