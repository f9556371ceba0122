"""Peak memory of hiding in, and revealing from, a large image; fails above the bound.

    python benchmarks/memory.py
    python benchmarks/memory.py --width 3000 --height 2000 --threads 1

Each of the two is a process of its own that reads its images from files and writes its result to
one, as a person's would be, so that the peak is that of everything it took.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BOUND_GB = 2.5


def hide(folder: Path, model: str, threads: int) -> None:
    """Hides hidden.jpg in host.jpg."""
    import isn
    from isn import images
    from isn.paper.backends.onnxruntime import OnnxRuntime

    container = isn.hide(
        folder / "host.jpg", folder / "hidden.jpg", model=model, backend=OnnxRuntime(threads)
    )
    images.write(folder / "container.png", container)


def reveal(folder: Path, model: str, threads: int) -> None:
    """Reveals what container.png holds."""
    import isn
    from isn import images
    from isn.paper.backends.onnxruntime import OnnxRuntime

    (revealed,) = isn.reveal(folder / "container.png", model=model, backend=OnnxRuntime(threads))
    images.write(folder / "revealed.png", revealed)


def peak_gb() -> float:
    """Most memory this process ever held."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9


def measured(step: str, folder: Path, arguments: argparse.Namespace) -> float:
    """Runs one step as a process and prints what it took."""
    start = time.perf_counter()
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder)]
    command += ["--model", arguments.model, "--threads", str(arguments.threads)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    peak = float(done.stdout)
    print(f"{step:7} {peak:6.2f} GB {time.perf_counter() - start:8.1f} s")
    return peak


def main() -> int:
    """Prints both peaks and the bound; 1 if one of them is over it."""
    from isn.paper.backends.onnxruntime import OnnxRuntime

    parser = argparse.ArgumentParser(description="Peak memory of a large hide and reveal.")
    parser.add_argument("--width", type=int, default=6000, help="columns of the image (6000)")
    parser.add_argument("--height", type=int, default=4000, help="rows of the image (4000)")
    parser.add_argument("--model", help="a model of one hidden image; the default one if not given")
    parser.add_argument("--threads", type=int, default=0, help="0: one for each core (0)")
    parser.add_argument("--step", choices=("hide", "reveal"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        step = {"hide": hide, "reveal": reveal}[arguments.step]
        step(arguments.folder, arguments.model, arguments.threads)
        print(peak_gb())
        return 0

    from _photo import photo_like
    from PIL import Image

    from isn import zoo

    arguments.model = arguments.model or zoo.default(1).name
    arguments.threads = OnnxRuntime(arguments.threads or None).threads
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seed, kind in enumerate(("host", "hidden")):
            pixels = photo_like(arguments.height, arguments.width, seed)
            Image.fromarray(pixels).save(folder / f"{kind}.jpg", quality=92)
        print(
            f"{arguments.model}, {arguments.width} x {arguments.height}, "
            f"{arguments.threads} threads"
        )
        peak = max(measured(step, folder, arguments) for step in ("hide", "reveal"))
    print(f"bound   {BOUND_GB:6.2f} GB {'kept' if peak <= BOUND_GB else 'BROKEN'}")
    return int(peak > BOUND_GB)


if __name__ == "__main__":
    sys.exit(main())
