"""Bits at places all over the image: where they lie, and that nothing else changes."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from isn import keys
from isn.carriers.scattered import Scattered, places
from isn.envelope import HEAD_BYTES
from isn.errors import NoSeal
from isn.keys import SALT_BYTES
from isn.progress import silent

SALT = bytes(range(16))
HEAD = SALT + bytes(range(100, 100 + HEAD_BYTES - SALT_BYTES))


@pytest.mark.parametrize("shape", [(40, 50), (33, 47, 3), (864, 1)])
def test_places_are_all_different_and_inside(shape: tuple[int, ...]) -> None:
    image = np.zeros(shape, np.uint8)
    size = Scattered().capacity(image, 1)
    found = places(image, SALT, size, keys.Public())
    assert len(found) == 8 * (HEAD_BYTES + size)
    assert len(np.unique(found)) == len(found)
    assert 0 <= found.min() <= found.max() < image.size


def test_a_longer_body_begins_with_the_places_of_a_shorter_one() -> None:
    image = np.zeros((60, 60, 3), np.uint8)
    long = places(image, SALT, 300, keys.Public())
    for size in (0, 1, 17, 299):
        short = places(image, SALT, size, keys.Public())
        np.testing.assert_array_equal(short, long[: len(short)])


def test_all_but_the_salt_lies_where_salt_and_key_say() -> None:
    image = np.zeros((60, 60, 3), np.uint8)
    first = places(image, SALT, 20, keys.Public())
    other = places(image, bytes(16), 20, keys.Public())
    salt = 8 * SALT_BYTES
    np.testing.assert_array_equal(first[:salt], other[:salt])
    assert len(np.intersect1d(first[salt:], other[salt:])) < 100


def test_without_the_passphrase_nobody_knows_the_places() -> None:
    image = np.zeros((60, 60, 3), np.uint8)
    found = [
        places(image, SALT, 20, key)[8 * SALT_BYTES :]
        for key in (keys.Public(), keys.Passphrase("a"), keys.Passphrase("b"))
    ]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert len(np.intersect1d(found[one], found[other])) < 100


def test_another_size_has_other_places() -> None:
    shapes = [(60, 40), (40, 60), (60, 40, 1), (2400,)]
    found = {places(np.zeros(each, np.uint8), SALT, 9, keys.Public()).tobytes() for each in shapes}
    assert len(found) == len(shapes)


def test_only_those_places_change_and_by_one_level() -> None:
    host = np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8)
    container = Scattered().write(host, HEAD, bytes(30), keys.Public(), silent)
    moved = np.flatnonzero(container != host)
    assert np.isin(moved, places(host, SALT, 30, keys.Public())).all()
    assert np.abs(container.astype(int) - host).max() == 1
    np.testing.assert_array_equal(container >> 1, host >> 1)


def test_a_container_stays_what_it_is() -> None:
    # Another value here, and no container made before opens any more.
    host = np.full((40, 30), 90, np.uint8)
    container = Scattered().write(host, HEAD, bytes(range(8)), keys.Public(), silent)
    assert hashlib.sha256(container).hexdigest()[:16] == "e81d40efbcfca729"


@pytest.mark.parametrize("shape", [(1, 1, 3), (20, 20), (863, 1)])
def test_in_a_picture_too_small_for_a_head_no_place_is_looked_for(shape: tuple[int, ...]) -> None:
    # There are fewer samples than places wanted, and drawing would never end.
    with pytest.raises(NoSeal):
        Scattered().read_body(np.zeros(shape, np.uint8), HEAD, 0, keys.Public())
