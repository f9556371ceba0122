"""Whenever a command is killed, every file is there whole, and the next run goes on.

A kill or two of each command here; ``make kills`` kills each as often as KILLS says.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

import isn
from commands import paper_weights, pixels
from forking import Server, whole
from helpers import picture, share
from isn import drawings, images
from isn.evaluation.report import NAMES
from isn.secret import File
from isn.weights import Weights

HOSTS = ("host", "other")
MANY = int(os.environ.get("KILLS", share(2, 1)))
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks there")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two hosts, an image and a file to hide."""
    for name, each in zip(HOSTS, (picture(64, 80), picture(72, 64, 1)), strict=True):
        images.write(tmp_path / f"{name}.png", each)
    images.write(tmp_path / "secret.png", picture(40, 48, 2))
    (tmp_path / "notes.txt").write_bytes(b"words " * 50)
    return tmp_path


def _holds(container: Path) -> bool:
    """Whether a container is there; one that is there is whole."""
    if not container.exists():
        return False
    shown = isn.reveal(pixels(container))
    text, image = sorted(shown, key=lambda each: isinstance(each, np.ndarray))
    assert isinstance(text, File)
    assert len(text.content) == 300
    assert isinstance(image, np.ndarray)
    assert image.shape == (40, 48, 3)
    return True


def _hiding(folder: Path, output: Path, *more: object) -> tuple[object, ...]:
    words = ("hide", folder / "host.png", folder / "secret.png", "--file", folder / "notes.txt")
    return (*words, "--threads", 1, "-o", output, *more)


def test_a_container_is_there_whole_or_not_at_all(server: Server, folder: Path) -> None:
    chance, output = Random("new"), folder / "container.png"
    status, seconds = server.run(*_hiding(folder, output))
    assert status == 0
    before = whole(folder)
    for _ in range(MANY):
        output.unlink(missing_ok=True)
        killed = server.kill(chance, seconds, *_hiding(folder, output))
        assert _holds(output) or killed
        assert whole(folder) | {output.name} == before


@pytest.mark.slow
def test_a_file_that_is_replaced_is_the_old_one_or_the_new(server: Server, folder: Path) -> None:
    chance, output = Random("overwrite"), folder / "host.png"
    old = output.read_bytes()
    words = _hiding(folder, output, "--overwrite")
    status, seconds = server.run(*words)
    assert status == 0
    for _ in range(MANY):
        output.write_bytes(old)
        server.kill(chance, seconds, *words)
        assert output.read_bytes() == old or _holds(output)


def test_what_is_revealed_is_all_there_or_not_at_all(server: Server, folder: Path) -> None:
    chance, container, shown = Random("reveal"), folder / "container.png", folder / "shown"
    assert server.run(*_hiding(folder, container))[0] == 0
    words = ("reveal", container, "--threads", 1, "-o", shown)
    status, seconds = server.run(*words)
    assert status == 0
    new, before = _read(shown), whole(folder)
    assert set(new) == {"1.png", "notes.txt"}
    for _ in range(MANY):
        if shown.exists():
            shutil.rmtree(shown)
        killed = server.kill(chance, seconds, *words)
        assert _read(shown) == new if shown.exists() else killed
        assert whole(folder) | {shown.name} == before


@pytest.mark.slow
def test_what_is_revealed_over_other_files_is_whole(server: Server, folder: Path) -> None:
    chance, container, shown = Random("replace"), folder / "container.png", folder / "shown"
    assert server.run(*_hiding(folder, container))[0] == 0
    words = ("reveal", container, "--threads", 1, "-o", shown, "--overwrite")
    status, seconds = server.run(*words)
    assert status == 0
    new = _read(shown)
    for _ in range(MANY):
        for name in new:
            (shown / name).write_bytes(b"old")
        server.kill(chance, seconds, *words)
        there = _read(shown)
        assert set(there) == set(new)
        assert all(content in (new[name], b"old") for name, content in there.items())


def _read(shown: Path) -> dict[str, bytes]:
    return {name: (shown / name).read_bytes() for name in whole(shown)}


