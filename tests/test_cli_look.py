"""`isn info`, `isn capacity` and `isn methods`: what they say, to people and to programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import isn
from commands import Pixels, done, paper_weights, pixels, refused, run
from isn import zoo


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Pixels]) -> Path:
    """A host, and containers of both, of files, and of weights that are not shipped."""
    path = tmp_path_factory.mktemp("look")
    host = photos["coffee"][20:117, 50:181]
    cat = photos["cat"][60:123, 80:151]
    Image.fromarray(host).save(path / "host.png")
    Image.fromarray(cat).save(path / "cat.png")
    (path / "notes.txt").write_bytes(b"attack at dawn")
    notes = isn.File("notes.txt", b"attack at dawn")
    isn.hide(host, [cat, notes], method="avif").save(path / "both.png")
    isn.hide(host, [cat], method="avif").save(path / "image.png")
    paper_weights(2).save(path / "two.safetensors")
    isn.hide(host, [cat, cat], method=path / "two.safetensors").save(path / "two.png")
    return path


# ---------------------------------------------------------------- info


def test_info_of_an_intact_container(work: Path) -> None:
    answer = json.loads(done("info", work / "both.png", "--json").stdout)
    length = answer.pop("length")
    assert answer == {
        "file": str(work / "both.png"),
        "format": "PNG",
        "width": 131,
        "height": 97,
        "sealed": True,
        "intact": True,
        "code": "bundle",
        "carrier": "trellis",
        "survives": None,
        "scaled": None,
        "fingerprint": "00" * 16,
        "contents": [{"width": 71, "height": 63}, {"name": "notes.txt", "bytes": 14}],
        "notes": [],
    }
    assert 1000 < length < 97 * 131
    text = done("info", "-", given=(work / "both.png").read_bytes()).stdout
    told = ("intact", "131 x 97", "71 x 63", "notes.txt, 14 bytes", "trellis", f"{length} bytes")
    for word in told:
        assert word in text


def test_info_names_the_method(work: Path) -> None:
    assert json.loads(done("info", work / "image.png", "--json").stdout)["code"] == "avif"
    assert "not among the shipped ones" in refused(3, "info", work / "two.png")
    words = ("info", work / "two.png", "--method", work / "two.safetensors")
    answer = json.loads(done(*words, "--json").stdout)
    assert answer["code"] is None
    assert answer["carrier"] == "scattered"
    assert answer["fingerprint"] == paper_weights(2).fingerprint.hex()
    assert answer["fingerprint"] in done(*words).stdout


def test_info_says_what_it_knows_of_the_rest(work: Path, tmp_path: Path) -> None:
    changed = pixels(work / "image.png").copy()
    changed[50, 50] ^= 1
    Image.fromarray(changed).save(tmp_path / "changed.png")
    result = run("info", tmp_path / "changed.png", "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 3
    assert (answer["sealed"], answer["intact"]) == (True, False)
    assert (answer["kind"], answer["contents"]) == ("AlteredContainer", [])
    result = run("info", tmp_path / "changed.png")
    assert "altered" in result.stdout
    assert "--salvage" not in result.stderr
    result = run("info", work / "host.png", "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 3
    assert (answer["sealed"], answer["kind"], answer["width"]) == (False, "NoSeal", 131)
    assert answer["error"] in result.stderr


def test_images_that_cannot_be_read(work: Path, tmp_path: Path) -> None:
    whole = (work / "image.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("not an image")
    for name in ("cut.png", "text.png", "missing.png"):
        for words in (("info",), ("capacity",), ("reveal", "-o", tmp_path / "out")):
            assert name in refused(4, *words, tmp_path / name)
    assert "standard input" in refused(4, "info", "-")
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------- capacity


def test_capacity_of_a_host(work: Path) -> None:
    answer = json.loads(done("capacity", work / "host.png", "--json").stdout)
    assert answer["host"] == str(work / "host.png")
    assert [each["method"] for each in answer["methods"]] == [e.name for e in zoo.entries()]
    told = {each["method"]: each for each in answer["methods"]}
    samples = 97 * 131 * 3
    assert told["photos"]["room"] == pytest.approx(4 * samples / 8, rel=0.05)
    assert told["photos"]["container_psnr"] == pytest.approx(48, abs=0.5)
    assert told["paper-1"]["room"] is None
    assert all(each["why_not"] is None for each in answer["methods"])
    text = done("capacity", work / "host.png").stdout
    for each in answer["methods"]:
        assert each["method"] in text
        assert str(each["room"] or "") in text
    assert "why not" not in text


def test_capacity_of_what_is_given(work: Path, tmp_path: Path) -> None:
    words = ("capacity", work / "host.png", work / "cat.png", "--file", work / "notes.txt")
    answer = json.loads(done(*words, "--json").stdout)
    told = {each["method"]: each for each in answer["methods"]}
    assert told["avif"]["why_not"] is None
    assert told["photos"]["revealed_psnr"] > 40
    assert "file" in told["paper-1"]["why_not"]
    text = done(*words).stdout
    assert "why not" in text
    for name in ("photos", "avif"):
        assert told[name]["usual"] == (name == "avif")
        shown = f"{'~' if told[name]['usual'] else ''}{told[name]['revealed_psnr']:.1f}"
        assert f" {shown}" in next(line for line in text.splitlines() if f" {name} " in line)
    (tmp_path / "noise").write_bytes(np.random.default_rng(0).bytes(100_000))
    words = ("capacity", work / "host.png", "--file", tmp_path / "noise", "--json")
    answer = json.loads(done(*words).stdout)
    assert all(each["why_not"] for each in answer["methods"])
    assert {each["container_psnr"] for each in answer["methods"]} == {None}


def test_capacity_grows_with_the_bits(work: Path) -> None:
    rooms, containers = [], []
    for bits in (0.5, 1, 4):
        answer = json.loads(done("capacity", work / "host.png", "--bits", bits, "--json").stdout)
        told = answer["methods"][0]
        rooms.append(told["room"])
        containers.append(told["container_psnr"])
    assert rooms == sorted(rooms)
    assert rooms[2] == pytest.approx(4 * rooms[1], rel=0.05)
    assert containers == pytest.approx([57, 54, 36], abs=1)
    assert "--bits" in refused(2, "capacity", work / "host.png", "--bits", 5)
    assert refused(2, "capacity", work / "host.png", "--bits", "nan")


# ---------------------------------------------------------------- methods


def test_methods_lists_what_is_shipped() -> None:
    text = done("methods").stdout
    rows = json.loads(done("methods", "--json").stdout)["methods"]
    assert [row["name"] for row in rows] == [entry.name for entry in zoo.entries()]
    assert rows[0]["name"] == "photos"
    for row, entry in zip(rows, zoo.entries(), strict=True):
        assert row["name"] in text
        assert row["purpose"] == entry.purpose
        assert row["images"] == list(entry.images)
        assert row["fingerprint"] == (entry.fingerprint.hex() or None)
        assert row["figures"] == entry.figures


def test_tables_fit_in_40_columns(work: Path) -> None:
    host, container = work / "host.png", work / "image.png"
    for words in (
        ("methods",),
        ("capacity", host),
        ("capacity", host, work / "cat.png", "--file", work / "notes.txt"),
        ("info", container),
        ("analyze", container),
        ("hide", host, work / "cat.png", "-o", "x.png", "--dry-run"),
    ):
        lines = done(*words, COLUMNS="40").stdout.splitlines()
        assert [line for line in lines if len(line) > 40] == [], words


def test_methods_fits_in_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    long = "what a method is for can be said in a few words, or in more of them than fit a line"
    shipped = (
        zoo.Entry("photos", "photos", "the default", (1, 25), bytes(16)),
        zoo.Entry("half", "paper", long, (1, 1), bytes(16)),
        zoo.Entry("unmeasured", "paper", long, (2, 2), bytes(16)),
    )
    figures: dict[str, Any] = {
        "photos": {"1": {"container": 48.03, "revealed": 54.52}},
        "half": {"1": {"container": 40.0}},
    }
    monkeypatch.setattr(zoo, "entries", lambda: shipped)
    monkeypatch.setattr(zoo, "_table", lambda name: figures)
    lines = done("methods", COLUMNS="80").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "".join(lines).count("than fit a line") == 2
    cells = [" ".join(line.split()) for line in lines]
    assert cells[3] == "photos the default 1 to 25 48.0 / 54.5"
    assert cells[4].endswith("1 40.0 / -")
    (unmeasured,) = (each for each in cells if each.startswith("unmeasured"))
    assert unmeasured.endswith("2 -")
