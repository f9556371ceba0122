"""Training throughput: samples a second and peak memory per config, with and without each setting.

    python benchmarks/throughput.py --configs fast quality --batch 2 --steps 5

Every row is a process of its own, so that its peak memory is its own. A sample is one host with
its hidden images. Patches are random numbers, which cost what photos in memory cost.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

VARIANTS = {
    "as shipped": [],
    "channels_last": ["run.channels_last=true"],
    "not channels_last": ["run.channels_last=false"],
    "recompute": ["run.recompute=true"],
    "bf16": ["run.autocast=bf16"],
    "no bf16": ["run.autocast=none"],
    "compile": ["run.compile=true"],
    "no tf32": ["run.tf32=false"],
}
NEEDS_GPU = ("no tf32",)


def measure(config: str, overrides: list[str], steps: int, device: str, threads: int) -> None:
    """Trains a few steps and prints one JSON object."""
    import numpy as np
    import torch

    from isn.training.data import Batches, ImageStore
    from isn.training.distributed import processes
    from isn.training.invertible import Invertible
    from isn.training.loop import Progress, Trainer
    from isn.training.settings import Settings
    from isn.training.validation import drawing_groups, validation_groups

    torch.set_num_threads(threads)
    warm = 3
    settings = Settings.load(
        config, [*overrides, f"run.steps={steps + warm}", "run.minutes=0.0", "run.validations=0"]
    )
    side = max(settings.data.crop, settings.data.validation_crop)
    rng = np.random.default_rng(0)
    pixels = [rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for _ in range(8)]
    marks: list[float] = []

    def mark(progress: Progress) -> None:
        del progress
        if device == "cuda":
            torch.cuda.synchronize()
        marks.append(time.perf_counter())

    with processes(device) as group, tempfile.TemporaryDirectory() as run:
        store = ImageStore(pixels, group.device)
        groups = validation_groups(pixels, settings.model.hidden_images, settings.data, 0)[:1]
        batches = Batches(store, store, settings.data, settings.model.hidden_images, 0)
        learner = Invertible(settings, group.device)
        validation = (groups, drawing_groups(groups, 0))
        trainer = Trainer(settings, learner, batches, validation, Path(run), group, report=mark)
        # The model that a finished run writes is not part of a step.
        trainer._finish = lambda: None  # type: ignore[method-assign]
        trainer.train()
        seconds = float(np.median(np.diff(marks[warm - 1 :])))
        if device == "cuda":
            peak = torch.cuda.max_memory_allocated() / 2**20
        else:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"samples": settings.data.batch / seconds, "seconds": seconds, "peak": peak}))


def main() -> None:
    """Measures every config with every setting, each in a process of its own."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configs", nargs="+", default=["fast"])
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--batch", type=int, help="hosts a step; default: the config's")
    parser.add_argument("--hidden-images", type=int, default=1)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--one", nargs="*", help=argparse.SUPPRESS)
    given = parser.parse_args()
    shared = [f"model.hidden_images={given.hidden_images}"]
    if given.batch:
        shared.append(f"data.batch={given.batch}")
    if given.one is not None:
        measure(given.configs[0], given.one, given.steps, given.device, given.threads)
        return
    print(f"{given.device}, {given.threads} threads, {' '.join(shared)}, torch {torch.__version__}")
    print(f"{'config':10} {'setting':20} {'samples/s':>10} {'s/step':>8} {'peak MiB':>9}")
    for config in given.configs:
        for variant in given.variants:
            if variant in NEEDS_GPU and given.device != "cuda":
                continue
            command = [
                *(sys.executable, __file__, "--configs", config, "--steps", str(given.steps)),
                *("--device", given.device, "--threads", str(given.threads)),
                *("--one", *shared, *VARIANTS[variant]),
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{config:10} {variant:20} failed: {done.stderr.strip().splitlines()[-1]}")
                continue
            row = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{config:10} {variant:20} {row['samples']:10.2f} {row['seconds']:8.3f} "
                f"{row['peak']:9.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
