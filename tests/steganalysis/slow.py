"""The rules of the detectors once more, in plain loops over Python integers: an oracle."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

from scipy.stats import chi2


def primary_sets(image: Any) -> float | None:
    height, width, _ = image.shape
    if width < 2:
        return None
    p = x = y = z = w = 0
    for i in range(height):
        for j in range(0, width - 1, 2):
            u, v = int(image[i, j, 0]), int(image[i, j + 1, 0])
            p += 1
            if u == v:
                z += 1
            elif (v % 2 == 0 and u < v) or (v % 2 == 1 and u > v):
                x += 1
            else:
                y += 1
                if u % 2 == 1 or (u % 2 == 0 and v % 2 == 1):
                    w += 1
    roots = _roots((w + z) / 2, 2 * x - p, y - x)
    return _bounded(min(roots)) if roots else math.nan


def sample_pairs(image: Any) -> float | None:
    height, width, _ = image.shape
    if height % 2 or width % 2:
        return None
    answers = []
    for channel in range(3):
        p = x = y = z = w = 0
        across = [((i, j), (i, j + 1)) for i in range(height) for j in range(0, width, 2)]
        down = [((i, j), (i + 1, j)) for i in range(0, height, 2) for j in range(width)]
        for first, second in across + down:
            u, v = int(image[first][channel]), int(image[second][channel])
            p += 1
            z += u == v
            w += u >> 1 == v >> 1 and u != v
            x += (v % 2 == 0 and u < v) or (v % 2 == 1 and u > v)
            y += (v % 2 == 0 and u > v) or (v % 2 == 1 and u < v)
        roots = _roots((w + z) / 2, 2 * x - p, y - x)
        root = min(roots, key=abs) if roots else 0.0
        if root == 0:
            root = _divide(y - x, 2 * x - p)
        answers.append(root)
    return _bounded(sum(answers) / 3)


def chi_square(image: Any) -> float | None:
    samples = [int(value) for value in image.reshape(-1)]
    steps = len(samples) // 1024 - 1
    if steps < 256:
        return None
    histogram = [1] * 256
    total = 0.0
    for step in range(steps):
        for value in samples[step * 1024 : (step + 1) * 1024]:
            histogram[value] += 1
        observed = [histogram[2 * k] for k in range(128)]
        expected = [(histogram[2 * k] + histogram[2 * k + 1]) // 2 for k in range(128)]
        scale = sum(observed) / sum(expected)
        statistic = sum(
            (o - scale * e) ** 2 / (scale * e) for o, e in zip(observed, expected, strict=True)
        )
        total += float(chi2.sf(statistic, 127))
    return total / steps


def rs_analysis(image: Any) -> float | None:
    height, width, _ = image.shape
    if height < 2 or width < 2:
        return None
    answers = []
    for channel, stride in product(range(3), (1, 2)):
        plain = _groups(image[:, :, channel].tolist(), stride)
        flipped = _groups((image[:, :, channel] ^ 1).tolist(), stride)
        (r, s), (rm, sm) = plain
        (r1, s1), (rm1, sm1) = flipped
        d0, dm0, d1, dm1 = r - s, rm - sm, r1 - s1, rm1 - sm1
        roots = _roots(2 * (d1 + d0), dm0 - dm1 - d1 - 3 * d0, d0 - dm0)
        if roots:
            z = min(roots, key=abs)
        else:
            z = (_divide(rm - r, r1 - r + rm - rm1) + _divide(sm - s, s1 - s + sm - sm1)) / 2
        answers.append(abs(_divide(z, z - 0.5)))
    return _bounded(sum(answers) / 6)


def spam(plane: Any, threshold: int = 3) -> list[float]:
    rows = [[int(value) for value in row] for row in plane]
    straight, diagonal = ((0, 1), (0, -1), (1, 0), (-1, 0)), ((1, 1), (-1, -1), (1, -1), (-1, 1))
    features: list[float] = []
    for directions in (straight, diagonal):
        mean: dict[tuple[int, ...], float] = {}
        for down, right in directions:
            found: list[tuple[int, ...]] = []
            for i, j in product(range(len(rows)), range(len(rows[0]))):
                path = [(i + k * down, j + k * right) for k in range(4)]
                if all(0 <= a < len(rows) and 0 <= b < len(rows[0]) for a, b in path):
                    values = [rows[a][b] for a, b in path]
                    steps = [values[k] - values[k + 1] for k in range(3)]
                    found.append(tuple(max(-threshold, min(threshold, each)) for each in steps))
            for triple in found:
                mean[triple] = mean.get(triple, 0.0) + 1 / len(found) / 4
        span = range(-threshold, threshold + 1)
        features += [mean.get(triple, 0.0) for triple in product(span, repeat=3)]
    return features


def _groups(plane: list[list[int]], stride: int) -> list[tuple[int, int]]:
    counts = []
    for flip in (lambda x: x ^ 1, lambda x: ((x + 1) ^ 1) - 1):
        regular = singular = 0
        for i in range(0, len(plane) - 1, stride):
            for j in range(0, len(plane[0]) - 1, stride):
                a, b = plane[i][j : j + 2]
                c, d = plane[i + 1][j : j + 2]
                before = _roughness(a, b, c, d)
                for after in (
                    _roughness(flip(a), b, c, flip(d)),
                    _roughness(a, flip(b), flip(c), d),
                ):
                    regular += after > before
                    singular += after < before
        counts.append((regular, singular))
    return counts


def _roughness(a: int, b: int, c: int, d: int) -> int:
    return abs(a - b) + abs(c - d) + abs(a - c) + abs(b - d)


def _roots(a: float, b: float, c: float) -> list[float]:
    if a == 0:
        return [-c / b] if b else []
    discriminant = b * b - 4 * a * c
    if discriminant < 0:
        return []
    return [(-b + sign * math.sqrt(discriminant)) / (2 * a) for sign in (1, -1)]


def _divide(a: float, b: float) -> float:
    if b == 0:
        return math.nan if a == 0 else math.inf
    return a / b


def _bounded(value: float) -> float:
    return value if math.isnan(value) else min(1.0, abs(value))
