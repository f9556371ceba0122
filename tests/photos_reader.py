"""A second reader of the code `photos`, written from docs/reference/container.md alone.

It is slow and shares nothing with the first but the borders' matrix and the weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Context, Decimal
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isn.codes.photos.bands import BORDERS

Whole = NDArray[np.int64]
Floats = NDArray[np.float64]
Tensors = Mapping[str, NDArray[Any]]

EXACT = Context(prec=28)
MEANS = [0, 64, 128]
DCT = np.array(
    [
        [
            math.sqrt((1 if u else 0.5) / 4) * math.cos(math.pi * (2 * x + 1) * u / 16)
            for x in range(8)
        ]
        for u in range(8)
    ]
)
COLOURS = np.array(
    [
        [1 / math.sqrt(3)] * 3,
        [1 / math.sqrt(2), 0, -1 / math.sqrt(2)],
        [1 / math.sqrt(6), -2 / math.sqrt(6), 1 / math.sqrt(6)],
    ]
)
GROUPS = [
    [
        64 * colour + 8 * u + v
        for colour in colours
        for u in range(8)
        for v in range(8)
        if (u or v) and low <= u + v <= high
    ]
    for low, high in ((0, 2), (3, 4), (5, 7), (8, 14))
    for colours in ((0,), (1, 2))
]


def images(payload: bytes, tensors: Tensors) -> list[NDArray[np.uint8]]:
    """The images of a payload in their coded sizes."""
    count, index = payload[0], int.from_bytes(payload[1:3], "little", signed=True)
    sizes = np.frombuffer(payload, "<u4", 4 * count, 3).reshape(count, 4)[:, :2].tolist()
    blocks = [(-(-height // 8), -(-width // 8)) for height, width in sizes]
    total = sum(189 * h * w + 192 * -(-h // 8) * -(-w // 8) for h, w in blocks)
    numbers = Numbers(payload[3 + 16 * count :], total)
    found = []
    for (height, width), (h, w) in zip(sizes, blocks, strict=True):
        quarters = (np.rint(tensors["prior.coarsest"].astype(float) * 64) - index) // 16
        classes = np.clip(quarters + 20, 0, 63).astype(int)[:, None, None]
        first = numbers.part(np.tile(classes, (1, -(-h // 8), -(-w // 8))))
        means = level(numbers, tensors, "means", first, index)
        scaled = unblocked(means.astype(float), np.rint(DCT * 4096))
        known = ((scaled.astype(np.int64) + 2**23) // 2**24)[:, :h, :w]
        bands = placed(level(numbers, tensors, "blocks", known, index), index)
        bands[MEANS] = unblocked(placed(means, index), DCT)[:, :h, :w]
        levels = np.einsum("ck,chw->khw", COLOURS, unlapped(unblocked(bands, DCT))) + 127.5
        shown = np.clip(np.rint(levels), 0, 255).astype(np.uint8).transpose(1, 2, 0)
        found.append(shown[:height, :width])
    return found


def level(numbers: Numbers, tensors: Tensors, name: str, known: Whole, index: int) -> Whole:
    around = np.pad(known, ((0, 0), (1, 1), (1, 1)), "edge")
    sides = (around[:, 1:-1, :-2], around[:, 1:-1, 2:], around[:, :-2, 1:-1], around[:, 2:, 1:-1])
    step = np.full((1, *known.shape[1:]), (index + 64) // 8)
    features = np.concatenate([*(feature(known - side) for side in sides), step])
    bands = np.zeros((192, *known.shape[1:]), np.int64)
    bands[MEANS] = known
    for group, channels in enumerate(GROUPS):
        found = numbers.part(classes_of(tensors, f"prior.{name}.{group}", features))
        bands[channels] = found
        features = np.concatenate([features, feature(found)])
    return bands


def feature(halves: Whole) -> Whole:
    sizes, which = np.unique(np.minimum(np.abs(halves), 16383), return_inverse=True)
    told = np.array([round(8 * math.log2(1 + size / 2)) for size in sizes])
    return told[which].reshape(halves.shape)


def classes_of(tensors: Tensors, name: str, features: Whole) -> Whole:
    a, b, c, d = (
        np.rint(tensors[f"{name}.{each}"].astype(float) * unit)
        for each, unit in (
            ("inner.weight", 64),
            ("inner.bias", 512),
            ("outer.weight", 64),
            ("outer.bias", 2048),
        )
    )
    height, width = features.shape[1:]
    around = np.pad(features, ((0, 0), (1, 1), (1, 1))).astype(float)
    sums = np.tile(b[:, None, None], (1, height, width))
    for y in range(3):
        for x in range(3):
            seen = around[:, y : y + height, x : x + width]
            sums += np.einsum("oc,chw->ohw", a[:, :, y, x], seen)
    hidden = np.clip(sums // 16, 0, 1023)
    scales = d[:, None, None] + np.einsum("oc,chw->ohw", c[:, :, 0, 0], hidden)
    return np.clip(scales // 512 + 20, 0, 63).astype(int)


class Numbers:
    def __init__(self, code: bytes, total: int) -> None:
        words, escapes = np.frombuffer(code, "<u4", 2).tolist()
        self.coders = min(max(total // 20000, 1), 4096)
        body = np.frombuffer(code, "<u4", words, 8).tolist()
        pairs = zip(body[: 2 * self.coders : 2], body[1 : 2 * self.coders : 2], strict=True)
        self.states = [low | high << 32 for low, high in pairs]
        self.words = iter(body[2 * self.coders :])
        self.escapes = iter(np.frombuffer(code, "<i4", escapes, 8 + 4 * words).tolist())
        loose = np.frombuffer(code, np.uint8, offset=8 + 4 * (words + escapes))
        self.loose = iter(np.unpackbits(loose).tolist())

    def part(self, classes: Whole) -> Whole:
        kinds = classes.reshape(-1).tolist()
        chains = [0] * (self.coders * max(1, len(kinds) // (256 * self.coders)))
        found = []
        for k, kind in enumerate(kinds):
            state = chains[k % len(chains)]
            odd = state % 2
            number = self.number(k % self.coders, kind, odd)
            chains[k % len(chains)] = state // 2 ^ 5 * odd ^ 2 * (number % 2)
            found.append(2 * number - odd * ((number > 0) - (number < 0)))
        return np.array(found).reshape(classes.shape)

    def number(self, coder: int, kind: int, odd: int) -> int:
        shift, frequencies, starts, symbols = table(kind, odd)
        slot = self.states[coder] % 65536
        place = int(np.searchsorted(starts, slot, "right")) - 1
        state = frequencies[place] * (self.states[coder] // 65536) + slot - int(starts[place])
        self.states[coder] = state if state >= 2**32 else state << 32 | next(self.words)
        low = 0
        for _ in range(shift):
            low = 2 * low + next(self.loose)
        if symbols[place] == 193:
            return int(next(self.escapes))
        return (symbols[place] - 96) * 2**shift + low - 2**shift // 2


@cache
def table(kind: int, odd: int) -> tuple[int, list[int], Whole, list[int]]:
    octave, quarter = divmod(kind - 20, 4)
    shift = max(0, octave - 2)
    scale = EXACT.power(Decimal(2), Decimal(octave - shift) + Decimal(quarter) / 4)
    share = Decimal(min(max((octave + quarter / 4 + 0.5) / 2.5, 0.0), 1.0))
    wide = scale * Decimal(1 / (2 * math.log(2)))
    most = min(96, 2 + int(12 * scale))

    def above(size: int) -> Decimal:
        edge = Decimal(size) + Decimal("0.5")
        if odd and not shift:
            edge -= Decimal("0.5") if size else Decimal("0.25")
        tail = EXACT.exp(-edge / wide)
        return (1 - share) * EXACT.exp(-edge / scale) + share * 2 * tail / (1 + tail)

    beyond = [above(size) for size in range(most + 1)]
    sides = [(beyond[size - 1] - beyond[size]) / 2 for size in range(1, most + 1)]
    parts = [*sides[::-1], 1 - beyond[0], *sides, beyond[most]]
    counts = [1 + int(part * (65536 - 2 * most - 2)) for part in parts]
    counts[most] += 65536 - sum(counts)
    return shift, counts, np.cumsum([0, *counts]), [*range(96 - most, 97 + most), 193]


def placed(halves: Whole, index: int) -> Floats:
    steps = halves / 2
    return np.where(abs(halves) == 1, 1.1 * steps, steps) * 2.0 ** (index / 64)


def unblocked(bands: Floats, basis: Floats) -> Floats:
    height, width = bands.shape[1:]
    cells = bands.reshape(3, 8, 8, height, width)
    return np.einsum("cuvhw,ui,vj->chiwj", cells, basis, basis).reshape(3, 8 * height, 8 * width)


def unlapped(planes: Floats) -> Floats:
    _, height, width = planes.shape
    whole = planes.copy()
    if width > 8:
        inner = whole[:, :, 4:-4].reshape(3, height, -1, 8)
        whole[:, :, 4:-4] = (inner @ BORDERS).reshape(3, height, -1)
    if height > 8:
        inner = whole[:, 4:-4].reshape(3, -1, 8, width)
        whole[:, 4:-4] = np.einsum("ji,cnjw->cniw", BORDERS, inner).reshape(3, -1, width)
    return whole
