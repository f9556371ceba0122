"""The demo's picture: labelled images side by side, on white."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isn import drawings, images
from isn.images import Pixels

GAP = 12
PANEL = 384
"""Columns of a panel that is not made smaller to fit."""

ERROR_GAIN = 50


def error(container: Pixels, host: Pixels) -> Pixels:
    """The absolute difference of two images, times `ERROR_GAIN`."""
    difference = np.abs(container.astype(np.int16) - host) * ERROR_GAIN
    amplified: Pixels = np.minimum(difference, 255).astype(np.uint8)
    return amplified


def panel(pixels: Pixels, label: str, width: int = PANEL) -> Pixels:
    """One image in a box of 3 to 2, whole and in the middle, its label below."""
    height = width * 2 // 3
    scale = min(height / pixels.shape[0], width / pixels.shape[1])
    rows, columns = (max(1, round(scale * side)) for side in pixels.shape[:2])
    box = _place(images.resize(pixels, rows, columns), height, width, (width - columns) // 2)
    return _stack([box, drawings.caption(label, width)], gap=4)


def row(title: str, columns: Sequence[Sequence[Pixels]]) -> Pixels:
    """Columns of panels of one size side by side, under a title."""
    stacked = [_stack(each) for each in columns]
    parts = [_place(each, each.shape[0], each.shape[1] + GAP) for each in stacked]
    body = np.concatenate(parts, axis=1)[:, :-GAP]
    return _stack([drawings.caption(title, body.shape[1], size=20, centred=False), body])


def sheet(rows: Sequence[Pixels]) -> Pixels:
    """Rows under each other, with a margin around."""
    body = _stack(rows, gap=2 * GAP)
    wide = _place(body, body.shape[0] + GAP, body.shape[1] + 2 * GAP, GAP)
    top = np.full((GAP, wide.shape[1], 3), 255, np.uint8)
    whole: Pixels = np.concatenate([top, wide])
    return whole


def fitting(count: int) -> int:
    """Width of `count` panels that together are no wider than five of `PANEL`."""
    return min(PANEL, (5 * (PANEL + GAP)) // count - GAP)


def _stack(parts: Sequence[Pixels], gap: int = GAP) -> Pixels:
    width = max(each.shape[1] for each in parts)
    stacked: Pixels = np.concatenate([_place(each, each.shape[0] + gap, width) for each in parts])[
        :-gap
    ]
    return stacked


def _place(pixels: Pixels, height: int, width: int, left: int = 0) -> Pixels:
    """An image on a white canvas, at its top."""
    canvas = np.full((height, width, 3), 255, np.uint8)
    canvas[: pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return canvas
