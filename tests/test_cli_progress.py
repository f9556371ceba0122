"""What moves while a person waits, and that it moves by itself."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from isn.cli import progress
from isn.cli.progress import progress_bar
from isn.cli.voice import Voice


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


Shown = TypeVar("Shown", bound=io.StringIO)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    monkeypatch.setattr(progress, "PAUSE", 0.05)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLUMNS", raising=False)


@contextmanager
def stderr(stream: Shown) -> Iterator[Shown]:
    """Puts a stream in the place of standard error, where a fixture's would not stay."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        yield stream


def test_the_clock_runs_while_the_share_stands() -> None:
    with stderr(Terminal()) as terminal, progress_bar(Voice(), "hiding") as tell:
        assert tell is not None
        tell(0.25)
        seen = []
        for _ in range(3):
            time.sleep(1.1)
            seen.append(len(terminal.getvalue()))
    text = terminal.getvalue()
    assert "hiding" in text
    assert "25%" in text
    assert "0:00:01" in text
    assert "0:00:02" in text
    assert 0 < seen[0] < seen[1] < seen[2]


def test_the_share_moves() -> None:
    with stderr(Terminal()) as terminal, progress_bar(Voice(), "hiding") as tell:
        assert tell is not None
        for share in (0.1, 0.5, 0.9):
            tell(share)
            time.sleep(0.3)
    assert "50%" in terminal.getvalue()
    assert "90%" in terminal.getvalue()


def test_what_is_quick_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 60)
    with stderr(Terminal()) as terminal, progress_bar(Voice(), "hiding") as tell:
        assert tell is not None
        tell(0.5)
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("voice", [Voice(quiet=True), Voice(json=True)])
def test_nothing_moves_for_programs(voice: Voice) -> None:
    with stderr(Terminal()) as terminal, progress_bar(voice, "hiding") as tell:
        assert tell is None
        time.sleep(0.2)
    assert terminal.getvalue() == ""


def test_lines_where_there_is_no_terminal() -> None:
    with stderr(io.StringIO()) as stream, progress_bar(Voice(), "hiding") as tell:
        assert tell is not None
        tell(0.25)
        time.sleep(0.3)
    lines = stream.getvalue().splitlines()
    assert len(lines) >= 2
    assert set(lines) == {"isn: hiding: 25 % after 0 s"}


@pytest.mark.parametrize("columns", ["0", "1", "7"])
def test_a_terminal_without_columns(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    with stderr(Terminal()) as terminal, progress_bar(Voice(), "hiding") as tell:
        assert tell is not None
        tell(0.25)
        time.sleep(0.3)
    assert "hiding" in terminal.getvalue()


def test_it_stops_with_the_work() -> None:
    def stopped() -> None:
        with progress_bar(Voice(), "hiding"):
            time.sleep(0.3)
            raise KeyboardInterrupt

    with stderr(Terminal()) as terminal, pytest.raises(KeyboardInterrupt):
        stopped()
    before = terminal.getvalue()
    time.sleep(0.3)
    assert terminal.getvalue() == before
    # The cursor is there again.
    assert before.count("\x1b[?25l") == before.count("\x1b[?25h") == 1


def test_what_goes_to_a_program_meanwhile_goes_there() -> None:
    stdout = io.StringIO()
    with stderr(Terminal()) as terminal, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        with progress_bar(Voice(), "hiding"):
            time.sleep(0.5)
            Voice().report("done")
    assert "hiding" in terminal.getvalue()
    assert stdout.getvalue() == "done\n"
