"""Everything that a command says: reports, notes and warnings, JSON, and why it failed.

What is said may hold names that somebody else chose. They are escaped here, and nowhere else.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TextIO

from isn.cli.table import Table, filled
from isn.errors import OutputError

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 160
"""Columns of a table that goes to a file or a program, where nothing is lost by being wide."""

_USUAL_WIDTH = 80
_LEAST_WIDTH = 20
"""Columns; a terminal that says that it has fewer is not believed."""


@dataclass
class Voice:
    """Says things where they belong.

    Reports go to standard output; notes, warnings and failures to standard error. Where standard
    output carries a picture (``-o -``), standard error takes the rest, the JSON as its last line.
    A stream that was closed before the command began is said nothing. One that takes no more ends
    no work: it is said nothing from there on, and :meth:`flush` tells of it.

    Attributes:
        json: whether one JSON object takes the place of reports.
        quiet: whether nothing but errors and what was asked for is said.
        piped: whether standard output carries a picture.
        notes: what was done to images that a person should hear of, so far.
        warnings: what a person should look at, so far.
        unheard: why a report or JSON could not be written, or None.
    """

    json: bool = False
    quiet: bool = False
    piped: bool = False
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unheard: OSError | None = None
    _answered: bool = False

    @property
    def silent(self) -> bool:
        """Whether reports for people are left out."""
        return self.json or self.quiet

    def report(self, *parts: str | Table) -> None:
        """Prints text or tables for people."""
        if self.silent:
            return
        for part in parts:
            with self._heard() as stream:
                if stream is None:
                    return
                if isinstance(part, str):
                    # A path must come out in one piece, so that it can be copied.
                    _write(stream, printable(part, "\n"))
                else:
                    _write(stream, _printable_table(part).drawn(_width(stream)))

    def note(self, sentence: str) -> None:
        """Says what was done to an image, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)
            self._tell(f"note: {sentence}")

    def warn(self, sentence: str) -> None:
        """Says what a person should look at."""
        self.warnings.append(sentence)
        self._tell(f"warning: {sentence}")

    def answer(self, **facts: Any) -> None:
        """With ``--json``: prints the one JSON object of this command, on one line."""
        if not self._answered:
            self._answered = self.json
            self.item(**facts)

    def item(self, **facts: Any) -> None:
        """With ``--json``: prints one of several JSON objects, on a line of its own."""
        if self.json:
            # Late, as whatever costs time where nobody asks for it.
            import json

            with self._heard() as stream:
                if stream is not None:
                    _write(stream, json.dumps(facts, allow_nan=False))

    def complain(self, sentence: str) -> None:
        """Says why one of several things failed."""
        _say(f"isn: {sentence}")

    def fail(self, sentence: str, kind: str) -> None:
        """Says why a command failed; with ``--json`` to programs too, unless one was answered."""
        self.complain(sentence)
        self.answer(error=sentence, kind=kind)
        self.flush()

    def flush(self) -> None:
        """Hands over what was printed, so that a stream that takes no more shows it here.

        Raises:
            BrokenPipeError: whoever was to read it has gone, now or before.
            OutputError: the stream took no more, now or before.
        """
        with self._heard() as stream:
            if stream is not None:
                stream.flush()
        if isinstance(self.unheard, BrokenPipeError):
            raise self.unheard
        if self.unheard is not None:
            raise OutputError(
                f"the work is done, but the report cannot be written ({self.unheard.strerror}): "
                "give it room, or ask for --quiet"
            ) from self.unheard

    @contextlib.contextmanager
    def _heard(self) -> Iterator[TextIO | None]:
        """The stream for what is said next, or None where nobody hears it."""
        lost = self.unheard is not None or _closed(self._stream)
        try:
            yield None if lost else self._stream
        except OSError as error:
            self.unheard = error

    def _tell(self, sentence: str) -> None:
        if not self.quiet:
            _say(f"isn: {sentence}")

    @property
    def _stream(self) -> TextIO:
        return sys.stderr if self.piped else sys.stdout


def printable(text: str, kept: str = "") -> str:
    """A text that a terminal only shows: what it would obey, or cannot show, is spelled out.

    Args:
        text: with names of files in it, which may hold line breaks and escape codes.
        kept: characters that stay although they are not printable.
    """
    return "".join(
        each if each.isprintable() or each in kept else ascii(each)[1:-1] for each in text
    )


def aside(text: str, end: str = "\n") -> None:
    """Writes a text to standard error; nobody who listens is no reason to stop the work."""
    if not _closed(sys.stderr):
        with contextlib.suppress(OSError):
            _write(sys.stderr, text, end)


def _printable_table(table: Table) -> Table:
    return replace(table, rows=[[printable(cell) for cell in row] for row in table.rows])


def terminal(stream: TextIO) -> Console:
    """A console on a stream, whatever the stream says of its width."""
    from rich.console import Console

    return Console(file=stream, width=_width(stream), markup=False, highlight=False)


def columns() -> int:
    """Of standard output, or as many as are usual where it is no terminal."""
    return _USUAL_WIDTH if _closed(sys.stdout) else _width(sys.stdout, _USUAL_WIDTH)


def survive_odd_names() -> None:
    """Characters that a stream's encoding lacks are to look odd, not to end the command."""
    for stream in (sys.stdout, sys.stderr):
        # Streams that are no files of the system take any text.
        if not _closed(stream) and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def hold_streams() -> None:
    """Puts nothing in the place of streams that are closed.

    Else the next file that is opened would stand there, and take what a library prints.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def silence_streams() -> None:
    """What is still buffered for a stream that takes no more goes nowhere, without a complaint."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if not _closed(stream):
                stream.flush()
        except OSError:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)


def _width(stream: TextIO, plain: int = PLAIN_WIDTH) -> int:
    """Columns of a terminal; where a stream leads to none, and nobody says more, `plain`."""
    asked = os.environ.get("COLUMNS", "")
    found = int(asked) if asked.isascii() and asked.isdigit() else 0
    if not found and not stream.isatty():
        return plain
    if not found:
        with contextlib.suppress(OSError, ValueError):
            found = os.get_terminal_size(stream.fileno()).columns
    return max(found, _LEAST_WIDTH) if found else _USUAL_WIDTH


def _closed(stream: TextIO | None) -> bool:
    return stream is None or stream.closed


def _say(sentence: str) -> None:
    """Says something on standard error, folded between words where that is a terminal."""
    if not _closed(sys.stderr):
        aside(filled(printable(sentence), _width(sys.stderr, sys.maxsize)))


def _write(stream: TextIO, text: str, end: str = "\n") -> None:
    # Not by `click`, which changes a stream's encoding where that is ASCII.
    stream.write(f"{text}{end}")
    stream.flush()
