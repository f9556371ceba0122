"""Processes that work side by side: as many as asked for, and none that is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

import isn
from commands import done, environment
from helpers import picture
from isn.cli import crew
from isn.cli.many import Outcome
from isn.cli.worker import Job

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it looks into /proc")

JOBS = 400
"""More than are done before a test has looked."""


@pytest.fixture
def work(tmp_path: Path) -> Path:
    Image.fromarray(picture(64, 64)).save(tmp_path / "host.png")
    # A file, for which the processes load no codec.
    (tmp_path / "note.txt").write_bytes(b"at dawn")
    row = json.dumps({"host": "host.png", "file": "note.txt"})
    (tmp_path / "jobs.jsonl").write_text(f"{row}\n" * JOBS)
    return tmp_path


def children(parent: int) -> list[int]:
    """Processes of `isn.cli.worker` that a process has started."""
    found = []
    for each in Path("/proc").iterdir():
        try:
            words = (each / "cmdline").read_bytes().split(b"\0")
            status = (each / "stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        if b"isn.cli.worker" in words and int(status[1]) == parent:
            found.append(int(each.name))
    return found


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def shorten(jobs: Path, count: int) -> None:
    jobs.write_text("".join(jobs.read_text().splitlines(keepends=True)[:count]))


@contextmanager
def running(work: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """`isn batch` with two workers, from when some containers are there."""
    script = (
        "import signal, sys\n"
        # Whatever runs the tests in the background has had it ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from isn.cli import main\nmain(sys.argv[1:])\n"
    )
    words = ("batch", "jobs.jsonl", "-o", "out", "--workers", "2", "-q")
    with subprocess.Popen(
        [sys.executable, "-c", script, *words], cwd=work, stderr=subprocess.PIPE, env=environment()
    ) as process:
        try:
            until(lambda: len(list((work / "out").glob("*.png"))) >= 4)
            workers = children(process.pid)
            assert len(workers) == 2
            yield process, workers
        finally:
            process.kill()


def until(true: object) -> None:
    end = time.monotonic() + 60
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)


@linux
@pytest.mark.parametrize(
    ("number", "code"),
    [
        # As SIGINT does, which is what a terminal sends; it takes three processes more.
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        (signal.SIGINT, 130),
    ],
)
def test_a_signal_ends_all(
    work: Path, number: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(work) as (process, workers):
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
        assert not any(map(alive, workers))
    assert process.returncode == code
    assert said.strip() == b"isn: stopped"
    made = sorted((work / "out").iterdir())
    assert 4 <= len(made) < JOBS
    for each in (made[0], made[-1]):
        assert isn.inspect(each).intact
    assert all(each.suffix == ".png" and each.name[0] != "." for each in made)
    shorten(work / "jobs.jsonl", 4)
    monkeypatch.chdir(work)
    again = done("batch", "jobs.jsonl", "-o", "out", "--json", "--resume")
    last = json.loads(again.stdout.splitlines()[-1])
    assert last["skipped"] + last["done"] == 4


@linux
def test_workers_end_with_a_parent_that_was_killed(work: Path) -> None:
    with running(work) as (process, workers):
        process.kill()
        process.wait()
        until(lambda: not any(map(alive, workers)))
    assert not list((work / "out").glob(".isn-*"))


@linux
@pytest.mark.slow
def test_a_worker_that_was_killed_costs_its_job_alone(work: Path) -> None:
    shorten(work / "jobs.jsonl", 40)
    with running(work) as (process, workers):
        os.kill(workers[0], signal.SIGKILL)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    (line,) = said.decode().splitlines()
    assert "ended before it was done" in line
    # It may have been killed after it had written, and before it said so.
    assert len(list((work / "out").glob("*.png"))) in (39, 40)


@pytest.mark.parametrize("python", ["false", "no-such"])
def test_where_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch, python: str) -> None:
    monkeypatch.setattr(sys, "executable", python)
    came: dict[int, Outcome] = {}
    jobs = [Job("reveal", f"{k}.png", {}) for k in range(4)]
    crew.run(jobs, came.__setitem__, workers=2)
    assert sorted(came) == [0, 1, 2, 3]
    for number, outcome in came.items():
        assert outcome.error.startswith(f"{number}.png: the process for it ended")


def test_no_more_processes_than_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", fail)
    came: dict[int, Outcome] = {}
    crew.run(
        [Job("reveal", "missing.png", {"container": "missing.png", "output": "x"})],
        came.__setitem__,
        workers=8,
    )
    crew.run([], came.__setitem__, workers=8)
    assert "missing.png" in came[0].error


def test_a_job_that_cannot_be_handed_over_is_not_waited_for() -> None:
    came: dict[int, Outcome] = {}
    jobs = [Job("reveal", f"{k}.png", {"container": object()}) for k in range(2)]
    crew.run(jobs, came.__setitem__, workers=2)
    assert all(came[k].error for k in range(2))
