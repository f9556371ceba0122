"""Files by address: read and written as those with a name, and over nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import isn
from commands import done, refused, run
from helpers import picture
from isn import images
from isn.cli import stores
from isn.errors import ConfigError, ImageError, OutputError

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A store with a host, an image and a file; the current folder has none."""
    monkeypatch.chdir(tmp_path)
    # Nothing but a test looks into the memory of a process that has ended.
    monkeypatch.setattr(stores, "STORES", (*stores.STORES, "memory"))
    kept = fsspec.filesystem("memory")
    kept.pipe_file("/in/host.png", images.encode(picture(97, 131)))
    kept.pipe_file("/in/icon.png", images.encode(picture(24, 32)))
    kept.pipe_file("/in/notes.txt", b"attack at dawn")
    yield kept
    kept.store.clear()
    kept.pseudo_dirs[:] = [""]


def written(*rows: dict[str, Any]) -> None:
    Path("jobs.jsonl").write_text("\n".join(map(json.dumps, rows)))


ROW = {"host": "memory://in/host.png", "image": "memory://in/icon.png"}
FILE = {"host": "memory://in/host.png", "file": "memory://in/notes.txt"}


def test_batch_reads_and_writes_a_store(store: Any) -> None:
    written(ROW, FILE, FILE | {"output": "x.jpg"}, ROW | {"image": "memory://in/none.png"})
    result = run("batch", "jobs.jsonl", "-o", "memory://out/", "--json")
    *answers, counts = map(json.loads, result.stdout.splitlines())
    assert counts == {"jobs": 4, "done": 3, "skipped": 0, "failed": 1}
    assert [each["container"] for each in answers] == [
        f"memory://out/{name}" for name in ("host.png", "host-2.png", "x.jpg", "host-3.png")
    ]
    assert "memory://in/none.png cannot be read (there is no such file)" in answers[3]["error"]
    (shown,) = isn.reveal(store.cat_file("/out/host.png"))
    assert images.read(picture(24, 32)).pixels.shape == shown.shape  # type: ignore[union-attr]
    for name in ("host-2.png", "x.jpg"):
        assert isn.reveal(store.cat_file(f"/out/{name}")) == [
            isn.File("notes.txt", b"attack at dawn")
        ]
    assert sorted(store.find("/out")) == ["/out/host-2.png", "/out/host.png", "/out/x.jpg"]


def test_what_is_in_a_store_is_passed_over_or_replaced(store: Any) -> None:
    written(ROW, FILE)
    batch = ("batch", "jobs.jsonl", "-o", "memory://out")
    done(*batch)
    before = store.cat_file("/out/host.png")
    store.pipe_file("/out/host-2.png", before[:-40])
    result = run(*batch)
    assert result.exit_code == 1
    assert result.stderr.count("is there already") == 2
    result = run(*batch, "--resume")
    assert result.stdout.splitlines()[-1] == "2 jobs: 0 done, 1 skipped, 1 failed"
    result = done(*batch, "--resume", "--overwrite")
    assert result.stdout.splitlines()[-1] == "2 jobs: 1 done, 1 skipped, 0 failed"
    assert store.cat_file("/out/host.png") == before
    assert len(isn.reveal(store.cat_file("/out/host-2.png"))) == 1


def test_one_that_comes_meanwhile_is_not_replaced(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "check_output", lambda *_, **__: None)
    store.pipe_file("/out/a.png", b"somebody's")
    words = ("hide", "memory://in/host.png", "memory://in/icon.png", "-o", "memory://out/a.png")
    assert "is there already" in refused(2, *words)
    assert store.cat_file("/out/a.png") == b"somebody's"


def test_file_addresses_are_paths(store: Any, tmp_path: Path) -> None:
    Image.fromarray(picture(97, 131)).save("h #1.png")
    host, output = f"file://{tmp_path}/h #1.png", f"file://{tmp_path}/a?.png"
    done("hide", host, "--file", "memory://in/notes.txt", "-o", output)
    assert isn.reveal(tmp_path / "a?.png")[0] == isn.File("notes.txt", b"attack at dawn")
    assert "is there already" in refused(2, "hide", host, "h #1.png", "-o", output)
    done("info", output)
    assert stores.path_of("file://localhost/a/b") == "/a/b"
    assert stores.path_of("C:\\a\\b.png") == "C:\\a\\b.png"


def test_a_folder_may_be_an_address(tmp_path: Path) -> None:
    hosts, out = tmp_path / "hosts", tmp_path / "out"
    hosts.mkdir()
    Image.fromarray(picture(97, 131)).save(hosts / "a.png")
    (tmp_path / "note.txt").write_bytes(b"hello")
    done("hide", f"file://{hosts}", "--file", tmp_path / "note.txt", "-o", out)
    done("info", f"file://{out}")
    assert isn.reveal(out / "a.png")[0] == isn.File("note.txt", b"hello")
    inside = f"file://{hosts}/in"
    said = refused(2, "hide", f"file://{hosts}", "--file", tmp_path / "note.txt", "-o", inside)
    assert "among the hosts" in said


def test_nothing_goes_into_the_memory_of_a_process_that_ends(tmp_path: Path) -> None:
    Image.fromarray(picture(97, 131)).save(tmp_path / "a.png")
    words = ("hide", tmp_path / "a.png", tmp_path / "a.png", "-o", "memory://out/a.png")
    assert "no address that is known" in refused(2, *words)


@pytest.mark.parametrize(
    "name",
    [
        "https://somewhere/a.png",
        "ssh://somewhere/a.png",
        "reference://a.png",
        "zip://a.png::memory://in/host.png",
        "simplecache::memory://in/host.png",
        "file://elsewhere/a.png",
    ],
)
def test_no_other_store_is_reached(store: Any, name: str) -> None:
    with pytest.raises((ConfigError, ImageError)):
        images.read(stores.source(name))
    with pytest.raises((ConfigError, OutputError)):
        stores.check_output(name, overwrite=False)


def test_formats_and_sizes(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hide = ("hide", "memory://in/host.png", "memory://in/icon.png", "-o")
    assert "GIF" in refused(2, *hide, "memory://out/a.gif")
    assert "lossy" in refused(2, *hide, "memory://out/a.avif")
    monkeypatch.setattr("isn.secret.MOST_BYTES", 10)
    with pytest.raises(ConfigError, match="more than 10 bytes"):
        stores.file("memory://in/notes.txt")
    monkeypatch.setattr("isn.images.MAX_STREAM_BYTES", 10)
    with pytest.raises(ImageError, match="more than 10 bytes"):
        stores.source("memory://in/host.png")


def test_a_store_without_its_package(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(scheme: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "filesystem", missing)
    written(ROW)
    assert "Install s3fs" in refused(2, "batch", "jobs.jsonl", "-o", "s3://bucket/out")
    assert "Install s3fs" in refused(4, "info", "s3://bucket/a.png")
