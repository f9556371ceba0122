"""Tables: rows in line, and folded where a line is too narrow."""

from __future__ import annotations

import pytest

from isn.cli.table import Table, filled


def test_columns_are_in_line() -> None:
    drawn = Table(
        ("", "name", "dB"), right=(2,), rows=[("a", "host.png", "7.1"), ("bc", "x", "48")]
    )
    assert drawn.drawn(80) == "\n".join(
        [
            "",
            "      name       dB",
            " ───────────────────",
            "  a   host.png  7.1",
            "  bc  x          48",
            "",
        ]
    )


def test_a_table_without_titles_is_a_list() -> None:
    assert (
        Table(rows=[("file", "c.png"), ("size", "2 x 3")]).drawn(80) == "file  c.png\nsize  2 x 3"
    )


ROWS = [("paper-1", "1", "304560", "39.5"), ("photos", "1 to 25", "7", "how it is")]


@pytest.mark.parametrize("width", range(20, 60))
def test_titles_are_folded_too_and_numbers_never(width: int) -> None:
    table = Table(("method", "images", "file, bytes", "why not"), right=(1, 2), rows=[*ROWS])
    lines = table.drawn(width).splitlines()
    assert all(len(line) <= width for line in lines)
    words = " ".join(lines).split()
    for cell in ("paper-1", "304560", "39.5", "1 to 25", "how it is"):
        assert " ".join(words).count(cell) == 1
    # Where the columns do not go beside each other, each row is a list.
    assert words.count("method") == (width >= 39)
    assert words.count("images") == (1 if width >= 39 else 2)


def test_a_row_that_is_a_list() -> None:
    table = Table(("", "name", "none"), rows=[("container", "a " * 9, "")])
    assert table.drawn(20).splitlines() == [
        "",
        "container",
        "  name  a a a a a a",
        "        a a a",
    ]


def test_a_sentence_is_folded_between_words_and_a_path_never() -> None:
    path = "/a/path/that/is/longer/than/a/line.png"
    text = f"isn: {path} cannot be read (it is torn): give another"
    assert filled(text, 20).split("\n") == [
        "isn:",
        path,
        "cannot be read (it",
        "is torn): give",
        "another",
    ]
    assert filled(text, 1000) == text


@pytest.mark.parametrize("name", ["a" * 99, "猫" * 50, "many words of a name " * 5, "e\u0301" * 99])
def test_what_is_too_long_is_folded_and_nothing_is_lost(name: str) -> None:
    from rich.cells import cell_len

    lines = (
        Table(("", "name", "dB"), right=(2,), rows=[("one", name, "48.1")]).drawn(50).splitlines()
    )
    assert all(cell_len(line) <= 50 for line in lines)
    assert max(map(cell_len, lines)) > 40
    told = "".join(line[7:].removesuffix("48.1").strip() for line in lines[3:])
    assert told.replace(" ", "") == name.replace(" ", "")
