"""A bar for work that takes long enough for a person to wonder."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from isn.cli.voice import Voice

PATIENCE = 2.0
"""Seconds that need no bar."""

_TRUSTED = 0.02
"""Share of the work after which its pace says how long the whole takes."""


@contextlib.contextmanager
def progress_bar(voice: Voice, label: str) -> Iterator[Callable[[float], None] | None]:
    """Gives what is to be told the share done, or None where nobody looks.

    The bar appears on standard error once the work has taken, or is seen to take, over
    `PATIENCE` seconds, and is gone when it is done.
    """
    if voice.silent or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), Remaining())
    bar = Progress(*columns, console=Console(file=sys.stderr), transient=True)
    task = bar.add_task(label, total=1.0)
    begin, shown = time.monotonic(), False

    def report(share: float) -> None:
        nonlocal shown
        elapsed = time.monotonic() - begin
        foreseen = elapsed / share if share > _TRUSTED else elapsed
        if not shown and foreseen > PATIENCE and share < 1:
            shown = True
            bar.start()
        bar.update(task, completed=share)

    try:
        yield report
    finally:
        if shown:
            bar.stop()
