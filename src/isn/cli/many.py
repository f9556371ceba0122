"""Several files in one command: each is done for itself, and one that fails stops no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from isn.cli import failures, stores
from isn.cli.common import STANDARD
from isn.cli.progress import progress_bar
from isn.cli.table import Table
from isn.cli.voice import Voice
from isn.errors import ImageError


@dataclass(frozen=True)
class Outcome:
    """What came of one of several files.

    Attributes:
        facts: for programs; empty where it failed before there were any.
        parts: for people, text or tables.
        notes: as of :class:`~isn.cli.voice.Voice`.
        warnings: likewise.
        error: why it failed, one sentence; "" where it did not.
        kind: a stable word for programs, of what failed.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    parts: list[Any] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: str = ""
    kind: str = ""


@dataclass
class _Recorder(Voice):
    """Keeps what is said of one file, for whoever says it in its turn."""

    json: bool = True
    parts: list[Any] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def report(self, *parts: str | Table) -> None:
        self.parts += parts

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)

    def warn(self, sentence: str) -> None:
        self.warnings.append(sentence)

    def answer(self, **facts: Any) -> None:
        self.facts = facts


def attempt(name: str, work: Callable[[Voice, str], object]) -> Outcome:
    """What comes of some work on one file, whatever goes wrong with it.

    Args:
        name: of the file, as it was given.
        work: is handed the voice to speak with, and the name.
    """
    voice = _Recorder()
    error, kind = "", ""
    try:
        work(voice, name)
    except Exception as reason:  # noqa: BLE001
        error, kind = explained(name, reason)
    return Outcome(voice.facts, voice.parts, voice.notes, voice.warnings, error, kind)


def explained(name: str, reason: Exception) -> tuple[str, str]:
    """Why a file failed, in one sentence that names it, and the word for it."""
    from isn.images.picture import shown

    failure = failures.explain(reason)
    named = name in failure.sentence or shown(name) in failure.sentence
    return failure.sentence if named else f"{shown(name)}: {failure.sentence}", failure.kind


def are_several(words: Sequence[str]) -> bool:
    """Whether words on a command line may stand for more than one file."""
    return len(words) > 1 or stores.is_folder(words[0])


class Several:
    """The files that words stand for: they themselves, and the images below folders.

    Args:
        words: files and folders, as they were given.

    Attributes:
        names: of the files, each once.
        failed: name and reason for each folder that gives none, or cannot be read.

    Raises:
        click.UsageError: standard input is one of them.
    """

    def __init__(self, words: Sequence[str]) -> None:
        from isn.finding import once

        if STANDARD in words:
            raise click.UsageError("- was given beside others: standard input is read alone")
        self.failed: list[tuple[str, ImageError]] = []
        found = [file for word in words for file in self._files(word)]
        self.names = once(found, lambda name: stores.path_of(name) or name)

    def _files(self, word: str) -> list[str]:
        from isn.finding import SUFFIXES, files_below, unreadable

        if not stores.is_folder(word):
            return [word]
        before = len(self.failed)
        found = [
            stores.as_given(word, each)
            for each in files_below(
                Path(stores.path_here(word)),
                lambda error: self.failed.append((str(error.filename), unreadable(error))),
            )
            if each.suffix.lower() in SUFFIXES
        ]
        if not found and len(self.failed) == before:
            reason = ImageError(f"there is no image below {word}: give a folder that holds some")
            self.failed.append((word, reason))
        return found


class Turns:
    """Says what came of each file, in the order of the files, and counts.

    Args:
        voice: of the command.
        key: under which a file's name stands in JSON.
        names: of all files.

    Attributes:
        failed: how many failed so far.
    """

    def __init__(self, voice: Voice, key: str, names: Sequence[str]) -> None:
        self._voice, self._key, self._names = voice, key, names
        self._waiting: dict[int, Outcome] = {}
        self._next = 0
        self.failed = 0

    def take(self, number: int, outcome: Outcome) -> None:
        """Says what is to be said now that the outcome of one more file is known."""
        self._waiting[number] = outcome
        while self._next in self._waiting:
            self.say(self._names[self._next], self._waiting.pop(self._next))
            self._next += 1

    def say(self, name: str, outcome: Outcome) -> None:
        """Says an outcome; a note or a warning that was said before is not said again."""
        voice = self._voice
        for sentence in outcome.notes:
            voice.note(sentence)
        for sentence in outcome.warnings:
            if sentence not in voice.warnings:
                voice.warn(sentence)
        voice.report(*outcome.parts)
        facts = outcome.facts or {self._key: name}
        if outcome.error:
            self.failed += 1
            voice.complain(outcome.error)
            facts = facts | {"error": outcome.error, "kind": outcome.kind}
        voice.item(**facts)

    def refuse(self, refused: Sequence[tuple[str, ImageError]]) -> None:
        """Says why there is nothing to be done for some folders."""
        for name, reason in refused:
            error, kind = explained(name, reason)
            self.say(name, Outcome(error=error, kind=kind))


def look(
    voice: Voice, words: Sequence[str], key: str, label: str, work: Callable[[Voice, str], object]
) -> int:
    """Does some work for each file that words stand for; returns the exit code.

    Args:
        voice: of the command.
        words: files and folders, as they were given.
        key: under which a file's name stands in JSON.
        label: of the progress bar.
        work: is handed a voice and the name of a file.
    """
    several = Several(words)
    turns = Turns(voice, key, several.names)
    turns.refuse(several.failed)
    with progress_bar(voice, label) as tell:
        for number, name in enumerate(several.names):
            turns.take(number, attempt(name, work))
            if voice.unheard is not None:
                # Looking makes nothing that would be missed.
                break
            if tell is not None:
                tell((number + 1) / len(several.names))
    return failures.FAILED if turns.failed else 0
