"""The prior: whole numbers, whatever adds them, and every band in its place."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from isn.codes.entropy import prior
from isn.codes.photos import bands, levels
from isn.errors import ModelError


@pytest.fixture(scope="module")
def weights() -> dict[str, NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    return {
        name: (0.05 * rng.standard_normal(shape)).astype(np.float32)
        for name, shape in levels.parameter_shapes(8).items()
    }


@pytest.mark.parametrize("level", list(levels.LEVELS))
def test_classes_are_whole_numbers_whatever_adds_them(
    weights: dict[str, NDArray[np.float32]], level: str
) -> None:
    rng = np.random.default_rng(4)
    group = 5
    features = rng.integers(0, 90, (levels.seen(group), 70, 9)).astype(np.uint8)
    seen = prior.Seen(70, 9, levels.seen(7))
    seen.put(features)
    found = getattr(levels.Prior(weights), level).classes(group, seen)
    # Straight from the definition, in exact integers.
    stem = f"prior.{level}.{group}"
    inner = np.rint(weights[f"{stem}.inner.weight"].astype(float) * 64).astype(object)
    offset = np.rint(weights[f"{stem}.inner.bias"].astype(float) * 512).astype(object)
    outer = np.rint(weights[f"{stem}.outer.weight"].astype(float) * 64).astype(object)
    last = np.rint(weights[f"{stem}.outer.bias"].astype(float) * 2048).astype(object)
    around = np.pad(features, ((0, 0), (1, 1), (1, 1))).astype(object)
    for row, column in ((0, 0), (63, 4), (64, 8), (69, 8)):
        window = around[:, row : row + 3, column : column + 3]
        hidden = [
            min(max(int((weight * window).sum() + bias) // 16, 0), 1023)
            for weight, bias in zip(inner, offset, strict=True)
        ]
        scales = [
            int(sum(w * h for w, h in zip(weight[:, 0, 0], hidden, strict=True)) + bias)
            for weight, bias in zip(outer, last, strict=True)
        ]
        expected = [min(max(Fraction(each, 512).__floor__() + 20, 0), 63) for each in scales]
        assert found[:, row, column].tolist() == expected


def test_weights_too_large_to_be_added_exactly_are_refused(
    weights: dict[str, NDArray[np.float32]],
) -> None:
    tensors = dict(weights)
    name = "prior.blocks.3.inner.weight"
    tensors[name] = np.full_like(tensors[name], 10)
    with pytest.raises(ModelError, match=r"prior\.blocks\.3\.inner"):
        levels.Prior(tensors)
    # Small together, and at one point of a tile more than 16 bits hold.
    tensors[name] = np.zeros_like(tensors[name])
    tensors[name][0, 0] = 11
    with pytest.raises(ModelError, match=r"prior\.blocks\.3\.inner"):
        levels.Prior(tensors)
    tensors[name][0, 0] = 10
    levels.Prior(tensors)


def test_means_are_put_together_exactly_and_as_the_cosines_say() -> None:
    means = np.random.default_rng(5).integers(-3000, 3000, (192, 3, 4)).astype(np.int32)
    values = levels.mean_values(means)
    exact = bands.from_blocks(means[None].astype(np.float64))[0]
    assert values.shape == (3, 24, 32)
    assert np.abs(values - exact).max() < 4


def test_every_band_is_in_one_group() -> None:
    channels = [*bands.MEANS, *(each for group in levels.GROUPS for each in group)]
    assert sorted(channels) == list(range(bands.CHANNELS))
    assert levels.seen(len(levels.GROUPS)) == levels.CONTEXT + bands.CHANNELS - 3


@pytest.mark.parametrize("value", [-(2**31), 2**31 - 1, 0])
def test_numbers_that_nobody_encodes_have_features_too(value: int) -> None:
    numbers = np.full((192, 2, 2), value, np.int32)
    seen = prior.Seen(2, 2, levels.seen(7))
    seen.add(numbers[:3])
    assert (seen.features[1:3, 1:3, :3] == prior.FEATURES[min(abs(value), prior.LARGEST)]).all()
    assert levels.mean_values(numbers).shape == (3, 16, 16)
