from __future__ import annotations

import numpy as np
import pytest
import torch

from isn import zoo
from isn.errors import ModelError
from isn.paper.method import Paper
from isn.training.invertible import Invertible
from isn.training.settings import Settings
from isn.weights import Weights

CPU = torch.device("cpu")


def shipped(name: str) -> tuple[str, Weights, Settings]:
    weights = zoo.weights(name)
    config = [f"model.{key}={value}".lower() for key, value in weights.config.items()]
    return name, weights, Settings.load("tiny", config)


def test_a_shipped_network_is_taken_over_whole_and_packed_again() -> None:
    name, weights, settings = shipped("paper-1")
    learner = Invertible(settings, CPU, start=(name, weights))
    assert learner.start_note == f"paper-1 ({len(weights.tensors)} tensors)"
    packed = learner.pack(weights.tensors, {"steps": 1})
    assert packed.fingerprint == weights.fingerprint
    assert Paper("again", packed).counts == range(1, 2)


def test_what_a_receiver_sees_went_through_8_bit() -> None:
    name, weights, settings = shipped("paper-1")
    learner = Invertible(settings, CPU, start=(name, weights))
    host, hidden = torch.rand(2, 1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        container, revealed, _ = learner.seen(host, hidden)
        exact = learner.hide(host, hidden)
        again = learner.reveal(container / 255)
    assert container.dtype == torch.uint8
    assert float((container / 255 - exact.clamp(0, 1)).abs().max()) < 0.51 / 255
    torch.testing.assert_close(revealed, again)
    assert np.isfinite(revealed.numpy()).all()


def test_weights_of_another_kind_are_no_start() -> None:
    with pytest.raises(ModelError, match="of kind 'photos', give some of kind 'paper'"):
        Invertible(Settings.load("tiny"), CPU, start=("photos", zoo.weights("photos")))


@pytest.mark.parametrize(
    ("override", "matches"),
    [
        ("model.growth=7", "growth of paper-1 is 16, these settings name 7"),
        ("model.levels=0", "levels of paper-1 is 1, these settings name 0"),
        ("model.depth=2", "depth of paper-1 is 5, these settings name 2"),
        ("model.blocks=4", "paper-1 has 8 blocks, these settings name 4"),
    ],
)
def test_weights_of_other_or_more_blocks_are_no_start(override: str, matches: str) -> None:
    _, weights, _ = shipped("paper-1")
    config = [f"model.{key}={value}".lower() for key, value in weights.config.items()]
    other = Settings.load("tiny", [*config, override])
    with pytest.raises(ModelError, match=matches):
        Invertible(other, CPU, start=("paper-1", weights))
