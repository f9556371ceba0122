"""Names that somebody else chose: they are shown, and a terminal never obeys them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

import isn
from commands import Pixels, done, refused, run
from isn.cli import main

posix = pytest.mark.skipif(os.name == "nt", reason="such names are not allowed there")

ESCAPE = "\x1b[31mred\x1b[0m\x07\u202e"
QUICK = ("--method", "avif")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Pixels]) -> Path:
    """Two photos, and a container of one in the other."""
    path = tmp_path_factory.mktemp("names")
    host, cat = photos["coffee"][20:117, 50:181], photos["cat"][60:123, 80:151]
    Image.fromarray(host).save(path / "host.png")
    Image.fromarray(cat).save(path / "cat.png")
    isn.hide(host, [cat], method="avif").save(path / "c.png")
    return path


def copied(work: Path, target: Path, suffix: str) -> list[Path]:
    """Copies of the photos and the container under names with a suffix before their own."""
    found = []
    for name in ("host", "cat", "c"):
        found.append(target / f"{name}{suffix}.png")
        found[-1].write_bytes((work / f"{name}.png").read_bytes())
    return found


def harmless(said: str) -> str:
    """What was said, without the line breaks of folded cells."""
    assert not set(said) & {"\x1b", "\x07", "\u202e"}
    return "".join(said.split())


@posix
def test_names_cannot_command_a_terminal(work: Path, tmp_path: Path) -> None:
    host, cat, container = copied(work, tmp_path, ESCAPE)
    text, out = tmp_path / f"file{ESCAPE}", tmp_path / f"out{ESCAPE}.png"
    text.write_bytes(b"x")
    for words in (
        ("hide", host, cat, "--file", text, "-o", out, *QUICK),
        ("hide", host, cat, "-o", out),
        ("info", container),
        ("info", host),
        ("reveal", container, "-o", tmp_path / f"folder{ESCAPE}"),
        ("info", tmp_path / f"missing\n{ESCAPE}.png"),
        ("info", host, f"--{ESCAPE}"),
    ):
        result = run(*words)
        assert r"\x1b[31mred\x1b[0m\x07\u202e" in harmless(result.stdout + result.stderr)
    refused(2, f"{ESCAPE}")
    # Nor do those of a table that shows no names.
    harmless(run("capacity", host, cat, "--file", text).stdout)
    assert out.exists()


@posix
def test_a_name_cannot_break_the_line(tmp_path: Path) -> None:
    said = refused(4, "info", tmp_path / "two\nlines.png")
    assert r"two\nlines.png" in said


def test_a_name_in_a_container_cannot_command_a_terminal(work: Path, tmp_path: Path) -> None:
    odd = isn.File("a\x1b]0;title\x07\u202etxt.exe", b"x")
    isn.hide(work / "host.png", [odd]).save(tmp_path / "c.png")
    harmless(done("info", tmp_path / "c.png").stdout)
    harmless(done("reveal", tmp_path / "c.png", "-o", tmp_path / "out").stdout)
    (written,) = (tmp_path / "out").iterdir()
    assert written.name.isprintable()
    assert written.read_bytes() == b"x"


@posix
def test_names_that_are_not_utf_8(work: Path, tmp_path: Path) -> None:
    host, cat, _ = copied(work, tmp_path, "\udce9")
    (tmp_path / "f\udce9.txt").write_bytes(b"attack")
    out = tmp_path / "o\udce9.png"
    words = ("hide", host, cat, "--file", tmp_path / "f\udce9.txt", "-o", out, *QUICK)
    assert r"o\udce9.png" in done(*words).stdout
    answer = json.loads(done("info", out, "--json").stdout)
    assert answer["contents"][1] == {"name": "f_.txt", "bytes": 6}
    assert answer["file"] == str(out)
    done("capacity", host, cat)
    done("reveal", out, "-o", tmp_path / "d\udce9")
    folder = os.fsencode(tmp_path) + b"/d\xe9"
    assert sorted(os.listdir(folder)) == [b"1.png", b"f_.txt"]


def test_names_are_printed_as_they_are(work: Path, tmp_path: Path) -> None:
    odd, out = tmp_path / "[bold]:cat:.png", tmp_path / "[red]:o:.png"
    odd.write_bytes((work / "cat.png").read_bytes())
    report = harmless(done("hide", work / "host.png", odd, "-o", out, *QUICK).stdout)
    # Long paths are folded in the table, never cut.
    assert "[bold]:cat:.png" in report
    assert "[red]:o:.png" in report


@pytest.mark.parametrize("charset", ["cp1252", "ascii"])
def test_an_output_that_knows_few_letters(work: Path, tmp_path: Path, charset: str) -> None:
    host, cat, container = copied(work, tmp_path, "-猫")
    runner = CliRunner(charset=charset)
    for words in (
        ("hide", host, cat, "-o", tmp_path / "выход.png", *QUICK),
        ("info", container),
        ("reveal", container, "-o", tmp_path / "кот"),
        ("capacity", host, cat),
        ("methods",),
        ("hide", "--help"),
    ):
        result = runner.invoke(main, [str(each) for each in words])
        assert result.exit_code == 0, result.output
        result.stdout_bytes.decode(charset)


def test_a_complaint_is_folded_where_a_terminal_is_narrow(tmp_path: Path) -> None:
    words = ("info", tmp_path / "missing.png")
    whole, narrow = run(*words).stderr, run(*words, COLUMNS="40").stderr
    assert narrow.split() == whole.split()
    assert len(whole.splitlines()) == 1
    assert all(len(line) <= 40 or str(tmp_path) in line for line in narrow.splitlines())


@pytest.mark.parametrize("columns", ["0", "1", "7", "-3", "many"])
def test_any_number_of_columns(work: Path, columns: str) -> None:
    for words in (("info", work / "c.png"), ("capacity", work / "host.png"), ("methods",)):
        assert len(done(*words, COLUMNS=columns).stdout) > 50
