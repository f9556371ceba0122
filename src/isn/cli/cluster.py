"""A Ray cluster as a crew: a process beside this one tells it what is to be done.

That process is :mod:`isn.cli.driver`. Ray takes the one that uses it for its own: it prints to
standard output, catches signals, and ends the process when the cluster's head is lost.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from typing import IO, Any, Final

import click

from isn import child, threads
from isn.cli import crew
from isn.cli.crew import Run, Take
from isn.cli.many import Outcome
from isn.cli.worker import Job

ANY: Final = "auto"
"""In place of an address: the cluster that this machine is in, or else one of it alone."""

_PATIENCE: Final = 10.0
"""Seconds after which an address does not answer."""

_LEAVE: Final = 30.0
"""Seconds in which a driver ends what it has begun before it is killed."""


def ray_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option ``--ray``, handed over as `cluster`."""
    return click.option(
        "--ray",
        "cluster",
        is_flag=False,
        flag_value=ANY,
        metavar="[ADDRESS]",
        help="Work on a Ray cluster: that of ADDRESS, such as 10.0.0.5:6379, or the one this "
        "machine is in, or else this machine. Every node needs isn[ray], and the files: in a store "
        "(s3://, gs://), or in a folder that all share.",
    )(command)


def crew_for(workers: int | None, address: str | None) -> Run:
    """Whoever does the jobs: this process, processes beside it, or a cluster.

    Args:
        workers: jobs side by side; None: one, on a cluster one for each core.
        address: of a cluster, ``HOST:PORT`` or `ANY`; None: this machine.

    Raises:
        click.UsageError: threads were limited, and a cluster gives each job one core.
        ConfigError: nobody listens there.
        ModuleNotFoundError: Ray is not installed.
    """
    if address is None:
        return partial(crew.run, workers=workers or 1)
    if threads.limited() is not None:
        raise click.UsageError(
            "--threads was given with --ray, where each job has one core: leave it out"
        )
    _check(address)
    if find_spec("ray") is None:
        raise ModuleNotFoundError(name="ray")
    return partial(run, address=address, workers=workers)


def run(jobs: Sequence[Job], take: Take, *, address: str, workers: int | None = None) -> None:
    """Does jobs on a cluster, and hands over the outcome of each as soon as it is known.

    Args:
        jobs: what is to be done.
        take: told the place of a job among all, and what came of it.
        address: as for :func:`crew_for`.
        workers: jobs side by side; None: as many as the cluster has cores.

    Raises:
        ConfigError: the cluster cannot be used.
    """
    if not jobs:
        return
    left = set(range(len(jobs)))
    with _driver(address, workers) as (given, answers):
        # One that has ended has nothing to answer either.
        with contextlib.suppress(OSError):
            _tell(given, jobs)
        for line in answers:
            place, outcome = _understood(line)
            left.discard(place)
            take(place, outcome)
            if not left:
                return
    for place in sorted(left):
        take(place, _forsaken(jobs[place]))


@contextlib.contextmanager
def _driver(address: str, workers: int | None) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """A driver's standard input and output; it ends, and what it has begun, with the block."""
    words = child.words("isn.cli.driver", address, str(workers or 0))
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **child.options()
    )
    if process.stdin is None or process.stdout is None:
        raise OSError("a process was started without its pipes")
    try:
        yield process.stdin, process.stdout
    finally:
        crew.close(process.stdin)
        crew.end(process, _LEAVE)


def _tell(given: IO[bytes], jobs: Sequence[Job]) -> None:
    """Hands over all jobs; an empty line ends them, for the end of the stream is the command's."""
    for job in jobs:
        given.write(json.dumps(asdict(job)).encode() + b"\n")
    given.write(b"\n")
    given.flush()


def _understood(line: bytes) -> tuple[int, Outcome]:
    """The place of a job, and what came of it.

    Raises:
        ConfigError: the driver says that there is no cluster.
    """
    from isn.errors import ConfigError

    answer = json.loads(line)
    if "refused" in answer:
        raise ConfigError(answer["refused"])
    return answer.pop("place"), Outcome(**answer)


def _forsaken(job: Job) -> Outcome:
    from isn.images.picture import shown

    return Outcome(
        error=f"{shown(job.name)}: the cluster was lost before it was done: see whether its head "
        "runs, and go on with --resume",
        kind="IsnError",
    )


def _check(address: str) -> None:
    """Refuses an address where nobody listens, for which Ray would wait for minutes.

    Raises:
        ConfigError: it is none, or nobody does.
    """
    from isn.errors import ConfigError

    if address == ANY:
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigError(
            f"--ray {address} was given: give HOST:PORT, or nothing with --ray as the last word"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"no Ray cluster answers at {address} ({getattr(error, 'strerror', None) or error}): "
            "start one there with `ray start --head`"
        ) from error
