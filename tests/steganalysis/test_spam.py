"""SPAM features against an oracle in plain loops, and their symmetries."""

from __future__ import annotations

import numpy as np
import pytest

from isn.errors import ImageError
from isn.steganalysis.spam import FEATURES, LEAST_SIDE, spam

pytest.importorskip("scipy", reason="the oracle needs it")
slow = pytest.importorskip("steganalysis.slow")


def _grey(height: int, width: int, seed: int = 0, top: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, top, (height, width), dtype=np.uint8)


@pytest.mark.parametrize("size", [(4, 4), (4, 9), (11, 5), (17, 20)])
@pytest.mark.parametrize("top", [3, 8, 256])
def test_same_as_the_loops(size: tuple[int, int], top: int) -> None:
    image = _grey(*size, top=top)
    np.testing.assert_allclose(spam(image), slow.spam(image), rtol=0, atol=1e-14)


def test_colour_is_the_mean_of_the_channels() -> None:
    image = np.stack([_grey(12, 10, seed) for seed in range(3)], axis=-1)
    expected = np.mean([spam(image[..., channel]) for channel in range(3)], axis=0)
    np.testing.assert_allclose(spam(image), expected, atol=1e-15)
    np.testing.assert_allclose(spam(np.stack([image[..., 0]] * 3, -1)), spam(image[..., 0]))


def test_each_half_adds_up_to_one() -> None:
    features = spam(_grey(30, 40))
    assert features.shape == (FEATURES,) == (686,)
    np.testing.assert_allclose(features.reshape(2, -1).sum(axis=1), 1)


def test_turns_and_mirrors_change_nothing() -> None:
    image = _grey(20, 20)
    for other in (image[::-1], image[:, ::-1], image.T, np.rot90(image)):
        np.testing.assert_allclose(spam(other), spam(image), atol=1e-15)


def test_a_flat_image_is_all_in_the_middle() -> None:
    features = spam(np.full((9, 9), 200, np.uint8)).reshape(2, 7, 7, 7)
    assert features[:, 3, 3, 3].tolist() == [1, 1]


def test_matching_moves_the_features() -> None:
    # What the detectors of LSB replacement cannot see.
    rng = np.random.default_rng(0)
    clean = (np.add.outer(np.arange(64), np.arange(64)) + 40).astype(np.uint8)
    stego = clean + rng.choice([-1, 1], clean.shape).astype(np.int8).view(np.uint8)
    assert np.abs(spam(stego) - spam(clean)).sum() > 0.5


def test_too_small_is_refused() -> None:
    with pytest.raises(ImageError, match=f"at least {LEAST_SIDE}"):
        spam(_grey(3, 30))
    with pytest.raises(ImageError, match="uint8"):
        spam(np.zeros((9, 9)))