def test_an_interrupted_list_goes_on(server: Server, folder: Path) -> None:
    chance, jobs, output = Random("batch"), folder / "jobs.csv", folder / "made"
    rows = [f"{folder}/{host}.png,{folder}/secret.png,{folder}/notes.txt" for host in HOSTS]
    jobs.write_text("\n".join(["host,image,file", *rows]))
    words = ("batch", jobs, "--threads", 1, "-o", output, "--resume")
    status, seconds = server.run(*words)
    assert status == 0
    for _ in range(max(MANY // 2, 1)):
        for each in output.iterdir():
            each.unlink()
        server.kill(chance, seconds, *words)
        for each in output.iterdir():
            assert each.match(".isn-*.part") or _holds(each)
        assert server.run(*words)[0] == 0
        assert all(_holds(output / f"{name}.png") for name in HOSTS)


@pytest.mark.slow
def test_a_map_is_whole(server: Server, folder: Path) -> None:
    chance, maps = Random("map"), folder / "maps"
    words = ("analyze", folder / "host.png", folder / "other.png", "--map", maps)
    status, seconds = server.run(*words)
    assert status == 0
    names = whole(maps)
    assert len(names) == 2
    for _ in range(MANY):
        for each in maps.iterdir():
            each.unlink()
        killed = server.kill(chance, seconds, *words)
        left = whole(maps)
        assert left <= names
        assert killed or left == names
        assert all(pixels(maps / name).size for name in left)


@pytest.mark.slow
def test_a_sheet_is_whole(server: Server, folder: Path) -> None:
    chance, sheet = Random("sheet"), folder / "sheet.png"
    paper_weights(1, lost=None).save(folder / "keyed.safetensors")
    images.write(folder / "texture.png", drawings.draw("noise", 20, 30, np.random.default_rng(0)))
    words = ("keysheet", "--method", folder / "keyed.safetensors")
    words += ("--texture", folder / "texture.png", "--host", folder / "host.png")
    words += ("--hidden", folder / "secret.png", "-o", sheet)
    status, seconds = server.run(*words)
    assert status == 0
    drawn = pixels(sheet)
    for _ in range(MANY):
        sheet.unlink(missing_ok=True)
        killed = server.kill(chance, seconds, *words)
        assert np.array_equal(pixels(sheet), drawn) if sheet.exists() else killed


@pytest.mark.slow
def test_a_demo_is_made_again(server: Server, tmp_path: Path) -> None:
    chance, shown = Random("demo"), tmp_path / "demo"
    words = ("demo", "--threads", 1, "--overwrite", "-o", shown)
    status, seconds = server.run(*words)
    assert status == 0
    made = whole(shown)
    for _ in range(max(MANY // 8, 1)):
        shutil.rmtree(shown, ignore_errors=True)
        for _ in range(2):
            server.kill(chance, seconds, *words)
            left = whole(shown) if shown.exists() else set()
            assert left <= made
            assert all(pixels(shown / name).size for name in left if name.endswith(".png"))


@pytest.mark.slow
def test_a_report_is_whole(server: Server, folder: Path) -> None:
    chance, report = Random("report"), folder / "report"
    words = ("evaluate", "--data", folder, "--count", 1, "--crop", 48, "--parts", "table,damage")
    words += ("--methods", "photos", "--baselines", "lsb-4", "-o", report)
    status, seconds = server.run(*words)
    assert status == 0
    assert whole(report) == set(NAMES)
    for _ in range(max(MANY // 4, 1)):
        for each in report.iterdir():
            each.unlink()
        server.kill(chance, seconds, *words)
        left = whole(report)
        assert left <= set(NAMES)
        for name in left:
            text = (report / name).read_text("utf-8")
            assert json.loads(text) if name.endswith("json") else text.endswith("\n")
            assert not name.endswith("html") or text.rstrip().endswith("</html>")


def _photos(place: Path) -> Path:
    """A folder to train on."""
    photos = place / "photos"
    photos.mkdir()
    for number in range(16):
        Image.fromarray(picture(72, 80, number)).save(photos / f"{number}.png")
    return photos


@pytest.mark.torch
@pytest.mark.slow
def test_a_sweep_goes_on(tmp_path: Path) -> None:
    chance, photos, runs = Random("sweep"), _photos(tmp_path), tmp_path / "runs"
    words = ("sweep", "tiny", "--vary", "model.blocks=1,2", "--data", photos, "--steps", 6)
    words += ("--threads", 1, "--device", "cpu", "--set", "run.checkpoint_minutes=0.0001")
    words += ("--set", "run.validations=1", "--out", runs)
    with Server("isn.cli.sweep", "isn.training.session", "torch") as server:
        status, seconds = server.run(*words)
        assert status == 0
        for _ in range(max(MANY // 8, 1)):
            shutil.rmtree(runs)
            for _ in range(3):
                server.kill(chance, seconds, *words)
            assert server.run(*words)[0] == 0
            rows = list(csv.DictReader((runs / "sweep.csv").read_text("utf-8").splitlines()))
            assert [float(each["steps"]) for each in rows] == [6, 6]


@pytest.mark.torch
@pytest.mark.slow
def test_a_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    chance, photos, run = Random("train"), _photos(tmp_path), tmp_path / "run"
    begun = ("train", "tiny", "--data", photos, "--steps", 12, "--threads", 1, "--device", "cpu")
    settings = ("--set", "run.checkpoint_minutes=0.0001", "--set", "run.validations=1")
    with Server("isn.cli.train", "isn.training.session", "torch") as server:
        status, seconds = server.run(*begun, *settings, "--out", run)
        assert status == 0
        wanted = Weights.load(run / "model.safetensors").tensors
        for number in range(max(MANY // 4, 1)):
            again = tmp_path / f"again-{number}"
            words: tuple[object, ...] = (*begun, *settings, "--out", again)
            for _ in range(3):
                if not server.kill(chance, seconds, *words):
                    break
                if any(again.glob("checkpoint*")):
                    words = ("train", "--resume", "--out", again, "--threads", 1)
            if not (again / "model.safetensors").exists():
                assert server.run(*words)[0] == 0
            found = Weights.load(again / "model.safetensors").tensors
            assert set(found) == set(wanted)
            for name, each in found.items():
                np.testing.assert_array_equal(each, wanted[name], name)
