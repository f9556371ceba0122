"""The finished model: averaged weights, as float16 where that costs nothing, and where from."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from isn.training.distributed import Processes
from isn.training.learner import Learner, Saved
from isn.training.settings import Recipe
from isn.training.validation import Quality

HALF_LOSS = 0.02
"""Weights are stored as float16 where that costs less than this many dB, or where it is exact."""


def export(
    learner: Learner,
    settings: Recipe,
    measure: Callable[[], Mapping[str, Quality]],
    provenance: Mapping[str, Any],
) -> Saved:
    """What a learner holds, as a model: what it does not learn stays as it is.

    Args:
        learner: with its parameters as they are to be exported; as it was when this returns.
        settings: the whole training, for the metadata.
        measure: validates what the learner holds at the time, by kind of image; called twice.
        provenance: data, steps, device and so on, for the metadata.
    """
    tensors = {
        name: each.detach().float().cpu().numpy().copy()
        for name, each in learner.module.named_parameters()
    }
    learned = {name for name, each in learner.module.named_parameters() if each.requires_grad}
    halves = {
        name: each.astype(np.float16) if name in learned else _exact(each)
        for name, each in tensors.items()
    }
    quality = measure()
    load_tensors(learner.module, halves)
    try:
        rounded = measure()
    finally:
        load_tensors(learner.module, tensors)
    cost = max(
        getattr(quality[kind], side) - getattr(rounded[kind], side)
        for kind in quality
        for side in ("container", "revealed")
    )
    half = cost < HALF_LOSS
    exact = {name: _exact(each) for name, each in tensors.items()}
    training = {
        **provenance,
        "settings": settings.as_dict(),
        "validation": {
            kind: value.as_dict() for kind, value in (rounded if half else quality).items()
        },
        "float16_cost_db": round(cost, 4),
    }
    return learner.pack(halves if half else exact, training)


def _exact(tensor: NDArray[np.float32]) -> NDArray[Any]:
    """As float16, where that holds it."""
    with np.errstate(over="ignore"):
        small = tensor.astype(np.float16)
    return small if np.array_equal(small, tensor) else tensor


def load_tensors(module: nn.Module, tensors: Mapping[str, NDArray[Any] | torch.Tensor]) -> None:
    """Copies tensors into the parameters of their names; all of them must be there."""
    module.load_state_dict({name: torch.as_tensor(each) for name, each in tensors.items()})


def circumstances(processes: Processes) -> dict[str, Any]:
    """When, where and by what a model was trained, for its metadata."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "device": _device_name(processes.device),
        "processes": processes.world,
        "torch": torch.__version__,
    }


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
