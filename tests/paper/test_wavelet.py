"""The Haar bands: worked by hand, orthonormal, and those of another library."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from isn.errors import ConfigError
from isn.paper.wavelet import from_bands, to_bands


def test_one_cell_by_hand() -> None:
    image = np.array([[[[1.0, 2.0], [3.0, 8.0]], [[0.0, 4.0], [0.0, 0.0]]]])
    bands = to_bands(image, 1)
    # All channels of LL, then those of HL, LH and HH.
    assert bands[0, :, 0, 0].tolist() == [7, 2, -3, -2, -4, 2, 2, -2]


def test_one_level_of_four_by_four_by_hand() -> None:
    image = np.arange(16.0).reshape(1, 1, 4, 4)
    ll, hl, lh, hh = to_bands(image, 1)[0]
    assert ll.tolist() == [[5, 9], [21, 25]]
    assert (hl == -1).all()
    assert (lh == -4).all()
    assert (hh == 0).all()


def test_two_levels_by_hand() -> None:
    image = np.arange(16.0).reshape(1, 1, 4, 4)
    # Each band of the first level is one cell of the second; order: LL of all, HL of all, ...
    assert to_bands(image, 2)[0, :, 0, 0].tolist() == [
        *(30, -2, -8, 0),
        *(-4, 0, 0, 0),
        *(-16, 0, 0, 0),
        *(0, 0, 0, 0),
    ]


@pytest.mark.parametrize("levels", [0, 1, 2, 3])
def test_round_trip_and_shapes(levels: int) -> None:
    image = np.random.default_rng(0).random((2, 6, 16, 24))
    cell = 2**levels
    bands = to_bands(image, levels)
    assert bands.shape == (2, 6 * cell**2, 16 // cell, 24 // cell)
    np.testing.assert_allclose(from_bands(bands, levels), image, atol=1e-14)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_orthonormal(levels: int) -> None:
    # Every image of one lit pixel, transformed: the transform's matrix.
    matrix = to_bands(np.eye(64).reshape(64, 1, 8, 8), levels).reshape(64, 64)
    assert np.abs(matrix - np.eye(64)).max() > 0.4
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(64), atol=1e-14)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_inputs_stay_as_they_were(levels: int) -> None:
    image = np.random.default_rng(0).random((1, 3, 8, 8))
    before = image.copy()
    bands = to_bands(image, levels)
    kept = bands.copy()
    from_bands(bands, levels)
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(bands, kept)


def test_float32_stays_float32() -> None:
    bands = to_bands(np.ones((1, 3, 4, 4), np.float32), 2)
    assert bands.dtype == from_bands(bands, 2).dtype == np.float32


@pytest.mark.parametrize(("height", "width", "levels"), [(3, 4, 1), (4, 5, 1), (6, 8, 2)])
def test_sides_that_do_not_divide_are_refused(height: int, width: int, levels: int) -> None:
    with pytest.raises(ConfigError, match="even sides"):
        to_bands(np.zeros((1, 3, height, width)), levels)


def test_equals_pywavelets() -> None:
    pywt = pytest.importorskip("pywt")
    image = np.random.default_rng(0).random((1, 3, 10, 14))
    ll, (lh, hl, hh) = pywt.dwt2(image, "haar")
    np.testing.assert_allclose(to_bands(image, 1), np.concatenate([ll, hl, lh, hh], 1), atol=1e-14)


@pytest.mark.torch
@pytest.mark.parametrize("levels", [0, 1, 2, 3])
def test_torch_tensors_likewise(levels: int, device: Any) -> None:
    torch = pytest.importorskip("torch")
    image = np.random.default_rng(0).random((2, 3, 8, 16))
    bands = to_bands(torch.from_numpy(image).to(device), levels)
    np.testing.assert_allclose(bands.cpu().numpy(), to_bands(image, levels), atol=1e-14)
    np.testing.assert_allclose(from_bands(bands, levels).cpu().numpy(), image, atol=1e-14)
