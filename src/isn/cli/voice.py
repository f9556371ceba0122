"""Everything that a command says: reports, notes and warnings, JSON, and why it failed."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from dataclasses import dataclass, field
from typing import Any

import click

PLAIN_WIDTH = 160
"""Columns of a table that goes to a file or a program, where nothing is lost by being wide."""


@dataclass
class Voice:
    """Says things where they belong.

    Reports go to standard output; notes, warnings and failures to standard error. Where standard
    output carries a picture (``-o -``), standard error takes the rest, the JSON as its last line.

    Attributes:
        json: whether one JSON object takes the place of reports.
        quiet: whether nothing but warnings and errors is said.
        piped: whether standard output carries a picture.
        notes: what was done to images that a person should hear of, so far.
        warnings: what a person should look at, so far.
    """

    json: bool = False
    quiet: bool = False
    piped: bool = False
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _answered: bool = False

    @property
    def silent(self) -> bool:
        """Whether reports for people are left out."""
        return self.json or self.quiet

    def report(self, *parts: object) -> None:
        """Prints text or rich tables for people."""
        if self.silent:
            return
        from rich.console import Console

        stream = sys.stderr if self.piped else sys.stdout
        _survive_odd_names(stream)
        wide = not stream.isatty() and "COLUMNS" not in os.environ
        console = Console(
            file=stream, width=PLAIN_WIDTH if wide else None, markup=False, highlight=False
        )
        for part in parts:
            # A path must come out in one piece, so that it can be copied.
            console.print(part, soft_wrap=isinstance(part, str))

    def note(self, sentence: str) -> None:
        """Says what was done to an image, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)
            _say(f"isn: note: {sentence}")

    def warn(self, sentence: str) -> None:
        """Says what a person should look at."""
        self.warnings.append(sentence)
        _say(f"isn: warning: {sentence}")

    def answer(self, **facts: Any) -> None:
        """With ``--json``: prints the one JSON object of this command, on one line."""
        if not self.json or self._answered:
            return
        self._answered = True
        click.echo(json.dumps(facts, allow_nan=False), err=self.piped)

    def fail(self, sentence: str, kind: str) -> None:
        """Says why a command failed; with ``--json`` to programs too, unless one was answered."""
        _say(f"isn: {sentence}")
        self.answer(error=sentence, kind=kind)
        self.flush()

    def flush(self) -> None:
        """Hands over what was printed, so that a broken pipe shows here and not at exit."""
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()


def silence_streams() -> None:
    """After a broken pipe: what is still buffered goes nowhere, and Python does not complain."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _say(sentence: str) -> None:
    # A file's name may hold line breaks or codes that a terminal would obey.
    clean = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in sentence)
    click.echo(clean, err=True)


def _survive_odd_names(stream: Any) -> None:
    # Names that are no text in this terminal's encoding are to look odd, not to end the command.
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
