"""Many files in one command: each for itself, a bad one stops no other, all goes somewhere."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import isn
from commands import Pixels, done, pixels, refused, run
from helpers import mostly_slow


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Pixels]) -> Path:
    """Containers of an image, and of a file, in folders; a host, a torn image, and other files."""
    path = tmp_path_factory.mktemp("many")
    host, cat = photos["coffee"][20:117, 50:181], photos["cat"][60:123, 80:151]
    Image.fromarray(host).save(path / "host.png")
    Image.fromarray(cat).save(path / "cat.png")
    below = path / "all" / "below"
    below.mkdir(parents=True)
    isn.hide(host, [cat], method="avif").save(path / "all" / "x.png")
    isn.hide(host, [isn.File("notes.txt", b"attack\n")]).save(below / "x.png")
    shutil.copy(below / "x.png", path / "all" / ".hidden.png")
    shutil.copy(path / "all" / "x.png", path / "all" / "x.webp.png")
    (path / "all" / "readme.txt").write_text("no image")
    content = (path / "all" / "x.png").read_bytes()
    (path / "torn.png").write_bytes(content[: len(content) // 2])
    return path


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def files(folder: Path) -> list[str]:
    found = (each for each in folder.rglob("*") if each.is_file())
    return sorted(each.relative_to(folder).as_posix() for each in found)


# ---------------------------------------------------------------- reveal


@pytest.mark.parametrize("workers", mostly_slow((1, 2), (1,)))
def test_each_container_gets_a_folder(work: Path, tmp_path: Path, workers: int) -> None:
    words = ("reveal", work / "all", "-o", tmp_path / "out", "--workers", workers)
    answers = lines(done(*words, "--json").stdout)
    sources = [work / "all" / each for each in ("below/x.png", "x.png", "x.webp.png")]
    assert [each["container"] for each in answers] == list(map(str, sources))
    assert files(tmp_path / "out") == ["x-2/1.png", "x.webp/1.png", "x/notes.txt"]
    assert (tmp_path / "out" / "x" / "notes.txt").read_bytes() == b"attack\n"
    (shown,) = isn.reveal(work / "all" / "x.png")
    np.testing.assert_array_equal(pixels(tmp_path / "out" / "x-2" / "1.png"), shown)
    assert answers[1]["files"] == [
        {"file": str(tmp_path / "out" / "x-2" / "1.png"), "width": 71, "height": 63}
    ]


def test_a_bad_container_is_named_and_the_others_go_on(work: Path, tmp_path: Path) -> None:
    names = [work / each for each in ("torn.png", "host.png", "all/x.png", "missing.png")]
    result = run("reveal", *names, "-o", tmp_path / "out", "--json")
    assert result.exit_code == 1
    answers = lines(result.stdout)
    assert [each["container"] for each in answers] == list(map(str, names))
    assert [each.get("kind") for each in answers] == ["ImageError", "NoSeal", None, "ImageError"]
    said = result.stderr.splitlines()
    assert len(said) == 3
    for name, line in zip((names[0], names[1], names[3]), said, strict=True):
        assert line.startswith("isn: ")
        assert str(name) in line
    assert files(tmp_path / "out") == ["x/1.png"]


def test_nothing_is_revealed_over_a_file(work: Path, tmp_path: Path) -> None:
    words = ("reveal", work / "all" / "x.png", work / "all" / "x.webp.png", "-o", tmp_path)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "1.png").write_text("precious")
    result = run(*words)
    assert result.exit_code == 1
    assert "already" in result.stderr
    assert (tmp_path / "x" / "1.png").read_text() == "precious"
    assert files(tmp_path) == ["x.webp/1.png", "x/1.png"]
    done(*words, "--overwrite")


@pytest.mark.skipif(os.name == "nt", reason="such names are not allowed there")
def test_no_name_leads_out_of_the_folder(work: Path, tmp_path: Path) -> None:
    for name in ("...png", "..png"):
        shutil.copy(work / "all" / "x.png", tmp_path / name)
    out = tmp_path / "deep" / "out"
    done("reveal", tmp_path / "...png", tmp_path / "..png", "-o", out)
    assert files(tmp_path / "deep") == ["out/container-2/1.png", "out/container/1.png"]


def test_several_need_a_folder(work: Path, tmp_path: Path) -> None:
    two = (work / "all" / "x.png", work / "all" / "below" / "x.png")
    for output in ("-", tmp_path / "x.png"):
        assert "several" in refused(2, "reveal", *two, "-o", output)
    (tmp_path / "file").write_text("precious")
    assert "not a folder" in refused(2, "reveal", *two, "-o", tmp_path / "file")
    for words in (("info",), ("reveal", "-o", tmp_path / "out")):
        assert "standard input" in refused(2, *words, *two, "-")
    assert "--workers" in refused(2, "reveal", *two, "-o", tmp_path / "out", "--workers", 65)
    assert "--salvage" in refused(2, "reveal", *two, "-o", tmp_path / "out", "--salvage")
    assert files(tmp_path) == ["file"]


def test_a_file_that_is_named_twice_is_revealed_once(work: Path, tmp_path: Path) -> None:
    done("reveal", work / "all" / "x.png", work / "all" / "x.png", "-o", tmp_path)
    assert files(tmp_path) == ["x/1.png"]


def test_what_is_said_twice_is_said_once(work: Path, tmp_path: Path) -> None:
    words = ("--salvage", "--method", "paper-1")
    result = done("reveal", work / "host.png", work / "cat.png", "-o", tmp_path, *words)
    assert result.stderr.count("nothing was checked") == 1
    assert files(tmp_path) == ["cat/1.png", "host/1.png"]


# ---------------------------------------------------------------- info and capacity


def test_info_of_many(work: Path) -> None:
    result = run("info", work / "all", work / "torn.png", "--json")
    assert result.exit_code == 1
    answers = lines(result.stdout)
    assert [each.get("intact") for each in answers] == [True, True, True, None]
    alone = json.loads(done("info", work / "all" / "x.png", "--json").stdout)
    assert answers[1] == alone
    assert (answers[3]["file"], answers[3]["kind"]) == (str(work / "torn.png"), "ImageError")
    text = done("info", work / "all").stdout
    assert text.count("yes, intact") == 3
    assert "notes.txt" in text


def test_info_says_of_each_why_it_is_none(work: Path) -> None:
    result = run("info", work / "host.png", work / "all" / "x.png", "--json")
    none, one = lines(result.stdout)
    assert (result.exit_code, none["kind"], one["intact"]) == (1, "NoSeal", True)
    assert none["width"] == 131
    assert result.stderr.count(str(work / "host.png")) == 1


def test_capacity_of_many_hosts(work: Path, tmp_path: Path) -> None:
    words = ("capacity", work / "host.png", work / "cat.png", "--bits", 1)
    alone = json.loads(done(*words, "--json").stdout)
    result = run(*words, "--host", work / "torn.png", "--host", work / "all", "--json")
    assert result.exit_code == 1
    answers = lines(result.stdout)
    assert answers[0] == alone
    assert [Path(each["host"]).name for each in answers] == [
        *("host.png", "torn.png", "x.png", "x.png", "x.webp.png")
    ]
    assert "torn.png" in result.stderr
    text = done("capacity", work / "all").stdout
    assert text.count("photos") == 3
    assert str(work / "all" / "x.png") in text


def test_folders_that_hold_no_image(work: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    for command in ("info", "capacity"):
        assert "no image" in refused(1, command, tmp_path)
    result = run("info", tmp_path, work / "all" / "x.png", "--json")
    assert result.exit_code == 1
    assert [each.get("intact") for each in lines(result.stdout)] == [None, True]


def test_analyze_looks_below_linked_folders_once(work: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(work / "all", target_is_directory=True)
    (tmp_path / "again").symlink_to(work / "all", target_is_directory=True)
    answer = json.loads(done("analyze", tmp_path, "--json").stdout)
    assert len(answer["files"]) == 3
    assert [Path(each["file"]).name for each in answer["unreadable"]] == ["readme.txt"]
