"""A host's last digits: exact, near, and the same to reveal whatever the host is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import isn
from helpers import random_images, random_weights
from isn import images, seal
from isn.carriers import digits
from isn.metrics import psnr
from isn.paper.config import MAX_BASE, ModelConfig
from isn.paper.engine import Engine
from isn.paper.network import BLANK
from isn.paper.weights import Weights

Pixels = NDArray[np.uint8]
Photos = dict[str, Pixels]

BASES = (2, 3, 5, 6, 8, 10, 64, 127, MAX_BASE)


def every_pair(base: int) -> tuple[Pixels, Pixels]:
    """All samples of a host with all digits."""
    host, carried = np.meshgrid(np.arange(256), np.arange(base), indexing="ij")
    return host.astype(np.uint8), carried.astype(np.uint8)


@pytest.mark.parametrize("base", BASES)
def test_every_digit_is_carried_by_the_nearest_value_that_has_it(base: int) -> None:
    host, carried = every_pair(base)
    container = digits.carry(host, carried, base)
    assert container.dtype == np.uint8
    np.testing.assert_array_equal(digits.read(container, base), carried)
    # By hand: all 256 values, those with the digit, the nearest of them.
    values = np.arange(256)
    for v, d in zip(host.ravel()[:: 7 * base + 1], carried.ravel()[:: 7 * base + 1], strict=True):
        allowed = values[values % base == d]
        nearest = np.abs(allowed - int(v)).min()
        assert abs(int(digits.carry(np.uint8([v]), np.uint8([d]), base)[0]) - int(v)) == nearest
    assert np.abs(container.astype(int) - host).max() <= base - 1
    inside = (host >= base) & (host <= 255 - base)
    assert np.abs(container.astype(int) - host)[inside].max(initial=0) <= base // 2


@pytest.mark.parametrize(("base", "least"), [(6, 43.1), (8, 40.7)])
def test_what_it_costs_a_host_is_known_beforehand(base: int, least: float) -> None:
    rng = np.random.default_rng(5)
    host = rng.integers(base, 256 - base, (200, 200, 3), dtype=np.uint8)
    carried = rng.integers(0, base, host.shape, dtype=np.uint8)
    # Errors of -M/2 to M/2, the two ends half as frequent: a mean square of (M * M + 2) / 12.
    expected = 10 * np.log10(255**2 / ((base * base + 2) / 12))
    assert expected == pytest.approx(least, abs=0.1)
    container = digits.carry(host, carried, base)
    assert psnr(container, host) == pytest.approx(expected, abs=0.1)
    assert (container.astype(int) - host).mean() == pytest.approx(0, abs=0.05)


@pytest.mark.torch
def test_torch_carries_as_numpy_does() -> None:
    torch = pytest.importorskip("torch")
    host, carried = every_pair(6)
    container = digits.carry(torch.from_numpy(host), torch.from_numpy(carried), 6)
    np.testing.assert_array_equal(container.numpy(), digits.carry(host, carried, 6))
    np.testing.assert_array_equal(digits.read(container, 6).numpy(), carried)


@pytest.fixture(scope="module")
def weights() -> Weights:
    """A model like a trained one, whose container stays within [0, 1] for the most part."""
    return random_weights(ModelConfig(2, blocks=2, depth=2, growth=4, base=8))


def engine(weights: Weights) -> Engine:
    return Engine.of(weights, "onnxruntime")


def test_the_network_does_not_look_at_the_host(weights: Weights) -> None:
    network = engine(weights).network
    host, hidden = (each.astype(np.float32) for each in random_images(weights.config, 12, 16))
    kept = host.copy()
    one, two = network.forward(host, hidden), network.forward(1 - host, hidden)
    np.testing.assert_array_equal(one.container, two.container)
    np.testing.assert_array_equal(host, kept)
    again = network.inverse(one.container, one.lost)
    np.testing.assert_allclose(again.host, BLANK, atol=1e-5)
    np.testing.assert_allclose(again.hidden, hidden, atol=1e-5)


def test_whatever_the_host_what_is_revealed_is_the_same(photos: Photos, weights: Weights) -> None:
    hidden = [images.resize(photos[name], 48, 64) for name in ("cat", "rocket")]
    hosts = [images.resize(photos["coffee"], 48, 64), np.full((48, 64, 3), 255, np.uint8)]
    hosts += [np.zeros((48, 64, 3), np.uint8)]
    runs = engine(weights)
    containers = [runs.hide(host, hidden) for host in hosts]
    first, *others = [runs.reveal(each) for each in containers]
    for other in others:
        np.testing.assert_array_equal(np.stack(other), np.stack(first))
    for host, container in zip(hosts, containers, strict=True):
        assert np.abs(container.astype(int) - host).max() <= 7
        assert (container != host).mean() > 0.5


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_through_the_public_verbs(
    photos: Photos, weights: Weights, passphrase: str | None, tmp_path: Path
) -> None:
    host = images.resize(photos["coffee"], 95, 101)
    hidden = [photos[name][:50, :70] for name in ("cat", "rocket", "astronaut")]
    container = isn.hide(host, hidden, model=weights, passphrase=passphrase)
    weights.save(tmp_path / "model.safetensors")
    again = isn.reveal(container, model=tmp_path / "model.safetensors", passphrase=passphrase)
    assert [each.shape for each in again] == [(50, 70, 3)] * 3
    # A sample moves to its digit, and one that the seal takes by one more.
    assert np.abs(container[:94, :100].astype(int) - host[:94, :100]).max() <= 8
    if passphrase is None:
        assert seal.find(container).intact


@pytest.mark.torch
def test_torch_and_onnxruntime_agree_in_all_but_a_few_digits(
    photos: Photos, weights: Weights
) -> None:
    pytest.importorskip("torch")
    host = images.resize(photos["coffee"], 64, 64)
    hidden = [images.resize(photos[name], 64, 64) for name in ("cat", "rocket")]
    one, two = (Engine.of(weights, name).hide(host, hidden) for name in ("onnxruntime", "torch"))
    # A value that lies between two digits may fall to either side.
    assert (one != two).mean() < 1e-3
    back = [np.stack(Engine.of(weights, name).reveal(one)) for name in ("onnxruntime", "torch")]
    assert np.abs(back[0].astype(int) - back[1]).max() <= 1
