"""`isn keysheet`: the right texture first, wrong ones beside it; no others but keyed networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import isn
from commands import paper_weights
from isn import drawings, images, metrics
from isn.cli import main


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["keysheet", *map(str, words)])


@pytest.fixture
def keyed(tmp_path: Path) -> Path:
    """A network whose lost part is a texture; two textures; a small host."""
    paper_weights(1, lost=None).save(tmp_path / "keyed.safetensors")
    for k, kind in enumerate(("shapes", "noise")):
        drawn = drawings.draw(kind, 20, 30, np.random.default_rng(k))
        images.write(tmp_path / f"{k}.png", drawn)
    return tmp_path


def test_a_sheet_of_given_images(keyed: Path, photos: dict[str, Any]) -> None:
    host, hidden = photos["cat"][:64, :80], photos["rocket"][:64, :80]
    images.write(keyed / "host.png", host)
    images.write(keyed / "hidden.png", hidden)
    words = ("--method", keyed / "keyed.safetensors", "--texture", keyed / "0.png")
    words += ("--host", keyed / "host.png", "--hidden", keyed / "hidden.png")
    result = run(*words, "--other", keyed / "1.png", "-o", keyed / "sheet.png", "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    method = keyed / "keyed.safetensors"
    container = isn.hide(host, hidden, method=method)
    assert said["container_psnr"] == round(container.psnr, 3)
    for k, told in enumerate(said["textures"]):
        (seen,) = isn.reveal(container, method=method, texture=keyed / f"{k}.png")
        wanted = round(metrics.psnr(seen, hidden), 3)
        assert told == {"texture": str(keyed / f"{k}.png"), "right": k == 0, "psnr": wanted}
    assert said["textures"][0]["psnr"] != said["textures"][1]["psnr"]
    sheet = images.read(keyed / "sheet.png").pixels
    assert sheet.shape[1] > 4 * 300
    assert (sheet != 255).any(axis=-1).mean() > 0.3


def test_the_demo_photos_and_drawn_textures_are_taken_where_none_is_given(keyed: Path) -> None:
    words = ("--method", keyed / "keyed.safetensors", "--texture", keyed / "0.png")
    result = run(*words, "-o", keyed / "sheet.png")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split("dB  ")[1] for line in lines[1:4]] == [
        "drawn: shapes",
        "drawn: gradient",
        "drawn: noise",
    ]
    again = run(*words, "-o", keyed / "sheet.png")
    assert again.exit_code == 2
    assert "--overwrite" in again.stderr


def test_a_method_without_a_texture_is_refused(keyed: Path) -> None:
    for name in ("paper-1", "photos", "avif"):
        result = run("--method", name, "--texture", keyed / "0.png", "-o", keyed / "s.png")
        assert result.exit_code == 2
        assert "--set model.lost=none" in result.stderr
    assert not (keyed / "s.png").exists()
