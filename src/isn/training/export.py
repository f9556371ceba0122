"""The finished model: averaged weights, as float16 where that costs nothing, and where from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from isn.backends.torch import SubnetStack
from isn.training.settings import Settings
from isn.training.validation import Quality
from isn.weights import Weights

HALF_LOSS = 0.02
"""Weights are stored as float16 where that costs less than this many dB."""


def export(
    stack: SubnetStack,
    settings: Settings,
    measure: Callable[[], Mapping[str, Quality]],
    provenance: Mapping[str, Any],
) -> Weights:
    """The weights in `stack` as a model that the zoo loads.

    Args:
        stack: the learned subnets; as they were when this returns.
        settings: the whole training, for the metadata.
        measure: validates what is in `stack` at the time, by kind of image.
        provenance: data, steps, device and so on, for the metadata.
    """
    tensors = {
        name: each.detach().float().cpu().numpy().copy() for name, each in stack.named_parameters()
    }
    halves = {name: each.astype(np.float16) for name, each in tensors.items()}
    quality = measure()
    stack.load_tensors(halves)
    rounded = measure()
    stack.load_tensors(tensors)
    cost = max(
        getattr(quality[kind], side) - getattr(rounded[kind], side)
        for kind in quality
        for side in ("container", "revealed")
    )
    half = cost < HALF_LOSS
    training = {
        **provenance,
        "settings": dataclasses.asdict(settings),
        "validation": {
            kind: value.as_dict() for kind, value in (rounded if half else quality).items()
        },
        "float16_cost_db": round(cost, 4),
    }
    return Weights(settings.model, halves if half else tensors, training)
