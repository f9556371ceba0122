"""Images that share a plane: where they stand, and that they come back from there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import isn
from isn import images, mosaic, zoo
from isn.errors import ConfigError, UnknownModel
from isn.metrics import psnr
from isn.paper.config import MAX_HIDDEN

Pixels = NDArray[np.uint8]
Photos = dict[str, Pixels]

SHARED = [(2, 1), (3, 1), (4, 1), (5, 1), (3, 2), (4, 2), (5, 2), (4, 3), (5, 3), (5, 4)]


@given(
    counts=st.sampled_from([*SHARED, *((n, n) for n in range(1, 6))]),
    height=st.integers(32, 400),
    width=st.integers(32, 400),
    grid=st.sampled_from([1, 2, 4]),
)
def test_places_cover_every_plane_once_in_even_parts(
    counts: tuple[int, int], height: int, width: int, grid: int
) -> None:
    count, planes = counts
    places = mosaic.cells(count, planes, height, width, grid)
    assert len(places) == count
    covered = np.zeros((planes, height, width), int)
    for place in places:
        rows = slice(place.top, place.top + place.height)
        covered[place.plane, rows, place.left : place.left + place.width] += 1
        assert place.top % grid == 0
        assert place.left % grid == 0
        sharing = sum(each.plane == place.plane for each in places)
        even = height * width / sharing
        # A border moves by half a grid at most, on either side.
        slack = grid * (place.height + place.width) + grid**2
        assert abs(place.height * place.width - even) <= slack
    assert (covered == 1).all()
    shares = [sum(each.plane == plane for each in places) for plane in range(planes)]
    assert shares == sorted(shares)
    assert max(shares) - min(shares) <= 1


def test_as_many_images_as_planes_have_them_whole() -> None:
    places = mosaic.cells(3, 3, 41, 50, 2)
    assert places == [mosaic.Cell(plane, 0, 0, 41, 50) for plane in range(3)]


def test_five_in_one_plane_stand_two_above_three() -> None:
    places = mosaic.cells(5, 1, 100, 60, 2)
    assert places == [
        mosaic.Cell(0, 0, 0, 40, 30),
        mosaic.Cell(0, 0, 30, 40, 30),
        mosaic.Cell(0, 40, 0, 60, 20),
        mosaic.Cell(0, 40, 20, 60, 20),
        mosaic.Cell(0, 40, 40, 60, 20),
    ]


@pytest.mark.parametrize(("count", "planes"), SHARED)
def test_what_was_composed_is_decomposed(count: int, planes: int) -> None:
    rng = np.random.default_rng(count)
    places = mosaic.cells(count, planes, 45, 70, 2)
    pictures = [
        rng.integers(0, 256, (place.height, place.width, 3), dtype=np.uint8) for place in places
    ]
    whole = mosaic.compose(pictures, places)
    assert [each.shape for each in whole] == [(45, 70, 3)] * planes
    for one, other in zip(mosaic.decompose(whole, places), pictures, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["fast-1", "fast-2"])
def test_a_model_takes_more_images_than_it_hides(photos: Photos, name: str) -> None:
    host = images.resize(photos["astronaut"], 161, 180)
    hidden = [
        images.resize(photos["rocket"], 150, 170),
        images.resize(photos["cat"], 161, 180),
        images.resize(photos["coffee"], 90, 61),
    ]
    container = isn.hide(host, hidden, model=name)
    about = isn.inspect(container)
    assert about.model == name
    assert about.sizes == ((150, 170), (161, 180), (90, 61))
    revealed = isn.reveal(container)
    for one, other in zip(revealed, hidden, strict=True):
        assert one.shape == other.shape
        assert psnr(one, other) > 20
    # Without the seal nobody knows the sizes, but the images are there.
    left = isn.reveal(container, sealed=False, model=name, count=3)
    for one, other in zip(left, hidden, strict=True):
        assert one.shape == host.shape
        assert psnr(images.resize(one, *other.shape[:2]), other) > 20


def test_images_that_share_are_scrambled_together(photos: Photos) -> None:
    host = images.resize(photos["astronaut"], 170, 180)
    hidden = [images.resize(photos["rocket"], 150, 170), images.resize(photos["cat"], 120, 100)]
    words = "battery staple"
    container = isn.hide(host, hidden, model="fast-1", passphrase=words)
    for one, other in zip(isn.reveal(container, passphrase=words), hidden, strict=True):
        assert psnr(one, other) > 20
    for one in isn.reveal(container, sealed=False, count=2, model="fast-1"):
        assert psnr(images.resize(one, 150, 170), hidden[0]) < 15


def test_a_model_of_more_images_than_the_seal_says_did_not_make_it(photos: Photos) -> None:
    container = isn.hide(
        images.resize(photos["cat"], 64, 64), images.resize(photos["coffee"], 64, 64)
    )
    with pytest.raises(UnknownModel):
        isn.reveal(container, model="fast-2")


def test_the_count_must_be_one_that_the_model_takes(photos: Photos) -> None:
    host = images.resize(photos["cat"], 64, 64)
    for count in (1, MAX_HIDDEN + 1):
        with pytest.raises(ConfigError, match=f"this model hides 2 and takes up to {MAX_HIDDEN}"):
            isn.hide(host, [host] * count, model="fast-2")
    assert zoo.load("fast-2").config.hidden_images == 2
