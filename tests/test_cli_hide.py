"""`isn hide`: what it takes, what it writes, and what it refuses before the work."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import isn
from commands import Pixels, done, paper_weights, pixels, refused, run
from helpers import picture
from isn import images, metrics
from isn.errors import AlteredContainer

QUICK = ("--method", "avif")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Pixels]) -> Path:
    """Photos, a file, and weights that are not shipped."""
    path = tmp_path_factory.mktemp("hide")
    Image.fromarray(photos["coffee"][20:117, 50:181]).save(path / "host.png")
    Image.fromarray(photos["cat"][60:123, 80:151]).save(path / "cat.png")
    Image.fromarray(photos["rocket"][:140, :160]).save(path / "rocket.png")
    (path / "notes.txt").write_bytes(b"attack at dawn")
    paper_weights(1).save(path / "one.safetensors")
    return path


def test_images_and_files_go_in_together(work: Path, tmp_path: Path) -> None:
    given = (work / "cat.png", work / "rocket.png")
    out = tmp_path / "c.webp"
    words = ("hide", work / "host.png", *given, "--file", work / "notes.txt", "-o", out)
    answer = json.loads(done(*words, *QUICK, "--json").stdout)
    cat, rocket, notes = isn.reveal(out)
    assert notes == isn.File("notes.txt", b"attack at dawn")
    assert answer["container"] == str(out)
    assert (answer["width"], answer["height"]) == (131, 97)
    assert (answer["method"], answer["code"]) == ("avif", "bundle")
    assert json.loads(done("info", out, "--json").stdout)["code"] == "bundle"
    expected = metrics.psnr(pixels(out), pixels(work / "host.png"))
    assert answer["container_psnr"] == pytest.approx(expected, abs=1e-3)
    assert answer["hidden"][2] == {"file": str(work / "notes.txt"), "bytes": 14}
    for facts, path, image in zip(answer["hidden"][:2], given, (cat, rocket), strict=True):
        assert facts["file"] == str(path)
        assert (facts["height"], facts["width"]) == image.shape[:2]
        assert facts["revealed_psnr"] == pytest.approx(metrics.psnr(image, pixels(path)), abs=1e-3)
    assert answer["notes"] == []


def test_the_report_has_the_figures(work: Path, tmp_path: Path) -> None:
    out = tmp_path / "c.png"
    words = ("hide", work / "host.png", work / "cat.png", "--file", work / "notes.txt")
    report = done(*words, "-o", out, *QUICK).stdout
    cat, _ = isn.reveal(out)
    assert f"{metrics.psnr(cat, pixels(work / 'cat.png')):.2f}" in report
    assert f"{metrics.psnr(pixels(out), pixels(work / 'host.png')):.2f}" in report
    assert "exact" in report
    assert "14 bytes" in report
    assert "holds 1 image and 1 file, hidden by avif, code bundle" in report


def test_more_bits_show_more_and_reveal_better(work: Path, tmp_path: Path) -> None:
    figures = {}
    for bits in (0.25, 0.5, 1):
        words = ("hide", work / "host.png", work / "rocket.png", "-o", tmp_path / "c.png")
        said = done(*words, *QUICK, "--bits", bits, "--json", "--overwrite").stdout
        answer = json.loads(said)
        figures[bits] = (answer["container_psnr"], answer["hidden"][0]["revealed_psnr"])
    containers, revealed = zip(*figures.values(), strict=True)
    assert list(containers) == sorted(containers, reverse=True)
    assert list(revealed) == sorted(revealed)
    # What the help says of them.
    assert figures[1][0] == pytest.approx(54, abs=1)
    assert figures[0.5][0] > figures[1][0] + 2


def test_it_is_checked_before_it_is_written(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, hide = [], isn.hide

    def spy(*words: Any, **options: Any) -> Any:
        assert options["check"] is True
        made.append(hide(*words, **options))
        assert not (tmp_path / "c.tif").exists()
        return made[0]

    monkeypatch.setattr(isn, "hide", spy)
    done("hide", work / "host.png", work / "cat.png", "-o", tmp_path / "c.tif", *QUICK)
    np.testing.assert_array_equal(pixels(tmp_path / "c.tif"), made[0].pixels)


def test_what_does_not_reveal_is_not_written(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AlteredContainer("it is altered")

    monkeypatch.setattr(isn, "hide", fail)
    words = ("hide", work / "host.png", work / "cat.png", "-o", tmp_path / "c.png")
    assert "does not reveal" in refused(1, *words)
    assert list(tmp_path.iterdir()) == []


def test_it_warns_of_what_can_be_seen(work: Path, tmp_path: Path) -> None:
    words = ("hide", work / "host.png", work / "cat.png", "-o", tmp_path / "c.png", "--json")
    bad = done(*words, "--method", work / "one.safetensors")
    answer = json.loads(bad.stdout)
    assert answer["container_psnr"] < 30
    assert any("container" in each for each in answer["warnings"])
    assert any("cat.png" in each for each in answer["warnings"])
    assert bad.stderr.count("isn: warning: ") == len(answer["warnings"]) == 2
    good = done(*words, *QUICK, "--overwrite")
    assert json.loads(good.stdout)["warnings"] == []
    assert good.stderr == ""


def test_it_says_what_it_did_to_an_image(work: Path, tmp_path: Path) -> None:
    Image.open(work / "cat.png").convert("RGBA").resize((40, 40)).save(tmp_path / "plain.png")
    faded = Image.open(tmp_path / "plain.png")
    faded.putalpha(100)
    faded.save(tmp_path / "faded.png")
    for name, count in (("plain.png", 0), ("faded.png", 1)):
        result = done("hide", work / "host.png", tmp_path / name, "-o", "-", "--json", *QUICK)
        assert result.stderr.count("laid over white") == 2 * count
        notes = json.loads(result.stderr.splitlines()[-1])["notes"]
        assert len(notes) == count
        assert Image.open(io.BytesIO(result.stdout_bytes)).size == (131, 97)


def test_it_refuses_before_the_work(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the work has begun")

    monkeypatch.setattr(isn, "hide", fail)
    host, cat, out = work / "host.png", work / "cat.png", tmp_path / "c.png"
    assert "nothing was given" in refused(2, "hide", host, "-o", out)
    assert "more than once" in refused(2, "hide", "-", "-", "-o", out)
    assert "--file -" in refused(2, "hide", host, "--file", "-", "-o", out)
    missing = tmp_path / "no.txt"
    assert str(missing) in refused(4, "hide", host, "--file", missing, "-o", out)
    assert str(tmp_path) in refused(4, "hide", host, "--file", tmp_path, "-o", out)
    assert "'nobody'" in refused(2, "hide", host, cat, "-o", out, "--method", "nobody")
    gone = ("--method", tmp_path / "gone.safetensors")
    assert "gone" in refused(1, "hide", host, cat, "-o", out, *gone)
    assert "folder is missing" in refused(2, "hide", host, cat, "-o", tmp_path / "no" / "c.png")
    Image.new("RGB", (16400, 40)).save(tmp_path / "long.png")
    said = refused(2, "hide", tmp_path / "long.png", cat, "-o", tmp_path / "c.webp")
    assert "WebP" in said
    assert not out.exists()


@pytest.mark.parametrize("suffix", ["jpe", "gif", "avif", "heic", "bmp", "", "png.exe"])
def test_a_lossy_or_unknown_output_is_refused_before_the_work(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"out.{suffix}".rstrip(".")
    target.write_bytes(b"precious")
    # The images are none: had it looked into them first, the code would be 4.
    host = tmp_path / "host.png"
    host.write_bytes(b"")
    said = refused(2, "hide", host, host, "-o", target, "--overwrite")
    assert ".png" in said
    assert "lossy" in said or suffix not in ("jpe", "gif", "avif", "heic")
    assert target.read_bytes() == b"precious"
    assert set(tmp_path.iterdir()) == {host, target}


@pytest.mark.parametrize("place", range(3))
def test_what_is_missing_is_named_before_what_is_wrong_with_the_output(
    place: int, work: Path, tmp_path: Path
) -> None:
    given = [work / "host.png", work / "cat.png", work / "notes.txt"]
    given[place] = tmp_path / "missing"
    words = (*given[:2], "--file", given[2])
    assert f"{given[place]} cannot be opened" in refused(
        4, "hide", *words, "-o", tmp_path / "no-suffix"
    )
    if place:
        (tmp_path / "hosts").mkdir()
        words = (tmp_path / "hosts", *words[1:])
        assert "cannot be opened" in refused(4, "hide", *words, "-o", tmp_path / "out")


def test_a_container_may_be_a_jpeg_and_be_stored_again(tmp_path: Path) -> None:
    host, cat, out = (tmp_path / name for name in ("host.png", "cat.png", "out.jpg"))
    Image.fromarray(picture(240, 272, seed=1)).save(host)
    Image.fromarray(picture(40, 48, seed=2)).save(cat)
    answer = json.loads(done("hide", host, cat, "-o", out, "--json").stdout)
    with Image.open(out) as file:
        assert file.format == "JPEG"
        stored = file.convert("RGB")
    assert answer["container_psnr"] == pytest.approx(
        metrics.psnr(np.asarray(stored), images.read(host).pixels), abs=1e-3
    )
    stored.save(tmp_path / "sent.jpg", quality=75)
    told = json.loads(done("info", tmp_path / "sent.jpg", "--json").stdout)
    assert told["carrier"] == "dct"
    assert told["intact"]
    assert isinstance(told["survives"], int)
    done("reveal", tmp_path / "sent.jpg", "-o", tmp_path / "back.png")
    back = images.read(tmp_path / "back.png").pixels
    found = metrics.psnr(back, images.read(cat).pixels)
    assert found == pytest.approx(answer["hidden"][0]["revealed_psnr"], abs=1e-3)
    stored.save(tmp_path / "spoilt.jpg", quality=64)
    assert "beyond repair" in refused(3, "reveal", tmp_path / "spoilt.jpg", "-o", tmp_path / "no")


def test_secrecy_changes_little_and_says_what_betrays_it(tmp_path: Path) -> None:
    host, note, out = (tmp_path / name for name in ("host.png", "note.txt", "out.png"))
    grain = picture(100, 110, seed=1) // 2 + np.random.default_rng(0).integers(0, 99, (100, 110, 3))
    Image.fromarray(grain.astype(np.uint8)).save(host)
    Image.fromarray(grain.astype(np.uint8)).save(tmp_path / "host.jpg", quality=95)
    note.write_text("Kilroy was here.")
    words = ("--file", note, "-o", out, "--overwrite", "--secrecy")
    answer = json.loads(done("hide", host, *words, "high", "--json").stdout)
    assert answer["container_psnr"] > 62
    assert ["no passphrase" in each for each in answer["warnings"]] == [True]
    assert json.loads(done("info", out, "--json").stdout)["carrier"] == "adaptive"
    done("reveal", out, "-o", tmp_path / "back")
    assert (tmp_path / "back" / "note.txt").read_text() == "Kilroy was here."
    (tmp_path / "words").write_text("five random words of mine")
    locked = ("low", "--passphrase-file", tmp_path / "words", "--json")
    answer = json.loads(done("hide", tmp_path / "host.jpg", *words, *locked).stdout)
    assert answer["warnings"] == []
    assert ["was a JPEG" in each for each in answer["notes"]] == [True]
    assert (answer["width"], answer["height"]) == (88, 80)
    told = [
        json.loads(done("hide", host, *words, each, "--dry-run", "--json").stdout)
        for each in ("low", "high")
    ]
    assert told[0]["room"] > told[1]["room"]
    assert 0.5 <= told[1]["found"] < 0.75
    assert "found, %" in done("hide", host, *words, "high", "--dry-run").stdout
    assert "photos" not in refused(2, "hide", host, *words, "top")
    assert "secrecy" in refused(2, "hide", host, *words, "low", "--method", "paper-1")
    said = refused(2, "hide", host, *words, "low", "--survive", "75")
    assert "--secrecy and --survive were given" in said


def test_survival_is_asked_for_in_one_way(tmp_path: Path) -> None:
    host, cat, note = (tmp_path / each for each in ("host.png", "cat.png", "note.txt"))
    note.write_text("at dawn")
    Image.fromarray(picture(208, 240, seed=1)).save(host)
    Image.fromarray(picture(40, 48, seed=2)).save(cat)
    words = ("hide", host, cat, "-o")
    said = refused(2, *words, tmp_path / "c.png", "--survive", 75, "--bits", 1)
    assert "--survive and --bits were given, and how many bits survive" in said
    assert "leave out --bits" in refused(2, *words, tmp_path / "c.jpg", "--bits", 1)
    assert "paper-1" in refused(2, *words, tmp_path / "c.jpg", "--method", "paper-1")
    assert "30" in refused(2, *words, tmp_path / "c.png", "--survive", 20)
    facts = done(*words, tmp_path / "c.jpg", "--dry-run", "--json").stdout
    assert json.loads(facts)["container_psnr"] == pytest.approx(40, abs=0.5)
    assert not list(tmp_path.glob("c.*"))
    rooms = [
        {each["method"]: each["room"] for each in json.loads(found)["methods"]}["photos"]
        for found in (
            done("capacity", host, "--survive", quality, "--json").stdout for quality in (90, 50)
        )
    ]
    assert rooms[0] > rooms[1] > 0
    said = refused(2, *words, tmp_path / "c.jpg", "--fit", "fax")
    assert "--fit fax was given: give the pixels of a longer side, or one of whatsapp" in said
    said = refused(2, *words, tmp_path / "c.jpg", "--scaled", "fax")
    assert "--scaled fax was given: give the pixels" in said
    said = refused(2, *words, tmp_path / "c.jpg", "--scaled", 5)
    assert "--scaled 5 was given: give a longer side of 154 pixels or more" in said
    answer = json.loads(done(*words, tmp_path / "c.jpg", "--fit", 200, "--json").stdout)
    assert (answer["width"], answer["height"]) == (200, 173)
    assert ["to 200 x 173" in each for each in answer["notes"]] == [True]
    scaled = ("--file", note, "--scaled", 200)
    assert "50 or more" in refused(2, *words, tmp_path / "d.png", *scaled, "--survive", 45)
    said = refused(2, *words, tmp_path / "d.png", *scaled)
    assert "--scaled 200 was given without --survive" in said
    done("hide", host, "-o", tmp_path / "d.jpg", *scaled)
    with Image.open(tmp_path / "d.jpg") as whole:
        whole.resize((200, 173), Image.Resampling.BICUBIC).save(tmp_path / "e.jpg", quality=75)
    done("reveal", tmp_path / "e.jpg", "-o", tmp_path / "back")
    assert (tmp_path / "back" / "note.txt").read_text() == "at dawn"
    less = json.loads(done("capacity", host, "--survive", 50, "--fit", 200, "--json").stdout)
    assert 0 < less["methods"][0]["room"] < rooms[1]


@pytest.mark.parametrize(
    ("method", "words", "named"),
    [
        ("photos", ("--texture", "host.png"), "texture"),
        ("photos", ("--refine", "0"), "refine"),
        ("photos", ("--backend", "native"), "backend"),
        ("avif", ("--backend", "torch"), "backend"),
        ("paper-1", ("--bits", "2"), "bits"),
        ("paper-1", ("--texture", "host.png"), "texture"),
        ("paper-1", ("--threads", "0"), "--threads"),
        ("paper-1", ("--threads", "-1"), "--threads"),
        ("paper-1", ("--refine", "-1"), "--refine"),
        ("paper-1", ("--backend", "abacus"), "'abacus'"),
        ("avif", ("--bits", "0"), "--bits"),
        ("avif", ("--bits", "4.5"), "--bits"),
        ("avif", ("--bits", "nan"), "nan"),
    ],
)
def test_an_option_that_a_method_does_not_use_is_an_error_of_usage(
    method: str,
    words: tuple[str, ...],
    named: str,
    work: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(work)
    out = tmp_path / "c.png"
    assert named in refused(2, "hide", "host.png", "cat.png", "-o", out, "--method", method, *words)
    assert not out.exists()


def test_the_options_of_the_papers_methods(work: Path, tmp_path: Path) -> None:
    words = ("hide", work / "host.png", work / "cat.png", "--method", work / "one.safetensors")
    done(*words, "-o", tmp_path / "a.png", "--threads", 1, "--backend", "native")
    done(*words, "-o", tmp_path / "b.png", "--refine", 0)
    assert "takes" not in refused(2, *words, "-o", tmp_path / "c.png", ISN_PASSPHRASE="x")
    said = refused(2, *words, work / "rocket.png", "-o", tmp_path / "c.png")
    assert "hides 1 image at a time, not 2" in said
    Image.new("RGB", (31, 90)).save(tmp_path / "small.png")
    words = ("hide", tmp_path / "small.png", *words[2:])
    assert "31 x 90" in refused(4, *words, "-o", tmp_path / "c.png")


@pytest.mark.torch
def test_torch_does_without_cuda(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    words = ("hide", work / "host.png", work / "cat.png", "--method", work / "one.safetensors")
    done(*words, "-o", tmp_path / "a.png", "--backend", "torch")
    done(*words, "-o", tmp_path / "b.png")
    apart = np.abs(pixels(tmp_path / "a.png").astype(int) - pixels(tmp_path / "b.png"))
    # But for roundings, and the lowest bits in which the body lies.
    assert np.median(apart) <= 1


def test_what_does_not_fit(work: Path, tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(np.random.default_rng(0).bytes(100_000))
    words = ("hide", work / "host.png", "--file", tmp_path / "noise", "-o", tmp_path / "c.png")
    assert "larger host" in refused(4, *words)
    told = run(*words, "--dry-run", "--json")
    assert told.exit_code == 1
    answer = json.loads(told.stdout)
    assert answer["fits"] is False
    assert str(answer["room"]) in answer["why_not"] or "room" in answer["why_not"]
    Image.new("RGB", (9, 9)).save(tmp_path / "tiny.png")
    words = ("hide", tmp_path / "tiny.png", work / "cat.png", "-o", tmp_path / "c.png", *QUICK)
    assert "take a larger one" in refused(4, *words)
    told = run(*words, "--dry-run", "--json")
    assert told.exit_code == 1
    assert "too small" in json.loads(told.stdout)["why_not"]
    assert not (tmp_path / "c.png").exists()


def test_a_dry_run_says_what_comes_of_it(work: Path, tmp_path: Path) -> None:
    words = ("hide", work / "host.png", work / "rocket.png", "-o", tmp_path / "c.png")
    told = json.loads(done(*words, "--dry-run", "--json").stdout)
    assert not (tmp_path / "c.png").exists()
    made = json.loads(done(*words, "--json").stdout)
    assert told["fits"] is True
    assert told["method"] == made["method"] == made["code"] == "photos"
    assert told["container_psnr"] == pytest.approx(made["container_psnr"], abs=0.5)
    assert told["revealed_psnr"] == pytest.approx(made["hidden"][0]["revealed_psnr"], abs=3)
    assert "photos" in done(*words, "--dry-run", "--overwrite").stdout
    # What would be refused in earnest is refused here.
    assert "--overwrite" in refused(2, *words, "--dry-run")
    words = ("hide", work / "host.png", work / "cat.png", "-o", tmp_path / "d.png", "--dry-run")
    assert run(*words, "--method", "paper-2").exit_code == 1
    assert "shipped" in refused(2, *words, "--method", work / "one.safetensors")


def test_no_file_is_lost(work: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    target.write_bytes(b"precious")
    words = ("hide", work / "host.png", work / "cat.png", "-o", target, *QUICK)
    assert "--overwrite" in refused(2, *words)
    assert target.read_bytes() == b"precious"
    done(*words, "--overwrite")
    assert pixels(target).shape == (97, 131, 3)
    assert list(tmp_path.iterdir()) == [target]


def test_quiet(work: Path, tmp_path: Path) -> None:
    words = ("hide", work / "host.png", work / "cat.png", "-o", tmp_path / "c.png", "-q", *QUICK)
    assert done(*words).output == ""
    assert done("reveal", tmp_path / "c.png", "-o", tmp_path / "out", "-q").output == ""
    assert done("info", tmp_path / "c.png", "-q").output == ""
    assert done("capacity", work / "host.png", "-q").output == ""
    assert "already" in refused(2, *words)
    # Notes of what was done to an image, and warnings of what can be seen of that, too.
    method = ("--method", work / "one.safetensors", "--fit", 90)
    words = (*words[:5], *method, "--overwrite")
    loud = done(*words)
    assert "isn: note: " in loud.stderr
    assert "isn: warning: " in loud.stderr
    assert done(*words, "-q").output == ""
    told = done(*words, "-q", "--json")
    assert told.stderr == ""
    assert all(json.loads(told.stdout)[each] for each in ("notes", "warnings"))


@pytest.mark.parametrize("words", [("--bits", 1), ("--secrecy", "high"), ("--method", "isn-1")])
def test_what_a_jpg_does_not_go_with_is_named(words: tuple[object, ...], tmp_path: Path) -> None:
    host = tmp_path / "host.png"
    images.write(host, picture(64, 64))
    said = refused(2, "hide", host, host, *words, "-o", tmp_path / "container.jpg")
    given = " ".join(map(str, words)) if "isn-1" in words else words[0]
    assert f"which nothing does with {given}: give a .png, or leave out {given}" in said
