from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from isn import atomic
from isn.errors import ModelError, OutputError
from isn.training import checkpoints
from isn.training.checkpoints import Checkpoint


def _checkpoint(value: float) -> Checkpoint:
    tensors = {"a": torch.full((50, 40), value), "b": torch.arange(7)}
    return Checkpoint(tensors, {"step": 3, "text": "x"})


def test_parts_are_small_and_come_back_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "PART_BYTES", 1000)
    checkpoints.write(tmp_path, _checkpoint(1.5), 3)
    folder = checkpoints.newest(tmp_path)
    assert folder is not None
    sizes = [each.stat().st_size for each in folder.glob("part-*")]
    assert len(sizes) > 8
    assert max(sizes) <= 1000
    again = checkpoints.read(folder)
    assert again.state == {"step": 3, "text": "x"}
    assert torch.equal(again.tensors["a"], torch.full((50, 40), 1.5))
    assert torch.equal(again.tensors["b"], torch.arange(7))


def test_the_limit_is_15_mib() -> None:
    assert checkpoints.PART_BYTES == 15 * 2**20


def test_the_last_one_is_kept_and_the_ones_before_go(tmp_path: Path) -> None:
    for step in (5, 40, 1000):
        checkpoints.write(tmp_path, _checkpoint(step), step)
    assert [each.name for each in tmp_path.iterdir()] == ["checkpoint-000001000"]
    for value in range(12):
        folder = checkpoints.write(tmp_path, _checkpoint(value), 1000)
        assert list(tmp_path.iterdir()) == [folder]
        assert checkpoints.newest(tmp_path) == folder
        assert _newest_value(tmp_path) == value


def _newest_value(run: Path) -> float:
    folder = checkpoints.newest(run)
    assert folder is not None
    return float(checkpoints.read(folder).tensors["a"][0, 0])


class _Killed(BaseException):
    """Nothing catches it."""


@pytest.mark.parametrize("step", [3, 4])
def test_wherever_a_write_is_cut_there_is_a_whole_checkpoint(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "PART_BYTES", 4000)
    calls: list[str] = []
    cut_at = 10**9

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **more: Any) -> Any:
            if len(calls) == cut_at:
                raise _Killed
            calls.append(name)
            return real(*given, **more)

        return call

    for module, name in (
        (os, "fsync"),
        (os, "replace"),
        (os, "unlink"),
        (os, "rmdir"),
        (shutil, "rmtree"),
    ):
        monkeypatch.setattr(module, name, counted(name, getattr(module, name)))

    def written(cut: int) -> tuple[Path, list[str]]:
        nonlocal cut_at
        run = tmp_path / f"{step}-{cut}"
        cut_at = 10**9
        checkpoints.write(run, _checkpoint(1), 3)
        calls.clear()
        cut_at = cut
        with contextlib.suppress(_Killed):
            checkpoints.write(run, _checkpoint(2), step)
        return run, list(calls)

    whole, order = written(10**9)
    assert _newest_value(whole) == 2
    assert len(list(whole.iterdir())) == 1
    assert order.index("replace") < order.index("rmtree")
    values = [_newest_value(written(cut)[0]) for cut in range(len(order))]
    assert values == sorted(values)
    assert set(values) == {1, 2}
    # What was left behind goes with the next one.
    run, _ = written(order.index("replace"))
    cut_at = 10**9
    checkpoints.write(run, _checkpoint(5), 9)
    assert [each.name for each in run.iterdir()] == ["checkpoint-000000009"]


def test_a_process_that_is_killed_between_two_renames_can_go_on(tmp_path: Path) -> None:
    script = """
import os, shutil, sys
from pathlib import Path
import torch
from isn.training import checkpoints
from isn.training.checkpoints import Checkpoint

run, when = Path(sys.argv[1]), sys.argv[2]
checkpoints.write(run, Checkpoint({"a": torch.full((2, 2), 1.0)}, {}), 7)
if when == "before":
    os.replace = lambda *given: os.kill(os.getpid(), 9)
else:
    shutil.rmtree = lambda *given, **more: os.kill(os.getpid(), 9)
checkpoints.write(run, Checkpoint({"a": torch.full((2, 2), 2.0)}, {}), 7)
"""
    for when, value in (("before", 1), ("after", 2)):
        run = tmp_path / when
        done = subprocess.run(
            [sys.executable, "-c", script, str(run), when], timeout=120, check=False
        )
        assert done.returncode == -signal.SIGKILL
        assert _newest_value(run) == value


def test_a_write_that_dies_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "PART_BYTES", 1000)
    checkpoints.write(tmp_path, _checkpoint(1), 1)
    real, calls = atomic.store, []

    def dies(path: Path, content: bytes) -> None:
        calls.append(path)
        if len(calls) > 3:
            raise OSError("no space left")
        real(path, content)

    monkeypatch.setattr(atomic, "store", dies)
    with pytest.raises(OutputError, match="no space"):
        checkpoints.write(tmp_path, _checkpoint(2), 2)
    folder = checkpoints.newest(tmp_path)
    assert folder is not None
    assert float(checkpoints.read(folder).tensors["a"][0, 0]) == 1


def test_damage_is_named(tmp_path: Path) -> None:
    folder = checkpoints.write(tmp_path, _checkpoint(1), 1)
    part = folder / "part-000"
    content = bytearray(part.read_bytes())
    content[-3] ^= 1
    part.write_bytes(content)
    with pytest.raises(ModelError, match="part-000 is damaged"):
        checkpoints.read(folder)
    part.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        checkpoints.read(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"3",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"state": 1' + b"0" * 5000 + b"}",
        b'{"state": [], "parts": []}',
        b'{"state": {}, "parts": {}}',
        b'{"state": {}, "parts": [3]}',
        b'{"state": {}, "parts": [{"name": 3, "sha256": ""}]}',
        b'{"state": {}, "parts": [{"name": "part-000"}]}',
    ],
)
def test_a_damaged_state_is_named(content: bytes, tmp_path: Path) -> None:
    folder = checkpoints.write(tmp_path, _checkpoint(1), 1)
    (folder / "state.json").write_bytes(content)
    with pytest.raises(ModelError, match="checkpoint-000000001 cannot be read"):
        checkpoints.read(folder)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"the run .*file.run cannot be written"):
        checkpoints.write(tmp_path / "file" / "run", _checkpoint(1), 1)


def test_other_folders_are_no_checkpoints(tmp_path: Path) -> None:
    for name in ("checkpoint-last", "checkpoint-5x", "checkpoint-3.b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "state.json").write_text("{}")
    assert checkpoints.newest(tmp_path) is None
    checkpoints.write(tmp_path, _checkpoint(1), 2)
    assert _newest_value(tmp_path) == 1
    assert (tmp_path / "checkpoint-last").is_dir()


def test_an_optimiser_comes_back_as_it_was() -> None:
    def trained(seed: int) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(seed)
        module = torch.nn.Linear(3, 2)
        return module, torch.optim.AdamW(module.parameters(), 0.1)

    def step(module: torch.nn.Module, optimiser: torch.optim.Optimizer) -> None:
        optimiser.zero_grad()
        module(torch.ones(1, 3)).square().sum().backward()
        optimiser.step()

    module, optimiser = trained(1)
    for _ in range(3):
        step(module, optimiser)
    tensors = checkpoints.optimiser_tensors(optimiser)
    other, restored = trained(2)
    other.load_state_dict(module.state_dict())
    checkpoints.load_optimiser(restored, tensors)
    step(module, optimiser)
    step(other, restored)
    for a, b in zip(module.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
