"""Baluja's networks under the trainer that trains ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from isn.baselines.baluja import KIND, Baluja
from isn.baselines.baluja_network import BalujaNetwork
from isn.errors import ConfigError, ModelError
from isn.keys import Public
from isn.training.distributed import Processes
from isn.training.export import load_tensors
from isn.training.learner import Seen, through_file
from isn.training.loop import Trainer
from isn.training.methods import BalujaSettings
from isn.training.pair import TERMS, Pair, PairObjective
from isn.training.progress import Progress
from isn.training.session import prepare, settings_of
from isn.training.sources import Sources
from isn.training.validation import validate
from isn.weights import Weights

ALONE = Processes(0, 1, torch.device("cpu"))
SMALL = (
    "model.filters=4",
    "data.crop=32",
    "data.pool=16",
    "data.validation_pairs=2",
    "data.validation_crop=48",
    "run.minutes=0.0",
    "run.validations=0",
)


class Run:
    """A trainer of small networks on the pictures of the tests, and what it told."""

    def __init__(self, folder: Path, run: Path, *overrides: str, **more: Any) -> None:
        self.settings = BalujaSettings.load("baluja", [*SMALL, *overrides])
        self.told: list[Progress] = []
        model = self.settings.model
        self.learner = Pair(
            BalujaNetwork(model.hidden_images, model.filters),
            self.settings,
            ALONE.device,
            lambda tensors, training: Weights(
                KIND,
                {"hidden_images": model.hidden_images, "filters": model.filters},
                tensors,
                training,
            ),
        )
        self.trainer: Trainer = prepare(
            self.settings,
            Sources([str(folder)]),
            run,
            ALONE,
            learner=self.learner,
            report=self.told.append,
            **more,
        )

    @property
    def losses(self) -> list[float]:
        return [each.terms["loss"] for each in self.told if "loss" in each.terms]


class Addition(nn.Module):
    """Hides by adding a hundredth of every hidden image; reveals the container for each."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count, self.given = count, torch.empty(0)

    def hide(self, host: Tensor, hidden: Tensor) -> Tensor:
        return host + 0.01 * hidden.unflatten(1, (self.count, 3)).sum(1)

    def reveal(self, container: Tensor) -> Tensor:
        self.given = container
        return container.repeat(1, self.count, 1, 1)

    def seen(self, host: Tensor, hidden: Tensor) -> Seen:
        return through_file(self, host, hidden)

    def initialise(self, seed: int) -> None:
        pass


@pytest.mark.parametrize("count", [1, 2])
def test_the_loss_is_balujas_through_8_bit(count: int) -> None:
    network = Addition(count)
    host, hidden = 0.4, 0.75
    images = torch.full((2, 1 + count, 3, 8, 8), hidden, dtype=torch.double)
    images[:, 0] = host
    terms = dict(zip(TERMS, PairObjective(network, 0.75)(images).tolist(), strict=True))
    container = host + 0.01 * hidden * count
    stored = round(255 * container) / 255
    assert network.given.unique().tolist() == pytest.approx([stored])
    assert terms["container"] == pytest.approx((container - host) ** 2)
    assert terms["revealed"] == pytest.approx((stored - hidden) ** 2)
    assert terms["loss"] == pytest.approx(terms["container"] + 0.75 * count * terms["revealed"])


def test_the_gradient_passes_the_rounding() -> None:
    network = BalujaNetwork(2, 3)
    network.initialise(1)
    PairObjective(network, 1.0)(torch.rand(1, 3, 3, 16, 16))[2].backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None
        assert name.startswith("uncover") or parameter.grad.abs().sum() > 0, name


