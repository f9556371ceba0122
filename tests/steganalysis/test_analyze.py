"""`isn analyze` as its user meets it."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from isn import images
from isn.cli import main
from isn.steganalysis.stegexpose import Findings
from isn.steganalysis.stegexpose import analyze as ask


@pytest.fixture
def isn() -> Callable[..., Result]:
    def run(*args: object, **extra: Any) -> Result:
        return CliRunner().invoke(main, ["analyze", *map(str, args)], **extra)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images, one of them below, and what is no image."""
    rng = np.random.default_rng(5)
    smooth = (np.add.outer(np.arange(60), np.arange(64))[..., None] + [0, 40, 90]).astype(np.uint8)
    images.write(tmp_path / "a smooth.png", smooth)
    images.write(tmp_path / "b noise.png", rng.integers(0, 256, (61, 64, 3), dtype=np.uint8))
    (tmp_path / "below").mkdir()
    images.write(tmp_path / "below" / "c.webp", smooth[:33])
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / ".hidden.png").write_text("passed over")
    return tmp_path


def found(path: Path) -> Findings:
    return ask(images.read(path).pixels)


def test_a_table_of_a_folder(isn: Callable[..., Result], folder: Path) -> None:
    result = isn(folder)
    assert result.exit_code == 0
    header, *rows, summary = filter(lambda line: line.strip(" ─"), result.stdout.splitlines())
    assert header.split()[:3] == ["file", "verdict", "agree"]
    names = [str(folder / each) for each in ("a smooth.png", "b noise.png", "below/c.webp")]
    assert [row.strip()[: len(name)] for row, name in zip(rows, names, strict=True)] == names
    noise = found(folder / "b noise.png")
    assert rows[1].split()[-10:] == [
        *("stego", str(noise.agreeing), "of", str(len(noise.answers))),
        *(f"{noise.fusion:.3f}", "NaN", "-", "-", f"{noise.rs_analysis:.3f}"),
        str(noise.hidden_bytes((folder / "b noise.png").stat().st_size)),
    ]
    assert summary == "4 files: 1 stego, 2 nothing, 0 no answer, 1 unreadable"


def test_what_is_no_image_in_a_folder_is_named(isn: Callable[..., Result], folder: Path) -> None:
    result = isn(folder)
    assert str(folder / "notes.txt") in result.stderr
    assert ".hidden" not in result.stderr + result.stdout


def test_csv(isn: Callable[..., Result], folder: Path) -> None:
    result = isn(folder, "--csv")
    assert result.exit_code == 0
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [Path(row["file"]).name for row in rows] == ["a smooth.png", "b noise.png", "c.webp"]
    noise, row = found(folder / "b noise.png"), rows[1]
    assert (row["stego"], row["primary_sets"], row["sample_pairs"]) == ("true", "NaN", "null")
    assert float(row["fusion"]) == noise.fusion
    assert float(row["rs_analysis"]) == noise.rs_analysis
    assert (int(row["agreeing"]), int(row["answering"])) == (noise.agreeing, len(noise.answers))


def test_json(isn: Callable[..., Result], folder: Path) -> None:
    result = isn(folder, "--json", "--threshold", "1")
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert answer["threshold"] == 1
    assert [each["stego"] for each in answer["files"]] == [False] * 3
    noise, expected = answer["files"][1], found(folder / "b noise.png")
    assert noise["fusion"] == expected.fusion
    assert expected.primary_sets is not None
    assert math.isnan(expected.primary_sets)
    assert (noise["primary_sets"], noise["sample_pairs"]) == (None, None)
    assert [Path(each["file"]).name for each in answer["unreadable"]] == ["notes.txt"]
    assert "error" not in answer


def test_a_named_file_that_is_no_image_ends_with_4_after_the_rest(
    isn: Callable[..., Result], folder: Path
) -> None:
    result = isn(folder / "notes.txt", folder / "a smooth.png")
    assert result.exit_code == 4
    assert "a smooth.png" in result.stdout
    assert "notes.txt is not an image" in result.stderr
    answer = json.loads(isn("--json", folder / "notes.txt", folder / "a smooth.png").stdout)
    assert (len(answer["files"]), len(answer["unreadable"])) == (1, 1)
    assert answer["kind"] == "ImageError"


