from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from isn.codes.network import restored, rounded
from isn.paper.wavelet import to_bands
from isn.training import linear


def laplacian(size: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).laplace(0, 1, size)


def coded(found: linear.Linear, bands: np.ndarray) -> np.ndarray:
    """What comes back of M x D n bands."""
    u = ((bands - found.mean) @ found.analysis.T).T[None, :, :, None]
    bits, bend = (each.astype(float).reshape(1, -1, 1, 1) for each in (found.bits, found.bend))
    back = restored(np.rint(rounded(u, bits, bend)[0]), bits, bend)
    return back[0, :, :, 0].T @ found.synthesis.T + found.mean


@pytest.mark.parametrize("levels", [0, 1, 2])
@pytest.mark.parametrize("images", [1, 2, 5])
def test_the_bands_of_an_image_are_found_among_those_of_all(levels: int, images: int) -> None:
    rng = np.random.default_rng(1)
    hidden = rng.random((1, 3 * images, 8, 8))
    together = to_bands(hidden, levels)
    bands = 3 * 4**levels
    for image in range(images):
        alone = to_bands(hidden[:, 3 * image : 3 * image + 3], levels)
        channels = linear.channels_of(image, images, bands)
        np.testing.assert_array_equal(together[:, channels], alone)


def test_bits_go_where_they_take_most_off_the_error() -> None:
    variances = np.array([90.0, 20.0, 1.0])

    def error(k: int, bits: int) -> float:
        return float(variances[k]) * 4.0**-bits

    for images, total in product((1, 2), (3, 6, 11)):
        found = linear.allot(error, images, 3, total)
        assert found.sum() == total
        assert np.count_nonzero(found) <= 3
        spent = sum(error(k, found[image, k]) for image in range(images) for k in range(3))
        every = product(range(total + 1), repeat=3 * images)
        allowed = (each for each in every if sum(each) == total and np.count_nonzero(each) <= 3)
        least = min(sum(error(k % 3, b) for k, b in enumerate(each)) for each in allowed)
        assert spent == pytest.approx(least), (images, total)


def test_bits_that_are_worth_something_together_are_given_together() -> None:
    # The first bit of the first component is worth nothing, three are worth more than all else.
    table = [[9.0, 9.0, 9.0, 0.0, 0.0], [4.0, 3.0, 2.0, 1.0, 0.0]]
    found = linear.allot(lambda k, bits: table[k][min(bits, 4)], 1, 2, 4)
    assert found.tolist() == [[3, 1]]


@pytest.mark.parametrize(("bits", "least"), [(1, 0.5), (2, 0.1762), (4, 0.0154), (8, 4.5 / 2**16)])
def test_a_quantiser_is_nearly_the_best_there_is(bits: int, least: float) -> None:
    values = laplacian(4000, 2)
    chosen = linear.best_quantiser(values, bits)
    assert chosen.bend in (0.5, 0.2, 0.1, 0.05)
    shape = (1, 1, 1, 1)
    width, bend = np.full(shape, float(bits)), np.full(shape, chosen.bend)
    numbers, top = rounded(values.reshape(1, 1, 1, -1) / chosen.load, width, bend)
    assert top.item() == 2**bits - 1
    back = restored(np.rint(numbers), width, bend).reshape(-1) * chosen.load
    assert np.square(back - values).mean() == pytest.approx(chosen.error, rel=1e-3)
    assert linear.best_quantiser(values, bits + 1).error < chosen.error
    # Of what any values could do for a Laplacian (Lloyd and Max; of many bits: Panter and Dite).
    assert 0.9 * least < chosen.error / values.var() < 1.2 * least


def test_a_component_that_never_changes_is_no_fault() -> None:
    assert linear.best_quantiser(np.zeros(50), 3).error == 0


def test_with_enough_bits_a_linear_code_gives_the_bands_back() -> None:
    rng = np.random.default_rng(3)
    mixing = rng.normal(size=(12, 12)) * 0.8 ** np.arange(12)
    cells = rng.laplace(size=(3000, 12)) @ mixing.T + rng.normal(size=12)
    found = linear.fitted(cells, 1, 6.0)
    assert found.bits.sum() == 72
    np.testing.assert_allclose(found.synthesis @ found.analysis, np.eye(12), atol=1e-9)
    coarse, fine = (linear.fitted(cells, 1, rate) for rate in (2.0, 4.0))
    errors = [np.square(coded(each, cells) - cells).mean() for each in (coarse, fine, found)]
    assert errors[0] > 6 * errors[1] > 36 * errors[2]
    assert errors[2] < 1e-3 * cells.var(0).mean()


def test_several_images_share_the_bands_and_none_has_more_than_there_are() -> None:
    rng = np.random.default_rng(4)
    mixing = rng.normal(size=(12, 12)) * 0.4 ** np.arange(12)
    cells = rng.normal(size=(2000, 12)) @ mixing.T + 3.0
    found = linear.fitted(cells, 3, 4.0)
    assert found.bits.sum() == 48
    used = found.bits > 0
    # Those that carry nothing come last, and say nothing.
    assert used.tolist() == sorted(used.tolist(), reverse=True)
    assert not found.analysis[~used].any()
    assert not found.synthesis[:, ~used].any()
    together = np.zeros((2000, 36))
    for image in range(3):
        together[:, linear.channels_of(image, 3, 12)] = np.roll(cells, image, 0)
    back = coded(found, together)
    for image in range(3):
        channels = linear.channels_of(image, 3, 12)
        error = np.square(back - together)[:, channels].mean()
        assert error < 0.05 * cells.var(0).mean()
