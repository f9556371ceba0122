"""Files below folders: each once, whatever links there are, and hidden ones left out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from isn.errors import ImageError
from isn.finding import files_below, identity, image_files, once


def test_links_to_folders_are_followed_and_each_file_is_there_once(tmp_path: Path) -> None:
    far, data = tmp_path / "far", tmp_path / "data"
    (far / "deep").mkdir(parents=True)
    (data / "sub").mkdir(parents=True)
    for path in (far / "a.png", far / "deep" / "b.png", data / "c.png", data / "sub" / "d.png"):
        path.write_bytes(b"x")
    (data / "linked").symlink_to(far)
    (data / "again").symlink_to(far / "deep")
    (data / "same.png").symlink_to(data / "c.png")
    (far / "deep" / "up").symlink_to(data)
    (data / "sub" / "loop").symlink_to(data / "sub")
    (data / "self.png").symlink_to(data / "self.png")
    (data / ".hidden").symlink_to(far)
    found = image_files([data])
    assert found == sorted(found)
    assert {each.name for each in found} == {"a.png", "b.png", "c.png", "d.png", "self.png"}
    assert len(found) == 5
    assert image_files([data, far, data / "c.png", data / "sub"]) == found
    (far / "deep" / "up").unlink()
    assert [each.name for each in image_files([data / "linked"])] == ["a.png", "b.png"]


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    real = os.scandir

    def refuses(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuses)
    with pytest.raises(ImageError, match=r"closed cannot be read \(Permission denied\)"):
        image_files([tmp_path])


def test_a_folder_that_cannot_be_read_may_be_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.png").write_bytes(b"x")
    real, refused = os.scandir, []

    def refuses(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuses)
    assert files_below(tmp_path, refused.append) == [tmp_path / "a.png"]
    assert [each.filename for each in refused] == [str(tmp_path / "closed")]


def test_what_is_not_there_is_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    names = [str(tmp_path / each) for each in ("a", "../" + tmp_path.name + "/a", "b", "c\0")]
    assert once(names) == [names[0], *names[2:]]
    assert identity(names[2]) == names[2]
