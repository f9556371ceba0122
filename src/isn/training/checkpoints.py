"""Checkpoints: written whole or not at all, in parts that are easy to carry, resumable anywhere.

A checkpoint is a folder ``checkpoint-<step>``: ``part-000`` ... of at most 15 MiB each, which put
together are one safetensors file of every tensor, and ``state.json`` with everything else and the
parts' sizes and hashes. It is written under another name and renamed, then the ones before it go.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from isn.errors import ModelError

PART_BYTES = 15 * 2**20
"""Largest size of one part."""

_PREFIX = "checkpoint-"


@dataclass
class Checkpoint:
    """Everything that a training needs to go on.

    Attributes:
        tensors: named tensors, on the CPU: weights, averaged weights, optimiser state.
        state: whatever JSON can hold: step, elapsed seconds, settings, counters.
    """

    tensors: dict[str, Tensor]
    state: dict[str, Any]


def write(run: Path, checkpoint: Checkpoint, step: int) -> Path:
    """Writes a checkpoint into the folder of a run and removes the ones before it."""
    target = run / f"{_PREFIX}{step:09d}"
    partial = run / f".{target.name}.{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    whole = memoryview(save(checkpoint.tensors))
    parts = []
    for number, start in enumerate(range(0, len(whole), PART_BYTES)):
        part = whole[start : start + PART_BYTES]
        name = f"part-{number:03d}"
        _write_synced(partial / name, part)
        parts.append({"name": name, "size": len(part), "sha256": hashlib.sha256(part).hexdigest()})
    document = json.dumps({"state": checkpoint.state, "parts": parts}, indent=1)
    _write_synced(partial / "state.json", document.encode())
    if target.exists():
        shutil.rmtree(target)
    os.replace(partial, target)
    for other in _all(run):
        if other != target:
            shutil.rmtree(other, ignore_errors=True)
    return target


def newest(run: Path) -> Path | None:
    """The folder of the last checkpoint of a run, or None."""
    found = _all(run)
    return found[-1] if found else None


def read(folder: Path) -> Checkpoint:
    """Reads a checkpoint and checks every part against its hash.

    Raises:
        ModelError: a part is missing or damaged.
    """
    try:
        document = json.loads((folder / "state.json").read_text("utf-8"))
        pieces = []
        for part in document["parts"]:
            piece = (folder / part["name"]).read_bytes()
            if hashlib.sha256(piece).hexdigest() != part["sha256"]:
                raise ModelError(f"{folder / part['name']} is damaged: its hash does not match")
            pieces.append(piece)
        return Checkpoint(load(b"".join(pieces)), document["state"])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ModelError(f"the checkpoint {folder} cannot be read: {error}") from error


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The tensors of an optimiser's state, as ``optimiser.{parameter}.{name}``."""
    return {
        f"optimiser.{index}.{name}": value.detach().to("cpu", copy=True).contiguous()
        for index, entry in optimiser.state_dict()["state"].items()
        for name, value in entry.items()
        if isinstance(value, Tensor)
    }


def load_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Puts tensors of :func:`optimiser_tensors` back; learning rates stay as they are."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimiser."):
            _, index, name = key.split(".")
            state.setdefault(int(index), {})[name] = value
    document = optimiser.state_dict()
    document["state"] = state
    optimiser.load_state_dict(document)


def _all(run: Path) -> list[Path]:
    return sorted(
        each for each in run.glob(f"{_PREFIX}*") if each.is_dir() and (each / "state.json").exists()
    )


def _write_synced(path: Path, content: bytes | memoryview) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
