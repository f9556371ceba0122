"""`isn reveal`: images and files where they belong, all of them or none."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import isn
from commands import Pixels, done, paper_weights, pixels, refused
from isn.cli import outputs
from isn.errors import OutputError
from isn.metrics import psnr


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Pixels]) -> Path:
    """Containers of images, of files, of both, and of weights that are not shipped."""
    path = tmp_path_factory.mktemp("reveal")
    host = photos["coffee"][20:117, 50:181]
    cat, rocket = photos["cat"][60:123, 80:151], photos["rocket"][40:124, 50:146]
    Image.fromarray(host).save(path / "host.png")
    Image.fromarray(cat).save(path / "cat.png")
    paper_weights(2).save(path / "two.safetensors")
    paper_weights(2, seed=1).save(path / "other.safetensors")
    texts = [isn.File("a.txt", b"one"), isn.File("A.TXT", b"two"), isn.File("1.png", b"three")]
    isn.hide(host, [cat, rocket], method="avif").save(path / "images.png")
    isn.hide(host, [cat], method="avif").save(path / "image.png")
    isn.hide(host, [isn.File("notes.txt", b"attack\n")]).save(path / "file.png")
    isn.hide(host, [texts[0], cat, *texts[1:]], method="avif").save(path / "both.png")
    two = path / "two.safetensors"
    isn.hide(host, [cat, rocket], method=two).save(path / "two.png")
    return path


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_each_image_comes_in_its_own_size(work: Path, tmp_path: Path) -> None:
    words = ("reveal", work / "images.png", "-o", tmp_path / "new" / "out")
    answer = json.loads(done(*words, "--json").stdout)
    assert answer["code"] == "avif"
    assert answer["salvaged"] is False
    folder = tmp_path / "new" / "out"
    assert answer["files"] == [
        {"file": str(folder / "1.png"), "width": 71, "height": 63},
        {"file": str(folder / "2.png"), "width": 96, "height": 84},
    ]
    assert names(folder) == ["1.png", "2.png"]
    for facts, expected in zip(answer["files"], isn.reveal(work / "images.png"), strict=True):
        np.testing.assert_array_equal(pixels(Path(facts["file"])), expected)
    assert "--overwrite" in refused(2, *words)
    done(*words, "--overwrite")
    assert names(folder) == ["1.png", "2.png"]


def test_files_come_under_names_of_their_own(work: Path, tmp_path: Path) -> None:
    said = done("reveal", work / "both.png", "-o", tmp_path).stdout
    # No two are one file where large and small letters are the same, and none is an image's.
    assert names(tmp_path) == ["1-2.png", "1.png", "A-2.TXT", "a.txt"]
    assert (tmp_path / "a.txt").read_bytes() == b"one"
    assert (tmp_path / "A-2.TXT").read_bytes() == b"two"
    assert (tmp_path / "1-2.png").read_bytes() == b"three"
    assert pixels(tmp_path / "1.png").shape == (63, 71, 3)
    assert f"{tmp_path / 'a.txt'}  3 bytes" in said


def test_a_file_needs_no_image(work: Path, tmp_path: Path) -> None:
    answer = json.loads(done("reveal", work / "file.png", "-o", tmp_path, "--json").stdout)
    assert answer["files"] == [{"file": str(tmp_path / "notes.txt"), "bytes": 7}]
    assert (tmp_path / "notes.txt").read_bytes() == b"attack\n"
    assert done("reveal", work / "file.png", "-o", "-").stdout_bytes == b"attack\n"


def test_one_thing_goes_where_it_is_named(work: Path, tmp_path: Path) -> None:
    for suffix in ("png", "webp", "tif"):
        done("reveal", work / "image.png", "-o", tmp_path / f"cat.{suffix}")
        np.testing.assert_array_equal(
            pixels(tmp_path / f"cat.{suffix}"), isn.reveal(work / "image.png")[0]
        )
    done("reveal", work / "image.png", "-o", tmp_path / "cat.JPG")
    with Image.open(tmp_path / "cat.JPG") as photo:
        assert photo.format == "JPEG"
    apart = psnr(pixels(tmp_path / "cat.JPG"), isn.reveal(work / "image.png")[0])
    assert apart > 35
    for name in ("mine.TXT", "mine.md"):
        done("reveal", work / "file.png", "-o", tmp_path / name)
        assert (tmp_path / name).read_bytes() == b"attack\n"
    for name in ("folder", "folder.1", "folder.md/"):
        done("reveal", work / "file.png", "-o", f"{tmp_path}/{name}")
        assert (tmp_path / name / "notes.txt").exists()
    done("reveal", work / "image.png", "-o", f"{tmp_path}/folder.png/")
    assert names(tmp_path / "folder.png") == ["1.png"]
    for name in ("cat.gif", "cat.txt"):
        said = refused(2, "reveal", work / "image.png", "-o", tmp_path / name)
        assert f"{name} is no name for an image that is written: give one that ends in .png" in said
        assert not (tmp_path / name).exists()
    assert "already" in refused(2, "reveal", work / "image.png", "-o", tmp_path / "cat.png")
    assert "2 images" in refused(2, "reveal", work / "images.png", "-o", tmp_path / "x.png")
    assert "1 file" in refused(2, "reveal", work / "file.png", "-o", tmp_path / "x.png")
    (tmp_path / "old.png").mkdir()
    done("reveal", work / "image.png", "-o", tmp_path / "old.png")
    assert names(tmp_path / "old.png") == ["1.png"]


def test_it_goes_to_an_address_of_this_machine_and_to_no_other(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done("reveal", work / "file.png", "-o", f"file://{tmp_path}/one")
    done("reveal", work / "file.png", work / "images.png", "-o", f"file://{tmp_path}/all")
    assert (tmp_path / "one/notes.txt").read_bytes() == b"attack\n"
    assert (tmp_path / "all/file/notes.txt").read_bytes() == b"attack\n"
    for words in ((work / "file.png",), (work / "file.png", work / "image.png")):
        assert "in a store" in refused(2, "reveal", *words, "-o", "s3://bucket/out")
    assert {each.name for each in tmp_path.iterdir()} == {"one", "all"}


def test_it_needs_what_made_it(work: Path, tmp_path: Path) -> None:
    words = ("reveal", work / "two.png", "-o", tmp_path / "out")
    assert "not among the shipped ones" in refused(3, *words)
    assert "shipped" in refused(3, *words, "--method", work / "other.safetensors")
    assert "another one" in refused(
        2, "reveal", work / "image.png", "-o", tmp_path / "out", "--method", "paper-1"
    )
    assert not (tmp_path / "out").exists()
    done(*words, "--method", work / "two.safetensors", "--threads", 1)
    assert names(tmp_path / "out") == ["1.png", "2.png"]


def test_options_without_a_use_are_refused(work: Path, tmp_path: Path) -> None:
    for name in ("image.png", "file.png"):
        words = ("--backend", "native")
        refused(2, "reveal", work / name, "-o", tmp_path / "out", *words)
    key = ("--texture", work / "cat.png")
    refused(2, "reveal", work / "image.png", "-o", tmp_path / "out", *key)
    assert not (tmp_path / "out").exists()


def test_it_refuses_before_the_work(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the work has begun")

    monkeypatch.setattr(isn, "reveal", fail)
    container, out = work / "images.png", tmp_path / "out"
    assert "--method" in refused(2, "reveal", container, "-o", out, "--salvage")
    assert "standard output takes one" in refused(2, "reveal", container, "-o", "-")
    (tmp_path / "file").write_text("precious")
    assert "not a folder" in refused(2, "reveal", container, "-o", tmp_path / "file")
    below = tmp_path / "file" / "below"
    assert "cannot be made" in refused(2, "reveal", container, "-o", below)
    out.mkdir()
    (out / "2.png").write_text("precious")
    assert "2.png" in refused(2, "reveal", container, "-o", out)
    assert names(out) == ["2.png"]
    (out / "2.png").unlink()
    (out / "2.png").mkdir()
    assert "2.png" in refused(2, "reveal", container, "-o", out, "--overwrite")


def test_what_was_changed_reveals_nothing(work: Path, tmp_path: Path) -> None:
    changed = pixels(work / "image.png").copy()
    changed[70, 90, 1] ^= 1
    Image.fromarray(changed).save(tmp_path / "changed.png")
    said = refused(3, "reveal", tmp_path / "changed.png", "-o", tmp_path / "out.png")
    assert "container" in said
    # Nothing is left of a code that was changed, so nothing is promised.
    assert "--salvage" not in said
    Image.open(work / "image.png").save(tmp_path / "copy.jpg", quality=98, subsampling=0)
    assert "JPEG" in refused(3, "reveal", tmp_path / "copy.jpg", "-o", tmp_path / "out")
    assert "never a container" in refused(3, "reveal", work / "host.png", "-o", tmp_path / "out")
    assert names(tmp_path) == ["changed.png", "copy.jpg"]


def test_what_is_left_of_a_damaged_container_comes_out(work: Path, tmp_path: Path) -> None:
    host, cat, made = work / "host.png", work / "cat.png", tmp_path / "c.png"
    done("hide", host, cat, "-o", made, "--method", "paper-1")
    changed = pixels(made).copy()
    changed[40:44, 40:44] ^= 64
    Image.fromarray(changed).save(tmp_path / "changed.png")
    words = ("reveal", tmp_path / "changed.png", "-o", tmp_path / "out")
    assert "--salvage --method paper-1" in refused(3, *words)
    assert "--salvage --method paper-1" in refused_info(tmp_path / "changed.png")
    result = done(*words, "--salvage", "--method", "paper-1")
    assert "nothing was checked" in result.stderr
    shown = pixels(tmp_path / "out" / "1.png")
    assert shown.shape == changed.shape
    wanted = np.array(Image.open(cat).resize((131, 97), Image.Resampling.LANCZOS))
    error = np.mean((shown.astype(float) - wanted) ** 2)
    assert 10 * np.log10(255**2 / error) > 25
    assert "nothing can be revealed" in refused(
        3, *words, "--salvage", "--method", "avif", "--overwrite"
    )


def refused_info(path: Path) -> str:
    from commands import run

    result = run("info", path)
    assert result.exit_code == 3
    return result.stderr


def test_it_takes_back_what_it_could_not_finish(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = outputs._place

    def fail(part: Path, path: Path, replace: bool) -> None:
        if path.name == "2.png":
            raise OSError(errno.ENOSPC, "No space left on device")
        place(part, path, replace)

    monkeypatch.setattr(outputs, "_place", fail)
    words = ("reveal", work / "images.png")
    assert "No space" in refused(1, *words, "-o", tmp_path)
    assert names(tmp_path) == []
    (tmp_path / "1.png").write_text("old")
    (tmp_path / "2.png").write_text("older")
    refused(1, *words, "-o", tmp_path, "--overwrite")
    assert names(tmp_path) == ["1.png", "2.png"]
    assert (tmp_path / "1.png").read_text() == "old"
    assert (tmp_path / "2.png").read_text() == "older"


def test_a_file_that_appears_meanwhile_stays(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("another's")
    paths = [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(OutputError, match="b is there already"):
        outputs.write_all(paths, [b"1", b"2"], overwrite=False)
    assert names(tmp_path) == ["b"]
    assert (tmp_path / "b").read_text() == "another's"


@pytest.mark.parametrize("overwrite", [False, True])
def test_without_hard_links_it_is_the_same(
    overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", fail)
    if overwrite:
        (tmp_path / "a").write_text("old")
    outputs.write_all([tmp_path / "a", tmp_path / "b"], [b"1", b"2"], overwrite=overwrite)
    assert names(tmp_path) == ["a", "b"]
    assert (tmp_path / "a").read_bytes() == b"1"
    (tmp_path / "c").mkdir()
    with pytest.raises(OutputError):
        outputs.write_all(_paths(tmp_path, "b", "c"), [b"3", b"4"], overwrite=overwrite)
    assert (tmp_path / "b").read_bytes() == b"2"
    assert names(tmp_path) == ["a", "b", "c"]


def _paths(folder: Path, *given: str) -> Sequence[Path]:
    return [folder / name for name in given]


@pytest.mark.skipif(os.name == "nt", reason="links are for administrators there")
def test_a_link_that_lies_there_is_not_followed(work: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").symlink_to(tmp_path / "precious")
    words = ("reveal", work / "file.png", "-o", out)
    assert "already" in refused(2, *words)
    done(*words, "--overwrite")
    assert (tmp_path / "precious").read_text() == "precious"
    assert not (out / "notes.txt").is_symlink()
    assert (out / "notes.txt").read_bytes() == b"attack\n"


def test_a_network_with_a_texture_asks_for_it(work: Path, tmp_path: Path) -> None:
    paper_weights(1, lost=None).save(tmp_path / "keyed.safetensors")
    method = ("--method", tmp_path / "keyed.safetensors")
    container = tmp_path / "container.png"
    words = ("hide", work / "host.png", work / "cat.png", *method, "-o", container)
    assert "texture" in refused(2, *words)
    assert not container.exists()
    done(*words, "--texture", work / "host.png")
    assert "texture" in refused(2, "reveal", container, *method, "-o", tmp_path / "a")
    for name in ("host", "cat"):
        texture = ("--texture", work / f"{name}.png")
        done("reveal", container, *method, *texture, "-o", tmp_path / name)
    right, wrong = pixels(tmp_path / "host" / "1.png"), pixels(tmp_path / "cat" / "1.png")
    assert right.shape == pixels(work / "cat.png").shape
    assert (right != wrong).mean() > 0.5
