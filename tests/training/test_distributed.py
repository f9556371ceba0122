"""Two processes on this machine train as one with the doubled batch."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

SCRIPT = """
import sys
from pathlib import Path
from isn.training.distributed import processes
from isn.training.session import prepare
from isn.training.sources import Sources
from isn.training.settings import Settings
import torch, warnings

def threads():
    # Linux only: elsewhere nothing is counted.
    names = [each.read_text().strip() for each in Path("/proc/self/task").glob("*/comm")]
    return names.count("pt_gloo_runloop")

folder, run, batch, poison = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]
torch.set_num_threads(1)
settings = Settings.load("tiny", [
    "run.steps=6", "run.double=true", "run.validations=0", f"data.batch={batch}",
    "data.drawings=0.3", "data.overexposed=0.3", "optimiser.ema=0.0", "optimiser.clip=0.5",
    "optimiser.weight_decay=0.0",
])
with processes("cpu") as group:
    trainer = prepare(settings, Sources([folder]), run, group)
    real = trainer.batches.batch
    def batch_of(step, rank=0, world=1):
        images = real(step, rank, world)
        if poison == "last" and trainer.skipped == 0 and step == 3 and rank == world - 1:
            images = images * float("nan")
        return images
    trainer.batches.batch = batch_of
    # Clocks that differ: rank 0's alone counts.
    trainer.train()
    from safetensors.torch import save_file
    weights = {name: each.detach() for name, each in trainer.stack.named_parameters()}
    save_file(weights, run / f"rank-{group.rank}.safetensors")
    (run / f"skipped-{group.rank}").write_text(str(trainer.skipped))
    before = threads()
(run / f"threads-{group.rank}").write_text(f"{before} {threads()}")
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _train(folder: Path, run: Path, world: int, batch: int, poison: str = "none") -> None:
    port = str(_free_port())
    started = []
    for rank in range(world):
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        if world > 1:
            environment |= {
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": str(world),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port,
            }
        command = [sys.executable, "-c", SCRIPT, str(folder), str(run), str(batch), poison]
        started.append(
            subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        )
    try:
        for process in started:
            _, errors = process.communicate(timeout=240)
            assert process.returncode == 0, errors
    finally:
        # One that waits for another that died would outlive the test.
        for process in started:
            process.kill()
            process.communicate()


def _weights(run: Path, rank: int = 0) -> dict[str, np.ndarray]:
    return load_file(run / f"rank-{rank}.safetensors")


def _distance(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> float:
    return max(float(np.abs(a[name] - b[name]).max()) for name in a)


@pytest.mark.parametrize("poison", ["none", "last"])
def test_two_processes_train_as_one_with_the_doubled_batch(
    photo_folder: Path, tmp_path: Path, poison: str
) -> None:
    _train(photo_folder, tmp_path / "two", world=2, batch=2, poison=poison)
    _train(photo_folder, tmp_path / "one", world=1, batch=4, poison=poison)
    two, other, one = (
        _weights(tmp_path / "two"),
        _weights(tmp_path / "two", 1),
        _weights(tmp_path / "one"),
    )
    assert one["blocks.0.phi.convs.0.weight"].dtype == np.float64
    assert _distance(two, other) == 0
    assert _distance(two, one) < 1e-9
    skipped = {
        (tmp_path / name).read_text()
        for name in ("two/skipped-0", "two/skipped-1", "one/skipped-0")
    }
    assert skipped == {"0" if poison == "none" else "1"}
    # The threads that carried messages are gone: one that is still busy when Python ends aborts it.
    for rank in (0, 1):
        during, after = map(int, (tmp_path / f"two/threads-{rank}").read_text().split())
        assert after < during or during == 0
    # It did learn: the last convolutions start at zero.
    assert np.abs(one["blocks.0.phi.convs.2.weight"]).max() > 1e-4
