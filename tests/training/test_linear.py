from __future__ import annotations

import numpy as np
import pytest
import torch

from isn.paper.wavelet import to_bands
from isn.training import linear


@pytest.mark.parametrize("levels", [0, 1, 2])
@pytest.mark.parametrize("images", [1, 2, 5])
def test_the_bands_of_an_image_are_found_among_those_of_all(levels: int, images: int) -> None:
    rng = np.random.default_rng(1)
    stack = rng.normal(size=(1, 3 * images, 8, 8))
    bands = to_bands(stack, levels)
    for image in range(images):
        own = to_bands(stack[:, 3 * image : 3 * image + 3], levels)
        channels = linear.channels_of(image, images, own.shape[1])
        np.testing.assert_array_equal(bands[:, channels], own)


def test_components_come_largest_first_and_are_not_correlated() -> None:
    rng = np.random.default_rng(2)
    mixing, mean = rng.normal(size=(6, 6)), np.arange(6.0)
    cells = rng.normal(size=(40_000, 6)) * [9, 1, 4, 2, 0.5, 7] @ mixing + mean
    middle, variances, directions = linear.principal(cells)
    np.testing.assert_allclose(directions.T @ directions, np.eye(6), atol=1e-12)
    np.testing.assert_allclose(middle, cells.mean(0))
    turned = (cells - middle) @ directions
    np.testing.assert_allclose(np.cov(turned, rowvar=False), np.diag(variances), atol=1e-8)
    assert variances.tolist() == sorted(variances, reverse=True)


def test_least_squares_find_what_was_mixed() -> None:
    generator = torch.Generator().manual_seed(3)
    seen = torch.randn(500, 7, generator=generator, dtype=torch.float64)
    mixing = torch.randn(7, 4, generator=generator, dtype=torch.float64)
    gram, cross = seen.T @ seen, seen.T @ (seen @ mixing)
    torch.testing.assert_close(linear.least_squares(gram, cross, 1e-12), mixing)
    # A ridge draws towards nothing.
    assert linear.least_squares(gram, cross, 1.0).norm() < 0.7 * mixing.norm()
