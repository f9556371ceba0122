"""Commands in processes that need not start: forked from one that has the tool loaded.

Run as a program, this is that process. Of a command that is killed at a random moment, the kill
falls into its work and not into the start of Python; one that is given other streams imports
nothing. It computes in one thread: threads do not survive a fork.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

STREAMS = ("stdin", "stdout", "stderr")
Streams = Sequence[Path | str | None]

KILLS: Counter[str] = Counter()
"""Of each command in this process; runs that were done before their moment do not count."""


class Server:
    """Runs commands of the tool, kills them, or gives them other streams.

    Args:
        loaded: modules to import beforehand.
    """

    def __init__(self, *loaded: str) -> None:
        from commands import environment

        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            [sys.executable, __file__, *loaded],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(**one),
            text=True,
        )

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, *words: object, after: float | None = None) -> tuple[int | None, float]:
        """Runs a command, to its end or until it is killed.

        Args:
            words: of the command.
            after: seconds until it is killed.

        Returns:
            Its exit status, None if it was killed, and how many seconds it ran.
        """
        return self._answer(words, after=after)

    def streamed(self, *words: object, folder: Path, streams: Streams) -> int:
        """Runs a command to its end, as a new process would run it.

        Args:
            words: of the command.
            folder: that is current.
            streams: the files that standard input, output and error are; None: it is closed.

        Returns:
            Its exit status, of Python's own end too.
        """
        named = [None if each is None else str(each) for each in streams]
        status, _ = self._answer(words, folder=str(folder), streams=named)
        assert status is not None
        return status

    def _answer(self, words: Sequence[object], **more: Any) -> tuple[int | None, float]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"words": [str(each) for each in words], "after": None} | more
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["status"], answer["seconds"]

    def kill(self, chance: Random, seconds: float, *words: object) -> bool:
        """Runs a command that takes so long, and kills it somewhere on its way.

        Returns:
            Whether it came before the end.
        """
        status, _ = self.run(*words, after=chance.uniform(0, 1.05 * seconds))
        if status is None:
            KILLS[str(words[0])] += 1
            return True
        assert status == 0, words
        return False


def whole(folder: Path) -> set[str]:
    """Names in a folder, without what a killed process leaves for a later one to remove."""
    return {each.name for each in folder.iterdir() if not each.match(".isn-*.part")}


def _serve() -> None:
    for line in sys.stdin:
        order: dict[str, Any] = json.loads(line)
        begun = time.monotonic()
        child = os.fork()
        if not child:
            if "streams" in order:
                _become(order["folder"], order["streams"])
                _tool(order["words"])
            _command(order["words"])
        status = _waited(child, order["after"])
        seconds = time.monotonic() - begun
        sys.stdout.write(json.dumps({"status": status, "seconds": seconds}) + "\n")
        sys.stdout.flush()


def _become(folder: str, streams: list[str | None]) -> None:
    """Leaves this process as Python would begin with these files as its streams."""
    os.chdir(folder)
    for number, (name, path) in enumerate(zip(STREAMS, streams, strict=True)):
        os.close(number)
        setattr(sys, name, None)
        setattr(sys, f"__{name}__", None)
        if path is None:
            continue
        # The lowest number that is free, unless one before it is closed.
        opened = os.open(path, os.O_RDWR if number else os.O_RDONLY)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
        errors = "backslashreplace" if name == "stderr" else "strict"
        mode = "w" if number else "r"
        stream = os.fdopen(number, mode, encoding="utf-8", errors=errors, closefd=False)
        setattr(sys, name, stream)


def _tool(words: list[str]) -> None:
    from isn.cli import main

    main(words, prog_name="isn")


def _command(words: list[str]) -> None:
    """Ends this process as the command ends."""
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in range(2):
        os.dup2(silent, stream)
    status = 1
    try:
        _tool(words)
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else int(left.code is not None)
    finally:
        os._exit(status)


def _waited(child: int, after: float | None) -> int | None:
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, status
        return None
    return os.WEXITSTATUS(status)


def _warm() -> None:
    """Loads what a first hiding and revealing load."""
    import numpy as np

    import isn

    host = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)
    isn.reveal(isn.hide(host, host).pixels)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        __import__(name)
    _warm()
    gc.freeze()
    _serve()
