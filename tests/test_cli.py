"""What holds of every command: exit codes, first words, JSON, and where nobody listens."""

from __future__ import annotations

import errno
import json
import re
from typing import Any

import pytest

from commands import done, refused, run
from isn import images
from isn.cli import COMMANDS, failures
from isn.errors import (
    AlteredContainer,
    BackendError,
    ConfigError,
    ImageError,
    ModelError,
    NoSeal,
    OutputError,
    UnknownModel,
)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    assert f"isn {name}" in done(name, "--help").stdout
    assert name in done("--help").stdout


@pytest.mark.parametrize("name", [*COMMANDS, ""])
def test_help_fits_in_40_columns(name: str) -> None:
    words = (name, "--help") if name else ("--help",)
    narrow = done(*words, COLUMNS="40").stdout
    assert [line for line in narrow.splitlines() if len(line) > 40] == []
    assert "".join(narrow.split()) == "".join(done(*words).stdout.split())


def test_the_exit_codes_are_told() -> None:
    told = " ".join(done("--help").stdout.split())
    codes = re.findall(r" (\d+) ", told.partition("Exit codes:")[2].partition("ISN_DEBUG")[0])
    assert [*map(int, codes)] == [0, *failures.CODES]


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (NoSeal("none"), 3, "none"),
        (AlteredContainer("changed"), 3, "changed"),
        (UnknownModel("whose"), 3, "whose"),
        (ImageError("torn"), 4, "torn"),
        (ConfigError("six"), 2, "six"),
        (OutputError("in the way"), 2, "in the way"),
        (ModelError("nobody"), 1, "nobody"),
        (BackendError("nowhere"), 1, "nowhere"),
        (OSError(errno.ENOSPC, "No space left on device", "x.png"), 1, "x.png: No space"),
        (KeyboardInterrupt(), 130, "stopped"),
        (failures.Terminated(), 143, "stopped"),
        (MemoryError(), 1, "memory"),
        (ModuleNotFoundError("no", name="torch.nn"), 1, "isn[train]"),
        (ModuleNotFoundError("no", name="uvicorn"), 1, "isn[web]"),
        (ModuleNotFoundError("no module named zlib", name="zlib"), 1, "zlib"),
        (RuntimeError("surprise"), 1, "surprise"),
        (RuntimeError(), 1, "RuntimeError"),
    ],
)
def test_exit_codes(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, word: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(images, "read", fail)
    result = run("info", "x.png", "--json")
    assert result.exit_code == code
    assert word in result.stderr.strip().splitlines()[-1]
    assert "Traceback" not in result.output
    answer = json.loads(result.stdout)
    assert set(answer) == {"error", "kind"}
    assert f"isn: {answer['error']}" in result.stderr
    if not isinstance(error, KeyboardInterrupt):
        assert answer["kind"] == type(error).__name__


def test_a_full_disk_is_no_question_of_usage() -> None:
    full = OutputError("x.png cannot be written")
    full.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    there = OutputError("x.png is there already")
    there.__cause__ = FileExistsError()
    assert failures.explain(full).code == 1
    assert failures.explain(there).code == 2


def test_debug_shows_where() -> None:
    assert "Traceback" in run("info", "missing.png", ISN_DEBUG="1").stderr


def test_usage() -> None:
    assert "'-o'" in refused(2, "hide", "host.png", "cat.png")
    assert "conceal" in refused(2, "conceal")
    assert "--louder" in refused(2, "info", "x.png", "--louder")
    assert "Commands:" in run().stderr
    assert run().exit_code == 2


def test_usage_errors_are_json_too() -> None:
    result = run("hide", "host.png", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["kind"] == "MissingParameter"


def test_a_signal_handler_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers: list[Any] = []
    monkeypatch.setattr(failures.signal, "signal", lambda _, new: handlers.append(new) or "old")
    run("--version")
    assert len(handlers) == 2
    assert handlers[1] == "old"
