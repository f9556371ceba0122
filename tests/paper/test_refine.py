"""A container that was refined reveals better, and never worse; the reveal knows nothing of it."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from numpy.typing import NDArray

import isn
from helpers import random_tensors
from isn import images, method
from isn.errors import BackendError, ConfigError
from isn.metrics import psnr
from isn.paper.config import ModelConfig
from isn.weights import Weights

Pixels = NDArray[np.uint8]
Photos = dict[str, Pixels]

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def pair(photos: Photos, height: int, width: int) -> tuple[Pixels, Pixels]:
    return images.resize(photos["coffee"], height, width), images.resize(
        photos["astronaut"], height, width
    )


def figures(container: isn.Container, host: Pixels, hidden: Pixels) -> tuple[float, float]:
    # Another backend than that which refined: what is measured is what anybody reveals.
    (back,) = isn.reveal(container, backend="native")
    return container.psnr, psnr(back, hidden)


def test_more_is_revealed_for_less_than_it_costs(photos: Photos) -> None:
    host, hidden = pair(photos, 65, 64)
    before = figures(isn.hide(host, hidden, method="paper-1", backend="torch"), host, hidden)
    told: list[float] = []
    container = isn.hide(host, hidden, method="paper-1", refine=12, progress=told.append)
    after = figures(container, host, hidden)
    assert after[1] > before[1] + 0.5
    assert after[0] > before[0] - 0.5
    assert told == sorted(told)
    assert told[-1] == 1


@pytest.mark.slow
def test_windows_are_refined_one_after_the_other(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    from isn.paper import refine

    host, hidden = pair(photos, 96, 96)
    whole = figures(isn.hide(host, hidden, method="paper-1", refine=5), host, hidden)
    monkeypatch.setattr(refine, "WINDOW", 48)
    monkeypatch.setattr(refine, "HALO", 24)
    parts = figures(isn.hide(host, hidden, method="paper-1", refine=5), host, hidden)
    # The borders of windows cost a little; what is gained is the same.
    assert parts[0] == pytest.approx(whole[0], abs=0.2)
    assert parts[1] == pytest.approx(whole[1], abs=0.5)


def test_the_objective_never_grows(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    from isn.paper import refine

    host, hidden = pair(photos, 64, 64)
    plain = isn.hide(host, hidden, method="paper-1", backend="torch")
    # Steps that go far astray leave the container as the network made it.
    monkeypatch.setattr(refine, "RATE", 1.0)
    monkeypatch.setattr(refine, "LAST_RATE", 1.0)
    refined = isn.hide(host, hidden, method="paper-1", refine=3)
    np.testing.assert_array_equal(refined.pixels, plain.pixels)


def test_several_images_are_refined_together(photos: Photos) -> None:
    host, hidden = pair(photos, 64, 64)
    several = [hidden, host[::-1].copy()]

    def revealed(container: isn.Container) -> float:
        back = isn.reveal(container, method=network, backend="native")
        return float(np.mean([psnr(a, b) for a, b in zip(back, several, strict=True)]))

    # Means of the images, a twentieth, in two bands of the host in which it has little of its own.
    config = ModelConfig(2, blocks=1, depth=1, growth=1, levels=1)
    tensors = {key: np.zeros_like(each) for key, each in random_tensors(config).items()}
    for band, mean in zip((3, 4, 5, 9, 10, 11), range(6), strict=True):
        tensors["blocks.0.phi.convs.0.weight"][band, mean, 1, 1] = 1 / 20
        tensors["blocks.0.eta.convs.0.weight"][mean, band, 1, 1] = -20
        tensors["blocks.0.eta.convs.0.bias"][mean] = 1
    network = method.of("two", Weights("paper", asdict(config), tensors))
    plain, refined = (
        isn.hide(host, several, method=method.tuned(network, backend="torch", refine=steps))
        for steps in (None, 8)
    )
    assert revealed(refined) > revealed(plain) + 0.2


def test_a_backend_without_gradients_is_refused(photos: Photos) -> None:
    host, hidden = pair(photos, 64, 64)
    with pytest.raises(BackendError, match="native has no gradients"):
        isn.hide(host, hidden, method="paper-1", backend="native", refine=1)
    with pytest.raises(ConfigError, match="refine=-1"):
        isn.hide(host, hidden, method="paper-1", refine=-1)
