"""`isn` as a process: pipes, signals, closed streams, odd names, and what it imports."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import isn
from commands import Pixels, done, environment, pixels, process
from forking import Server
from helpers import mostly_slow

posix = pytest.mark.skipif(os.name == "nt", reason="streams and signals are those of POSIX")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Pixels]) -> Path:
    """Two photos and a file; a container of one photo and the file."""
    path = tmp_path_factory.mktemp("process")
    host, cat = photos["coffee"][20:117, 50:181], photos["cat"][60:123, 80:151]
    Image.fromarray(host).save(path / "host.png")
    Image.fromarray(cat).save(path / "cat.png")
    notes = isn.File("notes.txt", b"attack at dawn")
    isn.hide(host, [cat, notes], method="avif").save(path / "container.png")
    isn.hide(host, [cat], method="avif").save(path / "image.png")
    return path


HIDE = ("hide", "host.png", "cat.png", "--method", "avif")
INFO = pytest.param(("info", "container.png"), marks=pytest.mark.slow)


# ---------------------------------------------------------------- pipes and streams


def test_through_pipes(work: Path) -> None:
    host = (work / "host.png").read_bytes()
    hidden = process("hide", "-", *HIDE[2:], "-o", "-", input=host, cwd=work)
    assert hidden.returncode == 0, hidden.stderr.decode()
    assert hidden.stdout.endswith(b"IEND\xaeB`\x82")
    np.testing.assert_array_equal(pixels(hidden.stdout), pixels(work / "image.png"))
    assert b"PSNR" in hidden.stderr
    shown = process("reveal", "-", "-o", "-", "--json", input=hidden.stdout)
    assert shown.returncode == 0, shown.stderr.decode()
    assert pixels(shown.stdout).shape == (63, 71, 3)
    assert json.loads(shown.stderr.splitlines()[-1])["files"][0]["width"] == 71


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_words(shell: str) -> None:
    script = done(_ISN_COMPLETE=f"{shell}_source")
    assert "isn" in script.stdout
    typed = {"COMP_WORDS": "isn hide --sec", "COMP_CWORD": "--sec" if shell == "fish" else "2"}
    found = done(**typed, _ISN_COMPLETE=f"{shell}_complete")
    assert "--secrecy" in found.stdout
    assert "--survive" not in found.stdout


def test_words_are_completed_by_a_process() -> None:
    typed = {"COMP_WORDS": "isn hide --sec", "COMP_CWORD": "2", "_ISN_COMPLETE": "bash_complete"}
    assert process(variables=typed).stdout == b"plain,--secrecy\n"


@posix
@pytest.mark.parametrize("words", [("methods",), INFO, ("--help",)])
def test_a_broken_pipe_is_quiet(work: Path, words: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = process(*words, stdout=writer, stderr=subprocess.PIPE, cwd=work)
    finally:
        os.close(writer)
    assert done.stderr == b""
    assert done.returncode == 1


@posix
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_full_standard_output(work: Path, tmp_path: Path, server: Server) -> None:
    with open("/dev/full", "wb") as full:
        done = process("methods", stdout=full, stderr=subprocess.PIPE, cwd=work)
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    out, error = tmp_path / "c.png", tmp_path / "error"
    hide = (*HIDE, "-o", out)
    for words in (("--help",), ("methods",), ("methods", "--json"), hide, (*HIDE, "-o", "-")):
        error.write_bytes(b"")
        streams = (os.devnull, "/dev/full", error)
        assert server.streamed(*words, folder=work, streams=streams) == 1
        (line,) = error.read_text("utf-8").splitlines()
        assert "No space left on device" in line
    # The work was done.
    np.testing.assert_array_equal(pixels(out), pixels(work / "image.png"))


@pytest.fixture(scope="module")
def many(work: Path) -> Path:
    """The photos once more: as hosts and in a list of jobs, and containers in a folder."""
    folder = work / "many"
    for name in ("hosts", "containers"):
        (folder / name).mkdir(parents=True)
    for name in ("one.png", "two.png"):
        shutil.copy(work / "host.png", folder / "hosts" / name)
        shutil.copy(work / "image.png", folder / "containers" / name)
    rows = [f"hosts/{name}.png,../cat.png,{name}.png,avif" for name in ("one", "two")]
    (folder / "jobs.csv").write_text("\n".join(("host,image,output,method", *rows)), "utf-8")
    return folder


Maker = tuple[tuple[str, ...], tuple[str, str]]
MAKERS: tuple[Maker, ...] = (
    (("hide", "hosts", "../cat.png", "--method", "avif"), ("one.png", "two.png")),
    (("batch", "jobs.csv"), ("one.png", "two.png")),
    (("reveal", "containers"), ("one", "two")),
)
EXTRAS: tuple[tuple[str, ...], ...] = ((), ("--json",))


@posix
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
@pytest.mark.parametrize(
    "case", mostly_slow(product(MAKERS, EXTRAS), [*zip(MAKERS, EXTRAS * 2, strict=False)])
)
def test_all_files_are_done_for_a_full_standard_output(
    case: tuple[Maker, tuple[str, ...]], many: Path, tmp_path: Path, server: Server
) -> None:
    ((words, made), extra), error, out = case, tmp_path / "error", tmp_path / "out"
    error.write_bytes(b"")
    streams = (os.devnull, "/dev/full", error)
    assert server.streamed(*words, "-o", out, *extra, folder=many, streams=streams) == 1
    assert sorted(each.name for each in out.iterdir()) == list(made)
    (line,) = error.read_text("utf-8").splitlines()
    assert "the work is done, but the report cannot be written (No space left" in line


@posix
def test_all_files_are_done_for_a_reader_that_has_gone(many: Path, tmp_path: Path) -> None:
    words, made = MAKERS[0]
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = process(*words, "-o", tmp_path, stdout=writer, stderr=subprocess.PIPE, cwd=many)
    finally:
        os.close(writer)
    assert sorted(each.name for each in tmp_path.iterdir()) == list(made)
    assert done.stderr == b""
    assert done.returncode == 1


@posix
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_table_for_programs_and_a_full_standard_output(
    work: Path, tmp_path: Path, server: Server
) -> None:
    error = tmp_path / "error"
    error.write_bytes(b"")
    streams = (os.devnull, "/dev/full", error)
    assert server.streamed("analyze", "host.png", "--csv", folder=work, streams=streams) == 1
    assert error.read_text("utf-8") == (
        "isn: standard output cannot be written (No space left on device): give it room\n"
    )
    error.write_bytes(b"")
    streams = (os.devnull, None, error)
    assert server.streamed("analyze", "host.png", "--csv", folder=work, streams=streams) == 0
    assert error.read_bytes() == b""


def closed(command: str, *streams: int, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """Runs a command by a shell that closes some streams first."""
    closing = " ".join(f"{number}>&-" if number else "<&-" for number in streams)
    shell = f'"{sys.executable}" -m isn {command} {closing}'
    done = subprocess.run(
        ["sh", "-c", shell], cwd=cwd, capture_output=True, env=environment(), check=False
    )
    assert b"Traceback" not in done.stderr
    assert b"fault of isn" not in done.stderr
    return done


@posix
@pytest.mark.slow
@pytest.mark.parametrize("streams", [(1,), (0, 1, 2)])
def test_the_work_is_done_without_streams(
    streams: tuple[int, ...], work: Path, tmp_path: Path
) -> None:
    done = closed(f"{' '.join(HIDE)} -o {tmp_path / 'c.png'}", *streams, cwd=work)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(pixels(tmp_path / "c.png"), pixels(work / "image.png"))


@posix
def test_closed_streams(work: Path, tmp_path: Path, server: Server) -> None:
    done = closed("info -", 0, cwd=work)
    assert done.returncode == 4
    assert b"closed" in done.stderr
    error, out = tmp_path / "error", tmp_path / "c.png"
    error.write_bytes(b"")
    for words, streams, code in (
        ((*HIDE, "-o", out), (None, None, None), 0),
        (("info", "host.png", "--json"), (os.devnull, None, None), 3),
        (("methods",), (os.devnull, None, error), 0),
        (("methods", "--json"), (os.devnull, None, error), 0),
        (("--help",), (os.devnull, None, error), 0),
        ((*HIDE, "-o", "-"), (os.devnull, None, error), 2),
    ):
        assert error.read_bytes() == b""
        assert server.streamed(*words, folder=work, streams=streams) == code
    (line,) = error.read_text("utf-8").splitlines()
    assert "closed" in line
    # The work was done.
    np.testing.assert_array_equal(pixels(out), pixels(work / "image.png"))


# ---------------------------------------------------------------- signals


@posix
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)],
)
def test_a_signal_leaves_nothing_behind(
    work: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    # It stops while the files are written: the part that is there already must go.
    script = (
        "import os, signal, sys, time\n"
        # Whatever runs the tests in the background has had it ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from isn import atomic\n"
        "from isn.cli import main\n"
        "store = atomic.store\n"
        "def slow(part, content):\n"
        "    store(part, content)\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "atomic.store = slow\n"
        "main(sys.argv[1:])\n"
    )
    words = ("reveal", str(work / "container.png"), "-o", str(tmp_path / "out"))
    with subprocess.Popen(
        [sys.executable, "-c", script, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        (part,) = tmp_path.iterdir()
        assert len(list(part.iterdir())) == 1
        running.send_signal(number)
        _, said = running.communicate(timeout=30)
    assert running.returncode == code
    assert said.strip() == b"isn: stopped"
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- letters


@pytest.mark.slow
def test_an_output_that_knows_few_letters(work: Path, tmp_path: Path) -> None:
    name = "猫-кот.png"
    (tmp_path / name).write_bytes((work / "container.png").read_bytes())
    variables = {"PYTHONIOENCODING": "cp1252"}
    done = process("info", tmp_path / name, tmp_path / "нет.png", variables=variables)
    assert done.returncode == 1, done.stderr
    assert r"\u732b-\u043a\u043e\u0442.png" in "".join(done.stdout.decode("cp1252").split())
    assert rb"\u043d\u0435\u0442.png" in done.stderr


# ---------------------------------------------------------------- what it waits for


def test_first_words_wait_for_nothing() -> None:
    commands = [["--version"], ["--help"], ["methods"], ["methods", "--json"]]
    heavy = ("numpy", "PIL", "rich", "torch", "isn.api", "isn.cli.hide")
    assert loaded(after(commands), heavy) == []


def test_the_package_waits_for_nothing() -> None:
    assert loaded("import isn", ("numpy", "PIL", "click", "isn.api")) == []


def test_a_carried_method_and_one_file_load_no_more(work: Path, tmp_path: Path) -> None:
    commands = [
        ["hide", "host.png", "cat.png", "-o", str(tmp_path / "c.png")],
        ["reveal", str(tmp_path / "c.png"), "-o", str(tmp_path / "a")],
        ["hide", "host.png", "cat.png", "-o", str(tmp_path / "d.png"), "--method", "avif"],
        ["info", str(tmp_path / "d.png")],
        ["capacity", "host.png"],
    ]
    script = f"import os\nos.chdir({str(work)!r})\n{after(commands)}"
    heavy = ("isn.paper.backends.native", "torch", "isn.web", "multiprocessing", "asyncio")
    assert loaded(script, heavy) == []
    assert (tmp_path / "a" / "1.png").exists()


def after(commands: list[list[str]]) -> str:
    """A script that runs some commands, one after the other."""
    return (
        "from isn.cli import main\n"
        f"for words in {commands!r}:\n"
        "    try:\n        main(words)\n"
        "    except SystemExit as end:\n        assert end.code == 0, words"
    )


def loaded(script: str, heavy: tuple[str, ...]) -> list[str]:
    """Which modules a script leaves loaded, out of some."""
    indented = "".join(f"    {line}\n" for line in script.splitlines())
    code = (
        f"import sys\ntry:\n{indented}"
        f"finally:\n    print('loaded:', *sorted(set({heavy}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, env=environment()
    )
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith("loaded:")
    return last.split()[1:]


@posix
@pytest.mark.parametrize("words", [["--version"], ["--help"], ["methods"]])
def test_first_words_are_quick(words: list[str]) -> None:
    import resource

    spent = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process(*words)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if spent[-1] < 0.2:
            return
        # The machine may be busy with something else, which costs processor time too.
        time.sleep(0.2)
    pytest.fail(f"it took {min(spent):.2f} s of processor time, 5 times")
