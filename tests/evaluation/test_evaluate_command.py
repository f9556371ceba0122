from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from isn.baselines.lsb import Lsb
from isn.cli import main
from isn.errors import ImageError


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, words)], prog_name="isn")


@pytest.mark.usefixtures("undrawn")
def test_it_writes_three_reports(folder: Path, tmp_path: Path) -> None:
    (folder / "torn.png").write_bytes(b"nothing")
    out = tmp_path / "a" / "b"
    words = ("--count", 1, "--methods", "none", "--baselines", "lsb-4", "--limit", 2)
    result = run("--data", folder, *words, "--parts", "table,capacity", "-o", out)
    assert result.exit_code == 0, result.output
    assert {each.name for each in out.iterdir()} == {"report.html", "report.md", "report.json"}
    assert "torn.png" in result.stderr
    assert "lsb-4" in result.stdout
    assert str(out / "report.html") in result.stdout


@pytest.mark.usefixtures("undrawn")
def test_a_report_stands_there_before_the_work_ends(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*words: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("isn.evaluation.run._damage", stop)
    words = ("--count", 1, "--methods", "none", "--baselines", "lsb-4", "--limit", 1)
    result = run("--data", folder, *words, "--parts", "table,damage", "-o", tmp_path)
    assert result.exit_code == 130
    text = (tmp_path / "report.md").read_text("utf-8")
    assert "| lsb-4 |" in text
    assert text.count("Not measured yet.") == 1


@pytest.mark.usefixtures("undrawn")
def test_json_is_the_report(folder: Path, tmp_path: Path) -> None:
    words = ("--count", 1, "--baselines", "lsb-4", "--methods", "none", "--limit", 2)
    result = run("--data", folder, *words, "--parts", "table", "-o", tmp_path, "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    files = said.pop("files")
    assert said == json.loads(Path(files[2]).read_text())
    assert said["domains"][0]["hosts"] == 2


def test_bad_words_are_refused_with_a_sentence(folder: Path, tmp_path: Path) -> None:
    cases: list[tuple[int, tuple[object, ...], str]] = [
        (4, ("--data", tmp_path / "nowhere"), "nowhere is not a folder"),
        (4, ("--data", folder, "--crop", 65, "--count", 1), "8 skipped"),
        (2, ("--data", folder, "--parts", "tables"), "tables is no part"),
        (2, ("--data", folder, "--count", 9), "--count"),
        (2, ("--data", folder, "--limit", 0), "a limit of 0"),
        (2, ("--data", folder, "--methods", "nobody"), "no method 'nobody'"),
        (2, ("--data", folder, "--baselines", "dct"), "no baseline 'dct'"),
        (2, (), "--data"),
    ]
    for code, words, said in cases:
        result = run(*words, "-o", tmp_path / "out")
        assert result.exit_code == code, result.output
        (line,) = result.stderr.splitlines()
        assert said in line


def test_no_place_is_said_before_the_work(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = run("--data", folder, "-o", tmp_path / "file")
    assert result.exit_code != 0
    assert "cannot be made" in result.stderr


@pytest.mark.usefixtures("undrawn")
@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
def test_a_folder_of_names_that_are_no_text_has_its_reports(folder: Path, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(folder.parent) + b"/caf\xe9"))
    folder.rename(odd)
    for number, path in enumerate(sorted(odd.glob("*.png"))):
        path.rename(os.fsdecode(os.fsencode(odd) + b"/\xff%d.png" % number))
    words = ("--count", 1, "--methods", "none", "--baselines", "lsb-4", "--limit", 2)
    result = run("--data", odd, *words, "--parts", "table", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    for name in ("report.html", "report.md", "report.json"):
        assert "caf\\" in (tmp_path / "out" / name).read_text("utf-8")


@pytest.mark.usefixtures("undrawn")
def test_what_could_not_be_measured_is_told_at_the_end(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*words: Any) -> Any:
        raise ImageError("the host is too small: take a larger one")

    monkeypatch.setattr(Lsb, "hide", refused)
    words = ("--count", 1, "--methods", "paper-1", "--baselines", "lsb-4", "--limit", 1)
    result = run("--data", folder, *words, "--parts", "table", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "not measured, part table: lsb-4 on" in result.stderr
    assert "take a larger one" in result.stderr
    assert "paper-1" in result.stdout
    assert (tmp_path / "out" / "report.html").is_file()