def test_one_missing_file_is_one_sentence(isn: Callable[..., Result], tmp_path: Path) -> None:
    result = isn(tmp_path / "missing.png")
    assert (result.exit_code, result.stdout) == (4, "")
    assert len(result.stderr.splitlines()) == 1
    assert "missing.png cannot be opened" in result.stderr


def test_a_folder_without_images(isn: Callable[..., Result], tmp_path: Path) -> None:
    result = isn(tmp_path)
    assert (result.exit_code, result.stdout) == (4, "")
    assert "no image was found" in result.stderr


@pytest.mark.parametrize(
    "words", [(), ("--csv", "--json"), ("--threshold", "2"), ("--threshold", "nan")]
)
def test_usage(isn: Callable[..., Result], folder: Path, words: tuple[str, ...]) -> None:
    paths = [folder] if words else []
    result = isn(*words, *paths)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr


def test_standard_input(isn: Callable[..., Result], folder: Path) -> None:
    path = folder / "b noise.png"
    result = isn("-", "--json", input=path.read_bytes())
    (row,) = json.loads(result.stdout)["files"]
    assert row["file"] == "-"
    assert row["hidden_bytes"] == found(path).hidden_bytes(path.stat().st_size)


def test_a_jpeg_is_said_to_mean_nothing(isn: Callable[..., Result], tmp_path: Path) -> None:
    Image.new("RGB", (40, 40), (9, 80, 200)).save(tmp_path / "photo.jpg")
    result = isn(tmp_path / "photo.jpg")
    assert result.exit_code == 0
    assert "1 file in JPEG" in result.stderr


def test_a_single_pixel_has_no_answer(isn: Callable[..., Result], tmp_path: Path) -> None:
    images.write(tmp_path / "dot.png", np.zeros((1, 1, 3), np.uint8))
    row = isn(tmp_path).stdout.splitlines()[3]
    assert row.split()[-11:] == ["no", "answer", "0", "of", "0", "NaN", *"-----"]
    (facts,) = json.loads(isn(tmp_path, "--json").stdout)["files"]
    assert (facts["stego"], facts["fusion"], facts["hidden_bytes"]) == (None, None, None)


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
def test_names_cannot_command_a_terminal(isn: Callable[..., Result], tmp_path: Path) -> None:
    images.write(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "a.png").rename(tmp_path / "a\x1b[2J\nb.png")
    for words in ((), ("--csv",)):
        result = isn(tmp_path, *words)
        assert "\x1b" not in result.stdout
        assert "a\\x1b[2J\\nb.png" in result.stdout


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names there")
def test_a_pipe_in_a_folder_does_not_block(isn: Callable[..., Result], folder: Path) -> None:
    os.mkfifo(folder / "pipe.png")
    assert isn(folder).exit_code == 0


def test_a_terminal_gets_a_table(folder: Path, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as ended:
        main(["analyze", "."])
    assert ended.value.code == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert any("a smooth.png" in line and "nothing" in line for line in lines)


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
def test_csv_is_utf_8_whatever_the_terminal_is(folder: Path) -> None:
    odd = folder / "日本 ž.png"
    (folder / "a smooth.png").rename(odd)
    words = [sys.executable, "-m", "isn", "analyze", "--csv", str(folder)]
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(words, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert str(odd) in done.stdout.decode("utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
def test_a_name_that_is_no_text_is_one_row_among_others(
    isn: Callable[..., Result], folder: Path
) -> None:
    odd = os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png")
    os.rename(folder / "a smooth.png", odd)
    for words in ((), ("--csv",)):
        result = isn(folder, *words)
        assert result.exit_code == 0
        assert "caf\\udce9.png" in result.stdout
        assert "c.webp" in result.stdout
    told = json.loads(isn(folder, "--json").stdout)
    assert odd in [each["file"] for each in told["files"]]
