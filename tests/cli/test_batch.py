"""`isn batch`: what is listed is made, what is not sound is named, nothing leaves its folder."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isn
from commands import Pixels, done, pixels, refused, run
from helpers import mostly_slow, picture
from isn import child, images, threads
from isn.cli import cluster, joblist


@pytest.fixture(scope="module")
def given(photos: dict[str, Pixels]) -> dict[str, bytes]:
    """Two hosts, an image and two files to hide."""
    made = {
        "hosts/a.png": photos["coffee"][20:117, 50:181],
        "hosts/b.png": photos["rocket"][100:184, 100:212],
        "icon.png": picture(24, 32),
    }
    found = {name: images.encode(np.ascontiguousarray(each), "PNG") for name, each in made.items()}
    return found | {"notes.txt": b"attack at dawn", "more.txt": b"or at noon"}


@pytest.fixture
def work(tmp_path: Path, given: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with what is given."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hosts").mkdir()
    for name, content in given.items():
        Path(name).write_bytes(content)
    return tmp_path


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def names(folder: Path | str) -> list[str]:
    return sorted(each.name for each in Path(folder).iterdir())


ROWS = [
    {"host": "hosts/a.png", "image": "icon.png", "method": "avif", "bits": 1},
    {"host": "hosts/b.png", "file": ["notes.txt", "more.txt"], "secrecy": "low"},
    {"host": "hosts/a.png", "file": "notes.txt", "survive": 60, "fit": 128, "output": "small.jpg"},
    {"host": "hosts/a.png", "image": ["icon.png"], "file": ["notes.txt"], "output": None},
]

TABLE = (
    "host,Image,file,file,output,method,bits,secrecy,survive,fit\r\n"
    "hosts/a.png,icon.png,,,,avif,1,,,\r\n\r\n"
    "hosts/b.png,,notes.txt,more.txt,,,,low,,\r\n"
    "hosts/a.png,,notes.txt,,small.jpg,,,,60,128\r\n"
    "hosts/a.png,icon.png,notes.txt,,,,,,,\r\n"
)


@pytest.mark.parametrize("kind", mostly_slow(("csv", "jsonl"), ("csv",)))
def test_what_is_listed_is_made(work: Path, kind: str) -> None:
    text = TABLE if kind == "csv" else "\n\n".join(map(json.dumps, ROWS))
    Path(f"jobs.{kind}").write_text("\ufeff" + text, "utf-8", newline="")
    result = done("batch", f"jobs.{kind}", "-o", "new/out", "--json")
    *answers, last = lines(result.stdout)
    assert last == {"jobs": 4, "done": 4, "skipped": 0, "failed": 0}
    assert [each["line"] for each in answers] == ([2, 4, 5, 6] if kind == "csv" else [1, 3, 5, 7])
    out = Path("new/out")
    assert names(out) == ["a-2.png", "a.png", "b.png", "small.jpg"]
    assert [Path(each["container"]) for each in answers] == [
        out / each for each in ("a.png", "b.png", "small.jpg", "a-2.png")
    ]
    assert isn.inspect(out / "a.png").code == "avif"
    assert isn.inspect(out / "b.png").carrier == "adaptive"
    assert isn.inspect(out / "small.jpg").carrier == "dct"
    assert isn.images.read(out / "small.jpg").pixels.shape == (95, 128, 3)
    shown = isn.reveal(out / "a-2.png")
    assert isinstance(shown[0], np.ndarray)
    assert shown[1] == isn.File("notes.txt", b"attack at dawn")
    assert isn.reveal(out / "b.png")[1] == isn.File("more.txt", b"or at noon")
    # As `isn hide` makes it.
    done("hide", "hosts/a.png", "icon.png", "--method", "avif", "--bits", 1, "-o", "one.png")
    np.testing.assert_array_equal(pixels(out / "a.png"), pixels(Path("one.png")))


@pytest.mark.parametrize("workers", mostly_slow((1, 2), (1,)))
def test_one_that_fails_is_named_and_the_others_go_on(work: Path, workers: int) -> None:
    rows = [
        {"host": "hosts/missing.png", "image": "icon.png"},
        {"host": "hosts/a.png", "file": "notes.txt"},
        {"host": "hosts/a.png", "file": "notes.txt", "method": "none-such"},
        {"host": "hosts/a.png", "file": "notes.txt", "bits": 9},
        {"host": "hosts/a.png", "file": "notes.txt", "output": "x.gif"},
        {"host": "hosts/a.png", "file": "notes.txt", "survive": 60, "output": "small.jpg"},
    ]
    Path("jobs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    result = run("batch", "jobs.jsonl", "-o", "out", "--workers", workers)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "6 jobs: 2 done, 0 skipped, 4 failed"
    said = result.stderr.splitlines()
    for line, number in zip(said, (1, 3, 4, 5), strict=True):
        assert line.startswith(f"isn: jobs.jsonl, line {number}: ")
    for line, word in zip(
        said, ("missing.png", "none-such", "--bits 9 was given", "GIF"), strict=True
    ):
        assert word in line
    assert names("out") == ["a.png", "small.jpg"]
    assert isn.inspect("out/small.jpg").carrier == "dct"


def test_resume_passes_over_what_is_whole(work: Path) -> None:
    row = json.dumps({"host": "hosts/a.png", "file": "notes.txt"})
    Path("jobs.jsonl").write_text(f"{row}\n" * 3)
    done("batch", "jobs.jsonl", "-o", "out")
    before = Path("out/a.png").read_bytes()
    Path("out/a-2.png").unlink()
    Path("out/a-3.png").write_bytes(before[:-40])
    assert "3 failed" not in run("batch", "jobs.jsonl", "-o", "out").stdout
    Path("out/a-2.png").unlink()
    result = run("batch", "jobs.jsonl", "-o", "out", "--resume")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (
        *(1, "3 jobs: 1 done, 1 skipped, 1 failed"),
    )
    assert "a-3.png is there already" in result.stderr
    stamp = os.stat("out/a.png").st_mtime_ns
    result = done("batch", "jobs.jsonl", "-o", "out", "--resume", "--overwrite", "--json")
    *answers, last = lines(result.stdout)
    assert last == {"jobs": 3, "done": 1, "skipped": 2, "failed": 0}
    assert [each.get("skipped", False) for each in answers] == [True, True, False]
    assert os.stat("out/a.png").st_mtime_ns == stamp
    assert Path("out/a-3.png").read_bytes() == before


@pytest.fixture
def quick_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least memory that Argon2 allows, in processes that work side by side too."""

    def words(module: str, *given: str) -> list[str]:
        script = f"from isn import keys; keys._MEMORY_KIB = 32; from {module} import main; main()"
        return [sys.executable, "-P", "-c", script, *given]

    monkeypatch.setattr(child, "words", words)


