"""Sizes that the transform does not divide, and engines that are built once."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import isn
from helpers import crop, random_weights
from isn import images, method
from isn.metrics import psnr
from isn.paper.config import ModelConfig
from isn.paper.engine import Engine, unfitted

Photos = dict[str, NDArray[np.uint8]]


def _engine(levels: int) -> Engine:
    config = ModelConfig(blocks=1, depth=2, growth=2, levels=levels)
    return Engine.of(config, random_weights(config), "native")


@pytest.mark.parametrize("levels", [0, 1, 2, 3])
def test_a_row_too_many_is_dropped_and_repeated(levels: int, photos: Photos) -> None:
    engine, cell = _engine(levels), 2**levels
    for rows in range(min(cell, 4)):
        for columns in range(min(cell, 4)):
            photo = photos["cat"][: 40 + rows, : 48 + columns]
            assert engine.network.config.region(*photo.shape[:2]) == (40, 48)
            fitted = engine.fit(photo, 40, 48)
            assert np.array_equal(fitted, photo[:40, :48])
            back = unfitted(fitted, 40 + rows, 48 + columns, cell)
            assert back.shape == photo.shape
            assert np.array_equal(back[:40, :48], fitted)
            for row in range(40, 40 + rows):
                assert np.array_equal(back[row, :48], fitted[39])


def test_other_sizes_are_resampled(photos: Photos) -> None:
    photo = photos["cat"]
    for levels, height, width in ((1, 42, 48), (1, 39, 48), (1, 41, 50), (1, 80, 96), (3, 40, 52)):
        engine, given = _engine(levels), photo[:height, :width]
        fitted = engine.fit(given, 40, 48)
        assert np.array_equal(fitted, images.resize(given, 40, 48))
        assert np.array_equal(
            unfitted(fitted, height, width, 2**levels), images.resize(fitted, height, width)
        )


@pytest.mark.parametrize("size", [(65, 81), (64, 81), (65, 80)])
def test_an_odd_host_reveals_as_well_as_an_even_one(size: tuple[int, int], photos: Photos) -> None:
    host, hidden = crop(photos["coffee"], *size), crop(photos["cat"], *size)
    (odd,) = isn.reveal(isn.hide(host, hidden, method="paper-1"))
    (even,) = isn.reveal(isn.hide(host[:64, :80], hidden[:64, :80], method="paper-1"))
    assert odd.shape == hidden.shape
    assert psnr(odd[:64, :80], hidden[:64, :80]) > psnr(even, hidden[:64, :80]) - 0.2
    # Of the whole image, only the repeated row and column are worse.
    assert psnr(odd, hidden) > psnr(even, hidden[:64, :80]) - 2.0


@pytest.mark.parametrize(("levels", "row", "column"), [(0, 39, 47), (1, 38, 46), (2, 36, 44)])
def test_the_rim_that_the_transform_leaves_is_the_hosts(
    levels: int, row: int, column: int, photos: Photos
) -> None:
    weights = random_weights(ModelConfig(blocks=2, depth=2, growth=4, levels=levels))
    host, hidden = crop(photos["cat"], 39, 47), crop(photos["coffee"], 20, 20)
    own = method.of("own", weights)
    container = isn.hide(host, hidden, method=own)
    same = (container.pixels >> 1) == (host >> 1)
    assert same[row:].all()
    assert same[:, column:].all()
    # Right up to the rim it is not: seven bits seldom stay the same under these weights.
    assert same[:row, :column].mean() < 0.5
    assert same[row - 1, :column].mean() < 0.5
    assert same[:row, column - 1].mean() < 0.5
    assert isn.reveal(container, method=own)[0].shape == (20, 20, 3)


def test_an_engine_is_built_once() -> None:
    config = ModelConfig(blocks=1, depth=2, growth=2)
    weights = random_weights(config)
    one = Engine.of(config, weights, "native")
    assert one is Engine.of(config, weights, "native")
    assert one is not Engine.of(config, random_weights(config, seed=1), "native")
