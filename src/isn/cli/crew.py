"""Jobs side by side, in processes that end when the command does."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import IO, Final, TypeAlias

import click

from isn import child, threads
from isn.cli.many import Outcome
from isn.cli.progress import progress_bar
from isn.cli.voice import Voice
from isn.cli.worker import Job, do

MOST: Final = 64
"""Processes; each has imported what it needs, some 100 MB."""

_PATIENCE: Final = 5.0
"""Seconds in which a process tidies up before it is killed."""

Take: TypeAlias = Callable[[int, Outcome], None]
Run: TypeAlias = Callable[[Sequence[Job], Take], None]

workers_option = click.option(
    "--workers",
    type=click.IntRange(1, MOST),
    metavar="N",
    help="Processes that work side by side, each with its share of the threads.  [default: 1]",
)


def run(jobs: Sequence[Job], take: Take, *, workers: int) -> None:
    """Does jobs, and hands over the outcome of each as soon as it is known.

    Args:
        jobs: what is to be done.
        take: told the place of a job among all, and what came of it.
        workers: processes, 1 to `MOST`; 1: this one.
    """
    workers = min(workers, len(jobs))
    if workers <= 1:
        for number, job in enumerate(jobs):
            take(number, do(job))
        return
    done: SimpleQueue[tuple[int, Outcome]] = SimpleQueue()
    with _Crew(jobs, workers, done) as crew:
        crew.begin()
        for _ in jobs:
            take(*done.get())


def run_with_bar(voice: Voice, label: str, jobs: Sequence[Job], run: Run, take: Take) -> None:
    """Has jobs done, below a bar that shows how many are."""
    with progress_bar(voice, label) as tell:
        done = 0

        def count(number: int, outcome: Outcome) -> None:
            nonlocal done
            done += 1
            take(number, outcome)
            if tell is not None:
                tell(done / len(jobs))

        run(jobs, count)


class _Crew:
    """Processes, each with a thread here that hands it one job after the other."""

    def __init__(
        self, jobs: Sequence[Job], workers: int, done: SimpleQueue[tuple[int, Outcome]]
    ) -> None:
        self._line: SimpleQueue[tuple[int, Job]] = SimpleQueue()
        for each in enumerate(jobs):
            self._line.put(each)
        self._done = done
        self._share = str(max(threads.count() // workers, 1))
        self._workers = workers
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._lock, self._over = Lock(), Event()

    def begin(self) -> None:
        for _ in range(self._workers):
            Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, *_: object) -> None:
        """Ends all processes; each stops what it does, and tidies up."""
        with self._lock:
            self._over.set()
            processes = list(self._processes)
        for each in processes:
            close(each.stdin)
        for each in processes:
            end(each)

    def _serve(self) -> None:
        process: subprocess.Popen[bytes] | None = None
        with contextlib.suppress(Empty):
            while not self._over.is_set():
                number, job = self._line.get_nowait()
                try:
                    process = process or self._start()
                    outcome = _ask(process, job)
                # Whatever it is: a job without an outcome would be waited for without end.
                except Exception as error:  # noqa: BLE001
                    if self._over.is_set():
                        return
                    outcome = _lost(job, error)
                    if process is not None:
                        self._forget(process)
                        process = None
                self._done.put((number, outcome))

    def _start(self) -> subprocess.Popen[bytes]:
        words = child.words("isn.cli.worker", self._share)
        # None may start after the end.
        with self._lock:
            if self._over.is_set():
                raise OSError("it is over")
            process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **child.options()
            )
            self._processes.add(process)
        return process

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._processes.discard(process)
        close(process.stdin)
        end(process)


def _ask(process: subprocess.Popen[bytes], job: Job) -> Outcome:
    """What a process makes of a job.

    Raises:
        OSError: it has ended.
        ValueError: its pipe was closed, or it ended within its answer.
    """
    if process.stdin is None or process.stdout is None:
        raise OSError("a process was started without its pipes")
    process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
    process.stdin.flush()
    return Outcome(**json.loads(process.stdout.readline()))


def _lost(job: Job, error: Exception) -> Outcome:
    from isn.images.picture import shown

    told = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
    return Outcome(
        error=f"{shown(job.name)}: the process for it ended before it was done{told}, perhaps for "
        "lack of memory: take fewer --workers",
        kind="IsnError",
    )


def close(stream: IO[bytes] | None) -> None:
    """Closes a pipe, whoever has closed the other end before."""
    with contextlib.suppress(OSError, ValueError):
        if stream is not None:
            stream.close()


def end(process: subprocess.Popen[bytes], patience: float = _PATIENCE) -> None:
    """Waits for the end of a process, kills it after so many seconds, and hears no more of it."""
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    close(process.stdout)
