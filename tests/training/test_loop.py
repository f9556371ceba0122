from __future__ import annotations

import csv
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import isn
from isn import method
from isn.errors import ConfigError, ModelError, OutputError
from isn.paper.config import ModelConfig
from isn.training import checkpoints, export, precision
from isn.training.distributed import Processes
from isn.training.log import read
from isn.training.loop import FINISH, PLATEAU, Trainer
from isn.training.progress import Progress
from isn.training.session import prepare, settings_of
from isn.training.settings import Settings
from isn.training.sources import Sources
from isn.weights import Weights

ALONE = Processes(0, 1, torch.device("cpu"))


class Run:
    """A trainer on the pictures of the tests, and what it told."""

    def __init__(self, folder: Path, run: Path, *overrides: str, **more: Any) -> None:
        small = ["data.validation_crop=64", "run.validations=0", *overrides]
        settings = Settings.load("tiny", small)
        self.told: list[Progress] = []
        texture = more.pop("texture", None)
        self.trainer: Trainer = prepare(
            settings,
            Sources([str(folder)], texture=texture),
            run,
            ALONE,
            report=self.told.append,
            **more,
        )

    @property
    def losses(self) -> list[float]:
        return [each.terms["loss"] for each in self.told if "loss" in each.terms]


def test_it_learns_and_writes_a_model_that_hides(photo_folder: Path, tmp_path: Path) -> None:
    run = Run(
        photo_folder, tmp_path / "run", "run.steps=150", "run.validations=3", "loss.container=2"
    )
    assert run.trainer.train()
    first, last = np.mean(run.losses[:10]), np.mean(run.losses[-10:])
    assert last < 0.75 * first
    validated = [each for each in run.told if each.photos is not None]
    assert len(validated) == 3
    assert all(each.drawings is not None for each in validated)

    weights = Weights.load(tmp_path / "run" / "model.safetensors")
    training = weights.training
    assert training["steps"] == 150
    assert training["data"].endswith("photos")
    assert training["settings"]["loss"]["container"] == 2.0
    final = validated[-1].photos
    assert final is not None
    assert training["validation"]["photos"]["revealed"] == pytest.approx(final.revealed, abs=0.05)
    assert training["float16_cost_db"] < export.HALF_LOSS
    assert {each.dtype for each in weights.tensors.values()} == {np.dtype(np.float16)}

    rng = np.random.default_rng(1)
    smooth = np.linspace(60, 180, 64).astype(np.uint8)
    host = np.broadcast_to(smooth[:, None, None], (64, 64, 3)).copy()
    hidden = np.roll(host, 20, 0) ^ rng.integers(0, 4, host.shape, dtype=np.uint8)
    container = isn.hide(host, hidden, method=method.of("own", weights))
    assert (container.pixels != host).mean() > 0.1
    (revealed,) = isn.reveal(container, method=method.of("own", weights))
    mean_grey = np.full_like(hidden, 128)
    error = np.abs(revealed.astype(int) - hidden)
    assert error.mean() < 0.8 * np.abs(mean_grey.astype(int) - hidden).mean()

    with open(tmp_path / "run" / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["50", "100", "150"]
    assert (tmp_path / "run" / "curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("optimiser", ["adamax", "muon"])
def test_resuming_gives_the_loss_of_never_having_stopped(
    optimiser: str, photo_folder: Path, tmp_path: Path
) -> None:
    kept = ("run.steps=12", f"optimiser.name={optimiser}")
    whole = Run(photo_folder, tmp_path / "whole", *kept)
    whole.trainer.train()

    cut = Run(photo_folder, tmp_path / "cut", *kept)
    cut.trainer.report = lambda progress: (
        cut.told.append(progress),
        cut.trainer.stop() if progress.step == 5 else None,
    )[0]
    assert not cut.trainer.train()
    assert cut.trainer.step == 5
    assert not (tmp_path / "cut" / "model.safetensors").exists()

    again = Run(photo_folder, tmp_path / "cut", *kept, resume=True)
    assert again.trainer.step == 5
    assert again.trainer.train()
    assert cut.losses + again.losses == whole.losses
    one, two = (
        Weights.load(tmp_path / name / "model.safetensors").fingerprint for name in ("whole", "cut")
    )
    assert one == two


def test_a_finished_run_goes_on_with_a_longer_schedule(photo_folder: Path, tmp_path: Path) -> None:
    kept = ("run.validations=4",)
    Run(photo_folder, tmp_path / "run", "run.steps=8", *kept).trainer.train()
    longer = Run(photo_folder, tmp_path / "run", "run.steps=16", *kept, resume=True).trainer
    assert longer.step == 8
    assert longer.train()
    with open(tmp_path / "run" / "log.csv", newline="") as file:
        assert [float(row["step"]) for row in csv.DictReader(file)] == [2, 4, 6, 8, 12, 16]


def _rows(run: Path) -> list[float]:
    return [row["step"] for row in read(run / "log.csv")]


def _stop_at(run: Run, when: Callable[[Progress], bool]) -> None:
    def report(progress: Progress) -> None:
        run.told.append(progress)
        if when(progress):
            run.trainer.stop()

    run.trainer.report = report


@pytest.mark.parametrize("stage", FINISH)
def test_a_finishing_run_tells_how_far_it_is_and_ends_when_asked(
    stage: str, photo_folder: Path, tmp_path: Path
) -> None:
    run, pairs = tmp_path / "run", ("run.steps=2", "data.validation_pairs=3")
    cut = Run(photo_folder, run, *pairs)
    _stop_at(cut, lambda progress: progress.stage == stage and progress.done == 2)
    weights = {name: each.detach().clone() for name, each in cut.trainer.stack.named_parameters()}
    assert not cut.trainer.train()
    assert not (run / "model.safetensors").exists()
    stages = [each for each in cut.told if each.stage]
    assert [each.done for each in stages if each.stage == stage] == [0, 1, 2]
    assert {each.total for each in stages} == {6}
    assert any("2 steps are done" in each.message for each in cut.told)
    # What was there for the validation alone is put back.
    kept = checkpoints.newest(run)
    assert kept is not None
    tensors = checkpoints.read(kept).tensors
    for name, each in cut.trainer.stack.named_parameters():
        assert torch.equal(each.detach(), tensors[f"weights.{name}"])
    assert any(not torch.equal(each, tensors[f"weights.{name}"]) for name, each in weights.items())

    again = Run(photo_folder, run, *pairs, resume=True)
    assert again.trainer.train()
    Run(photo_folder, tmp_path / "whole", *pairs).trainer.train()
    one, two = (
        Weights.load(folder / "model.safetensors").fingerprint
        for folder in (run, tmp_path / "whole")
    )
    assert one == two
    assert [each.done for each in again.told if each.stage == stage] == list(range(6))


@pytest.mark.parametrize("last", [False, True])
def test_a_validation_that_is_cut_is_done_again(
    last: bool, photo_folder: Path, tmp_path: Path
) -> None:
    words = ("run.steps=4", "run.validations=2")
    cut = Run(photo_folder, tmp_path, *words)
    step = 4 if last else 2
    _stop_at(cut, lambda each: each.stage == "validation" and each.step == step and each.done == 1)
    assert not cut.trainer.train()
    # One more step may have been under way.
    assert step <= cut.trainer.step <= step + 1
    assert _rows(tmp_path) == ([2] if last else [])
    again = Run(photo_folder, tmp_path, *words, resume=True)
    assert again.trainer.train()
    assert _rows(tmp_path) == ([2, 4] if last else [cut.trainer.step, 4])


PLATEAU_RUN = (
    "optimiser.schedule=plateau",
    "optimiser.cooldown=0.5",
    "optimiser.warmup=0.0",
    "optimiser.final=0.1",
    "run.checkpoint_minutes=1e9",
)


def _rates(run: Run) -> dict[int, float]:
    """The rate of each step, by how many were done before it."""
    found: dict[int, float] = {}

    def report(progress: Progress) -> None:
        if "loss" in progress.terms and not progress.stage:
            found[progress.step - 1] = run.trainer.optimiser.param_groups[0]["lr"] / 2e-3

    run.trainer.report = report
    return found


def _kept(run: Path) -> tuple[str, int]:
    folder = checkpoints.newest(run / PLATEAU)
    assert folder is not None
    return folder.name, (folder / "state.json").stat().st_mtime_ns


def test_the_state_before_a_descent_is_kept_once_and_goes_on_longer(
    photo_folder: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    whole = Run(photo_folder, run, "run.steps=8", *PLATEAU_RUN)
    rates = _rates(whole)
    written: list[str] = []
    real = whole.trainer._checkpoint

    def counted(folder: str = ".") -> None:
        written.append(folder)
        real(folder)

    whole.trainer._checkpoint = counted  # type: ignore[method-assign]
    assert whole.trainer.train()
    assert [rates[k] for k in range(8)] == pytest.approx([1, 1, 1, 1, 1, 0.775, 0.55, 0.325])
    assert written == [".", PLATEAU, "."]
    assert _kept(run)[0] == "checkpoint-000000004"

    longer = Run(photo_folder, run / PLATEAU, "run.steps=16", *PLATEAU_RUN, resume=True)
    assert longer.trainer.step == 4
    rates = _rates(longer)
    assert longer.trainer.train()
    assert sorted(rates) == list(range(4, 16))
    assert [rates[k] for k in (4, 7, 8, 12)] == pytest.approx([1, 1, 1, 0.55])
    assert _kept(run / PLATEAU)[0] == "checkpoint-000000008"
    # It is the run that would have been so long from the beginning.
    Run(photo_folder, tmp_path / "other", "run.steps=16", *PLATEAU_RUN).trainer.train()
    one, two = (
        Weights.load(folder / "model.safetensors").fingerprint
        for folder in (run / PLATEAU, tmp_path / "other")
    )
    assert one == two


def test_within_a_descent_the_state_before_it_stays(photo_folder: Path, tmp_path: Path) -> None:
    words = ("run.steps=8", *PLATEAU_RUN)
    cut = Run(photo_folder, tmp_path, *words)
    _stop_at(cut, lambda progress: progress.step == 6)
    assert not cut.trainer.train()
    assert cut.trainer.step == 6
    before = _kept(tmp_path)
    again = Run(photo_folder, tmp_path, *words, resume=True)
    rates = _rates(again)
    assert again.trainer.falling
    assert again.trainer.train()
    assert rates == pytest.approx({6: 0.55, 7: 0.325})
    assert _kept(tmp_path) == before == ("checkpoint-000000004", before[1])
    # The same length again, from the state that was kept: it falls at once, and keeps nothing more.
    same = Run(photo_folder, tmp_path / PLATEAU, *words, resume=True)
    assert same.trainer.train()
    assert not (tmp_path / PLATEAU / PLATEAU).exists()
    one, two = (
        Weights.load(folder / "model.safetensors").fingerprint
        for folder in (tmp_path, tmp_path / PLATEAU)
    )
    assert one == two


def test_an_explosion_in_a_descent_does_not_begin_it_again(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    words = (*PLATEAU_RUN, "run.steps=0", "run.minutes=10.0", "optimiser.patience=2")
    run = Run(photo_folder, tmp_path, *words)
    real, kept = run.trainer.batches.batch, []

    def poisoned(step: int, rank: int = 0, world: int = 1) -> torch.Tensor:
        clock[0] += 60
        if run.trainer.falling:
            kept.append(_kept(tmp_path))
        bad = run.trainer.returns == 0 and run.trainer.falling
        return real(step, rank, world) * (float("nan") if bad else 1.0)

    monkeypatch.setattr(run.trainer.batches, "batch", poisoned)
    assert run.trainer.train()
    assert run.trainer.returns == 1
    assert len(kept) > 3
    assert len(set(kept)) == 1


@pytest.mark.parametrize("there", [False, True])
def test_bfloat16_is_for_devices_that_have_it(
    there: bool, photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isn.training.loop.has_bf16", lambda device: there)
    run = Run(photo_folder, tmp_path, "run.steps=3", "run.autocast=bf16")
    kinds: set[Any] = set()
    run.trainer.report = lambda progress: (
        run.told.append(progress),
        kinds.add(run.trainer.learner.autocast) if "loss" in progress.terms else None,
    )[0]
    assert run.trainer.train()
    assert kinds == {torch.bfloat16 if there else None}
    said = [each.message for each in run.told if "bfloat16" in each.message]
    assert len(said) == (0 if there else 1)
    plain = Run(photo_folder, tmp_path / "plain", "run.steps=1")
    plain.trainer.train()
    assert not any("bfloat16" in each.message for each in plain.told)


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16 fma\n", True),
        ("processor\t: 0\nflags\t\t: fpu amx_bf16\nbugs\t\t: x\n", True),
        ("Features\t: fp asimd bf16 i8mm\n", True),
        ("flags\t\t: fpu avx512f avx512_vnni amx_tile\n", False),
        ("flags\t\t: fpu\nmodel name\t: a bf16 wonder\n", False),
        ("", False),
    ],
)
def test_what_a_processor_says_of_bfloat16(
    text: str, there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cpuinfo"
    monkeypatch.setattr(precision, "CPU_INFO", path)
    assert not precision.has_bf16(torch.device("cpu"))
    path.write_text(text)
    assert precision.has_bf16(torch.device("cpu")) == there


def test_a_full_disk_is_a_sentence(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(photo_folder, tmp_path / "run", "run.steps=2", "run.validations=1")

    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("isn.atomic.write", full)
    with pytest.raises(OutputError, match=r"run cannot be written \(No space left on device\)"):
        run.trainer.train()
    monkeypatch.undo()
    run = Run(photo_folder, tmp_path / "other", "run.steps=2", "run.validations=0")
    monkeypatch.setattr("isn.weights.write_tensors", full)
    with pytest.raises(OutputError, match="other cannot be written"):
        run.trainer.train()
    assert checkpoints.newest(tmp_path / "other") is not None


def test_a_schedule_in_minutes_spans_its_pieces(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    schedule = ("run.steps=0", "run.minutes=10.0")

    def tick(run: Run) -> None:
        def report(progress: Progress) -> None:
            run.told.append(progress)
            clock[0] += 30

        run.trainer.report = report

    first = Run(photo_folder, tmp_path, *schedule)
    tick(first)
    assert not first.trainer.train(stop_after=4)
    assert first.trainer.step == 8
    assert first.trainer.elapsed == pytest.approx(240)
    clock[0] += 99999
    second = Run(photo_folder, tmp_path, *schedule, resume=True)
    tick(second)
    assert second.trainer.train(stop_after=60)
    assert second.trainer.step == 20
    shares = [each.share for each in first.told + second.told if "loss" in each.terms]
    assert shares == pytest.approx([k / 20 for k in range(20)])


def test_a_step_that_is_not_finite_is_skipped(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(photo_folder, tmp_path, "run.steps=6")
    real = run.trainer.batches.batch

    def poisoned(step: int, rank: int = 0, world: int = 1) -> torch.Tensor:
        batch = real(step, rank, world)
        return batch * float("nan") if run.trainer.skipped == 0 and step == 2 else batch

    monkeypatch.setattr(run.trainer.batches, "batch", poisoned)
    before: list[float] = []
    run.trainer.report = lambda progress: before.append(
        float(sum(each.detach().abs().sum() for each in run.trainer.stack.parameters()))
    )
    assert run.trainer.train()
    assert run.trainer.skipped == 1
    assert before[2] == before[1]
    assert before[3] != before[2]
    assert np.isfinite(before).all()
    assert Weights.load(tmp_path / "model.safetensors").training["skipped_steps"] == 1


def test_an_explosion_goes_back_to_the_last_checkpoint_at_half_the_rate(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(
        photo_folder,
        tmp_path,
        "run.steps=20",
        "optimiser.patience=3",
        "run.checkpoint_minutes=1e9",
        "optimiser.schedule=constant",
        "optimiser.warmup=0.0",
    )
    real = run.trainer.batches.batch

    def poisoned(step: int, rank: int = 0, world: int = 1) -> torch.Tensor:
        batch = real(step, rank, world)
        return batch * float("inf") if run.trainer.returns == 0 and step >= 8 else batch

    monkeypatch.setattr(run.trainer.batches, "batch", poisoned)
    steps: list[int] = []

    def report(progress: Progress) -> None:
        run.told.append(progress)
        steps.append(progress.step)
        if progress.step == 6 and run.trainer.returns == 0:
            run.trainer._checkpoint()

    run.trainer.report = report
    assert run.trainer.train()
    assert run.trainer.returns == 1
    assert run.trainer.skipped == 3
    assert any("back to step 6" in each.message for each in run.told)
    assert run.trainer.optimiser.param_groups[0]["lr"] == pytest.approx(2e-3 / 2)
    assert steps.count(7) == 2
    assert all(
        np.isfinite(each).all()
        for each in Weights.load(tmp_path / "model.safetensors").tensors.values()
    )


def test_an_explosion_in_the_first_steps_goes_back_to_the_beginning(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(photo_folder, tmp_path, "run.steps=10", "optimiser.patience=3")
    real = run.trainer.batches.batch
    monkeypatch.setattr(
        run.trainer.batches,
        "batch",
        lambda *a: real(*a) * (float("inf") if run.trainer.returns < 2 else 1.0),
    )
    assert run.trainer.train()
    assert run.trainer.returns == 2
    assert run.trainer.rate_scale == 0.25
    assert Weights.load(tmp_path / "model.safetensors").training["steps"] == 10


def test_an_explosion_that_no_rate_cures_is_an_error(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(photo_folder, tmp_path, "run.steps=20", "optimiser.patience=2")
    real = run.trainer.batches.batch
    monkeypatch.setattr(run.trainer.batches, "batch", lambda *a: real(*a) * float("nan"))
    with pytest.raises(ModelError, match=r"lower optimiser\.rate"):
        run.trainer.train()


def test_norms_far_above_the_median_count_as_explosions(photo_folder: Path, tmp_path: Path) -> None:
    trainer = Run(photo_folder, tmp_path, "run.steps=5").trainer
    trainer._norms.extend([1.0] * 60)
    assert not trainer._explodes(99.0)
    assert trainer._explodes(101.0)
    assert trainer._explodes(float("inf"))
    trainer._norms.clear()
    assert not trainer._explodes(1e9)


@pytest.mark.parametrize(
    "setting",
    ["run.recompute=true", "run.channels_last=true", "run.autocast=bf16", "run.graph=true"],
)
def test_settings_of_speed_and_memory_do_not_change_what_is_learned(
    setting: str, photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isn.training.loop.has_bf16", lambda device: True)
    plain = Run(photo_folder, tmp_path / "a", "run.steps=4")
    plain.trainer.train()
    other = Run(photo_folder, tmp_path / "b", "run.steps=4", setting)
    other.trainer.train()
    tolerance = 0.03 if "bf16" in setting else 1e-4
    assert other.losses == pytest.approx(plain.losses, rel=tolerance)
    if "bf16" in setting:
        assert other.losses != plain.losses


def test_the_last_share_of_a_run_is_exact(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isn.training.loop.has_bf16", lambda device: True)
    run = Run(photo_folder, tmp_path, "run.steps=10", "run.autocast=bf16", "run.exact_share=0.4")
    kinds: list[Any] = []
    run.trainer.report = lambda progress: (
        kinds.append(run.trainer.learner.autocast) if "loss" in progress.terms else None
    )
    run.trainer.train()
    assert kinds == [torch.bfloat16] * 6 + [None] * 4


# torch asks every tensor for its .grad when it compiles, and hides the warning in a way that only
# works for warnings that are no errors.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
@pytest.mark.slow
def test_compiled_blocks_learn_the_same(photo_folder: Path, tmp_path: Path) -> None:
    plain = Run(photo_folder, tmp_path / "a", "run.steps=2", "model.blocks=1")
    plain.trainer.train()
    compiled = Run(
        photo_folder, tmp_path / "b", "run.steps=2", "model.blocks=1", "run.compile=true"
    )
    compiled.trainer.train()
    assert compiled.losses == pytest.approx(plain.losses, rel=1e-3)


def test_a_run_is_not_overwritten_nor_resumed_from_nothing(
    photo_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="no checkpoint"):
        Run(photo_folder, tmp_path / "a", resume=True)
    Run(photo_folder, tmp_path / "a", "run.steps=1").trainer.train()
    with pytest.raises(ConfigError, match="--resume"):
        Run(photo_folder, tmp_path / "a", "run.steps=1")
    with pytest.raises(ModelError, match="another model"):
        Run(photo_folder, tmp_path / "a", "run.steps=1", "model.blocks=3", resume=True)
    assert settings_of(tmp_path / "a").run.steps == 1


def test_a_start_from_other_weights(photo_folder: Path, tmp_path: Path) -> None:
    first = Run(photo_folder, tmp_path / "a", "run.steps=3")
    first.trainer.train()
    weights = Weights.load(tmp_path / "a" / "model.safetensors")
    warm = Run(photo_folder, tmp_path / "b", "run.steps=3", start=("a", weights))
    for name, each in warm.trainer.stack.named_parameters():
        assert torch.equal(each.detach(), torch.as_tensor(weights.tensors[name]).float())
    warm.trainer.train()
    again = Weights.load(tmp_path / "b" / "model.safetensors")
    assert again.training["start"].startswith("a (")
    assert again.fingerprint != weights.fingerprint


def test_a_textured_model_needs_its_texture(photo_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="texture"):
        Run(photo_folder, tmp_path, "model.lost=none")
    texture = str(next(photo_folder.iterdir()))
    with pytest.raises(ConfigError, match="texture"):
        Run(photo_folder, tmp_path, texture=texture)
    run = Run(photo_folder, tmp_path, "model.lost=none", "run.steps=2", texture=texture)
    assert run.trainer.train()
    weights = Weights.load(tmp_path / "model.safetensors")
    model = replace(Settings.load("tiny").model, lost=None)
    assert ModelConfig.from_mapping(dict(weights.config)) == model
    pixels = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    container = isn.hide(pixels, pixels[::-1].copy(), method=method.of("own", weights))
    with pytest.raises(ConfigError, match="texture"):
        isn.reveal(container, method=method.of("own", weights))
    assert isn.reveal(container, method=method.of("own", weights), texture=texture)[0].shape == (
        32,
        32,
        3,
    )
