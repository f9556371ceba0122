"""Images that are not photos, drawn from a seed.

People hide text pages, screenshots and logos, and hide in blank or overexposed images, none of
which a set of photos holds. These are drawn on the fly for training, and the same for evaluation.
Every drawing depends on the state of the generator alone (text also on Pillow's built-in font).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from isn.errors import ConfigError, ImageError

Pixels: TypeAlias = NDArray[np.uint8]
Colour: TypeAlias = tuple[int, int, int]
Generator: TypeAlias = np.random.Generator

KINDS = ("white", "black", "flat", "gradient", "page", "screenshot", "shapes", "noise")

_TEXT = (
    "the of and to in is that for it as was with be by on not he his but at are this have from or "
    "had an they which one you were all her she there would their we him been has when who will "
    "no more if out so said what up its about than into them can only other time new some could "
    "Invoice Total 2021 Chapter Figure 3.14 Password: Confidential, (page) $49.90 100% e.g. A4 No."
)
_WORDS = _TEXT.split(" ")
_LABELS = ("OK", "Cancel", "File", "Edit", "View", "Help", "Save", "Open...", "Search", "Sign in")


def draw(kind: str, height: int, width: int, rng: Generator) -> Pixels:
    """Draws one image.

    Args:
        kind: one of `KINDS`.
        height: rows, at least 1.
        width: columns, at least 1.
        rng: where all chance comes from; it is advanced.

    Returns:
        uint8 in [0, 255], height x width x 3.

    Raises:
        ConfigError: the kind is unknown or a side is not positive.
    """
    if kind not in _DRAW:
        raise ConfigError(f"{kind!r} is no kind of drawing: choose one of {', '.join(KINDS)}")
    if height < 1 or width < 1:
        raise ConfigError(f"a drawing of {height} x {width} was asked for: give positive sides")
    return _DRAW[kind](height, width, rng)


def caption(text: str, width: int, *, size: int = 15, centred: bool = True) -> Pixels:
    """A line of text to stand beside a picture, dark grey on white.

    Args:
        text: one line; it is set smaller where it would not fit.
        width: columns, at least 1.
        size: height of the letters in pixels.
        centred: else it begins at the left.

    Returns:
        uint8 in [0, 255], about 1.6 x size rows, width x 3.
    """
    canvas, pen = _canvas(round(1.6 * size), width, (255, 255, 255))
    while size > 5 and pen.textlength(text, font=_font(size)) > width:
        size -= 1
    place = (width // 2 if centred else 0, canvas.height // 2)
    pen.text(place, text, (60, 60, 60), _font(size), anchor="mm" if centred else "lm")
    return np.array(canvas)


def overexpose(image: Pixels, rng: Generator) -> Pixels:
    """A photo exposed wrongly: a part of its samples, 5 to 60 in 100, is clipped.

    Half of the time a gain saturates the bright part at 255, else the dark part is crushed to 0
    and the rest is darkened by a gamma.

    Args:
        image: uint8 in [0, 255], H x W x 3; stays as it was.
        rng: where all chance comes from; it is advanced.

    Returns:
        uint8 in [0, 255], of the same shape.

    Raises:
        ImageError: the image is not uint8 or has no samples.
    """
    if image.dtype != np.uint8 or image.size == 0:
        raise ImageError(f"{image.dtype} of shape {image.shape} was given: give a uint8 image")
    part = rng.uniform(0.05, 0.6)
    share = np.cumsum(np.bincount(image.ravel(), minlength=256)) / image.size
    levels = np.arange(256.0)
    if rng.random() < 0.5:
        # At least 1: an image that is black for the most part has no gain that saturates it.
        white = max(int(np.searchsorted(share, 1 - part)), 1)
        curve = levels * 255 / white
    else:
        black = min(int(np.searchsorted(share, part)), 254)
        rest = np.clip((levels - black) / (255 - black), 0, 1)
        curve = 255 * rest ** rng.uniform(1, 2.5)
    exposed: Pixels = np.clip(np.rint(curve), 0, 255).astype(np.uint8)[image]
    return exposed


def _white(height: int, width: int, _rng: Generator) -> Pixels:
    return np.full((height, width, 3), 255, np.uint8)


def _black(height: int, width: int, _rng: Generator) -> Pixels:
    return np.zeros((height, width, 3), np.uint8)


def _flat(height: int, width: int, rng: Generator) -> Pixels:
    return np.full((height, width, 3), _colour(rng), np.uint8)


def _noise(height: int, width: int, rng: Generator) -> Pixels:
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def _gradient(height: int, width: int, rng: Generator) -> Pixels:
    first, second = (rng.integers(0, 256, 3).astype(np.float32) for _ in range(2))
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    if rng.random() < 0.3:
        centre = rng.random(2, np.float32)
        place = np.hypot(y - centre[0], x - centre[1])
    else:
        down, across = rng.uniform(-1, 1, 2).astype(np.float32)
        place = down * y + across * x
    span = float(place.max() - place.min())
    place = (place - place.min()) / (span or 1.0)
    image: Pixels = (first + place[..., None] * (second - first) + 0.5).astype(np.uint8)
    return image


def _page(height: int, width: int, rng: Generator) -> Pixels:
    paper = _grey(rng, 235, 255)
    ink = _grey(rng, 0, 60)
    if rng.random() < 0.15:
        paper, ink = ink, paper
    canvas, pen = _canvas(height, width, paper)
    # A font larger than the page would leave it blank.
    size = int(rng.integers(8, 29)) if min(height, width) >= 64 else 8
    columns = int(rng.integers(1, 3)) if width > 24 * size else 1
    margin = int(rng.integers(0, size + 1))
    leading = size * rng.uniform(1.15, 1.7)
    for column in range(columns):
        left = margin + column * (width // columns)
        room = width // columns - margin
        top = float(margin)
        while top < height:
            # One line in eight is empty, as between paragraphs.
            if rng.random() > 0.125:
                pen.text((left, top), _line(room, size, rng), fill=ink, font=_font(size))
            top += leading
    return np.array(canvas)


def _screenshot(height: int, width: int, rng: Generator) -> Pixels:
    dark = rng.random() < 0.3
    back = _grey(rng, 20, 60) if dark else _grey(rng, 225, 255)
    front = _grey(rng, 180, 255) if dark else _grey(rng, 0, 90)
    canvas, pen = _canvas(height, width, back)
    size = int(rng.integers(9, 14))
    row = 2 * size
    accent = _colour(rng)
    pen.rectangle((0, 0, width, row), fill=accent if rng.random() < 0.5 else _near(back, rng))
    pen.text((size // 2, size // 2), _line(width // 2, size, rng), fill=front, font=_font(size))
    side = int(rng.integers(width // 6, width // 3 + 1))
    pen.rectangle((0, row, side, max(row, height)), fill=_near(back, rng), outline=_near(back, rng))
    for top in range(row + size // 2, height, row):
        pen.text((4, top), _pick(_LABELS, rng), fill=front, font=_font(size))
    for top in range(row + size, height, int(rng.integers(2, 4)) * row):
        left = side + size
        right = left + int(rng.integers(4 * size, max(width - left, 4 * size) + 1))
        box = (left, top, right, top + row)
        kind = rng.integers(3)
        if kind == 0:
            pen.rounded_rectangle(box, size // 2, fill=accent)
            pen.text((left + size, top + size // 2), _pick(_LABELS, rng), "white", _font(size))
        elif kind == 1:
            pen.rectangle(box, fill=_near(back, rng), outline=front)
        else:
            pen.text((left, top), _line(width - left, size, rng), fill=front, font=_font(size))
    return np.array(canvas)


def _shapes(height: int, width: int, rng: Generator) -> Pixels:
    # Drawn at twice the size and averaged, the edges come out soft; else they are hard.
    scale = 2 if rng.random() < 0.5 else 1
    canvas, pen = _canvas(height * scale, width * scale, _colour(rng))
    extent = np.array([width, height]) * scale
    for _ in range(int(rng.integers(3, 13))):
        fill = _colour(rng) if rng.random() < 0.6 else None
        stroke = int(rng.integers(1, 4)) * scale
        outline = _colour(rng)
        kind = rng.integers(3)
        points = rng.uniform(-0.1, 1.1, (int(rng.integers(3, 7)), 2)) * extent
        if kind == 0:
            low, high = points[:2].min(axis=0), points[:2].max(axis=0)
            pen.ellipse((*low.tolist(), *high.tolist()), fill, outline, stroke)
        elif kind == 1:
            pen.polygon(points.ravel().tolist(), fill, outline, stroke)
        else:
            pen.line(points.ravel().tolist(), outline, stroke)
    return np.array(canvas.reduce(2) if scale == 2 else canvas)


def _canvas(height: int, width: int, colour: Colour) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    canvas = Image.new("RGB", (width, height), colour)
    return canvas, ImageDraw.Draw(canvas)


def _line(room: int, size: int, rng: Generator) -> str:
    """Words to fill about `room` pixels, a letter being about half as wide as it is high."""
    letters = int(rng.uniform(0.3, 1.0) * 2 * max(room, size) / size)
    words = " ".join(_WORDS[k] for k in rng.integers(0, len(_WORDS), letters // 5 + 1))
    return words[: letters + 1]


def _pick(words: tuple[str, ...], rng: Generator) -> str:
    return words[int(rng.integers(len(words)))]


def _colour(rng: Generator) -> Colour:
    red, green, blue = rng.integers(0, 256, 3).tolist()
    return red, green, blue


def _grey(rng: Generator, low: int, high: int) -> Colour:
    """A colour close to grey, each of its parts in [low, high]."""
    base = rng.integers(low, high + 1)
    red, green, blue = np.clip(base + rng.integers(-6, 7, 3), low, high).tolist()
    return red, green, blue


def _near(colour: Colour, rng: Generator) -> Colour:
    red, green, blue = np.clip(np.array(colour) + rng.integers(-25, 26, 3), 0, 255).tolist()
    return red, green, blue


@lru_cache(maxsize=64)
def _font(size: int) -> Any:
    return ImageFont.load_default(size)


_DRAW: dict[str, Callable[[int, int, Generator], Pixels]] = {
    "white": _white,
    "black": _black,
    "flat": _flat,
    "gradient": _gradient,
    "page": _page,
    "screenshot": _screenshot,
    "shapes": _shapes,
    "noise": _noise,
}
