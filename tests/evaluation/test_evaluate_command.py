from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from isn.cli import main


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, words)], prog_name="isn")


def test_it_writes_three_reports(folder: Path, tmp_path: Path) -> None:
    (folder / "torn.png").write_bytes(b"nothing")
    out = tmp_path / "a" / "b"
    words = ("--count", 1, "--methods", "none", "--baselines", "lsb-4", "--parts", "table,capacity")
    result = run("--data", folder, *words, "-o", out)
    assert result.exit_code == 0, result.output
    assert {each.name for each in out.iterdir()} == {"report.html", "report.md", "report.json"}
    assert "torn.png" in result.stderr
    assert "lsb-4" in result.stdout
    assert str(out / "report.html") in result.stdout


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
