"""The network's code in training, held against what the runtime does."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import isn
from isn import method
from isn.carriers import trellis
from isn.codes.entropy import prior, rans
from isn.codes.entropy.dependent import WORTH, places
from isn.codes.entropy.steps import size_of
from isn.codes.network import NetworkCode, groups, kept_bands
from isn.errors import ConfigError, ModelError
from isn.metrics import psnr
from isn.progress import silent
from isn.training import linear, methods
from isn.training.data import ImageStore
from isn.training.distributed import Processes
from isn.training.methods import NetworkSettings
from isn.training.network import NetworkLearner
from isn.training.photos import drawn
from isn.training.progress import Progress
from isn.training.rate import feature, quantised
from isn.training.session import Sources, prepare
from isn.training.validation import validate
from isn.weights import Weights

CPU = torch.device("cpu")
ALONE = Processes(0, 1, CPU)
SMALL = (
    "model.blocks=2",
    "model.depth=2",
    "model.growth=4",
    "model.levels=1",
    "samples.learns=all",
    "optimiser.rate=1e-4",
    "data.crop=32",
    "data.pool=16",
    "data.validation_pairs=2",
    "data.validation_crop=64",
    "optimiser.ema=0.0",
    "run.minutes=0",
    "run.steps=10",
    "run.validations=0",
)

Photos = dict[str, NDArray[np.uint8]]


@pytest.fixture(autouse=True)
def _few_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "CELLS", 1 << 14)
    monkeypatch.setattr(linear, "AROUND_CELLS", 20)


def settings(*overrides: str) -> NetworkSettings:
    return NetworkSettings.load("isn", [*SMALL, *overrides])


def store(photos: Photos) -> ImageStore:
    return ImageStore(list(photos.values()), CPU)


def begun(photos: Photos, *overrides: str, **more: Any) -> NetworkLearner:
    return NetworkLearner(settings(*overrides), CPU, photos=store(photos), **more)


def moved(learner: NetworkLearner, by: float = 0.01) -> NetworkLearner:
    """The learner after some learning, as far as anybody can tell."""
    generator = torch.Generator().manual_seed(6)
    with torch.no_grad():
        for each in learner.module.parameters():
            if each.requires_grad:
                each.add_(by * torch.randn(each.shape, generator=generator))
    return learner


def hidden_of(photos: Photos, count: int, side: int = 64) -> NDArray[np.uint8]:
    """count x side x side x 3."""
    names = ("cat", "coffee", "rocket")[:count]
    return np.stack([photos[name][40 : 40 + side, 60 : 60 + side] for name in names])


def floats(images: NDArray[np.uint8]) -> torch.Tensor:
    """1 x 3n x H x W in [0, 1]."""
    planes = images.transpose(0, 3, 1, 2).reshape(1, -1, *images.shape[1:3])
    return torch.from_numpy(np.ascontiguousarray(planes)).float() / 255


def tensors_of(learner: NetworkLearner) -> dict[str, NDArray[np.float32]]:
    learned = learner.module.named_parameters()
    return {name: each.detach().float().numpy().copy() for name, each in learned}


def weights_of(learner: NetworkLearner) -> Weights:
    return learner.pack(tensors_of(learner), {})


def half_steps(learner: NetworkLearner, hidden: torch.Tensor, step: int) -> torch.Tensor:
    """What the numbers of a container stand for, as training draws them: n x K x h x w."""
    with torch.no_grad():
        values = learner.objective.bands(hidden) / size_of(step)
        found: torch.Tensor = learner.module.prior(values, step)[1]
    return 2 * found


@pytest.mark.parametrize(("count", "planes"), [(1, 1), (3, 1), (3, 2)])
def test_bands_and_what_they_reveal_are_those_of_the_code(
    photos: Photos, count: int, planes: int
) -> None:
    words = f"model.hidden_images={count}", f"model.planes={planes}"
    learner = moved(begun(photos, *words))
    images = hidden_of(photos, count)
    code = NetworkCode("own", weights_of(learner), "torch")
    with torch.no_grad():
        values = learner.objective.bands(floats(images)).numpy()
    np.testing.assert_allclose(values, code._hidden(list(images), silent), atol=0.05)
    halves = half_steps(learner, floats(images), 200)
    shown = np.stack(code._revealed(halves.round().int().numpy(), 200, silent))
    with torch.no_grad():
        revealed = learner.objective.revealed(places(halves / 2) * size_of(200), 1)
    ours = (revealed.clamp(0, 1) * 255).reshape(count, 3, 64, 64).permute(0, 2, 3, 1).numpy()
    assert np.abs(ours - shown).max() < 0.6
    assert shown.std() > 20


@pytest.mark.parametrize("step", [64, 150, 300])
def test_training_expects_the_classes_that_the_code_names(photos: Photos, step: int) -> None:
    learner = moved(begun(photos, "prior.width=8"))
    code = NetworkCode("own", weights_of(learner))
    hidden = floats(hidden_of(photos, 1))
    halves = half_steps(learner, hidden, step)
    known = code._known(*halves.shape[2:], step)
    features = [torch.full_like(halves[:, :1], prior.step_feature(step) / 8)]
    bands = learner.module.prior
    for k, (chosen, group) in enumerate(zip(groups(halves.shape[1]), bands.bands, strict=True)):
        with torch.no_grad():
            octaves = group(torch.cat(features, 1))[0].numpy()
        expected = np.clip(np.floor(octaves * 4 + 1e-3) - 4 * prior.FINEST, 0, prior.CLASSES - 1)
        np.testing.assert_array_equal(code._prior.classes(k, known), expected)
        features.append(feature(halves[:, chosen] / 2))
        known.add(np.ascontiguousarray(halves[0, chosen].round().int().numpy()))


def test_bits_are_about_those_of_the_code(photos: Photos) -> None:
    learner = moved(begun(photos), 0.002)
    images = hidden_of(photos, 1)
    with torch.no_grad():
        bits = float(learner.objective.through(floats(images), 180)[0])
    code = NetworkCode("own", weights_of(learner))
    parts = code._parts(code._hidden(list(images), silent), 180, 1)
    assert sum(rans.bits(*each) for each in parts) == pytest.approx(bits, rel=0.08)


@pytest.mark.parametrize(
    ("count", "levels", "planes"), [(1, 1, 1), (2, 1, 2), (1, 2, 1), (3, 2, 1)]
)
def test_it_begins_as_the_principal_components(
    photos: Photos, count: int, levels: int, planes: int
) -> None:
    words = f"model.hidden_images={count}", f"model.levels={levels}", f"model.planes={planes}"
    learner = begun(photos, *words)
    assert learner.start_note.startswith("the linear code of 16")
    hidden = floats(hidden_of(photos, count))
    with torch.no_grad():
        values = learner.objective.bands(hidden)
        fine = learner.objective.revealed((values / 0.5).round() * 0.5, 1)
    kept = values.shape[1]
    assert kept == learner.config.host_channels // count
    # What all of them keep, all are revealed from; else what is missing is what is not kept.
    shown = float(-10 * torch.log10((fine - hidden).square().mean()))
    whole = kept == learner.config.image_channels
    assert shown > 50 if whole else 12 < shown < 45, shown
    # Each image is coded alike, by itself, and the loudest first.
    alone = torch.zeros_like(hidden) + 0.5
    alone[:, :3] = hidden[:, :3]
    with torch.no_grad():
        other = learner.objective.bands(alone)
    torch.testing.assert_close(other[0], values[0], rtol=1e-3, atol=0.05)
    power = values.square().mean((0, 2, 3))
    assert float(power[: max(1, kept // 4)].mean()) > 4 * float(power[kept // 2 :].mean())
    # So that nothing is lost when they are stored.
    for each in learner.module.blocks[0].parameters():
        assert torch.equal(each, each.half().float())


@pytest.mark.parametrize(("count", "levels"), [(2, 1), (3, 1), (3, 2)])
def test_the_cells_around_tell_a_part_of_what_is_missing(
    photos: Photos, count: int, levels: int
) -> None:
    hidden = floats(hidden_of(photos, count))
    learner = begun(photos, f"model.hidden_images={count}", f"model.levels={levels}")
    found = []
    for around in (True, False):
        eta = learner.module.blocks[0].eta.convs[-1].weight
        if not around:
            with torch.no_grad():
                inner = eta[..., 1, 1].clone()
                eta.zero_()
                eta[..., 1, 1] = inner
        with torch.no_grad():
            errors = (learner.objective.through(hidden, 192)[1] - hidden).square()
        errors = errors[..., 8:-8, 8:-8].reshape(count, -1)
        found.append(float(-10 * errors.mean(1).log10().mean()))
    assert found[0] > found[1] + 0.1


def test_the_loss_is_bits_and_what_they_leave(photos: Photos) -> None:
    learner = moved(begun(photos), 0.002)
    hidden = floats(hidden_of(photos, 1))
    groups_of = torch.stack([torch.rand(3, 64, 64), hidden[0]])[None]
    step = drawn(hidden, 64, 320)
    terms = dict(zip(learner.terms, learner.objective(groups_of).tolist(), strict=True))
    with torch.no_grad():
        bits, revealed = learner.objective.through(hidden, step)
    assert terms["bits"] == pytest.approx(float(bits) / hidden.numel(), rel=1e-5)
    missed = float((255 * (revealed - hidden)).square().mean())
    assert terms["revealed"] == pytest.approx(missed / (WORTH * size_of(step) ** 2), rel=1e-4)
    total = terms["bits"] + terms["revealed"]
    assert terms["loss"] == pytest.approx(math.log2(total), rel=1e-5)
    # The host has no say.
    groups_of[:, 0] = 0
    assert learner.objective(groups_of)[0].item() == pytest.approx(terms["loss"])


@pytest.mark.parametrize("learns", ["all", "prior"])
def test_what_is_to_learn_learns(photos: Photos, learns: str) -> None:
    learner = moved(begun(photos, f"samples.learns={learns}"), 0.002)
    groups_of = torch.stack([torch.zeros(3, 64, 64), floats(hidden_of(photos, 1))[0]])[None]
    learner.objective(groups_of)[0].backward()
    for name, each in learner.module.named_parameters():
        if name.startswith("blocks") and learns == "prior":
            assert each.grad is None
            assert not each.requires_grad
        else:
            assert each.grad is not None, name
            assert float(each.grad.abs().sum()) > 0, name


def test_fewer_bits_pull_bands_together() -> None:
    values = torch.tensor([[3.0, -20.0, 0.2]], requires_grad=True)
    scales = torch.tensor([[1.0, 2.0, 0.0]])
    _, bits = quantised(values, scales)
    bits.backward()
    assert values.grad is not None
    expected = values / (values.square() + 0.25).sqrt() / (2.0**scales * math.log(2))
    torch.testing.assert_close(values.grad, expected.detach())


def train(folder: Path, run: Path, *overrides: str, **more: Any) -> tuple[list[Progress], Any]:
    told: list[Progress] = []
    trainer = prepare(
        settings(*overrides), Sources([str(folder)]), run, ALONE, report=told.append, **more
    )
    return told, trainer


def losses(told: list[Progress]) -> list[float]:
    return [each.terms["loss"] for each in told if "loss" in each.terms]


def test_it_learns_and_writes_a_method_that_hides(
    photo_folder: Path, tmp_path: Path, photos: Photos
) -> None:
    quick = ("run.steps=60", "run.validations=2", "samples.bits=4.0", "optimiser.rate=2e-2")
    told, trainer = train(
        photo_folder, tmp_path / "run", *quick, "samples.learns=prior", "prior.width=8"
    )
    before = validate(trainer.learner, trainer.validation[0])
    assert trainer.train()
    seen = [each.photos for each in told if each.photos is not None]
    assert len(seen) == 2
    assert seen[-1].revealed > before.revealed + 0.5
    expected = 10 * np.log10(255**2 / trellis.error(4.0))
    assert seen[-1].container == pytest.approx(expected, abs=0.5)
    weights = Weights.load(tmp_path / "run" / "model.safetensors")
    assert weights.kind == "network"
    assert weights.training["start"].startswith("the linear code")
    # Blocks that did not learn are stored as they were, which is no loss where they say something.
    assert {
        each.dtype for name, each in weights.tensors.items() if not name.startswith("blocks.1")
    } == {np.dtype(np.float16)}
    image = photos["cat"][:90, :111]
    own = method.of("own", weights)
    container = isn.hide(photos["rocket"], image, method=own)
    (shown,) = isn.reveal(container, method=own)
    assert psnr(shown, image) > 25


def test_all_of_it_learns(photo_folder: Path, tmp_path: Path) -> None:
    words = ("run.steps=60", "prior.width=8", "samples.finest=192", "samples.coarsest=193")
    told, trainer = train(photo_folder, tmp_path / "run", *words, "optimiser.rate=5e-4")
    assert trainer.train()
    found = losses(told)
    assert np.mean(found[-15:]) < np.mean(found[:15]) + math.log2(0.95)


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_resuming_gives_the_loss_of_never_having_stopped(
    optimiser: str, photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("run.steps=6", f"optimiser.name={optimiser}")
    whole, trainer = train(photo_folder, tmp_path / "whole", *words)
    trainer.train()
    cut, first = train(photo_folder, tmp_path / "cut", *words)

    def report(progress: Progress) -> None:
        cut.append(progress)
        if progress.step == 3:
            first.stop()

    first.report = report
    assert not first.train()
    # The linear start is not made again.
    monkeypatch.setattr(linear, "principal", None)
    again, second = train(photo_folder, tmp_path / "cut", *words, resume=True)
    assert second.train()
    assert losses(cut) + losses(again) == losses(whole)
    one, two = (
        Weights.load(tmp_path / name / "model.safetensors").fingerprint for name in ("whole", "cut")
    )
    assert one == two
    with pytest.raises(ModelError, match="another model"):
        train(photo_folder, tmp_path / "cut", *words, "prior.width=8", resume=True)


def test_it_goes_on_from_other_weights_whole(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = moved(begun(photos))
    start = ("other", weights_of(source))
    monkeypatch.setattr(linear, "principal", None)
    warm = NetworkLearner(settings(), CPU, start=start, photos=store(photos))
    assert warm.start_note.startswith("other (")
    for name, each in warm.module.named_parameters():
        assert torch.equal(each.detach(), torch.from_numpy(start[1].tensors[name])), name
    deeper = NetworkLearner(settings("model.blocks=4"), CPU, start=start)
    hidden = floats(hidden_of(photos, 1))
    with torch.no_grad():
        one, two = (each.objective.through(hidden, 150)[1] for each in (source, deeper))
    torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-3)


def test_of_weights_for_other_images_the_prior_is_taken(photos: Photos) -> None:
    source = moved(begun(photos, "model.levels=2"))
    start = ("other", weights_of(source))
    words = ("model.levels=2", "model.hidden_images=3", "model.planes=2")
    warm = NetworkLearner(settings(*words), CPU, start=start, photos=store(photos))
    assert warm.start_note.startswith("the linear code of 16")
    assert warm.start_note.endswith(", and the prior of other")
    ours, theirs = tensors_of(warm), start[1].tensors
    kept = kept_bands(warm.config)
    assert kept == 32
    for name, each in ours.items():
        if name.startswith("prior"):
            cut = tuple(map(slice, each.shape))
            np.testing.assert_array_equal(each, theirs[name][cut], err_msg=name)


def test_weights_that_are_not_its_own_are_no_start(photos: Photos) -> None:
    start = ("other", weights_of(begun(photos)))
    with pytest.raises(ModelError, match=r"the model\.levels of other is 1.*give --set"):
        NetworkLearner(settings("model.levels=2"), CPU, start=start)
    paper = Weights("paper", start[1].config, start[1].tensors)
    with pytest.raises(ModelError, match="give some of kind 'network'"):
        NetworkLearner(settings(), CPU, start=("paper", paper))


@pytest.mark.parametrize(
    ("override", "why"),
    [
        ("samples.bits=0.0", "from 0.01 to 4"),
        ("samples.bits=4.5", "from 0.01 to 4"),
        ("samples.finest=320", "the finest first"),
        ("samples.coarsest=513", "the finest first"),
        ("samples.finest=-65", "the finest first"),
        ("prior.width=3", "prior.width is 3"),
        ("prior.width=4097", "prior.width is 4097, give a whole number from 4 to 4096"),
        ("samples.learns=some", "samples.learns is"),
        ("optimiser.rate=6e-4", "moves the blocks, which an optimiser.rate of 0.0006 ruins: give"),
        ("model.planes=2", "planes is 2"),
        ("model.lost=none", "a code has no texture"),
    ],
)
def test_settings_out_of_range_are_refused(override: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        settings(override)


def test_a_texture_is_refused(photo_folder: Path, tmp_path: Path) -> None:
    texture = str(next(photo_folder.iterdir()))
    with pytest.raises(ConfigError, match="texture"):
        prepare(settings(), Sources([str(photo_folder)], texture=texture), tmp_path / "run", ALONE)


def test_validation_is_the_same_each_time(photos: Photos) -> None:
    learner = begun(photos)
    images = np.stack([photos[name][:64, :64] for name in ("cat", "coffee")])
    group = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())[None]
    assert validate(learner, group) == validate(learner, group)
    assert methods.load("isn").hidden_images == 1
