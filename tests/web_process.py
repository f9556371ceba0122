"""`isn web` as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from commands import environment

LIMITED = 'ulimit -f 0 && exec "$0" "$@"'


@contextmanager
def running(*words: str, folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`isn web`, to which the system gives no byte of any file; its address."""
    if os.name != "posix":
        pytest.skip("there is no such limit here")
    process = subprocess.Popen(
        ["sh", "-c", LIMITED, sys.executable, "-m", "isn", "web", "--port", "0", "--json", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=environment(TMPDIR=os.fspath(folder), PYTHONDONTWRITEBYTECODE="1"),
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["address"], process
    finally:
        process.kill()
        process.communicate()
