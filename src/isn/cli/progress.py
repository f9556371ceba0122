"""What moves while a person waits."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from threading import Event, Thread

from isn.cli.voice import Voice, aside, terminal

PATIENCE = 0.7
"""Seconds that need no bar."""

PAUSE = 10.0
"""Seconds between two lines, where there is no terminal."""


@contextlib.contextmanager
def progress_bar(voice: Voice, label: str) -> Iterator[Callable[[float], None] | None]:
    """Gives what is to be told the share done, or None where nobody looks.

    On a terminal a bar with a running clock appears once the work has taken `PATIENCE` seconds,
    and is gone when it is done; elsewhere a line is written every `PAUSE` seconds. Both go by
    themselves: they do not wait to be told.
    """
    if voice.silent or sys.stderr is None or sys.stderr.closed:
        yield None
        return
    with (_bar if sys.stderr.isatty() else _lines)(label) as tell:
        yield tell


@contextlib.contextmanager
def _bar(label: str) -> Iterator[Callable[[float], None]]:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), Elapsed())
    bar = Progress(
        *columns,
        console=terminal(sys.stderr),
        transient=True,
        # What is written to a file or a program meanwhile goes there.
        redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
    )
    task = bar.add_task(label, total=1.0)
    try:
        with _after(PATIENCE, bar.start):
            yield lambda share: bar.update(task, completed=share)
    finally:
        bar.stop()


@contextlib.contextmanager
def _lines(label: str) -> Iterator[Callable[[float], None]]:
    begin, done = time.monotonic(), 0.0

    def report(share: float) -> None:
        nonlocal done
        done = share

    def write() -> None:
        seconds = time.monotonic() - begin
        aside(f"isn: {label}: {100 * done:.0f} % after {seconds:.0f} s")

    with _after(PAUSE, write, again=True):
        yield report


@contextlib.contextmanager
def _after(seconds: float, act: Callable[[], None], *, again: bool = False) -> Iterator[None]:
    """Acts beside the work once it has taken so long, or each time that so long has passed."""
    finished = Event()

    def wait() -> None:
        while not finished.wait(seconds):
            act()
            if not again:
                return

    thread = Thread(target=wait, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
