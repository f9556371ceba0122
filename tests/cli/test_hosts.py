"""`isn hide FOLDER`: the same in each image below it, and what fails stops no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import isn
from commands import done, refused, run
from helpers import mostly_slow, picture


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with three hosts in a folder and one below it."""
    monkeypatch.chdir(tmp_path)
    Path("hosts/more").mkdir(parents=True)
    for name in ("a.png", "b.tif", "more/a.webp"):
        Image.fromarray(picture(56, 72)).save(Path("hosts", name))
    Path("hosts/readme.txt").write_bytes(b"no image")
    Path("notes.txt").write_bytes(b"attack at dawn")
    return tmp_path


@pytest.mark.parametrize("workers", mostly_slow([(), ("--workers", 2)], [()]))
def test_each_host_gets_the_same(work: Path, workers: tuple[object, ...]) -> None:
    words = ("hide", "hosts", "--file", "notes.txt", "--secrecy", "low", "-o", "new/out", *workers)
    answers = [json.loads(line) for line in done(*words, "--json").stdout.splitlines()]
    assert [(Path(each["host"]).name, Path(each["container"]).name) for each in answers] == [
        ("a.png", "a.png"),
        ("b.tif", "b.png"),
        ("a.webp", "a-2.png"),
    ]
    assert {each.name for each in Path("new/out").iterdir()} == {"a.png", "a-2.png", "b.png"}
    for each in Path("new/out").iterdir():
        assert isn.reveal(each) == [isn.File("notes.txt", b"attack at dawn")]
        assert isn.inspect(each).carrier == "adaptive"


@pytest.mark.parametrize("scheme", ["file://", ""])
def test_names_can_be_used_as_they_are_told(work: Path, scheme: str) -> None:
    hosts, out, shown = (f"{scheme}{work}/{name}" for name in ("hosts", "out", "shown"))
    words = ("hide", hosts, "--file", "notes.txt", "-o", out, "--json")
    made = [json.loads(line) for line in done(*words).stdout.splitlines()]
    assert [each["host"].removeprefix(f"{hosts}/") for each in made] == [
        *("a.png", "b.tif", "more/a.webp")
    ]
    assert [each["container"] for each in made] == [
        f"{out}/{name}" for name in ("a.png", "b.png", "a-2.png")
    ]
    done("hide", made[0]["host"], made[1]["host"], "-o", made[0]["container"], "--overwrite")
    # However a file is named, it is looked at once.
    words = ("info", out, made[1]["container"], work / "out" / "a.png", "--json")
    looked = [json.loads(line)["file"] for line in done(*words).stdout.splitlines()]
    assert looked == sorted(each["container"] for each in made)
    words = ("reveal", *looked[1:], "-o", shown, "--json")
    revealed = [json.loads(line) for line in done(*words).stdout.splitlines()]
    assert [each["container"] for each in revealed] == looked[1:]
    names = [each["files"][0]["file"] for each in revealed]
    assert names == [f"{shown}/a/1.png", f"{shown}/b/notes.txt"]
    (told,) = json.loads(done("reveal", looked[2], "-o", f"{shown}/one.txt", "--json").stdout)[
        "files"
    ]
    assert told["file"] == f"{shown}/one.txt"
    assert (work / "shown/one.txt").read_bytes() == (work / "shown/b/notes.txt").read_bytes()


def test_one_that_fails_is_named(work: Path) -> None:
    Path("hosts/b.tif").write_bytes(b"II*\0")
    words = ("hide", "hosts", "--file", "notes.txt", "-o", "out")
    result = run(*words)
    assert result.exit_code == 1
    (said,) = result.stderr.splitlines()
    assert "b.tif" in said
    assert len(list(Path("out").iterdir())) == 2
    assert run(*words).stderr.count("is there already") == 2
    assert run(*words, "--overwrite").stderr.count("is there already") == 0


@pytest.mark.parametrize("folder", ["hosts", "hosts/out", "hosts/../hosts"])
def test_containers_do_not_come_among_the_hosts(work: Path, folder: str) -> None:
    before = sorted((each, each.stat().st_mtime_ns) for each in Path("hosts").rglob("*"))
    words = ("hide", "hosts", "--file", "notes.txt", "-o", folder, "--overwrite")
    assert "among the hosts" in refused(2, *words)
    assert sorted((each, each.stat().st_mtime_ns) for each in Path("hosts").rglob("*")) == before


def test_a_passphrase_is_for_all(work: Path) -> None:
    done("hide", "hosts", "--file", "notes.txt", "-o", "out", ISN_PASSPHRASE="five random words")
    for each in Path("out").iterdir():
        assert len(isn.reveal(each, passphrase="five random words")) == 1
        with pytest.raises(isn.NoSeal):
            isn.reveal(each)


def test_what_a_folder_of_hosts_does_not_take(work: Path) -> None:
    hide = ("hide", "hosts", "--file", "notes.txt", "-o")
    assert "nothing was given to hide" in refused(2, "hide", "hosts", "-o", "out")
    assert "- was given" in refused(2, "hide", "hosts", "-", "-o", "out")
    assert "isn capacity" in refused(2, *hide, "out", "--dry-run")
    assert "give a folder" in refused(2, *hide, "out.png")
    assert "not a folder" in refused(2, *hide, "notes.txt")
    assert not Path("out").exists()
    Path("empty").mkdir()
    assert "no image below" in refused(1, "hide", "empty", "--file", "notes.txt", "-o", "out")
    one = ("hide", "hosts/a.png", "--file", "notes.txt", "-o", "a.png", "--workers", 2)
    assert "a folder of them" in refused(2, *one)
