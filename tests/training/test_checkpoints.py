from __future__ import annotations

from pathlib import Path

import pytest
import torch

from isn.errors import ModelError
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
    checkpoints.write(tmp_path, _checkpoint(7), 1000)
    folder = checkpoints.newest(tmp_path)
    assert folder is not None
    assert float(checkpoints.read(folder).tensors["a"][0, 0]) == 7


def test_a_write_that_dies_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "PART_BYTES", 1000)
    checkpoints.write(tmp_path, _checkpoint(1), 1)
    real, calls = checkpoints._write_synced, []

    def dies(path: Path, content: bytes) -> None:
        calls.append(path)
        if len(calls) > 3:
            raise OSError("no space left")
        real(path, content)

    monkeypatch.setattr(checkpoints, "_write_synced", dies)
    with pytest.raises(OSError, match="no space"):
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
    (folder / "state.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        checkpoints.read(folder)


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
