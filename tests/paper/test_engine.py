"""Sizes that the transform does not divide, and engines that are built once."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import isn
from helpers import random_weights
from isn import images
from isn.metrics import psnr
from isn.paper.config import ModelConfig
from isn.paper.engine import Engine

Photos = dict[str, NDArray[np.uint8]]


def _engine(levels: int) -> Engine:
    weights = random_weights(ModelConfig(blocks=1, depth=2, growth=2, levels=levels))
    return Engine.of(weights, "onnxruntime")


@pytest.mark.parametrize("levels", [0, 1, 2])
def test_a_row_too_many_is_dropped_and_repeated(levels: int, photos: Photos) -> None:
    engine, cell = _engine(levels), 2**levels
    for rows in range(cell):
        for columns in range(cell):
            photo = photos["cat"][: 40 + rows, : 48 + columns]
            assert engine.network.config.region(*photo.shape[:2]) == (40, 48)
            fitted = engine.fit(photo, 40, 48)
            assert np.array_equal(fitted, photo[:40, :48])
            back = engine.unfit(fitted, 40 + rows, 48 + columns)
            assert back.shape == photo.shape
            assert np.array_equal(back[:40, :48], fitted)
            for row in range(40, 40 + rows):
                assert np.array_equal(back[row, :48], fitted[39])


def test_other_sizes_are_resampled(photos: Photos) -> None:
    engine, photo = _engine(1), photos["cat"]
    for height, width in ((42, 48), (39, 48), (41, 50), (80, 96)):
        given = photo[:height, :width]
        fitted = engine.fit(given, 40, 48)
        assert np.array_equal(fitted, images.resize(given, 40, 48))
        assert np.array_equal(
            engine.unfit(fitted, height, width), images.resize(fitted, height, width)
        )


def test_an_odd_host_reveals_as_well_as_an_even_one(photos: Photos) -> None:
    host, hidden = photos["coffee"][:161, :201], photos["cat"][40:201, 60:261]
    (odd,) = isn.reveal(isn.hide(host, hidden, model="digits-1"))
    (even,) = isn.reveal(isn.hide(host[:160, :200], hidden[:160, :200], model="digits-1"))
    assert odd.shape == hidden.shape
    assert psnr(odd[:160, :200], hidden[:160, :200]) > psnr(even, hidden[:160, :200]) - 0.1
    # Of the whole image, only the repeated row and column are worse.
    assert psnr(odd, hidden) > psnr(even, hidden[:160, :200]) - 2.0


def test_an_engine_is_built_once() -> None:
    weights = random_weights(ModelConfig(blocks=1, depth=2, growth=2))
    assert Engine.of(weights, "onnxruntime") is Engine.of(weights, "onnxruntime")
