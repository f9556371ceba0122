"""The prior and the blocks of a coded container in training, held against what the runtime does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import isn
from isn import zoo
from isn.codes.photos import code, prior, rans
from isn.codes.photos.dependent import WORTH
from isn.errors import ConfigError
from isn.metrics import psnr
from isn.paper.engine import Engine
from isn.paper.weights import Weights
from isn.training import rate
from isn.training.coded import COARSENESS, Coded
from isn.training.distributed import Processes
from isn.training.loop import Progress
from isn.training.session import Sources, prepare
from isn.training.settings import Settings

SMALL = (
    "model.depth=2",
    "model.growth=4",
    "model.prior=8",
    "data.crop=64",
    "data.validation_crop=64",
    "data.validation_pairs=2",
    "run.minutes=0",
    "run.autocast=none",
    "run.validations=0",
)

ALONE = Processes(0, 1, torch.device("cpu"))

Photos = dict[str, NDArray[np.uint8]]


def learner(*overrides: str, **more: Any) -> Coded:
    settings = Settings.load("coded", [*SMALL, "run.steps=10", *overrides])
    return Coded(settings, torch.device("cpu"), **more)


def batch(photos: Photos, side: int = 64) -> torch.Tensor:
    """1 x 2 x 3 x side x side in [0, 1]."""
    cut = [photos[name][40 : 40 + side, 60 : 60 + side] for name in ("cat", "coffee")]
    return torch.from_numpy(np.stack(cut).transpose(0, 3, 1, 2).astype(np.float32) / 255)[None]


def at_step(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    monkeypatch.setattr("isn.training.coded._drawn", lambda images: step)


@pytest.mark.parametrize("step", [40, 200, 330])
def test_the_bits_and_errors_of_training_are_about_those_of_the_code(
    photos: Photos, step: int
) -> None:
    trained = learner(*UNCHANGED, start=("coded", zoo.load("coded")))
    images = batch(photos)[0]
    with torch.no_grad():
        told, *received = trained.module.prior(images, step)
        expected = (code.received(*received, code.size_of(step)) - images).square().mean()
    engine = Engine.of(zoo.load("coded"), "torch")
    taken, square = 0.0, []
    for image in images.numpy():
        found = code.Bands.of(image)
        taken += code._taken([found], engine.prior, step)
        whole = code.encode([found], [(64, 64)], engine.prior, 10**6, step)
        (back,), _, _ = code.decode(whole, engine.prior, 1, 10**4)
        square.append(np.square(back - image).mean())
    assert float(told) / 8 == pytest.approx(taken, rel=0.03)
    # The code looks for quantisers; training draws them.
    assert 0.7 < np.mean(square) / float(expected) < 1


@pytest.mark.parametrize("quantiser", [0, 1])
def test_a_number_takes_the_bits_in_training_that_it_takes_in_a_code(quantiser: int) -> None:
    magnitudes = torch.arange(12.0)
    for kind in range(4, 32):
        octaves = torch.full((12,), prior.FINEST + kind / 4)
        told = rate._bits(magnitudes, torch.full((12,), float(quantiser)), octaves).numpy()
        coded = rans.costs()[quantiser, kind, :12]
        # In 2 ** 16 parts, of which every number has one at least.
        often = coded < 11
        np.testing.assert_allclose(told[often], coded[often], rtol=0.02, atol=0.002)


@pytest.mark.parametrize("level", list(prior.LEVELS))
def test_a_network_names_the_scales_in_training_that_it_names_in_a_code(level: str) -> None:
    trained = learner(*UNCHANGED, start=("coded", zoo.load("coded")))
    runtime = getattr(prior.Prior(zoo.load("coded").tensors), level)
    rng = np.random.default_rng(5)
    for group, network in enumerate(getattr(trained.module.prior, level)):
        features = rng.integers(0, 60, (prior.seen(group), 9, 7)).astype(np.uint8)
        with torch.no_grad():
            octaves = network(torch.from_numpy(features)[None].float() / 8)[0].numpy()
        quarters = np.floor(4 * octaves) - 4 * prior.FINEST
        expected = np.clip(quarters, 0, prior.CLASSES - 1)
        np.testing.assert_array_equal(runtime.classes(group, features), expected)


UNCHANGED = ("model.depth=5", "model.growth=16", "model.prior=64")


def test_blocks_begin_as_nothing_and_learn_of_coarse_steps_alone(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = learner()
    received = batch(photos)[0]
    lost = fresh.network.constant_lost(received, shift=0.4)
    image = fresh.network.inverse(received, lost).host
    torch.testing.assert_close(image, received)
    blocks = [each for name, each in fresh.module.named_parameters() if name.startswith("blocks")]
    for step, learns in ((code.BLOCKS_FROM - 1, False), (code.BLOCKS_FROM, True)):
        at_step(monkeypatch, step)
        fresh.module.zero_grad()
        fresh.objective(batch(photos))[0].backward()
        norms = [float(each.grad.abs().sum()) for each in blocks if each.grad is not None]
        assert (sum(norms) > 0) == learns


def test_a_prior_alone_leaves_the_blocks_as_they_begin(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = learner("loss.prior_alone=true")
    at_step(monkeypatch, 300)
    alone.objective(batch(photos))[0].backward()
    for name, each in alone.module.named_parameters():
        assert (each.grad is None) == name.startswith("blocks"), name


def test_the_loss_is_bits_and_error_in_the_same_coin(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = learner()
    at_step(monkeypatch, 256)
    loss, bits, error = fresh.objective(batch(photos)).tolist()
    assert loss == pytest.approx(bits + error)
    # By hand: what is received is as far from the image as the rounding moved it.
    images = batch(photos)[0]
    with torch.no_grad():
        taken, numbers, means = fresh.module.prior(images, 256)
        moved = 255 * (code.received(numbers, means, 16.0) - images)
    assert error == pytest.approx(float(moved.square().mean()) / (WORTH * 16**2), rel=1e-4)
    assert bits == pytest.approx(float(taken) / images.numel(), rel=1e-5)


def test_a_batch_draws_its_step_and_the_same_one_again(photos: Photos) -> None:
    from isn.training.coded import _drawn

    images = batch(photos)[0]
    steps = {_drawn(images.roll(k, 2)[:, :, : 40 + k]) for k in range(24)}
    assert _drawn(images) == _drawn(images.clone())
    assert len(steps) > 15
    assert all(COARSENESS[0] <= step < COARSENESS[1] for step in steps)


def test_it_learns_and_writes_a_model_that_hides(
    photo_folder: Path, tmp_path: Path, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One step, so that losses can be compared.
    at_step(monkeypatch, 260)
    told: list[Progress] = []
    quick = ("run.steps=300", "run.validations=2", "optimiser.rate=5e-3", "loss.prior_alone=true")
    settings = Settings.load("coded", [*SMALL, *quick])
    trainer = prepare(
        settings, Sources([str(photo_folder)]), tmp_path / "run", ALONE, report=told.append
    )
    assert trainer.train()
    bits = [each.terms["bits"] for each in told if "bits" in each.terms]
    assert np.mean(bits[-40:]) < 0.7 * np.mean(bits[:10])
    seen = [each.photos for each in told if each.photos is not None]
    assert len(seen) == 2
    assert seen[-1].container > 45
    weights = Weights.load(tmp_path / "run" / "model.safetensors")
    assert weights.config == settings.model
    hidden = [photos["cat"][:80, :80], photos["coffee"][:50, :120]]
    container = isn.hide(photos["rocket"], hidden, model=weights)
    found = isn.reveal(container, model=weights)
    assert all(psnr(a, b) > 30 for a, b in zip(found, hidden, strict=True))


def test_a_prior_that_knows_too_little_to_fit_ends_no_training(photos: Photos) -> None:
    fresh = learner()
    host, hidden = batch(photos)[:, 0], batch(photos)[:, 1]
    with torch.no_grad():
        for each in fresh.module.prior.blocks:
            each.outer.bias.fill_(9)
    container = fresh.hide(host, hidden)
    assert container.shape == host.shape
    assert (fresh.reveal(container) == 0.5).all()


def test_patches_must_hold_whole_blocks_of_means() -> None:
    with pytest.raises(ConfigError, match="multiple of 64"):
        Settings.load("coded", ["data.crop=96"])


def test_a_texture_is_refused(photo_folder: Path, tmp_path: Path) -> None:
    settings = Settings.load("coded", [*SMALL, "run.steps=1"])
    texture = str(next(photo_folder.iterdir()))
    with pytest.raises(ConfigError, match="texture"):
        prepare(settings, Sources([str(photo_folder)], texture=texture), tmp_path / "run", ALONE)
