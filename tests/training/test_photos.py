"""The prior of photos in training, held against what the runtime does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import isn
from isn import method, zoo
from isn.codes.entropy import prior, rans
from isn.codes.entropy.dependent import WORTH
from isn.codes.entropy.steps import size_of
from isn.codes.photos import code, image, levels
from isn.errors import ConfigError, ModelError
from isn.metrics import psnr
from isn.progress import silent
from isn.training import rate
from isn.training.distributed import Processes
from isn.training.methods import PhotosSettings
from isn.training.photos import COARSENESS, PhotosLearner
from isn.training.progress import Progress
from isn.training.session import Sources, prepare
from isn.training.validation import validate
from isn.weights import Weights

SMALL = (
    "model.width=8",
    "data.crop=64",
    "data.validation_crop=64",
    "data.validation_pairs=2",
    "run.minutes=0",
    "run.validations=0",
)
SHIPPED = ("model.width=64",)

ALONE = Processes(0, 1, torch.device("cpu"))

Photos = dict[str, NDArray[np.uint8]]


def settings(*overrides: str) -> PhotosSettings:
    return PhotosSettings.load("photos", [*SMALL, "run.steps=10", *overrides])


def learner(*overrides: str, **more: Any) -> PhotosLearner:
    return PhotosLearner(settings(*overrides), torch.device("cpu"), **more)


def shipped() -> PhotosLearner:
    return learner(*SHIPPED, start=("photos", zoo.weights("photos")))


def batch(photos: Photos, side: int = 64) -> torch.Tensor:
    """1 x 2 x 3 x side x side in [0, 1]."""
    cut = [photos[name][40 : 40 + side, 60 : 60 + side] for name in ("cat", "coffee")]
    return torch.from_numpy(np.stack(cut).transpose(0, 3, 1, 2).astype(np.float32) / 255)[None]


def at_step(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    monkeypatch.setattr("isn.training.photos.drawn", lambda images, low, high: step)


@pytest.mark.parametrize("step", [40, 200, 330])
def test_the_bits_and_errors_of_training_are_about_those_of_the_code(
    photos: Photos, step: int
) -> None:
    trained = shipped()
    images = batch(photos)[0]
    signal = 255 * (images - 0.5)
    with torch.no_grad():
        told, *places = trained.module.prior(images, step)
        expected = (image.received(*places, size_of(step)) - signal).square().mean()
    runtime = levels.Prior(zoo.weights("photos").tensors)
    taken, square = 0.0, []
    for each in signal.numpy():
        pixels = np.rint(each.transpose(1, 2, 0) + 127.5).astype(np.uint8)
        bands = image.Bands.of(pixels)
        passes = code._Passes(code._count(8, 8), silent)
        taken += passes.bits([bands], runtime, step) / 8
        (found,) = code.decode(passes.code([bands], runtime, step), runtime, [(64, 64)], step)
        places = [image._places(numbers) for numbers in (found.blocks, found.means)]
        back = image.received(*places, size_of(step))[0]
        square.append(np.square(back - each).mean())
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


@pytest.mark.parametrize("level", list(levels.LEVELS))
def test_a_network_names_the_scales_in_training_that_it_names_in_a_code(level: str) -> None:
    trained = shipped()
    runtime = getattr(levels.Prior(zoo.weights("photos").tensors), level)
    rng = np.random.default_rng(5)
    for group, network in enumerate(getattr(trained.module.prior, level)):
        features = rng.integers(0, 60, (levels.seen(group), 9, 7)).astype(np.uint8)
        with torch.no_grad():
            octaves = network(torch.from_numpy(features)[None].float() / 8)[0].numpy()
        quarters = np.floor(4 * octaves) - 4 * prior.FINEST
        expected = np.clip(quarters, 0, prior.CLASSES - 1)
        seen = prior.Seen(9, 7, levels.seen(7))
        seen.put(features)
        np.testing.assert_array_equal(runtime.classes(group, seen), expected)


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
        moved = image.received(numbers, means, 16.0) - 255 * (images - 0.5)
    assert error == pytest.approx(float(moved.square().mean()) / (WORTH * 16**2), rel=1e-4)
    assert bits == pytest.approx(float(taken) / images.numel(), rel=1e-5)


def test_a_batch_draws_its_step_and_the_same_one_again(photos: Photos) -> None:
    from isn.training.photos import drawn

    images = batch(photos)[0]
    steps = {drawn(images.roll(k, 2)[:, :, : 40 + k], *COARSENESS) for k in range(24)}
    assert drawn(images, *COARSENESS) == drawn(images.clone(), *COARSENESS)
    assert len(steps) > 15
    assert all(COARSENESS[0] <= step < COARSENESS[1] for step in steps)


def test_a_seed_draws_the_same_prior_again(photos: Photos) -> None:
    one, again, other = (
        dict(learner(f"run.seed={seed}").module.named_parameters()) for seed in (3, 3, 4)
    )
    assert all(torch.equal(one[name], again[name]) for name in one)
    drawn = [name for name in one if name != "prior.coarsest"]
    assert not any(torch.equal(one[name], other[name]) for name in drawn)
    assert {name: tuple(each.shape) for name, each in one.items()} == levels.parameter_shapes(8)


def test_all_of_the_prior_learns(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    at_step(monkeypatch, 200)
    # A hidden layer of next to no width may be deaf to all of a batch.
    fresh = learner(*SHIPPED)
    fresh.objective(batch(photos))[0].backward()
    for name, each in fresh.module.named_parameters():
        assert each.grad is not None, name
        assert float(each.grad.abs().sum()) > 0, name


def test_it_learns_and_writes_a_method_that_hides(
    photo_folder: Path, tmp_path: Path, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One step, so that losses can be compared.
    at_step(monkeypatch, 260)
    told: list[Progress] = []
    quick = ("run.steps=50", "run.validations=1", "optimiser.rate=1e-2", "data.validation_pairs=1")
    trainer = prepare(
        settings(*quick), Sources([str(photo_folder)]), tmp_path / "run", ALONE, report=told.append
    )
    before = trainer.objective(batch(photos))[1].item()
    assert trainer.train()
    assert trainer.objective(batch(photos))[1].item() < 0.9 * before
    seen = [each.photos for each in told if each.photos is not None]
    assert len(seen) == 1
    assert seen[-1].container > 45
    weights = Weights.load(tmp_path / "run" / "model.safetensors")
    assert (weights.kind, weights.config) == ("photos", {"width": 8})
    own = method.of("own", weights)
    hidden = [photos["cat"][:40, :40], photos["coffee"][:50, :20]]
    container = isn.hide(photos["rocket"][:96, :96], hidden, method=own)
    found = isn.reveal(container, method=own)
    assert all(psnr(a, b) > 30 for a, b in zip(found, hidden, strict=True))


def test_it_goes_on_from_other_weights_whole() -> None:
    given = zoo.weights("photos")
    warm = shipped()
    assert warm.start_note == f"photos ({len(given.tensors)} tensors)"
    for name, each in warm.module.named_parameters():
        assert torch.equal(each.detach(), torch.from_numpy(given.as_float32()[name])), name


def test_weights_that_are_not_its_own_are_no_start() -> None:
    with pytest.raises(ModelError, match="shape"):
        learner(start=("photos", zoo.weights("photos")))
    with pytest.raises(ModelError, match="of kind 'paper', give some of kind 'photos'"):
        learner(*SHIPPED, start=("paper-1", zoo.weights("paper-1")))


def test_a_validation_sees_what_the_code_reveals(photos: Photos) -> None:
    images = batch(photos, 96)
    container, revealed, fits = shipped().seen(images[:, 0], images[:, 1])
    host = (255 * images[:, 0]).round()
    assert fits
    assert 46 < 10 * np.log10(255**2 / float((container - host).square().mean())) < 49
    assert 10 * np.log10(1 / float((revealed - images[:, 1]).square().mean())) > 25


def test_a_prior_that_knows_too_little_to_fit_ends_no_training(photos: Photos) -> None:
    fresh = learner()
    with torch.no_grad():
        for each in fresh.module.prior.blocks:
            each.outer.bias.fill_(9)
    container, revealed, fits = fresh.seen(batch(photos)[:, 0], batch(photos)[:, 1])
    assert container.shape == revealed.shape
    assert (revealed == 0.5).all()
    assert not fits
    groups = (255 * batch(photos)).to(torch.uint8)
    quality = validate(fresh, groups)
    assert quality.grey == quality.as_dict()["grey"] == len(groups)
    assert "grey" not in validate(shipped(), groups).as_dict()


def test_a_texture_is_refused(photo_folder: Path, tmp_path: Path) -> None:
    texture = str(next(photo_folder.iterdir()))
    with pytest.raises(ConfigError, match="texture"):
        prepare(settings(), Sources([str(photo_folder)], texture=texture), tmp_path / "run", ALONE)
