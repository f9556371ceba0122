"""`isn analyze --map`: one picture a file, none written over another, by either of both methods."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from isn import images
from isn.cli import main
from isn.steganalysis.residual import anomaly_map, paint


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["analyze", *map(str, words)])


@pytest.fixture
def folder(tmp_path: Path, photos: dict[str, Any]) -> Path:
    """Two images of one name in two folders."""
    place = tmp_path / "data"
    (place / "below").mkdir(parents=True)
    images.write(place / "a.png", photos["cat"][:60, :70])
    images.write(place / "below" / "a.png", photos["rocket"][:50, :40])
    return place


def test_maps_of_a_folder(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "maps"
    result = run(folder, "--map", out, "--json")
    assert result.exit_code == 0, result.output
    said = {each["file"]: each["map"] for each in json.loads(result.stdout)["files"]}
    assert said == {
        str(folder / "a.png"): str(out / "a.png.map.png"),
        str(folder / "below" / "a.png"): str(out / "a.png-2.map.png"),
    }
    for source, drawn in said.items():
        wanted = paint(anomaly_map(images.read(source).pixels))
        np.testing.assert_array_equal(images.read(drawn).pixels, wanted)
    # The second time they are replaced, and a person is told where they are.
    again = run(folder, "--map", out)
    assert again.exit_code == 0
    assert str(out / "a.png.map.png") in again.stdout
    assert len(list(out.iterdir())) == 2


def test_without_it_nothing_is_written_or_told(folder: Path) -> None:
    result = run(folder, "--json")
    assert "map" not in json.loads(result.stdout)["files"][0]


def test_words_that_do_not_fit(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for code, words, said in (
        (2, ("--mantranet", "w.npz"), "say where to with --map"),
        (2, ("--map", tmp_path / "file"), "cannot be made"),
    ):
        result = run(folder, *words)
        assert (result.exit_code, result.stdout) == (code, "")
        (line,) = result.stderr.splitlines()
        assert said in line


def test_maps_among_the_images_are_not_analysed(folder: Path) -> None:
    first = run(folder, "--map", folder, "--json")
    assert first.exit_code == 0, first.output
    names = {each["file"] for each in json.loads(first.stdout)["files"]}
    assert len(names) == 2
    # The second time the maps are there, with --map and without.
    for words in (("--map", folder), ()):
        again = json.loads(run(folder, *words, "--json").stdout)
        assert {each["file"] for each in again["files"]} == names
    assert sorted(each.name for each in folder.glob("*.map.png")) == [
        "a.png-2.map.png",
        "a.png.map.png",
    ]
    # A picture of somebody's own is no map, whatever it is called, and a map may be named.
    images.write(folder / "below" / "city.map.png", images.read(folder / "a.png").pixels)
    assert len(json.loads(run(folder, "--json").stdout)["files"]) == 3
    assert run(folder / "a.png.map.png").exit_code == 0


def test_a_long_name_has_a_shorter_map(folder: Path, tmp_path: Path) -> None:
    (folder / "a.png").rename(folder / f"{'ü' * 120}.png")
    result = run(folder, "--map", tmp_path / "maps", "--json")
    assert result.exit_code == 0, result.output
    files = {Path(each["file"]).name: each["map"] for each in json.loads(result.stdout)["files"]}
    assert Path(files[f"{'ü' * 120}.png"]).name == f"{'ü' * 100}.map.png"
    assert all(Path(each).is_file() for each in files.values())


def test_a_map_that_cannot_be_written_is_named_and_the_rest_is_done(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "maps"
    (out / "a.png.map.png").mkdir(parents=True)
    result = run(folder, "--map", out, "--json")
    assert result.exit_code == 1
    assert "a.png.map.png is a folder" in result.stderr
    said = json.loads(result.stdout)
    assert [each["map"] for each in said["files"]] == [None, str(out / "a.png-2.map.png")]
    assert said["kind"] == "IsnError"


@pytest.mark.torch
def test_the_map_of_mantranet(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from isn.steganalysis import mantranet

    rng = np.random.default_rng(0)
    arrays = {k: rng.random(v, np.float32) / 50 for k, v in mantranet.shapes().items()}
    np.savez(tmp_path / "w.npz", **arrays)
    out = tmp_path / "maps"
    assert run(folder / "a.png", "--map", out, "--mantranet", tmp_path / "w.npz").exit_code == 0
    found = mantranet.manipulation_map(
        mantranet.load(tmp_path / "w.npz"), images.read(folder / "a.png").pixels
    )
    np.testing.assert_array_equal(images.read(out / "a.png.map.png").pixels, paint(found))
    result = run(folder, "--map", out, "--mantranet", tmp_path / "none.npz")
    assert result.exit_code == 1
    assert "cannot be read as weights" in result.stderr
