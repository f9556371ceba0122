"""Colour features against an oracle in plain loops, and what they see."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from isn.errors import ImageError
from isn.steganalysis.colour import FEATURES, LEAST_SIDE, colour

Pixels = NDArray[np.uint8]


def drawn(height: int, width: int, seed: int = 0, top: int = 9) -> Pixels:
    return np.random.default_rng(seed).integers(0, top, (height, width, 3), dtype=np.uint8)


def plain(image: Pixels) -> list[float]:
    """The same in loops."""
    samples = image.astype(int)
    height, width, _ = samples.shape
    found: list[float] = []
    lines = ([-1, 1], [1, -2, 1], [1, -3, 3, -1])
    squares = np.outer(lines[1], lines[1])
    for kernels, unit in (
        *(([np.array([line]).T, np.array([line])], max(line)) for line in lines),
        ([squares], 4),
    ):
        for coarse in (1, 2):
            triples = []
            for kernel in kernels:
                rows, columns = kernel.shape
                for top in range(height - rows + 1):
                    for left in range(width - columns + 1):
                        part = samples[top : top + rows, left : left + columns]
                        sums = (part * kernel[..., None]).sum(axis=(0, 1))
                        values = [round(each / (unit * coarse)) for each in sums.tolist()]
                        triples.append(tuple(min(max(each, -2), 2) for each in values))
            counts = {
                (r, g, b): triples.count((r, g, b)) + triples.count((-r, -g, -b))
                for r in range(-2, 3)
                for g in range(-2, 3)
                for b in range(-2, 3)
            }
            found += [each / (2 * len(triples)) for each in counts.values()]
    return found


@pytest.mark.parametrize("size", [(4, 4), (4, 7), (9, 5)])
@pytest.mark.parametrize("top", [3, 12, 256])
def test_same_as_the_loops(size: tuple[int, int], top: int) -> None:
    image = drawn(*size, top=top)
    np.testing.assert_allclose(colour(image), plain(image), rtol=0, atol=1e-14)


def test_each_part_adds_up_to_one() -> None:
    features = colour(drawn(20, 30))
    assert features.shape == (FEATURES,) == (1000,)
    np.testing.assert_allclose(features.reshape(8, -1).sum(axis=1), 1)


def test_turns_and_mirrors_change_nothing() -> None:
    image = drawn(20, 20)
    for other in (image[::-1], image[:, ::-1], image.swapaxes(0, 1), np.rot90(image)):
        np.testing.assert_allclose(colour(other), colour(image), atol=1e-15)


def test_a_change_of_one_colour_is_seen_more_than_one_of_all() -> None:
    grey = np.random.default_rng(3).integers(0, 250, (80, 80, 1), np.uint8)
    image = np.repeat(grey, 3, axis=2)
    places = np.random.default_rng(4).random((80, 80)) < 0.1
    alone, together = image.copy(), image.copy()
    alone[places, 0] += 1
    together[places] += 1
    moved = [np.abs(colour(each) - colour(image)).sum() for each in (alone, together)]
    assert moved[0] > 3 * moved[1]


def test_grey_is_three_equal_colours() -> None:
    grey = drawn(9, 11)[..., 0]
    np.testing.assert_array_equal(colour(grey), colour(np.repeat(grey[..., None], 3, axis=2)))


def test_too_small_is_refused() -> None:
    with pytest.raises(ImageError, match=f"at least {LEAST_SIDE}"):
        colour(drawn(3, 30))
