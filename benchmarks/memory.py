"""Peak memory of hiding in, and revealing from, a large image; fails above the bound.

    python benchmarks/memory.py
    python benchmarks/memory.py --width 3000 --height 2000 --threads 1 --methods photos paper-1
    python benchmarks/memory.py --threads 2 --write

Each of the two is a process of its own that reads its images from files and writes its result to
one, as a person's would be, so that the peak is that of everything it took.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BOUND_GB = 2.5
BEGIN, END = "<!-- begin: benchmarks/memory.py -->", "<!-- end: benchmarks/memory.py -->"


def hide(folder: Path, name: str, threads: int) -> None:
    """Hides hidden.jpg in host.jpg."""
    import isn

    made = isn.hide(folder / "host.jpg", folder / "hidden.jpg", method=_method(name, threads))
    made.save(folder / "container.png", overwrite=True)


def reveal(folder: Path, name: str, threads: int) -> None:
    """Reveals what container.png holds."""
    import isn
    from isn import images

    (revealed,) = isn.reveal(folder / "container.png", method=_method(name, threads))
    images.write(folder / "revealed.png", revealed, overwrite=True)


def _method(name: str, threads: int) -> object:
    from isn import method
    from isn.paper.backends.onnxruntime import OnnxRuntime

    chosen = method.get(name)
    return (
        chosen.tuned({"backend": OnnxRuntime(threads)}) if "backend" in chosen.options else chosen
    )


def peak_gb() -> float:
    """Most memory this process ever held."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9


def measured(step: str, folder: Path, name: str, threads: int) -> tuple[float, float]:
    """Runs one step as a process: its peak in GB, and its seconds."""
    start = time.perf_counter()
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder)]
    command += ["--methods", name, "--threads", str(threads)]
    # NumPy's own threads too, which nothing but its environment bounds.
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, str(threads))
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return float(done.stdout), time.perf_counter() - start


def main() -> int:
    """Prints the peaks and the bound; 1 if one of them is over it."""
    parser = argparse.ArgumentParser(description="Peak memory of a large hide and reveal.")
    parser.add_argument("--width", type=int, default=6000, help="columns of the image (6000)")
    parser.add_argument("--height", type=int, default=4000, help="rows of the image (4000)")
    parser.add_argument("--methods", nargs="+", default=["photos"], help="that hide one image")
    parser.add_argument("--threads", type=int, default=0, help="0: one for each core (0)")
    parser.add_argument("--write", action="store_true", help="the table of the docs too")
    parser.add_argument("--step", choices=("hide", "reveal"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        step = {"hide": hide, "reveal": reveal}[arguments.step]
        step(arguments.folder, arguments.methods[0], arguments.threads)
        print(peak_gb())
        return 0

    from _page import DOCS, machine, put
    from _photo import photo_like
    from PIL import Image

    threads = arguments.threads or os.cpu_count() or 1
    lines = ["| method | verb | peak, GB | seconds |", "| :-- | :-- | --: | --: |"]
    peaks = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seed, kind in enumerate(("host", "hidden")):
            pixels = photo_like(arguments.height, arguments.width, seed)
            Image.fromarray(pixels).save(folder / f"{kind}.jpg", quality=92)
        for chosen in arguments.methods:
            for step in ("hide", "reveal"):
                peak, seconds = measured(step, folder, chosen, threads)
                peaks.append(peak)
                lines.append(f"| `{chosen}` | {step} | {peak:.2f} | {seconds:.1f} |")
                print(lines[-1], flush=True)
    kept = max(peaks) <= BOUND_GB
    print(f"bound {BOUND_GB:.2f} GB {'kept' if kept else 'BROKEN'}")
    if arguments.write:
        about = f"{arguments.width} x {arguments.height}, {machine(threads)}:"
        put(DOCS / "results" / "cost.md", BEGIN, END, "\n".join([about, "", *lines]))
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