@pytest.mark.usefixtures("quick_workers")
def test_one_passphrase_is_for_all(work: Path) -> None:
    Path("jobs.csv").write_text("host,file\nhosts/a.png,notes.txt\nhosts/b.png,more.txt\n")
    Path("phrase").write_text("five random words of mine")
    result = done("batch", "jobs.csv", "-o", "out", "--passphrase-file", "phrase", "--workers", 2)
    assert "under a passphrase" in result.stdout
    with pytest.raises(isn.NoSeal):
        isn.reveal("out/a.png")
    done("reveal", "out", "-o", "shown", ISN_PASSPHRASE="five random words of mine")
    assert Path("shown/a/notes.txt").read_bytes() == b"attack at dawn"
    assert Path("shown/b/more.txt").read_bytes() == b"or at noon"


def test_what_is_true_of_all_is_said_once(work: Path) -> None:
    Path("jobs.csv").write_text("host,file,secrecy\n" + "hosts/b.png,notes.txt,high\n" * 2)
    result = done("batch", "jobs.csv", "-o", "out")
    assert result.stderr.count("no passphrase was given") == 1


def test_without_ray_it_says_what_is_missing(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("jobs.csv").write_text("host,file\nhosts/a.png,notes.txt\n")
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    monkeypatch.setattr(threads, "_limit", None)
    assert "isn[ray]" in refused(1, "batch", "jobs.csv", "-o", "out", "--ray")
    assert not Path("out").exists()


# ---------------------------------------------------------------- hostile lists


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "column"),
        (b"\n\n", "column"),
        (b"host,image\n", "no job"),
        (b"image\nicon.png\n", "host"),
        (b"host\nhosts/a.png\n", "hidden"),
        (b"host,image,colour\nhosts/a.png,icon.png,red\n", "'colour'"),
        (b"host,host,image\n1,2,3\n", "2 columns host"),
        (b"host,image\n\xff\xfe,icon.png\n", "UTF-8"),
        (b'host,image\n"hosts/a.png,icon.png\n', "line"),
        (b"host,image\n" + b"a" * 200_000 + b",icon.png\n", "line"),
        (b"x" * 200_000, "line"),
        (b"\0\0\0\0", "column"),
    ],
)
def test_tables_that_are_none(work: Path, content: bytes, word: str) -> None:
    Path("jobs.csv").write_bytes(content)
    said = refused(2, "batch", "jobs.csv", "-o", "out")
    assert word in said
    assert "jobs.csv" in said
    assert len(said) < 500
    assert not Path("out").exists()


