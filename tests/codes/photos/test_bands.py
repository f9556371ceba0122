"""Cosine bands: coefficients by another library, lapped, and undone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.fft import dctn

from isn.codes.photos import bands


def test_bands_are_cosine_coefficients_of_the_colours_blocks() -> None:
    image = np.random.default_rng(1).random((2, 3, 16, 24))
    found = bands.to_blocks(image)
    assert found.shape == (2, 192, 2, 3)
    np.testing.assert_allclose(
        found[1, :64, 1, 2].reshape(8, 8), dctn(image[1, 0, 8:, 16:], norm="ortho")
    )
    np.testing.assert_allclose(bands.from_blocks(found), image)
    # A single block has no border, so that all that is left of the steps before are colours.
    one = image[:, :, 8:, 16:]
    luma = one[1].sum(0) / 3**0.5
    blue = (one[0, 0] - one[0, 2]) / 2**0.5
    alone = bands.to_cosine(one)
    np.testing.assert_allclose(alone[1, :64, 0, 0].reshape(8, 8), dctn(luma, norm="ortho"))
    np.testing.assert_allclose(alone[0, 64, 0, 0], blue.sum() / 8)


@pytest.mark.parametrize("size", [(8, 8), (8, 24), (16, 8), (40, 56)])
def test_bands_are_as_large_as_the_image_and_give_it_back(size: tuple[int, int]) -> None:
    image = np.random.default_rng(2).random((2, 3, *size))
    found = bands.to_cosine(image)
    np.testing.assert_allclose((found**2).sum(), (image**2).sum())
    np.testing.assert_allclose(bands.from_cosine(found), image)


def gain(basis: NDArray[np.float64]) -> float:
    """Coding gain in dB for a first-order process of correlation 0.95: functions x samples."""
    places = np.arange(basis.shape[1])
    covariance = 0.95 ** np.abs(places - places[:, None])
    return float(-10 * np.log10(np.einsum("ij,jk,ik->i", basis, covariance, basis)).mean())


def test_lapped_blocks_gain_what_their_angles_are_chosen_for() -> None:
    # The response to each sample of one row, of which the middle block's functions are read off.
    rows = np.zeros((24, 3, 24, 8))
    rows[np.arange(24), 0, np.arange(24)] = 1
    found = bands.to_blocks(bands._lapped(rows, bands.BORDERS))
    basis = found[:, :64, 1, 0].reshape(24, 8, 8)[..., 0].T / found[:, 0, 1, 0].max()
    basis /= np.linalg.norm(basis, axis=1)[:, None]
    assert gain(bands.COSINES) == pytest.approx(8.83, abs=0.01)
    assert gain(basis) == pytest.approx(9.26, abs=0.01)


def test_what_is_smooth_across_borders_stays_in_the_means() -> None:
    flat = np.full((1, 3, 32, 40), 0.7)
    found = bands.to_cosine(flat)
    assert np.abs(np.delete(found, bands.MEANS, axis=1)).max() < 1e-12
