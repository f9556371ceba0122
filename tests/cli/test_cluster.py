"""`isn batch --ray`: on a cluster that loses nodes, every container is made, and none twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import isn
from commands import environment, refused
from helpers import picture
from isn import child
from isn.cli.cluster import run
from isn.cli.many import Outcome
from isn.cli.worker import Job

pytest.importorskip("ray", reason="ray is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it looks into /proc"),
    # Of the machine: what it has of accelerators and memory, and sockets that are left to the end.
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning"),
]

JOBS = 30


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without a core, so that none of what it starts is killed, and a node with one."""
    with pytest.MonkeyPatch.context() as patch:
        # Workers else give way to whatever runs beside the tests.
        variables = environment(RAY_USAGE_STATS_ENABLED="0", RAY_worker_niceness="0")
        for name, value in variables.items():
            patch.setenv(name, value)
        from ray.cluster_utils import Cluster

        made = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
        )
        made.add_node(num_cpus=1)
        try:
            yield made
        finally:
            made.shutdown()


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(picture(400, 400)).save("host.png")
    Image.fromarray(picture(400, 400)).save("image.png")
    row = {"host": (tmp_path / "host.png").as_uri(), "image": "image.png"}
    Path("jobs.jsonl").write_text(f"{json.dumps(row)}\n" * JOBS)
    return tmp_path


def started(cluster: Any, *words: str) -> subprocess.Popen[bytes]:
    words = ("batch", "jobs.jsonl", "--ray", cluster.address, "--json", *words)
    return subprocess.Popen(
        [sys.executable, "-m", "isn", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )


def ended(process: subprocess.Popen[bytes]) -> tuple[list[dict[str, Any]], str]:
    """What a process printed, by line, and what it said."""
    with process:
        try:
            printed, said = process.communicate(timeout=300)
        finally:
            process.kill()
    return [json.loads(line) for line in printed.splitlines()], said.decode()


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def made() -> dict[str, tuple[int, int]]:
    """Each container, and which file it is, written when."""
    found = {each.name: each.stat() for each in Path("out").glob("*.png")}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in found.items()}


def workers(node: Any = None) -> list[int]:
    """The processes that do a job now, on one node or on all."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            busy = (each / "cmdline").read_bytes().startswith(b"ray::_do")
            parent = int((each / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if busy and node in (None, parent):
            found.append(int(each.name))
    return found


def test_a_node_that_is_killed_costs_nothing(cluster: Any, work: Path) -> None:
    second = cluster.add_node(num_cpus=1)
    process = started(cluster, "-o", (work / "out").as_uri())
    raylet = second.all_processes["raylet"][0].process.pid
    until(lambda: Path("out").exists() and len(made()) >= 8)
    until(lambda: workers(raylet))
    # As a machine that is switched off: what works there would else answer the command yet.
    for each in workers(raylet):
        os.kill(each, signal.SIGKILL)
    cluster.remove_node(second, allow_graceful=False)
    before = made()
    *answers, counts = ended(process)[0]
    assert process.returncode == 0
    assert len(before) < JOBS
    assert counts["done"] + counts["skipped"] == counts["jobs"] == len(answers) == JOBS
    after = made()
    assert len(after) == JOBS
    # None that was there has been written again.
    assert before.items() <= after.items()
    for name in after:
        assert len(isn.reveal(Path("out") / name)) == 1
    again = [each for each in answers if any("was tried 2 times" in note for note in each["notes"])]
    assert again
    # What is not told of in full was found, and by such a try.
    assert [each for each in answers if "skipped" in each] == [
        each for each in again if "skipped" in each
    ]


def test_a_job_that_takes_its_worker_down_is_given_up(cluster: Any, work: Path) -> None:
    os.mkfifo("never.png")
    rows = [{"host": "host.png", "image": "image.png"}, {"host": "never.png", "image": "image.png"}]
    Path("jobs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    process = started(cluster, "-o", "out")
    until(lambda: Path("out").exists() and made())
    killed: set[int] = set()
    for _ in range(3):
        until(lambda: set(workers()) - killed)
        (found,) = set(workers()) - killed
        # It hangs where it reads, once its process has begun.
        time.sleep(1)
        os.kill(found, signal.SIGKILL)
        killed.add(found)
    (whole, failed, counts), said = ended(process)
    assert process.returncode == 1
    assert (counts["done"], counts["failed"]) == (1, 1)
    assert "its worker was lost 3 times" in failed["error"]
    assert "jobs.jsonl, line 2: " in said
    assert list(made()) == ["host.png"]
    assert whole["line"] == 1


def test_it_goes_on_where_it_was_stopped(cluster: Any, work: Path) -> None:
    process = started(cluster, "-o", "out")
    until(lambda: Path("out").exists() and len(made()) >= 4)
    process.send_signal(signal.SIGTERM)
    _, said = ended(process)
    assert process.returncode == 143
    assert said.splitlines()[-1] == "isn: stopped"
    until(lambda: not workers())
    before = made()
    assert len(before) < JOBS
    process = started(cluster, "-o", "out", "--resume")
    *_, counts = ended(process)[0]
    assert process.returncode == 0
    assert counts == {"jobs": JOBS, "done": JOBS - len(before), "skipped": len(before), "failed": 0}
    assert before.items() <= made().items()


def test_addresses_where_there_is_no_cluster(work: Path) -> None:
    batch = ("batch", "jobs.jsonl", "-o", "out", "--ray")
    assert "HOST:PORT" in refused(2, *batch, "nowhere")
    assert "no Ray cluster answers at 127.0.0.1:1" in refused(2, *batch, "127.0.0.1:1")
    assert "--threads" in refused(2, *batch, "127.0.0.1:1", "--threads", 2)
    assert not Path("out").exists()


def test_what_is_left_when_the_driver_ends_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # As Ray ends it, once the cluster's head is lost.
    one = json.dumps({"place": 1, "error": "", "facts": {"container": "b.png"}})
    script = f"print({one!r})"
    monkeypatch.setattr(child, "words", lambda *_: [sys.executable, "-c", script])
    came: dict[int, Outcome] = {}
    jobs = [Job("hide", f"{name}.png", {}) for name in "abc"]
    run(jobs, came.__setitem__, address="auto")
    assert came[1] == Outcome({"container": "b.png"})
    for place in (0, 2):
        assert came[place].error.startswith(f"{jobs[place].name}: the cluster was lost")
