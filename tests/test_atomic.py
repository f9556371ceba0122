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
from isn.errors import OutputError
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
from isn.errors import OutputError

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


@posix
def test_a_folder_that_a_killed_process_left_goes_as_a_file_does(tmp_path: Path) -> None:
    left = tmp_path / STALE
    left.mkdir()
    (left / "1.png").write_bytes(b"half")
    os.utime(left, (time.time() - 7200,) * 2)
    atomic.write(tmp_path / "a", b"new")
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_a_new_folder_that_cannot_be_filled_is_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "above" / "shown"

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space"):
        outputs.write_all([folder / "1.png", folder / "2.png"], [b"1", b"2"], overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_without_hard_links_a_file_stays_until_it_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = tmp_path / "a", []

    def no(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    def looking(part: Path, target: Path) -> None:
        seen.append(target.read_bytes())
        os.replace(part, target)

    path.write_bytes(b"old")
    monkeypatch.setattr(os, "link", no)
    monkeypatch.setattr(Path, "replace", looking)
    outputs.write_all([path], [b"new"], overwrite=True)
    assert seen == [b"old"]
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]
