"""What is written is there whole or not at all, and what a killed process left goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from isn import atomic
from isn.cli import outputs
from isn.weights import Weights

posix = pytest.mark.skipif(os.name == "nt", reason="nothing is killed like that there")
STALE = f".isn-{2**22 + 1}-0123456789abcdef.part"
"""Of a process that no Linux has."""


def _weights(path: Path) -> None:
    Weights("any", {}, {"x": np.ones(3, np.float32)}).save(path)


@posix
@pytest.mark.parametrize(
    "write",
    [
        lambda path: atomic.write(path, b"new"),
        lambda path: outputs.write_all([path], [b"new"], overwrite=True),
        _weights,
    ],
)
def test_what_a_killed_process_left_goes_with_the_next_write(
    write: Callable[[Path], None], tmp_path: Path
) -> None:
    left, path = tmp_path / STALE, tmp_path / "a"
    left.write_bytes(b"half")
    write(path)
    assert left.exists()
    os.utime(left, (time.time() - 7200,) * 2)
    write(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    atomic.write(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        atomic.write(path, b"new")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"


_REVEALING = """
import os, signal, sys
from pathlib import Path
from isn import atomic
from isn.cli import outputs

def no(*_, **__): raise PermissionError(1, "Operation not permitted")

os.link = no
if sys.argv[2] == "rename": atomic._rename_to_new = no
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
Path.replace = die
if sys.argv[2] == "rename": Path.rename = die
else: atomic._rename_to_new = die
outputs.write_all([Path(sys.argv[1]) / "a"], [b"content"], overwrite=False)
"""


@posix
@pytest.mark.parametrize("step", ["renameat2", "rename"])
def test_without_hard_links_a_kill_leaves_no_empty_file(step: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _REVEALING, str(tmp_path), step], timeout=120, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "a").exists()
