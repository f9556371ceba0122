"""`isn` as a process: pipes, signals, closed streams, odd names, and what it imports."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import isn
from commands import Pixels, environment, pixels, process

posix = pytest.mark.skipif(os.name == "nt", reason="streams and signals are those of POSIX")

ESCAPE = "\x1b[31mred\x1b[0m\x07.png"


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


@posix
@pytest.mark.parametrize(
    "words", [("methods",), ("info", "container.png"), ("capacity", "host.png"), ("--help",)]
)
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
@pytest.mark.parametrize("json_too", [(), ("--json",)])
def test_a_full_standard_output(work: Path, tmp_path: Path, json_too: tuple[str, ...]) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    out = tmp_path / "c.png"
    for words in (("info", "container.png"), ("methods",), (*HIDE, "-o", out)):
        with open("/dev/full", "wb") as full:
            done = process(*words, *json_too, stdout=full, stderr=subprocess.PIPE, cwd=work)
        assert done.returncode == 1
        (line,) = done.stderr.decode().splitlines()
        assert "No space left on device" in line
    # The work was done.
    np.testing.assert_array_equal(pixels(out), pixels(work / "image.png"))
    with open("/dev/full", "wb") as full:
        done = process(*HIDE, "-o", "-", stdout=full, stderr=subprocess.PIPE, cwd=work)
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr


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
def test_closed_streams(work: Path, tmp_path: Path) -> None:
    hide = " ".join(HIDE)
    done = closed("info -", 0, cwd=work)
    assert done.returncode == 4
    assert b"closed" in done.stderr
    for k, streams in enumerate([(0,), (1,), (2,), (0, 1, 2)]):
        done = closed(f"{hide} -o {tmp_path / str(k)}.png", *streams, cwd=work)
        assert done.returncode == 0, done.stderr
        np.testing.assert_array_equal(pixels(tmp_path / f"{k}.png"), pixels(work / "image.png"))
    for command in ("methods", "methods --json", "info container.png", "--help"):
        assert closed(command, 1, cwd=work).returncode == 0
    assert closed("info host.png", 1, 2, cwd=work).returncode == 3
    done = closed(f"{hide} -o -", 1, cwd=work)
    assert done.returncode == 2
    assert b"closed" in done.stderr


# ---------------------------------------------------------------- signals


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_leaves_nothing_behind(
    work: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    # It stops while the files are written: the part that is there already must go.
    script = (
        "import os, sys, time\n"
        "from isn.cli import main, outputs\n"
        "store = outputs._store\n"
        "def slow(part, content):\n"
        "    store(part, content)\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "outputs._store = slow\n"
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
        assert len(list((tmp_path / "out").iterdir())) == 1
        running.send_signal(number)
        _, said = running.communicate(timeout=30)
    assert running.returncode == code
    assert said.strip() == b"isn: stopped"
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- names


@posix
def test_names_cannot_command_a_terminal(work: Path, tmp_path: Path) -> None:
    for name in ("host.png", "cat.png", "container.png"):
        (tmp_path / f"{name}{ESCAPE}").write_bytes((work / name).read_bytes())
    host, cat, container = (
        tmp_path / f"{name}{ESCAPE}" for name in ("host.png", "cat.png", "container.png")
    )
    out = tmp_path / f"out{ESCAPE}"
    (tmp_path / f"file{ESCAPE}").write_bytes(b"x")
    for words in (
        ("info", container),
        ("info", host),
        ("capacity", host, cat, "--file", tmp_path / f"file{ESCAPE}"),
        ("hide", host, cat, "--file", tmp_path / f"file{ESCAPE}", "-o", out, "--method", "avif"),
        ("hide", host, cat, "-o", out),
        ("reveal", container, "-o", tmp_path / "folder\x1b[2J"),
        ("info", tmp_path / "missing\n\x1b[31m.png"),
        ("methods", "\x1b[31m"),
    ):
        done = process(*words)
        said = (done.stdout + done.stderr).decode()
        assert said
        assert "\x1b" not in said
        assert "\x07" not in said
        if words[0] != "capacity" and len(words) > 1:
            assert r"\x1b[" in said.replace("\n", "")
    # On a terminal as well, where tables have styles.
    process("info", container, variables={"FORCE_COLOR": "1"})
    assert out.exists()


@posix
def test_a_name_in_a_container_cannot_command_a_terminal(work: Path, tmp_path: Path) -> None:
    odd = isn.File("a\x1b]0;title\x07\u202etxt.exe", b"x")
    host = pixels(work / "host.png")
    isn.hide(host, [odd]).save(tmp_path / "c.png")
    for words in (("info", "c.png"), ("reveal", "c.png", "-o", "out")):
        said = process(*words, cwd=tmp_path).stdout.decode()
        assert not set(said) & {"\x1b", "\x07", "\u202e"}
    (written,) = (tmp_path / "out").iterdir()
    assert written.name.isprintable()


@posix
def test_names_that_are_not_utf_8(work: Path, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    host, cat = folder + b"/h\xe9.png", folder + b"/c\xe9.png"
    for source, target in (("host.png", host), ("cat.png", cat)):
        with open(target, "wb") as file:
            file.write((work / source).read_bytes())
    with open(folder + b"/f\xe9.txt", "wb") as file:
        file.write(b"attack")
    out = folder + b"/o\xe9.png"
    words = (b"hide", host, cat, b"--file", folder + b"/f\xe9.txt", b"-o", out)
    done = process(*words, b"--method", b"avif")
    assert done.returncode == 0, done.stderr
    assert b"\\udce9" in done.stdout
    done = process(b"info", out, b"--json")
    assert json.loads(done.stdout)["contents"][1] == {"name": "f_.txt", "bytes": 6}
    done = process(b"capacity", host, cat, b"--json")
    assert done.returncode == 0
    done = process(b"reveal", out, b"-o", folder + b"/d\xe9")
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(folder + b"/d\xe9")) == [b"1.png", b"f_.txt"]


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_an_output_that_knows_few_letters(work: Path, tmp_path: Path, encoding: str) -> None:
    name = "猫-кот.png"
    (tmp_path / name).write_bytes((work / "cat.png").read_bytes())
    variables = {"PYTHONIOENCODING": encoding}
    host, out = work / "host.png", tmp_path / "выход.png"
    for words in (
        ("hide", host, tmp_path / name, "-o", out, "--method", "avif"),
        ("info", out),
        ("capacity", host, tmp_path / name),
        ("reveal", out, "-o", tmp_path / "кот"),
        ("methods",),
        ("--help",),
        ("hide", "--help"),
    ):
        done = process(*words, variables=variables)
        assert done.returncode == 0, done.stderr
        done.stdout.decode(encoding)
    done = process("info", tmp_path / "нет.png", variables=variables)
    assert done.returncode == 4
    assert rb"\u043d\u0435\u0442.png" in done.stderr


@pytest.mark.parametrize("columns", ["0", "1", "-3", "many"])
def test_any_number_of_columns(work: Path, columns: str) -> None:
    for words in (("info", "container.png"), ("capacity", "host.png"), ("methods",)):
        done = process(*words, variables={"COLUMNS": columns}, cwd=work)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout) > 50


def test_names_are_printed_as_they_are(work: Path, tmp_path: Path) -> None:
    odd = tmp_path / "[bold]:cat:.png"
    odd.write_bytes((work / "cat.png").read_bytes())
    words = ("hide", work / "host.png", odd, "-o", tmp_path / "[red]:o:.png", "--method", "avif")
    report = "".join(process(*words).stdout.decode().split())
    # Long paths are folded in the table, never cut.
    assert "[bold]:cat:.png" in report
    assert "[red]:o:.png" in report


# ---------------------------------------------------------------- what it waits for


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["methods"], ["methods", "--json"]])
def test_first_words_wait_for_nothing(words: list[str]) -> None:
    heavy = ("numpy", "PIL", "rich", "onnxruntime", "onnx", "torch", "isn.api", "isn.cli.hide")
    assert loaded(f"from isn.cli import main\nmain({words!r})", heavy) == []


def test_the_package_waits_for_nothing() -> None:
    assert loaded("import isn", ("numpy", "PIL", "click", "isn.api")) == []


def test_a_carried_method_needs_no_network_runtime(work: Path, tmp_path: Path) -> None:
    host, cat, out = work / "host.png", work / "cat.png", tmp_path / "c.png"
    for k, words in enumerate(
        (
            ["hide", host, cat, "-o", out],
            ["reveal", out, "-o", tmp_path / "a"],
            ["hide", host, cat, "-o", tmp_path / "d.png", "--method", "avif"],
            ["info", tmp_path / "d.png"],
            ["capacity", host, cat],
        )
    ):
        script = f"from isn.cli import main\nmain({list(map(str, words))!r})"
        assert loaded(script, ("onnxruntime", "onnx", "torch")) == [], k
    assert (tmp_path / "a" / "1.png").exists()


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
