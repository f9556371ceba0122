"""Checkpoints: written whole or not at all, in parts that are easy to carry, resumable anywhere.

A checkpoint is a folder ``checkpoint-<step>``: ``part-000`` ... of at most 15 MiB each, which put
together are one safetensors file of every tensor, and ``state.json`` with everything else and the
parts' sizes and hashes. It is written under another name and renamed, then the ones before it go.
One of the same step is never replaced, but followed by ``checkpoint-<step>.1``: at any moment there
is a whole one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from isn import atomic
from isn.errors import ModelError, OutputError

PART_BYTES = 15 * 2**20
"""Largest size of one part."""

_PREFIX = "checkpoint-"
_NAME = re.compile(_PREFIX + r"(\d+)(?:\.(\d+))?")


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
    """Writes a checkpoint into the folder of a run and removes the ones before it.

    Raises:
        OutputError: the folder cannot be written, or is full; the ones before it are still there.
    """
    before = _all(run)
    taken = [serial for each in before for number, serial in [_place(each)] if number == step]
    target = run / (f"{_PREFIX}{step:09d}" + (f".{max(taken) + 1}" if taken else ""))
    partial = run / f".{target.name}.{os.getpid()}"
    with writing(run):
        for left in run.glob(f".{_PREFIX}*"):
            shutil.rmtree(left, ignore_errors=True)
        partial.mkdir(parents=True)
        _write_parts(partial, checkpoint)
        os.replace(partial, target)
        _sync_folder(run)
    for other in before:
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
    document = _document(folder)
    try:
        pieces = []
        for part in document["parts"]:
            piece = (folder / part["name"]).read_bytes()
            if hashlib.sha256(piece).hexdigest() != part["sha256"]:
                raise ModelError(
                    f"{folder / part['name']} is damaged: its hash does not match, so put back a "
                    "copy or begin another run"
                )
            pieces.append(piece)
        return Checkpoint(load(b"".join(pieces)), document["state"])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise _unreadable(folder, error) from error


def read_state(folder: Path) -> dict[str, Any]:
    """The state of a checkpoint alone, without reading its tensors.

    Raises:
        ModelError: ``state.json`` is missing or damaged.
    """
    state: dict[str, Any] = _document(folder)["state"]
    return state


@contextmanager
def writing(run: Path) -> Iterator[None]:
    """Names the run where its folder cannot be written.

    Raises:
        OutputError: in place of what the system says.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"the run {run} cannot be written ({error.strerror or error}): give a folder that is "
            "yours and has room"
        ) from error


def pack(
    stack: nn.Module, averages: Mapping[str, Tensor], optimiser: torch.optim.Optimizer
) -> dict[str, Tensor]:
    """Weights, averaged weights and an optimiser's state, on the CPU, for a checkpoint."""
    weights = {f"weights.{name}": each.detach() for name, each in stack.named_parameters()}
    averaged = {f"average.{name}": each for name, each in averages.items()}
    together = {name: each.cpu().contiguous() for name, each in (weights | averaged).items()}
    return together | optimiser_tensors(optimiser)


def unpack(
    tensors: Mapping[str, Tensor],
    stack: nn.Module,
    averages: Mapping[str, Tensor],
    optimiser: torch.optim.Optimizer,
) -> None:
    """Puts tensors of :func:`pack` back.

    Raises:
        KeyError: one is missing.
        ValueError: one has another shape, or the optimiser has other parameters.
    """
    weights = {f"weights.{name}": each for name, each in stack.named_parameters()}
    averaged = {f"average.{name}": each for name, each in averages.items()}
    with torch.no_grad():
        for name, target in (weights | averaged).items():
            if tensors[name].shape != target.shape:
                raise ValueError(f"{name} is {list(tensors[name].shape)}")
            target.copy_(tensors[name])
    load_optimiser(optimiser, tensors)


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The tensors of an optimiser's state, as ``optimiser.{parameter}.{name}``."""
    return {
        f"optimiser.{index}.{name}": value.detach().to("cpu", copy=True).contiguous()
        for index, entry in optimiser.state_dict()["state"].items()
        for name, value in entry.items()
        if isinstance(value, Tensor)
    }


def load_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Puts tensors of :func:`optimiser_tensors` back; learning rates stay as they are."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimiser."):
            _, index, name = key.split(".")
            state.setdefault(int(index), {})[name] = value
    document = optimiser.state_dict()
    document["state"] = state
    optimiser.load_state_dict(document)


def _document(folder: Path) -> dict[str, Any]:
    try:
        document = json.loads((folder / "state.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(folder, error) from error
    kinds = {"state": dict, "parts": list}
    if not isinstance(document, dict) or not all(
        isinstance(document.get(name), kind) for name, kind in kinds.items()
    ):
        raise _unreadable(folder, "state.json holds no state and parts")
    return document


def _unreadable(folder: Path, reason: object) -> ModelError:
    return ModelError(
        f"the checkpoint {folder} cannot be read ({reason}): put back a copy, or begin another run"
    )


def _all(run: Path) -> list[Path]:
    """The whole checkpoints of a run, the last one last."""
    found = [
        each
        for each in run.glob(f"{_PREFIX}*")
        if _NAME.fullmatch(each.name) and (each / "state.json").is_file()
    ]
    return sorted(found, key=_place)


def _place(folder: Path) -> tuple[int, int]:
    """The step of a checkpoint, and how many of that step were written before it."""
    match = _NAME.fullmatch(folder.name)
    step, serial = match.groups("0") if match else ("0", "0")
    return int(step), int(serial)


def _write_parts(folder: Path, checkpoint: Checkpoint) -> None:
    whole = memoryview(save(checkpoint.tensors))
    parts = []
    for number, start in enumerate(range(0, len(whole), PART_BYTES)):
        part = whole[start : start + PART_BYTES]
        name = f"part-{number:03d}"
        atomic.store(folder / name, part)
        parts.append({"name": name, "size": len(part), "sha256": hashlib.sha256(part).hexdigest()})
    document = json.dumps({"state": checkpoint.state, "parts": parts}, indent=1)
    atomic.store(folder / "state.json", document.encode())
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    """Makes names in a folder last; what was renamed must not be lost after what it follows."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
