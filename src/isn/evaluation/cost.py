"""Seconds and peak memory of hiding and revealing, each in a process of its own.

A process loads the method, warms it up on a small image, and is timed from the pixels to the
pixels, without reading or writing files; the peak is of all memory that the process ever held.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from isn import images
from isn.errors import BackendError
from isn.evaluation.methods import Contender
from isn.evaluation.protocol import Group

SIZES = ((380, 380), (512, 512), (1280, 1280), (3000, 4000))
"""(height, width); the last has 12 megapixels."""

COMPARED = 2_000_000
"""Pixels up to which every network is timed; above, where it takes minutes or gigabytes, those of
the fewest and of the most hidden images with the first backend, and what is no network."""

COMPARED_BASELINE = 500_000
"""Pixels up to which a baseline that is a network is timed: Baluja's take minutes a megapixel."""

VERBS = ("hide", "reveal")


@dataclass(frozen=True)
class Cost:
    """What one verb took.

    Attributes:
        method: its name.
        backend: of a network of ours; "" for the others.
        count: number of hidden images.
        height: of the host.
        width: of the host.
        verb: "hide" or "reveal".
        seconds: from pixels to pixels.
        peak_bytes: of the whole process; None where the system does not tell.
    """

    method: str
    backend: str
    count: int
    height: int
    width: int
    verb: str
    seconds: float
    peak_bytes: int | None


@dataclass(frozen=True)
class Published:
    """A figure that the paper or its authors give.

    Attributes:
        who: the system and its device.
        what: what was timed.
        height: of the host.
        width: of the host.
        seconds: as published.
        megabytes: as published, or None.
    """

    who: str
    what: str
    height: int
    width: int
    seconds: float
    megabytes: int | None


PUBLISHED = (
    Published("ISN, the paper (2080 Ti)", "hide and reveal", 380, 380, 0.07, None),
    Published("ISN, its authors elsewhere (GPU)", "as published", 512, 512, 0.138, 1561),
    Published("ISN, its authors elsewhere (GPU)", "as published", 1280, 1280, 0.920, 4407),
)
"""Section 4.1 of the paper, and what its authors published of the same network elsewhere."""


@dataclass(frozen=True)
class Job:
    """What a process is asked to do; it goes there as JSON."""

    verb: str
    source: str
    ours: bool
    backend: str
    count: int
    folder: str


def sizes(
    asked: tuple[tuple[int, int], ...],
    contender: Contender,
    backend: str,
    *,
    first: str,
    extremes: Collection[int],
) -> tuple[tuple[int, int], ...]:
    """Those of the sizes (height, width) that a method is timed at.

    Args:
        asked: all sizes.
        contender: what is timed.
        backend: that runs a network; "" for what has none.
        first: the backend that is timed at every size.
        extremes: the counts whose networks are.
    """
    if backend:
        everywhere = backend == first and not set(extremes).isdisjoint(contender.counts)
        most = COMPARED
    else:
        everywhere = contender.ours or not contender.fingerprint
        most = COMPARED_BASELINE
    return tuple(each for each in asked if everywhere or each[0] * each[1] <= most)


def measure(
    contender: Contender,
    backend: str,
    group: Group,
    size: tuple[int, int],
    *,
    step: Callable[[], None] = lambda: None,
) -> list[Cost]:
    """Hides a group in one process and reveals it in another.

    Args:
        contender: what hides.
        backend: that runs a network; "" for what has none.
        group: its images are resized.
        size: (height, width) that they are given.
        step: called after each process.

    Raises:
        BackendError: a process failed.
    """
    costs = []
    with TemporaryDirectory(prefix="isn-cost-") as folder:
        for number, sample in enumerate((group.host, *group.hidden)):
            images.write(Path(folder) / f"{number}.png", images.resize(sample.pixels, *size))
        for verb in VERBS:
            job = Job(verb, contender.source, contender.ours, backend, len(group.hidden), folder)
            told = _process(job)
            seconds, peak = told["seconds"], told["peak_bytes"]
            costs.append(
                Cost(
                    *(contender.name, backend, len(group.hidden), *size, verb),
                    seconds=float(seconds or 0),
                    peak_bytes=None if peak is None else int(peak),
                )
            )
            step()
    return costs


def _process(job: Job) -> dict[str, float | None]:
    command = [sys.executable, "-m", "isn.evaluation.cost_process", json.dumps(asdict(job))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    answer = Path(job.folder) / f"{job.verb}.json"
    if done.returncode or not answer.exists():
        lines = done.stderr.strip().splitlines()
        said = lines[-1] if lines else f"exit code {done.returncode}"
        raise BackendError(
            f"{job.source} could not be timed to {job.verb} ({said}): leave out the part cost, or "
            "this method"
        )
    told: dict[str, float | None] = json.loads(answer.read_text("utf-8"))
    return told
