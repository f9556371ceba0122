"""The digits of a cell: as many as fit, what they cost, and what they say."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from isn.training import digits
from isn.training.digits import WHITE, Curve, companded, fitted


@pytest.fixture(autouse=True)
def _few_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "_SAMPLE", 1 << 9)


def cells(bands: int, seed: int = 1) -> np.ndarray:
    """Of Laplacian components in directions of no axis, ever quieter."""
    rng = np.random.default_rng(seed)
    turned, _ = np.linalg.qr(rng.standard_normal((bands, bands)))
    spread = 200 * 0.7 ** np.arange(bands)
    return rng.laplace(0, spread, (2000, bands)) @ turned.T + 100


def written(curve: Curve, value: float, numbers: int) -> float:
    """The number of a value, and back."""
    size = min(abs(value), curve.most)
    bent = min(size, curve.inner) + curve.slope * max(size - curve.inner, 0)
    number = np.round(bent / curve.height * (numbers - 1) / 2)
    back = number * 2 / (numbers - 1) * curve.height
    return float(min(back, curve.inner) + max(back - curve.inner, 0) / curve.slope)


@pytest.mark.parametrize("numbers", [3, 5, 13, 121])
def test_a_curve_has_the_error_that_it_says(numbers: int) -> None:
    values = np.random.default_rng(2).laplace(0, 30, 400)
    curve = companded(values, numbers)
    errors = [(written(curve, each, numbers) - abs(each)) ** 2 for each in values.tolist()]
    assert np.mean(errors) == pytest.approx(curve.error, rel=1e-3)
    assert 0 < curve.inner < curve.most
    assert curve.error < values.var()


def test_more_numbers_have_less_error() -> None:
    values = np.random.default_rng(3).laplace(0, 30, 400)
    errors = [companded(values, each).error for each in (3, 7, 15, 31, 121)]
    assert all(more > 2 * less for more, less in pairwise(errors))


@pytest.mark.parametrize("images", [2, 3, 5])
@pytest.mark.parametrize("psnr", [33.0, 36.0, 40.0])
def test_a_code_fits_a_cell_and_what_it_may_change(images: int, psnr: float) -> None:
    bands, pairs = 12, 4
    code = fitted(cells(bands), images, psnr, pairs)
    assert 0 < len(code.samples) <= bands
    changed = sum((each.base**2 - 1) / 12 for each in code.samples) / bands
    found = 10 * np.log10(WHITE**2 / changed)
    assert psnr <= found < psnr + 3
    assert sum(each.other is not None for each in code.samples) <= pairs
    # Each component is said once: by a sample, by two digits, or beside another one.
    said = [(each.component, each.above > 1) for each in code.samples]
    said += [(each.other, False) for each in code.samples if each.other is not None]
    assert len(set(said)) == len(said)
    assert {each for each, _ in said} == set(range(len(code.components)))
    for index, each in enumerate(code.components):
        bases = [one.base for one in code.samples if index == one.component]
        shared = [one for one in code.samples if one.other is not None]
        shared = [one for one in shared if index in (one.component, one.other)]
        if shared:
            (one,) = shared
            both = (code.components[k].numbers for k in (one.component, one.other or 0))
            assert one.base == np.prod(list(both))
        else:
            assert each.numbers == np.prod(bases)
        assert each.numbers % 2
    # What an image has left has room for its share of the host.
    for image, silent in enumerate(code.silent):
        sent = sum(each.image == image for each in code.components)
        assert silent.shape == (bands, bands - sent)
        assert bands - sent >= -(-(bands - image) // images)
        for each in code.components:
            if each.image == image:
                assert np.abs(silent.T @ each.direction).max() < 1e-9


def test_a_coarser_container_says_more() -> None:
    given = cells(12)

    def missed(psnr: float) -> float:
        code = fitted(given, 3, psnr, 4)
        return sum(each.curve.error for each in code.components) + sum(
            float(((given - code.mean) @ each).var(0).sum()) for each in code.silent
        )

    errors = [missed(each) for each in (40.0, 36.0, 32.0)]
    assert all(more > 1.1 * less for more, less in pairwise(errors))


def test_the_first_image_is_not_said_better_than_the_last_by_much() -> None:
    code = fitted(cells(12), 3, 36.0, 4)
    counts = [sum(each.image == image for each in code.components) for image in range(3)]
    assert max(counts) - min(counts) <= 1