def test_it_learns_and_its_model_hides_as_it_did(photo_folder: Path, tmp_path: Path) -> None:
    words = ("run.steps=60", "run.validations=2", "optimiser.rate=2e-3", "data.batch=4")
    run = Run(photo_folder, tmp_path / "run", *words)
    assert run.trainer.train()
    assert np.mean(run.losses[-10:]) < 0.75 * np.mean(run.losses[:10])
    final = run.told[-1].photos or next(e.photos for e in reversed(run.told) if e.photos)
    assert final is not None

    path = tmp_path / "run" / "model.safetensors"
    weights = Weights.load(path)
    training = weights.training
    assert training["settings"]["method"] == "baluja"
    assert training["steps"] == 60
    assert training["validation"]["photos"]["container"] == pytest.approx(final.container, abs=0.05)
    assert training["float16_cost_db"] < 0.02
    assert {each.dtype for each in weights.tensors.values()} == {np.dtype(np.float16)}

    # What the exported file does, through the baseline's verbs, is what the learner does.
    load_tensors(run.learner.module, weights.tensors)
    host, hidden = (
        np.random.default_rng(k).integers(0, 256, (40, 56, 3), dtype=np.uint8) for k in range(2)
    )
    floats = [
        torch.from_numpy(each.transpose(2, 0, 1)[None].copy()) / 255 for each in (host, hidden)
    ]
    with torch.no_grad():
        expected = run.learner.seen(*floats).container
    container = Baluja.load(path).hide(host, [hidden], Public())
    assert (container == expected[0].permute(1, 2, 0).numpy()).all()
    assert (tmp_path / "run" / "curve.png").is_file()


@pytest.mark.parametrize("autocast", ["none", "bf16"])
def test_resuming_gives_the_loss_of_never_having_stopped(
    autocast: str, photo_folder: Path, tmp_path: Path
) -> None:
    words = ("run.steps=10", f"run.autocast={autocast}", "run.exact_share=0.3")
    whole = Run(photo_folder, tmp_path / "whole", *words)
    whole.trainer.train()
    cut = Run(photo_folder, tmp_path / "cut", *words)

    def report(progress: Progress) -> None:
        cut.told.append(progress)
        if progress.step == 4:
            cut.trainer.stop()

    cut.trainer.report = report
    assert not cut.trainer.train()
    again = Run(photo_folder, tmp_path / "cut", *words, resume=True)
    assert again.trainer.step == 4
    assert again.trainer.train()
    assert cut.losses + again.losses == whole.losses
    one, two = (
        Weights.load(tmp_path / name / "model.safetensors").fingerprint for name in ("whole", "cut")
    )
    assert one == two
    assert settings_of(tmp_path / "cut") == whole.settings


def test_the_last_share_is_exact(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isn.training.loop.has_bf16", lambda device: True)
    run = Run(photo_folder, tmp_path, "run.steps=4", "run.autocast=bf16", "run.exact_share=0.5")
    kinds: list[Any] = []
    run.trainer.report = lambda progress: (
        kinds.append(run.learner.autocast) if "loss" in progress.terms else None
    )
    run.trainer.train()
    assert kinds == [torch.bfloat16] * 2 + [None] * 2


def test_validation_is_through_8_bit() -> None:
    network = Addition(1)
    groups = torch.randint(0, 200, (2, 2, 3, 16, 16), dtype=torch.uint8)
    # Less than half a level at most: the file has lost it.
    quality = validate(network, groups * 0 + groups // 6)
    assert quality.container == 100
    assert quality.container_ssim == pytest.approx(1)
    assert quality.revealed < 40
    assert -1 <= quality.revealed_ssim < 1


def test_what_is_not_for_it_is_refused(photo_folder: Path, tmp_path: Path) -> None:
    from isn import zoo

    with pytest.raises(ConfigError, match="--start"):
        Run(photo_folder, tmp_path, "run.steps=2", start=("paper-1", zoo.weights("paper-1")))
    settings = BalujaSettings.load("baluja", SMALL[:-2])
    with pytest.raises(ConfigError, match="learner"):
        prepare(settings, Sources([str(photo_folder)]), tmp_path, ALONE)
    Run(photo_folder, tmp_path / "a", "run.steps=1").trainer.train()
    with pytest.raises(ModelError, match="another model"):
        Run(photo_folder, tmp_path / "a", "run.steps=1", "model.filters=5", resume=True)
