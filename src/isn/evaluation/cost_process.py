"""The process that :mod:`isn.evaluation.cost` starts: one verb, timed, its peak memory told."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from isn import images
from isn.evaluation import methods
from isn.evaluation.cost import Job
from isn.images import Pixels

_WARM_UP = 128


def main(words: list[str]) -> None:
    """Does one job and leaves ``hide.json`` or ``reveal.json`` in its folder."""
    job = Job(**json.loads(words[0]))
    folder = Path(job.folder)
    found = methods.shipped(job.source, job.backend or None) if job.ours else None
    method = (found or methods.baseline(job.source)).method
    host, *hidden = (images.read(folder / f"{k}.png").pixels for k in range(job.count + 1))
    small = methods.hide(method, _piece(host), [_piece(each) for each in hidden])
    if job.verb == "hide":
        start = time.perf_counter()
        container = methods.hide(method, host, hidden)
        seconds = time.perf_counter() - start
        images.write(folder / "container.png", container)
    else:
        del hidden
        container = images.read(folder / "container.png").pixels
        methods.reveal(method, small)
        start = time.perf_counter()
        methods.reveal(method, container)
        seconds = time.perf_counter() - start
    answer = {"seconds": seconds, "peak_bytes": peak_bytes()}
    (folder / f"{job.verb}.json").write_text(json.dumps(answer), "utf-8")


def peak_bytes() -> int | None:
    """The most memory that this process ever held; None where the system does not tell."""
    # Not `getrusage` on Linux: there a child begins with the peak of the process that started it.
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text("utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _piece(pixels: Pixels) -> Pixels:
    return pixels[:_WARM_UP, :_WARM_UP].copy()


if __name__ == "__main__":
    main(sys.argv[1:])
