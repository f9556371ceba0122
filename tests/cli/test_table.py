"""Tables: rows in line, and folded where a line is too narrow."""

from __future__ import annotations

import pytest

from isn.cli.table import Table


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
