"""The network's code in training, held against what the runtime does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import isn
from isn import method
from isn.carriers import trellis
from isn.codes import Room
from isn.codes.network import NetworkCode, restored, rounded
from isn.errors import ConfigError, ModelError
from isn.metrics import psnr
from isn.paper.network import BLANK
from isn.paper.wavelet import to_bands
from isn.progress import silent
from isn.training import linear, methods, network
from isn.training.data import ImageStore
from isn.training.distributed import Processes
from isn.training.methods import NetworkSettings
from isn.training.network import NetworkLearner, Samples
from isn.training.progress import Progress
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
    monkeypatch.setattr(network, "CELLS", 1 << 14)
    monkeypatch.setattr(linear, "_SAMPLE", 1 << 10)


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


def test_training_rounds_bands_to_the_bit_as_the_runtime_does() -> None:
    samples = Samples(6)
    samples.bits.copy_(torch.tensor([0.0, 1, 2, 5, 9, 12]))
    samples.bend.copy_(torch.tensor([0.5, 0.5, 0.2, 0.1, 0.05, 0.3]))
    u = 1.3 * np.random.default_rng(1).normal(size=(2, 6, 9, 7)).astype(np.float32)
    bits, bend = (each.numpy().reshape(1, -1, 1, 1) for each in (samples.bits, samples.bend))
    expected = restored(np.rint(rounded(u, bits, bend)[0]), bits, bend)
    received = samples(torch.from_numpy(u)).numpy()
    np.testing.assert_allclose(received, expected, rtol=1e-5, atol=1e-6)
    assert not received[:, 0].any()
    assert [len(np.unique(received[:, band])) for band in (1, 2)] == [2, 4]


def test_the_rounding_has_the_gradient_of_the_identity() -> None:
    samples = Samples(3)
    samples.bits.copy_(torch.tensor([3.0, 8.0, 0.0]))
    u = torch.tensor([0.31, -0.07, 1.4]).repeat(3).reshape(1, 3, 3, 1)
    u.requires_grad_()
    samples(u).sum().backward()
    assert u.grad is not None
    inside = u.grad[0, :2, :, 0]
    # The curve is bent back where the number was rounded to, so it is 1 but for the rounding.
    assert torch.allclose(inside[1, :2], torch.ones(2), atol=0.02)
    assert torch.allclose(inside[0, :2], torch.ones(2), atol=0.3)
    assert not inside[:, 2].any()
    assert not u.grad[0, 2].any()
    assert samples.bits.grad is None
    assert samples.bend.grad is None


@pytest.mark.parametrize("count", [1, 3])
def test_what_training_reveals_is_what_the_code_reveals(photos: Photos, count: int) -> None:
    learner = moved(begun(photos, f"model.hidden_images={count}"))
    images = hidden_of(photos, count)
    host = torch.full((1, 3, 64, 64), 0.5)
    with torch.no_grad():
        seen = learner.seen(host, floats(images))
    code = NetworkCode("own", weights_of(learner), "torch")
    payload = code.encode(list(images), Room(10**5, 64 * 64), silent)
    shown = np.stack(code.decode(payload, 64 * 64, silent))
    ours = (seen.revealed.clamp(0, 1) * 255).reshape(count, 3, 64, 64).permute(0, 2, 3, 1).numpy()
    # A band that lies between two numbers may be rounded otherwise, to the last bit of a float.
    apart = np.abs(ours - shown) > 0.51
    assert apart.mean() < 0.01
    assert shown.std() > 20
    # What it takes is what its container is said to cost.
    numbers = 8 * (len(payload) - 8 * (1 + count))
    assert numbers == pytest.approx(learner.samples.rate * host.numel(), abs=8 * 12)
    level = 255 * (seen.container.float() / 255 - host)
    assert float(level.square().mean()) == pytest.approx(trellis.error(4.0), rel=0.1)


@pytest.mark.parametrize(("count", "levels"), [(1, 1), (2, 1), (1, 2), (3, 0)])
def test_it_begins_as_the_best_linear_code(
    photos: Photos, count: int, levels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NetworkLearner, "_look_around", lambda *words: None)
    learner = begun(photos, f"model.hidden_images={count}", f"model.levels={levels}")
    assert learner.start_note.startswith("the linear code of 16")
    hidden = floats(hidden_of(photos, count))
    with torch.no_grad():
        revealed, lost = learner.objective.through(hidden)
        blank = torch.full((1, 3, 64, 64), BLANK)
        u = to_bands(learner.network.forward(blank, hidden).container - blank, levels)
    # Nothing is lost that is not lost for good: what is not revealed is the lost part.
    used = learner.samples.bits > 0
    assert used.tolist() == sorted(used.tolist())
    assert float(learner.samples.bits.sum()) == round(4.0 * learner.config.host_channels)
    first = learner.module.blocks[0]
    matrix = first.phi.convs[-1].weight[:, : learner.config.hidden_channels, 1, 1].detach()
    back = -first.eta.convs[-1].weight[:, : learner.config.host_channels, 1, 1].detach()
    identity = (matrix @ back)[used][:, used]
    assert torch.allclose(identity, torch.eye(int(used.sum())), atol=1e-4)
    expected = torch.einsum("ij,bjhw->bihw", back, learner.samples(u))
    mean = to_bands(revealed, levels) - expected
    assert float((mean - mean.mean((0, 2, 3), keepdim=True)).abs().max()) < 1e-4
    shown = 10 * torch.log10(1 / (revealed - hidden).square().mean())
    assert float(shown) > {1: 38, 2: 28, 3: 17}[count]
    assert float(lost.square().mean()) < 2 * float((revealed - hidden).square().mean())


@pytest.mark.parametrize(("count", "levels"), [(2, 1), (3, 1), (3, 2)])
def test_the_cells_around_tell_a_part_of_what_is_missing(
    photos: Photos, count: int, levels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden, found = floats(hidden_of(photos, count)), []
    for around in (True, False):
        if not around:
            monkeypatch.setattr(NetworkLearner, "_look_around", lambda *words: None)
        learner = begun(photos, f"model.hidden_images={count}", f"model.levels={levels}")
        with torch.no_grad():
            errors = (learner.objective.through(hidden)[0] - hidden).square()
        found.append(float(-10 * errors.reshape(count, -1).mean(1).log10().mean()))
    assert found[0] > found[1] + 0.1


def test_more_bits_reveal_better_from_the_start(photos: Photos) -> None:
    hidden = floats(hidden_of(photos, 1))
    errors = []
    for rate in (1.0, 2.5, 4.0):
        learner = begun(photos, f"samples.rate={rate}")
        assert learner.samples.rate == pytest.approx(rate)
        with torch.no_grad():
            errors.append(float((learner.objective.through(hidden)[0] - hidden).square().mean()))
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


def test_the_loss_is_made_of_what_is_lost_and_what_is_revealed(photos: Photos) -> None:
    learner = moved(begun(photos, "loss.lost=2.0", "loss.revealed=3.0"))
    hidden = floats(hidden_of(photos, 1))
    groups = torch.stack([torch.rand(3, 64, 64), hidden[0]])[None]
    terms = dict(zip(learner.terms, learner.objective(groups).tolist(), strict=True))
    with torch.no_grad():
        revealed, lost = learner.objective.through(hidden)
        hiding = learner.network.forward(torch.full_like(hidden, BLANK), hidden)
    assert terms["revealed"] == pytest.approx(float((revealed - hidden).abs().mean()), rel=1e-5)
    assert terms["lost"] == pytest.approx(float((hiding.lost - 0.5).square().mean()), rel=1e-4)
    assert float(lost.square().mean()) == pytest.approx(terms["lost"], rel=1e-4)
    assert terms["loss"] == pytest.approx(2 * terms["lost"] + 3 * terms["revealed"], rel=1e-5)
    # The host has no say.
    groups[:, 0] = 0
    assert learner.objective(groups)[0].item() == pytest.approx(terms["loss"])


def test_everything_but_the_rounding_learns(photos: Photos) -> None:
    learner = moved(begun(photos))
    groups = torch.stack([torch.zeros(3, 64, 64), floats(hidden_of(photos, 1))[0]])[None]
    learner.objective(groups)[0].backward()
    for name, each in learner.module.named_parameters():
        if name.startswith("samples"):
            assert each.grad is None
        else:
            assert each.grad is not None, name
            assert float(each.grad.abs().sum()) > 0, name


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
    quick = ("run.steps=40", "run.validations=2", "samples.rate=2.0", "optimiser.rate=2e-4")
    told, trainer = train(photo_folder, tmp_path / "run", *quick)
    before = validate(trainer.learner, trainer.validation[0])
    assert trainer.train()
    seen = [each.photos for each in told if each.photos is not None]
    assert len(seen) == 2
    assert seen[-1].revealed > before.revealed + 0.05
    expected = 10 * np.log10(255**2 / trellis.error(2.0))
    assert seen[-1].container == pytest.approx(expected, abs=0.5)
    weights = Weights.load(tmp_path / "run" / "model.safetensors")
    assert weights.kind == "network"
    assert weights.training["start"].startswith("the linear code")
    kinds = {name: each.dtype for name, each in weights.tensors.items()}
    exact = {name for name in kinds if name.startswith("samples")}
    assert {kinds[name] for name in exact} == {np.dtype(np.float32)}
    assert {kinds[name] for name in set(kinds) - exact} == {np.dtype(np.float16)}
    np.testing.assert_array_equal(
        weights.tensors["samples.bend"], trainer.learner.samples.bend.numpy()
    )
    image = photos["cat"][:90, :111]
    own = method.of("own", weights)
    container = isn.hide(photos["rocket"], image, method=own)
    (shown,) = isn.reveal(container, method=own)
    assert psnr(shown, image) > 22


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
    monkeypatch.setattr(linear, "fitted", None)
    again, second = train(photo_folder, tmp_path / "cut", *words, resume=True)
    assert second.train()
    assert losses(cut) + losses(again) == losses(whole)
    one, two = (
        Weights.load(tmp_path / name / "model.safetensors").fingerprint for name in ("whole", "cut")
    )
    assert one == two
    with pytest.raises(ModelError, match="another model"):
        train(photo_folder, tmp_path / "cut", *words, "samples.rate=3.0", resume=True)


def test_it_goes_on_from_other_weights_whole(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = moved(begun(photos))
    start = ("other", weights_of(source))
    monkeypatch.setattr(linear, "fitted", None)
    warm = NetworkLearner(settings(), CPU, start=start, photos=store(photos))
    assert warm.start_note == f"other ({len(start[1].tensors)} tensors)"
    for name, each in warm.module.named_parameters():
        assert torch.equal(each.detach(), torch.from_numpy(start[1].tensors[name])), name
    deeper = NetworkLearner(settings("model.blocks=4"), CPU, start=start)
    hidden = floats(hidden_of(photos, 1))
    with torch.no_grad():
        one, two = (each.objective.through(hidden)[0] for each in (source, deeper))
    torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("rate", [3.5, 4.5])
def test_other_weights_are_begun_from_at_another_rate(photos: Photos, rate: float) -> None:
    source = moved(begun(photos))
    start = ("other", weights_of(source))
    warm = NetworkLearner(settings(f"samples.rate={rate}"), CPU, start=start, photos=store(photos))
    assert warm.samples.rate == rate
    assert warm.start_note.endswith(f", at {rate:g} bits a sample")
    change = (warm.samples.bits - source.samples.bits).sign()
    assert set(change.tolist()) == {0.0, 1.0 if rate > 4 else -1.0}
    # It takes bits where they are worth least: no worse than taking one of each band in order.
    hidden = floats(hidden_of(photos, 1))
    with torch.no_grad():
        chosen = (warm.objective.through(hidden)[0] - hidden).square().mean()
        before = (source.objective.through(hidden)[0] - hidden).square().mean()
        spent = round(abs(rate - 4) * len(warm.samples.bits))
        bits = source.samples.bits
        bits[torch.nonzero(bits)[:spent, 0]] += 1 if rate > 4 else -1
        blind = (source.objective.through(hidden)[0] - hidden).square().mean()
    assert (chosen < before) == (rate > 4)
    assert chosen < blind


def test_weights_that_are_not_its_own_are_no_start(photos: Photos) -> None:
    start = ("other", weights_of(begun(photos)))
    for override in ("model.hidden_images=2", "model.levels=2"):
        with pytest.raises(ModelError, match="1 hidden images and 1 Haar levels"):
            NetworkLearner(settings(override), CPU, start=start)
    with pytest.raises(
        ConfigError, match=r"samples\.rate is 3, the weights of other were made for 4"
    ):
        NetworkLearner(settings("samples.rate=3"), CPU, start=start)
    paper = Weights("paper", start[1].config, start[1].tensors)
    with pytest.raises(ModelError, match="give some of kind 'network'"):
        NetworkLearner(settings(), CPU, start=("paper", paper))


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
