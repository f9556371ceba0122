"""Lists of containers to be made: a table in CSV, or a JSON object a line.

Whoever wrote a list may not be who runs it: what it says is believed no further than `isn hide`
believes a command line, and no container leaves the folder that was given.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from isn.cli.common import STANDARD
from isn.cli.outputs import stem_of, unused
from isn.errors import ConfigError, OutputError

LISTS: Final = ("image", "file")
NUMBERS: Final = {"bits": float, "survive": int}
FIELDS: Final = ("host", *LISTS, "output", "method", "secrecy", "scaled", "fit", *NUMBERS)
"""Of a job; those of `LISTS` may be there more than once."""

MOST_BYTES: Final = 1 << 26
MOST_JOBS: Final = 100_000
MOST_CHARACTERS: Final = 1 << 16
"""Of a list, of its jobs, of one job."""


@dataclass(frozen=True)
class Entry:
    """A job of a list.

    Attributes:
        line: where it ends in the list, from 1.
        fields: what `isn hide` is to be told; empty where it cannot be.
        output: name of the container, without a folder; "" where it cannot be told.
        error: why it is none; None where it is.
    """

    line: int
    fields: dict[str, Any]
    output: str
    error: ConfigError | OutputError | None = None


def read(path: str) -> list[Entry]:
    """The jobs of a list, in their order.

    Raises:
        ConfigError: it cannot be read, is no list of jobs, or has none or too many.
    """
    text = _text(path)
    rows = _of_csv(text, path) if _is_csv(path) else _of_json(text)
    entries: list[Entry] = []
    for line, row in rows:
        if len(entries) == MOST_JOBS:
            raise ConfigError(f"{path} has more than {MOST_JOBS} jobs: cut it into several lists")
        entries.append(_entry(line, row))
    if not entries:
        raise ConfigError(f"{path} holds no job: give one in each row, below the names of columns")
    return _named(entries)


def _is_csv(path: str) -> bool:
    suffix = Path(path).suffix.lower()
    if suffix not in (".csv", ".jsonl"):
        raise ConfigError(f"{path} is to be a list of jobs: give a .csv or a .jsonl file")
    return suffix == ".csv"


def _text(path: str) -> str:
    _is_csv(path)
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no file has such a name"
        raise ConfigError(f"{path} cannot be read ({reason}): give a list of jobs") from error
    if len(content) > MOST_BYTES:
        raise ConfigError(f"{path} is over {MOST_BYTES} bytes: cut it into several lists")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8: save it as such") from error


def _of_csv(text: str, path: str) -> Iterator[tuple[int, Any]]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = [name.strip().lower() for name in next(rows, [])]
        _check_columns(columns, path)
        for cells in rows:
            if any(cells):
                yield rows.line_num, _fields_of(columns, cells)
    except csv.Error as error:
        raise ConfigError(
            f"{path} is no CSV from line {rows.line_num} on ({error}): mend it there"
        ) from error


def _check_columns(columns: list[str], path: str) -> None:
    counted = Counter(columns)
    for name, count in counted.items():
        if name not in FIELDS:
            # Not the whole of what may be anything.
            raise ConfigError(
                f"{path} has a column {name[:40]!r}, which means nothing: choose from "
                f"{', '.join(FIELDS)}"
            )
        if count > 1 and name not in LISTS:
            raise ConfigError(f"{path} has {count} columns {name}: leave one")
    if "host" not in counted or not counted.keys() & set(LISTS):
        raise ConfigError(
            f"{path} names no column for the {'host' if 'host' not in counted else 'hidden'}: its "
            "first line is to be host,image, for example"
        )


def _fields_of(columns: list[str], cells: list[str]) -> dict[str, Any] | ConfigError:
    """A row as a line of JSON has it; empty cells are left out."""
    if len(cells) != len(columns):
        return ConfigError(
            f"it has {len(cells)} cells below {len(columns)} columns: give as many, empty ones too"
        )
    fields: dict[str, Any] = {}
    for name, cell in zip(columns, cells, strict=True):
        if name in LISTS:
            fields.setdefault(name, []).extend([cell] if cell else [])
        elif cell:
            try:
                fields[name] = NUMBERS.get(name, str)(cell)
            except ValueError:
                return ConfigError(f"{name} is {cell[:40]!r}: give {_WANTED[name]}")
    return fields


def _of_json(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        if len(line) > MOST_CHARACTERS:
            yield number, ConfigError(f"it has more than {MOST_CHARACTERS} characters: give fewer")
            continue
        try:
            yield number, json.loads(line)
        except (ValueError, RecursionError):
            yield number, ConfigError('it is no JSON: give {"host": ..., "image": ...} on a line')


def _entry(line: int, row: Any) -> Entry:
    try:
        if isinstance(row, ConfigError):
            raise row
        fields = _checked(row)
        output = fields.pop("output", "")
        _check_output(output)
    except (ConfigError, OutputError) as error:
        return Entry(line, {}, "", error)
    return Entry(line, fields, output)


def _checked(row: Any) -> dict[str, Any]:
    """The fields of a job, those of `LISTS` as lists.

    Raises:
        ConfigError: one is unknown, missing, or of another type.
    """
    if not isinstance(row, dict):
        raise ConfigError('it is no object: give {"host": ..., "image": ...}')
    fields = {name: value for name, value in row.items() if value is not None}
    for name, value in fields.items():
        if name not in FIELDS:
            raise ConfigError(f"{name[:40]!r} means nothing: choose from {', '.join(FIELDS)}")
        if name in LISTS:
            fields[name] = [value] if isinstance(value, str) else value
        elif not _fits(name, value):
            raise ConfigError(f"{name} is {_shown(value)}: give {_WANTED.get(name, 'a text')}")
    for name in LISTS:
        given = fields.setdefault(name, [])
        if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
            raise ConfigError(f"{name} is no text, nor a list of texts: give names of files")
    _check_names([fields.get("host", ""), *fields["image"], *fields["file"]])
    return fields


def _check_names(names: list[str]) -> None:
    if not names[0]:
        raise ConfigError("it has no host: give the name of an image")
    if len(names) == 1:
        raise ConfigError("it hides nothing: give an image or a file")
    if STANDARD in names:
        raise ConfigError("- stands for standard input: give names of files")
    if sum(map(len, names)) > MOST_CHARACTERS:
        raise ConfigError(f"its names have more than {MOST_CHARACTERS} characters: give fewer")


_WANTED: Final = {
    "bits": "a number",
    "survive": "a whole number",
    "scaled": "a whole number or a name",
    "fit": "a whole number or a name",
}
"""In words, where it is no text."""

_KINDS: Final = {
    "bits": (int, float),
    "survive": (int,),
    "scaled": (int, str),
    "fit": (int, str),
}
"""Of a value; any other field is a text."""


def _fits(name: str, value: object) -> bool:
    kinds = _KINDS.get(name, (str,))
    return isinstance(value, kinds) and not isinstance(value, bool)


def _shown(value: object) -> str:
    """A value as it stands in JSON; not the whole of one that may be deep or long."""
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    return json.dumps(value)[:40]


def _check_output(name: str) -> None:
    """Refuses a name that may lead out of its folder, on any system."""
    if name in (".", "..") or set(name) & set('/\\:"<>|?*') or not name.isprintable():
        raise OutputError(
            f"the output {name[:80]!r} is no plain name of a file: give one without folders"
        )


def _named(entries: list[Entry]) -> list[Entry]:
    """All with names of their own: those given, and for the others their hosts' as .png."""
    taken: set[str] = set()
    named: dict[int, Entry] = {}
    for each in sorted(entries, key=lambda each: not each.output):
        entry = each
        if each.output and each.output.casefold() in taken:
            error = OutputError(f"the output {each.output} is another job's too: give another name")
            entry = Entry(each.line, {}, "", error)
        elif each.error is None:
            stem, suffix = os.path.splitext(each.output) if each.output else _default(each)
            entry = Entry(each.line, each.fields, unused(stem, suffix, taken))
        named[each.line] = entry
    return [named[each.line] for each in entries]


def _default(entry: Entry) -> tuple[str, str]:
    return stem_of(entry.fields["host"]), ".png"
