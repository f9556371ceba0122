"""Jobs: one a core in a process of its own, the others in a line."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, TypeAlias

from isn import child
from isn.web.messages import pack

SECONDS: Final = 600.0
"""That one job may take."""

WAITING: Final = 8
"""Jobs that may wait: what they were given is held in memory."""

_BEAT: Final = 0.5
"""Seconds after which a job that waits is told its place again."""

_LINE_BYTES: Final = 1 << 20

_KILL: Final = getattr(signal, "SIGKILL", signal.SIGTERM)
"""On Windows, where there is but one, it ends a process all the same."""

Say: TypeAlias = Callable[[bytes], Awaitable[None]]


class Full(Exception):
    """As many jobs wait as may."""


class Jobs:
    """A line of jobs, of which the first ones run.

    Args:
        cores: jobs that run side by side.
        waiting: jobs that may wait.
        seconds: that one may take.
    """

    def __init__(self, cores: int, waiting: int = WAITING, seconds: float = SECONDS) -> None:
        self.cores, self.seconds = cores, seconds
        self._most, self._admitted = cores + waiting, 0
        self._line: list[object] = []

    @contextlib.contextmanager
    def admitted(self) -> Iterator[None]:
        """Room for one more job, from before its request is read until it is answered.

        Raises:
            Full: there is none.
        """
        if self._admitted >= self._most:
            raise Full
        self._admitted += 1
        try:
            yield
        finally:
            self._admitted -= 1

    async def run(self, request: bytes, say: Say) -> bytes:
        """Does a job; if this is cancelled, the job's process ends.

        Args:
            request: a message for :mod:`isn.web.work`.
            say: told the place in the line, then how far the work is, as messages.

        Returns:
            The answer, a message.
        """
        job = object()
        self._line.append(job)
        try:
            while (place := self._line.index(job) + 1 - self.cores) > 0:
                await say(pack({"place": place}))
                await asyncio.sleep(_BEAT)
            async with asyncio.timeout(self.seconds):
                return await _work(request, say)
        except TimeoutError:
            told = f"the work took more than {self.seconds / 60:g} minutes"
            return pack({"error": f"{told}: give smaller images, or use the command line"})
        finally:
            self._line.remove(job)


async def _work(request: bytes, say: Say) -> bytes:
    """The answer of a process that does one job."""
    try:
        process = await _started()
    except OSError as error:
        told = f"no process can be started for this ({error.strerror})"
        return pack({"error": f"{told}: close other programs, and try again"})
    try:
        if process.stdin is None or process.stdout is None:
            raise OSError("a process was started without its pipes")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(request)
            await process.stdin.drain()
        process.stdin.close()
        last = b""
        while line := await process.stdout.readline():
            if last:
                await say(last)
            last = line
            if "blobs" in json.loads(line):
                return line + await process.stdout.read()
        await process.wait()
        if process.returncode == 0:
            return last
        told = "the work ended before it was done, perhaps for lack of memory"
        return pack({"error": f"{told}: give smaller images"})
    finally:
        # Not by the process's own method, which waits for one that has ended just now, so that
        # asyncio, which waits as well, would complain that it is gone.
        with contextlib.suppress(ProcessLookupError):
            if process.returncode is None:
                os.kill(process.pid, _KILL)
        await process.wait()


async def _started() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *child.words("isn.web.work"), stdin=PIPE, stdout=PIPE, limit=_LINE_BYTES, **child.options()
    )
