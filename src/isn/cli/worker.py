"""Jobs of one command: in its own process, or in others, which run this file.

Run as ``python -m isn.cli.worker THREADS`` by :mod:`isn.cli.crew`, it reads a job from each line
of standard input and answers with a line, until standard input ends. However its parent ends, it
then ends as well, and leaves no half file.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from queue import SimpleQueue
from threading import Thread
from typing import Any, BinaryIO, Final

from isn import threads
from isn.cli import hiding, revealing, stores
from isn.cli.failures import Terminated
from isn.cli.many import Outcome, attempt
from isn.cli.voice import Voice


@dataclass(frozen=True)
class Job:
    """Something to be done for one file.

    Attributes:
        task: ``hide`` or ``reveal``.
        name: what to call it.
        order: the fields of that command's `Order`.
        passphrase: for it, or None.
        resume: whether it is passed over where its output is there, and whole.
    """

    task: str
    name: str
    order: dict[str, Any]
    passphrase: str | None = None
    resume: bool = False


def do(job: Job) -> Outcome:
    """Does a job; what it says of itself in text stays, tables do not."""
    outcome = attempt(job.name, lambda voice, _: _TASKS[job.task](voice, job))
    return replace(outcome, parts=[each for each in outcome.parts if isinstance(each, str)])


def _hide(voice: Voice, job: Job) -> None:
    from isn.errors import OutputError

    order = hiding.Order(**job.order)
    path = stores.path_of(order.output)
    if path is not None and os.path.islink(path):
        raise OutputError(
            f"{order.output} is a link, and may lead out of the folder: remove it, or give "
            "another name"
        )
    if not job.resume or not _is_whole(order.output):
        try:
            hiding.carry_out(voice, order, lambda: job.passphrase)
            return
        except OutputError:
            # Another try, on a node that was thought lost, may have written it meanwhile.
            if not job.resume or not _is_whole(order.output):
                raise
    voice.answer(container=order.output, skipped=True)


def _reveal(voice: Voice, job: Job) -> None:
    revealing.carry_out(voice, revealing.Order(**job.order), lambda: job.passphrase)


_TASKS: Final[dict[str, Callable[[Voice, Job], None]]] = {"hide": _hide, "reveal": _reveal}


def _is_whole(output: str) -> bool:
    """Whether a container is there that somebody can open."""
    from isn import images
    from isn.errors import ImageError

    try:
        images.read(stores.source(output))
    except ImageError:
        return False
    return True


def main() -> None:
    """Does jobs until standard input ends."""
    threads.limit(int(sys.argv[1]))
    given, answers = streams()
    jobs: SimpleQueue[bytes] = SimpleQueue()
    end_with(given, jobs.put)
    try:
        while line := jobs.get():
            outcome = do(Job(**json.loads(line)))
            answers.write(json.dumps(asdict(outcome)).encode() + b"\n")
            answers.flush()
    except (Terminated, BrokenPipeError):
        pass


def streams() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for jobs and answers; nothing else reads or writes there."""
    given, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(nowhere, number)
    return given, answers


def end_with(given: BinaryIO, hear: Callable[[bytes], object]) -> None:
    """Raises :class:`Terminated` when a stream ends: its writer has, or wants this process to.

    Args:
        given: the stream, read from now on by a thread.
        hear: told each line, and at last an empty one.
    """

    def listen() -> None:
        for line in given:
            hear(line)
        os.kill(os.getpid(), signal.SIGTERM)
        hear(b"")

    signal.signal(signal.SIGTERM, _stop)
    Thread(target=listen, daemon=True).start()


def _stop(number: int, frame: object) -> None:
    # Only once, lest a second signal disturb the tidying.
    del frame
    signal.signal(number, signal.SIG_IGN)
    raise Terminated


if __name__ == "__main__":
    main()
