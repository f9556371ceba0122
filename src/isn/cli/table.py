"""Tables as text, for a terminal or a file.

Not those of `rich`, whose import takes as long as hiding in a small image.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_LEAST = 12
"""Columns of a cell that may be folded, at least."""

_WIDE = ("W", "F")
_UNSEEN = ("Mn", "Me", "Cf")
"""East Asian widths and categories of characters that take two columns, or none."""


@dataclass(frozen=True)
class Table:
    """Rows of cells, of which titles and what is not a number are folded where a line is too long.

    Attributes:
        titles: of the columns; empty for a list of names and what they are, without a head.
        right: numbers of the columns whose cells are numbers, and lie at the right.
        rows: a cell for each column.
    """

    titles: Sequence[str] = ()
    right: Sequence[int] = ()
    rows: list[Sequence[str]] = field(default_factory=list)

    def drawn(self, width: int) -> str:
        """The table in lines of no more than so many columns.

        Where it is too wide even when folded, each row becomes a list of its own.
        """
        whole = [*([self.titles] if self.titles else []), *self.rows]
        widths = [max(map(_columns, cells)) for cells in zip(*whole, strict=True)]
        least = [self._least(column, width) for column, width in enumerate(widths)]
        edge = 2 if self.titles else 0
        spare = width - 2 * (len(widths) - 1) - 2 * edge
        while (over := sum(widths) - spare) > 0 and widths != least:
            _, widest = max((each, k) for k, each in enumerate(widths) if each > least[k])
            widths[widest] = max(widths[widest] - over, least[widest])
        if over > 0 and self.titles:
            return self._listed(width)
        lines = [line for row in whole for line in self._lines(row, widths, " " * edge)]
        if self.titles:
            head = len([*self._lines(self.titles, widths, "")])
            lines.insert(head, f" {'─' * (sum(widths) + 2 * len(widths))}")
            lines = ["", *lines, ""]
        return "\n".join(lines)

    def _least(self, column: int, width: int) -> int:
        """Columns that the widest cell of a column may be folded to."""
        words = self.titles[column].split() if self.titles else []
        body = [_columns(row[column]) for row in self.rows]
        if column in self.right:
            least = max(body, default=0)
        else:
            least = _LEAST if self.titles else _LEAST // 2
        return min(width, max([least, *map(_columns, words)]))

    def _listed(self, width: int) -> str:
        """Each row below its first cell, a title and its cell a line."""
        lines = [""]
        for first, *others in self.rows:
            cells = [each for each in zip(self.titles[1:], others, strict=True) if each[1]]
            below = Table(rows=[*cells]).drawn(width - 2)
            lines += [*_folded(first, width), *(f"  {line}" for line in below.splitlines()), ""]
        return "\n".join(lines)

    def _lines(self, row: Sequence[str], widths: Sequence[int], edge: str) -> Iterator[str]:
        folded = [list(_folded(*each)) for each in zip(row, widths, strict=True)]
        for k in range(max(map(len, folded))):
            cells = []
            for column, (parts, width) in enumerate(zip(folded, widths, strict=True)):
                part = parts[k] if k < len(parts) else ""
                gap = " " * (width - _columns(part))
                cells.append(gap + part if column in self.right else part + gap)
            yield f"{edge}{'  '.join(cells)}".rstrip()


def filled(text: str, width: int) -> str:
    """A text in lines of so many columns, or more where a word alone has them."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and _columns(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return len(text) if text.isascii() else sum(map(_column, text))


def _column(character: str) -> int:
    if unicodedata.category(character) in _UNSEEN:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def _folded(text: str, width: int) -> Iterator[str]:
    """A text in pieces of so many columns, at least a character each, between words if it can."""
    while _columns(text) > width:
        end = 1
        while _columns(text[: end + 1]) <= width:
            end += 1
        between = text.rfind(" ", 1, end + 1)
        end = between if between > 0 else end
        yield text[:end]
        text = text[end:].lstrip(" ")
    yield text