ROW: dict[str, Any] = {"host": "icon.png", "file": "notes.txt"}


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ("[" * 100_000, "characters"),
        ("[" * 60_000, "no JSON"),
        ("[]", "no object"),
        ("nonsense", "no JSON"),
        ({"file": "notes.txt"}, "no host"),
        ({"host": "hosts/a.png"}, "hides nothing"),
        (ROW | {"image": []} | {"file": []}, "hides nothing"),
        (ROW | {"image": 5}, "names of files"),
        (ROW | {"image": ["icon.png", None]}, "names of files"),
        (ROW | {"host": "-"}, "standard input"),
        (ROW | {"file": "-"}, "standard input"),
        (ROW | {"host": 7}, "a text"),
        (ROW | {"bits": "2"}, "a number"),
        (ROW | {"bits": True}, "a number"),
        (ROW | {"survive": 60.5}, "a whole number"),
        (ROW | {"fit": "fax"}, "whatsapp"),
        (ROW | {"scaled": 100.5}, "a whole number or a name"),
        (ROW | {"scaled": 400}, "--scaled 400 was given without --survive"),
        (ROW | {"passphrase": "secret"}, "means nothing"),
        (ROW | {"output": "../x.png"}, "folders"),
        (ROW | {"output": ".."}, "folders"),
        (ROW | {"output": "a\\b.png"}, "folders"),
        (ROW | {"output": "c:x.png"}, "folders"),
        (ROW | {"output": "x\0.png"}, "folders"),
        (ROW | {"output": "\ud800.png"}, "folders"),
        (ROW | {"output": "A.png"}, "another"),
        (ROW | {"host": "x\0.png"}, "x\\x00.png cannot be"),
        (ROW | {"file": "x\ud800"}, "read"),
        (ROW | {"bits": float("nan")}, "bits"),
        (ROW | {"output": "x" * 300 + ".png"}, "written"),
        (ROW | {"file": ["notes.txt"] * 60_000}, "characters"),
    ],
)
def test_jobs_that_are_none(work: Path, row: Any, word: str) -> None:
    written = row if isinstance(row, str) else json.dumps(row)
    sound = json.dumps(ROW | {"output": "a.png"})
    Path("jobs.jsonl").write_text(f"{sound}\n{written}\n")
    result = run("batch", "jobs.jsonl", "-o", "out", "--json")
    assert result.exit_code == 1
    (said,) = result.stderr.splitlines()
    assert said.startswith("isn: jobs.jsonl, line 2: ")
    assert word in said
    assert "fault" not in said
    _, answer, last = lines(result.stdout)
    assert (answer["line"], last["done"], last["failed"]) == (2, 1, 1)
    assert names("out") == ["a.png"]
    assert names(work) == ["hosts", "icon.png", "jobs.jsonl", "more.txt", "notes.txt", "out"]


@pytest.mark.parametrize(
    "cells", ["hosts/a.png", "hosts/a.png,notes.txt,x,y", ",notes.txt,2", "a,b,c"]
)
def test_rows_of_a_table_that_are_none(work: Path, cells: str) -> None:
    Path("jobs.csv").write_text(f"host,file,bits\n{cells}\nhosts/b.png,notes.txt,2\n")
    result = run("batch", "jobs.csv", "-o", "out")
    assert result.exit_code == 1
    assert result.stderr.startswith("isn: jobs.csv, line 2: ")
    assert names("out") == ["b.png"]


def test_other_lists(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("jobs.txt").write_text("host,file\n")
    assert ".csv" in refused(2, "batch", "jobs.txt", "-o", "out")
    assert "cannot be read" in refused(2, "batch", "missing.csv", "-o", "out")
    Path("jobs.csv").write_text("host,file\n" + "a,b\n" * 4)
    monkeypatch.setattr(joblist, "MOST_JOBS", 3)
    assert "more than 3 jobs" in refused(2, "batch", "jobs.csv", "-o", "out")
    monkeypatch.setattr(joblist, "MOST_BYTES", 10)
    assert "over 10 bytes" in refused(2, "batch", "jobs.csv", "-o", "out")
    assert "icon.png" in refused(2, "batch", "jobs.csv", "-o", "icon.png")
    for workers in (0, 65, "many"):
        assert "--workers" in refused(2, "batch", "jobs.csv", "-o", "out", "--workers", workers)


@pytest.mark.skipif(os.name == "nt", reason="links are for administrators there")
def test_a_link_does_not_lead_out_of_the_folder(work: Path) -> None:
    Path("out").mkdir()
    Path("out/a.png").symlink_to(work / "outside.png")
    Path("out/b.png").symlink_to(work / "icon.png")
    before = Path("icon.png").read_bytes()
    Path("jobs.csv").write_text("host,file\nhosts/a.png,notes.txt\nhosts/b.png,notes.txt\n")
    result = run("batch", "jobs.csv", "-o", "out", "--overwrite")
    assert result.exit_code == 1
    assert result.stderr.count("is a link") == 2
    assert not Path("outside.png").exists()
    assert Path("icon.png").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("fit", "1.5", "fit is 1.5: give a whole number or a name"),
        ("scaled", "true", "scaled is true: give a whole number or a name"),
        ("survive", "75.5", "survive is 75.5: give a whole number"),
        ("survive", '"75"', 'survive is "75": give a whole number'),
        ("bits", "false", "bits is false: give a number"),
        ("fit", "[" * 500 + "]" * 500, "fit is a list: give a whole number or a name"),
        ("output", "5", "output is 5: give a text"),
    ],
)
def test_a_value_of_another_kind_is_shown_as_it_stands(
    work: Path, name: str, value: str, why: str
) -> None:
    row = f'{{"host": "hosts/a.png", "file": "notes.txt", "{name}": {value}}}\n'
    Path("jobs.jsonl").write_text(row)
    assert why in run("batch", "jobs.jsonl", "-o", "out").stderr
