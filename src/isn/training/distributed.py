"""The processes of one training, as torchrun starts them: who am I, and what do we agree on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist

Value = TypeVar("Value")


@dataclass
class Processes:
    """This process among those of the training; alone without torchrun.

    Attributes:
        rank: this process, from 0; rank 0 keeps the clock, logs, validates and writes.
        world: how many there are.
        device: where this one computes.
        messages: the group that carries what is said here, on the CPU; None where there is
            nobody to say it to.
    """

    rank: int
    world: int
    device: torch.device
    messages: dist.ProcessGroup | None = None

    @property
    def first(self) -> bool:
        """Whether this is rank 0."""
        return self.rank == 0

    def from_first(self, *numbers: float) -> list[float]:
        """Rank 0's numbers, in every process."""
        if self.world == 1:
            return list(numbers)
        message = torch.tensor(numbers, dtype=torch.float64)
        dist.broadcast(message, 0, group=self.messages)
        values: list[float] = message.tolist()
        return values

    def object_from_first(self, value: Value) -> Value:
        """Rank 0's value, in every process: they may be machines that share no disk."""
        if self.world == 1:
            return value
        message = [value]
        dist.broadcast_object_list(message, 0, group=self.messages)
        return message[0]

    def any(self, flag: bool) -> bool:
        """Whether the flag is raised in one process at least."""
        if self.world == 1:
            return flag
        message = torch.tensor([float(flag)])
        dist.all_reduce(message, dist.ReduceOp.MAX, group=self.messages)
        return bool(message.item())

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """The mean of a tensor over all processes, on the CPU."""
        values = values.cpu()
        if self.world > 1:
            dist.all_reduce(values, group=self.messages)
            values = values / self.world
        return values


@contextmanager
def processes(device: str | None = None) -> Iterator[Processes]:
    """Joins the processes that torchrun started, if it did, and leaves them at the end.

    Args:
        device: ``cpu`` or ``cuda``; None: CUDA where it is there.
    """
    kind = device or ("cuda" if torch.cuda.is_available() else "cpu")
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Processes(0, 1, torch.device(kind))
        return
    if kind == "cuda":
        place = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(place)
        dist.init_process_group("nccl", device_id=place)
    else:
        place = torch.device(kind)
        dist.init_process_group("gloo")
    # A group's threads may hold on to the last message for a moment. Python must not end before
    # they let go, which takes its lock; destroying a group waits for that, but not where
    # DistributedDataParallel keeps it alive, as it does the first one.
    joined = Processes(dist.get_rank(), world, place, dist.new_group(backend="gloo"))
    try:
        yield joined
    finally:
        joined.messages = None
        dist.destroy_process_group()
