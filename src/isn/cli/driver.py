"""What a Ray cluster is told: a task for each job, tried again where its worker or node was lost.

Tasks of Ray's core, not Ray Data: a job is small to tell and slow to do, and reads and writes its
files itself, so that there is no data to stream between nodes. A task can be lost after it has
written, and one thought lost may still write: the container's name decides. A try that finds a
whole container under it makes none, and none is written over another.

Run as ``python -m isn.cli.driver ADDRESS WORKERS`` by :mod:`isn.cli.cluster`, it reads a job from
each line of standard input up to an empty one, and answers with a line for each. When standard
input ends, so does it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import isn
from isn import threads
from isn.cli import worker
from isn.cli.cluster import ANY
from isn.cli.failures import Terminated
from isn.cli.many import Outcome
from isn.cli.worker import Job
from isn.errors import ConfigError, sentence

TRIES: Final = 3
"""Of a job. One that is too large for its node's memory takes its worker down each time."""

AHEAD: Final = 2
"""Jobs handed out for each core: one that runs, and one that waits for it."""

_PATIENCE: Final = 10.0
"""Seconds after which the size of the cluster is asked for again, where nothing is done."""


@dataclass(frozen=True)
class _Try:
    """The place of a job among all, the job, and how often it has been begun."""

    place: int
    job: Job
    number: int = 1

    def again(self) -> _Try:
        """The next try, which passes over what this one may have written.

        Not where files are replaced: what is there may be older than either.
        """
        resume = self.job.resume or not self.job.order.get("overwrite")
        return _Try(self.place, replace(self.job, resume=resume), self.number + 1)


def serve(
    ray: Any, jobs: Sequence[Job], workers: int, answer: Callable[[int, Outcome], object]
) -> None:
    """Does jobs, no more at a time than keep the cluster busy.

    Args:
        ray: the module, connected.
        jobs: what is to be done.
        workers: jobs side by side; 0: as many as the cluster has cores.
        answer: told the place of a job among all, and what came of it.
    """
    # Ray's own retries would not know that they are ones.
    task = ray.remote(_do).options(num_cpus=1, max_retries=0)
    waiting = deque(_Try(*each) for each in enumerate(jobs))
    out: dict[Any, _Try] = {}
    while waiting or out:
        # Nodes come and go.
        room = workers or AHEAD * int(ray.cluster_resources().get("CPU", 0)) or 1
        while waiting and len(out) < room:
            each = waiting.popleft()
            out[task.remote(each.job, os.getcwd())] = each
        for done in ray.wait(list(out), timeout=_PATIENCE)[0]:
            each = out.pop(done)
            outcome = _outcome(ray, done, each)
            if outcome is None:
                waiting.appendleft(each.again())
            else:
                answer(each.place, outcome)


def _do(job: Job, folder: str) -> Outcome:
    """Does a job on a node, in the folder in which the command was given."""
    threads.limit(1)
    # Where a node does not have it, names that are not addresses fail by themselves.
    with contextlib.suppress(OSError):
        os.chdir(folder)
    return worker.do(job)


def _outcome(ray: Any, done: Any, each: _Try) -> Outcome | None:
    """What came of a try; None where it was lost, and is to be made again."""
    try:
        outcome: Outcome = ray.get(done)
    except ray.exceptions.RayTaskError as error:
        return _failed(each, f"its node cannot do it ({_last(error)}): install the same isn there")
    except ray.exceptions.RayError as error:
        if each.number < TRIES:
            return None
        return _failed(
            each,
            f"its worker was lost {TRIES} times ({type(error).__name__}), perhaps for lack of "
            "memory: give smaller images",
        )
    if each.number == 1:
        return outcome
    note = f"{each.job.name} was tried {each.number} times, as its worker was lost"
    facts = outcome.facts and outcome.facts | {"notes": [*outcome.facts.get("notes", ()), note]}
    return replace(outcome, facts=facts, notes=[*outcome.notes, note])


def _failed(each: _Try, why: str) -> Outcome:
    from isn.images.picture import shown

    return Outcome(error=f"{shown(each.job.name)}: {why}", kind="IsnError")


def _last(error: Exception) -> str:
    """The last line of what an error says."""
    return str(error).strip().rpartition("\n")[2][:200]


@contextlib.contextmanager
def connected(address: str) -> Iterator[Any]:
    """The module `ray`, connected to a cluster.

    Raises:
        ConfigError: it cannot be used.
    """
    # It tells its makers of a cluster that it starts, unless it is told not to.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    try:
        # Workers import from the folder where it begins: never from one with somebody's files.
        with contextlib.chdir(Path(isn.__file__).parents[1]):
            ray.init(
                None if address == ANY else address,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"no Ray cluster can be used at {address} ({_last(error)}): start one with "
            "`ray start --head`, with the same Ray and Python as here"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def main() -> None:
    """Does the jobs that it is given."""
    address, workers = sys.argv[1], int(sys.argv[2])
    given, answers = worker.streams()

    def answer(**facts: Any) -> None:
        answers.write(json.dumps(facts).encode() + b"\n")
        answers.flush()

    jobs = [Job(**json.loads(line)) for line in iter(given.readline, b"\n")]
    try:
        with connected(address) as ray:
            # Ray has put a handler of its own in its place.
            worker.end_with(given, lambda line: None)
            serve(ray, jobs, workers, lambda k, came: answer(place=k, **asdict(came)))
    except ConfigError as error:
        answer(refused=sentence(error))
    except (Terminated, BrokenPipeError):
        pass


if __name__ == "__main__":
    # As Ray finds the task by the name of its module, which here is another.
    from isn.cli.driver import main as run

    run()
