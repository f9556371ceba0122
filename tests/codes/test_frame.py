"""One size for images of several shapes: it is possible, and nothing is lost on the way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import examples, picture
from isn.codes.frame import Frame

SIDES = st.integers(1, 700)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(40, 60)], (40, 60)),
        ([(40, 60), (60, 40)], (40, 60)),
        ([(60, 40), (40, 60)], (60, 40)),
        ([(40, 80), (60, 60), (80, 40)], (80, 60)),
        ([(20, 10), (40, 60)], (40, 60)),
        ([(5, 200), (60, 60)], (60, 60)),
    ],
)
def test_a_frame_holds_all_that_is_not_far_from_its_shape(
    sizes: list[tuple[int, int]], expected: tuple[int, int]
) -> None:
    frame = Frame.around([np.zeros((*each, 3), np.uint8) for each in sizes], 8)
    assert (frame.height, frame.width) == expected


@examples(200)
@given(SIDES, SIDES, st.sampled_from([1, 2, 8]), st.integers(1, 60_000), st.floats(0, 60_000))
def test_within_bounds_a_frame_is_possible(
    height: int, width: int, cell: int, area: int, pixels: float
) -> None:
    frame = Frame(height, width, cell).within(area, pixels)
    assert frame.possible(area)
    assert frame.pixels <= max(pixels, cell**2)
    assert frame.height <= height
    assert frame.width <= width
    # And it is that already, where it may be.
    assert frame.within(area, pixels) == frame


@pytest.mark.parametrize("own", [(24, 16), (16, 24), (20, 20)])
def test_what_fits_comes_back(own: tuple[int, int]) -> None:
    frame = Frame(own[1], own[0], 8)
    image = picture(*own)
    inside = frame.fitted(image)
    assert inside.shape == (*frame.filled, 3)
    assert inside.shape[0] % 8 == inside.shape[1] % 8 == 0
    np.testing.assert_array_equal(frame.own(inside, own), image)


@pytest.mark.parametrize("size", [(0, 8), (8, 0), (0, 0), (2**31, 2**31), (65, 64), (1, 4096)])
def test_what_nobody_makes_is_not_possible(size: tuple[int, int]) -> None:
    assert not Frame(*size, 8).possible(64 * 64)
