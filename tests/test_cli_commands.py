"""What each command does with its options, in this process: quicker than one of its own."""

from __future__ import annotations

import errno
import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

import isn
from isn import images, metrics, zoo
from isn.cli import COMMANDS, failures, main
from isn.cli.common import choose_backend
from isn.cli.progress import progress_bar
from isn.cli.voice import Voice
from isn.errors import (
    AlteredContainer,
    BackendError,
    ConfigError,
    ImageError,
    ModelError,
    NoSeal,
    OutputError,
    UnknownModel,
)
from isn.paper.config import ModelConfig
from isn.paper.weights import Weights

Pixels = NDArray[np.uint8]


def run(*words: object, given: bytes = b"") -> Result:
    return CliRunner().invoke(main, [str(each) for each in words], input=given, prog_name="isn")


def done(*words: object, given: bytes = b"") -> Result:
    result = run(*words, given=given)
    assert result.exit_code == 0, result.output
    return result


def refused(code: int, *words: object) -> str:
    """The one sentence of a command that is to fail with this code."""
    result = run(*words)
    assert result.exit_code == code, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("isn: ")
    return line


def random_weights(hidden_images: int, seed: int = 0, lost: float | None = 0.5) -> Weights:
    """A small network that hides badly but really: no convolution is zero."""
    config = ModelConfig(hidden_images=hidden_images, blocks=2, depth=2, growth=4, lost=lost)
    rng = np.random.default_rng(seed)
    return Weights(
        config,
        {
            name: (0.1 * rng.standard_normal(shape)).astype(np.float32)
            for name, shape in config.parameter_shapes().items()
        },
    )


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Pixels]) -> Path:
    """Photos, weights that are not shipped, and a container of two images made with them."""
    path = tmp_path_factory.mktemp("commands")
    Image.fromarray(photos["coffee"][20:117, 50:181]).save(path / "host.png")
    Image.fromarray(photos["cat"][60:123, 80:151]).save(path / "cat.png")
    Image.fromarray(photos["rocket"][:140, :160]).save(path / "rocket.png")
    random_weights(1).save(path / "one.safetensors")
    random_weights(2).save(path / "two.safetensors")
    random_weights(2, seed=1).save(path / "other.safetensors")
    hidden = (path / "cat.png", path / "rocket.png")
    model = ("--model", path / "two.safetensors")
    done("hide", path / "host.png", *hidden, *model, "-o", path / "two.png")
    return path


def pixels(path: Path) -> Pixels:
    with Image.open(path) as image:
        return np.array(image)


# ---------------------------------------------------------------- all commands


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    assert f"isn {name}" in done(name, "--help").stdout
    assert name in done("--help").stdout


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (NoSeal("none"), 3, "none"),
        (AlteredContainer("changed"), 3, "changed"),
        (UnknownModel("whose"), 3, "whose"),
        (ImageError("torn"), 4, "torn"),
        (ConfigError("six"), 2, "six"),
        (OutputError("in the way"), 2, "in the way"),
        (ModelError("nobody"), 1, "nobody"),
        (BackendError("nowhere"), 1, "nowhere"),
        (OSError(errno.ENOSPC, "No space left on device", "x.png"), 1, "x.png: No space"),
        (KeyboardInterrupt(), 130, "stopped"),
        (MemoryError(), 1, "memory"),
        (ModuleNotFoundError("no", name="torch.nn"), 1, "isn[train]"),
        (ModuleNotFoundError("no module named zlib", name="zlib"), 1, "zlib"),
        (RuntimeError("surprise"), 1, "surprise"),
        (RuntimeError(), 1, "RuntimeError"),
    ],
)
def test_exit_codes(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, word: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.delenv("ISN_DEBUG", raising=False)
    monkeypatch.setattr(images, "read", fail)
    result = run("info", "x.png", "--json")
    assert result.exit_code == code
    assert word in result.stderr.strip().splitlines()[-1]
    assert "Traceback" not in result.output
    answer = json.loads(result.stdout)
    assert set(answer) == {"error", "kind"}
    assert f"isn: {answer['error']}" in result.stderr
    if not isinstance(error, KeyboardInterrupt):
        assert answer["kind"] == type(error).__name__


def test_a_full_disk_is_no_question_of_usage() -> None:
    full = OutputError("x.png cannot be written")
    full.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    there = OutputError("x.png is there already")
    there.__cause__ = FileExistsError()
    assert failures.explain(full).code == 1
    assert failures.explain(there).code == 2


def test_debug_shows_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISN_DEBUG", "1")
    assert "Traceback" in run("info", "missing.png").stderr


def test_usage_errors_are_json_too(work: Path) -> None:
    result = run("hide", work / "host.png", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["kind"] == "MissingParameter"


def test_a_name_cannot_break_the_line(tmp_path: Path) -> None:
    said = refused(4, "info", tmp_path / "two\nlines\x1b[31m.png")
    assert r"two\nlines\x1b[31m.png" in said


@pytest.mark.parametrize("command", ["hide", "reveal"])
def test_backends_and_threads(work: Path, tmp_path: Path, command: str) -> None:
    out = tmp_path / "x.png"
    words = {
        "hide": (work / "host.png", work / "cat.png", "-o", out),
        "reveal": (work / "two.png", "-o", tmp_path, "--model", work / "two.safetensors"),
    }[command]
    assert "'abacus'" in refused(2, command, *words, "--backend", "abacus")
    assert "--threads" in refused(2, command, *words, "--threads", 0)
    said = refused(2, command, *words, "--threads", 1, "--backend", "torch")
    assert "onnxruntime" in said
    assert list(tmp_path.iterdir()) == []
    assert choose_backend(None, 3).threads == 3  # type: ignore[attr-defined]
    done(command, *words, "--threads", 1, "--backend", "onnxruntime")


# ---------------------------------------------------------------- hide


def test_hide_tells_programs_what_it_made(work: Path, tmp_path: Path) -> None:
    out = tmp_path / "c.webp"
    hidden = (work / "cat.png", work / "rocket.png")
    model = work / "two.safetensors"
    result = done("hide", work / "host.png", *hidden, "-o", out, "--model", model, "--json")
    answer = json.loads(result.stdout)
    weights = Weights.load(model)
    expected = metrics.psnr(pixels(out), pixels(work / "host.png"))
    revealed = isn.reveal(out, model=weights)
    assert answer["container"] == str(out)
    assert (answer["width"], answer["height"]) == (131, 97)
    assert answer["model"] == str(model)
    assert answer["fingerprint"] == weights.fingerprint.hex()
    assert answer["container_psnr"] == pytest.approx(expected, abs=1e-3)
    for facts, path, image in zip(answer["hidden"], hidden, revealed, strict=True):
        assert facts["file"] == str(path)
        assert (facts["height"], facts["width"]) == image.shape[:2]
        assert facts["revealed_psnr"] == pytest.approx(metrics.psnr(image, pixels(path)), abs=1e-3)
    assert answer["notes"] == []


def test_hide_writes_the_pixels_that_it_checked(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked, reveal = [], isn.reveal

    def spy(container: Pixels, **options: Any) -> list[Pixels]:
        checked.append(container.copy())
        assert not (tmp_path / "c.tif").exists()
        return reveal(container, **options)

    monkeypatch.setattr(isn, "reveal", spy)
    model = ("--model", work / "one.safetensors")
    done("hide", work / "host.png", work / "cat.png", "-o", tmp_path / "c.tif", *model)
    np.testing.assert_array_equal(pixels(tmp_path / "c.tif"), checked[0])


def test_hide_writes_nothing_that_does_not_reveal(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AlteredContainer("it is altered")

    monkeypatch.setattr(isn, "reveal", fail)
    words = ("hide", work / "host.png", work / "cat.png", "-o", tmp_path / "c.png")
    assert "does not reveal" in refused(1, *words)
    assert list(tmp_path.iterdir()) == []


def test_hide_warns_of_what_can_be_seen(work: Path, tmp_path: Path) -> None:
    words = ("hide", work / "host.png", work / "cat.png", "-o", tmp_path / "c.png", "--json")
    bad = done(*words, "--model", work / "one.safetensors")
    answer = json.loads(bad.stdout)
    assert answer["container_psnr"] < 30
    assert any("container" in each for each in answer["warnings"])
    assert any("cat.png" in each for each in answer["warnings"])
    assert bad.stderr.count("isn: warning: ") == len(answer["warnings"]) == 2
    good = done(*words, "--overwrite")
    assert json.loads(good.stdout)["warnings"] == []
    assert good.stderr == ""


def test_hide_says_what_it_did_to_an_image(work: Path, tmp_path: Path) -> None:
    Image.open(work / "cat.png").convert("RGBA").resize((40, 40)).save(tmp_path / "plain.png")
    faded = Image.open(tmp_path / "plain.png")
    faded.putalpha(100)
    faded.save(tmp_path / "faded.png")
    for name, count in (("plain.png", 0), ("faded.png", 1)):
        words = ("hide", work / "host.png", tmp_path / name, "-o", "-", "--json")
        result = done(*words)
        assert result.stderr.count("laid over white") == 2 * count
        notes = json.loads(result.stderr.splitlines()[-1])["notes"]
        assert len(notes) == count
        assert Image.open(io.BytesIO(result.stdout_bytes)).size == (131, 97)


def test_hide_refuses_before_the_work(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the work has begun")

    monkeypatch.setattr(isn, "hide", fail)
    host, cat, out = work / "host.png", work / "cat.png", tmp_path / "c.png"
    assert "more than once" in refused(2, "hide", "-", "-", "-o", out)
    assert "6 hidden images" in refused(2, "hide", host, *[cat] * 6, "-o", out)
    assert "'nobody'" in refused(1, "hide", host, cat, "-o", out, "--model", "nobody")
    assert "folder is missing" in refused(2, "hide", host, cat, "-o", tmp_path / "no" / "c.png")
    Image.new("RGB", (16400, 40)).save(tmp_path / "long.png")
    said = refused(2, "hide", tmp_path / "long.png", cat, "-o", tmp_path / "c.webp")
    assert "WebP" in said
    assert not out.exists()


def test_hide_says_when_images_share_a_plane(work: Path, tmp_path: Path) -> None:
    host, cat = work / "host.png", work / "cat.png"
    said = done("hide", host, cat, cat, cat, "-o", tmp_path / "c.png", "--model", "fast-1")
    assert "about a third of the pixels" in said.stderr
    answer = done("hide", host, cat, cat, "-o", tmp_path / "d.png", "--model", "fast-2", "--json")
    assert json.loads(answer.stdout)["notes"] == []
    said = done("hide", host, cat, cat, cat, "-o", tmp_path / "e.png", "--model", "fast-2")
    assert "about half of the pixels" in said.stderr


def test_hide_counts_what_the_model_takes(work: Path, tmp_path: Path) -> None:
    words = ("hide", work / "host.png", work / "cat.png", "-o", tmp_path / "c.png")
    assert "this model hides 2" in refused(2, *words, "--model", work / "two.safetensors")
    Image.new("RGB", (31, 90)).save(tmp_path / "small.png")
    said = refused(4, "hide", tmp_path / "small.png", work / "cat.png", "-o", tmp_path / "c.png")
    assert "31 x 90" in said


def test_quiet(work: Path, tmp_path: Path) -> None:
    words = ("hide", work / "host.png", work / "cat.png", "-o", tmp_path / "c.png", "--quiet")
    assert done(*words).output == ""
    assert done("reveal", tmp_path / "c.png", "-o", tmp_path / "out", "-q").output == ""
    assert done("info", tmp_path / "c.png", "-q").output == ""
    assert "already" in refused(2, *words)


def test_names_are_printed_as_they_are(work: Path, tmp_path: Path) -> None:
    odd = tmp_path / "[bold]cat.png"
    odd.write_bytes((work / "cat.png").read_bytes())
    report = done("hide", work / "host.png", odd, "-o", tmp_path / "c.png").stdout
    # Long paths are folded in the table, never cut.
    assert "[bold]cat.png" in "".join(report.split())


# ---------------------------------------------------------------- reveal


def test_reveal_gives_each_image_its_own_size(work: Path, tmp_path: Path) -> None:
    words = ("reveal", work / "two.png", "-o", tmp_path / "out")
    model = ("--model", work / "two.safetensors")
    answer = json.loads(done(*words, *model, "--json").stdout)
    assert [each["file"] for each in answer["files"]] == [
        str(tmp_path / "out" / f"{k}.png") for k in (1, 2)
    ]
    assert [(each["width"], each["height"]) for each in answer["files"]] == [(71, 63), (160, 140)]
    assert answer["sealed"] is True
    for facts, expected in zip(
        answer["files"], isn.reveal(work / "two.png", model=work / "two.safetensors"), strict=True
    ):
        np.testing.assert_array_equal(pixels(Path(facts["file"])), expected)
    assert "--overwrite" in refused(2, *words, *model)
    done(*words, *model, "--overwrite")


def test_reveal_needs_the_model_that_made_it(work: Path, tmp_path: Path) -> None:
    words = ("reveal", work / "two.png", "-o", tmp_path / "out")
    assert "not among the shipped ones" in refused(3, *words)
    assert "give the one that made it" in refused(3, *words, "--model", "first-2")
    assert "give the one" in refused(3, *words, "--model", work / "other.safetensors")
    assert not (tmp_path / "out").exists()


def test_reveal_refuses_before_the_work(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the work has begun")

    monkeypatch.setattr(isn, "reveal", fail)
    container, out = work / "two.png", tmp_path / "out"
    model = ("--model", work / "two.safetensors")
    assert "--no-seal" in refused(2, "reveal", container, "-o", out, "--count", 2)
    assert "--count" in refused(2, "reveal", container, "-o", out, "--no-seal")
    assert "--count" in refused(2, "reveal", container, "-o", out, "--no-seal", "--count", 6)
    assert "standard output takes one" in refused(2, "reveal", container, "-o", "-", *model)
    (tmp_path / "file").write_text("precious")
    assert "not a folder" in refused(2, "reveal", container, "-o", tmp_path / "file", *model)
    below = tmp_path / "file" / "below"
    assert "cannot be made" in refused(2, "reveal", container, "-o", below, *model)
    out.mkdir()
    (out / "2.png").write_text("precious")
    assert "2.png" in refused(2, "reveal", container, "-o", out, *model)
    assert [each.name for each in out.iterdir()] == ["2.png"]


def test_no_seal_and_a_model_that_hides_another_number(work: Path, tmp_path: Path) -> None:
    words = ("reveal", work / "host.png", "-o", tmp_path / "out", "--no-seal")
    model = ("--model", work / "two.safetensors")
    assert "this model hides 2" in refused(2, *words, *model, "--count", 1)
    done(*words, *model)
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == ["1.png", "2.png"]


def test_reveal_takes_back_what_it_could_not_finish(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = images.write

    def fail(path: Path, *rest: Any, **options: Any) -> None:
        if path.name == "2.png":
            raise OutputError("the disk is full") from OSError(errno.ENOSPC, "full")
        write(path, *rest, **options)

    monkeypatch.setattr(images, "write", fail)
    words = ("reveal", work / "two.png", "--model", work / "two.safetensors")
    refused(1, *words, "-o", tmp_path / "new" / "out")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "1.png").write_text("old")
    refused(1, *words, "-o", tmp_path, "--overwrite")
    assert [each.name for each in tmp_path.iterdir()] == ["1.png"]


# ---------------------------------------------------------------- info and models


def test_info_of_an_intact_container(work: Path, tmp_path: Path) -> None:
    answer = json.loads(done("info", work / "two.png", "--json").stdout)
    assert answer == {
        "file": str(work / "two.png"),
        "format": "PNG",
        "width": 131,
        "height": 97,
        "sealed": True,
        "intact": True,
        "model": None,
        "fingerprint": random_weights(2).fingerprint.hex(),
        "hidden": [{"width": 71, "height": 63}, {"width": 160, "height": 140}],
        "notes": [],
    }
    text = done("info", "-", given=(work / "two.png").read_bytes()).stdout
    for word in ("intact", "131 x 97", "71 x 63", "160 x 140", answer["fingerprint"]):
        assert word in text


def test_info_says_what_it_knows_of_the_rest(work: Path, tmp_path: Path) -> None:
    changed = pixels(work / "two.png")
    changed[50, 50] ^= 64
    Image.fromarray(changed).save(tmp_path / "changed.png")
    result = run("info", tmp_path / "changed.png", "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 3
    assert (answer["sealed"], answer["intact"]) == (True, False)
    assert (answer["kind"], len(answer["hidden"])) == ("AlteredContainer", 2)
    result = run("info", tmp_path / "changed.png")
    assert "altered" in result.stdout
    assert "71 x 63" in result.stdout
    result = run("info", work / "host.png", "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 3
    assert (answer["sealed"], answer["kind"], answer["width"]) == (False, "NoSeal", 131)
    assert answer["error"] in result.stderr


def test_models_lists_what_is_shipped() -> None:
    text = done("models").stdout
    rows = json.loads(done("models", "--json").stdout)["models"]
    assert [row["name"] for row in rows] == [entry.name for entry in zoo.entries()]
    for row in rows:
        config = zoo.load(row["name"]).config
        assert row["name"] in text
        assert row["parameters"] == config.parameters
        # MAC a pixel is MMAC a megapixel.
        assert row["gmac_per_megapixel"] == pytest.approx(
            config.operations_per_pixel / 1e3, abs=1e-3
        )
    for row, entry in zip(rows, zoo.entries(), strict=True):
        assert row["default_for"] == list(entry.default_for)


def test_models_shows_figures_as_far_as_they_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    known = zoo.Entry(
        "known",
        1,
        bytes(16),
        (1, 3),
        False,
        {
            "container_psnr": 41.234,
            "revealed_psnr": 38.766,
            "paris_container_psnr": 40.5,
            "seconds_per_megapixel_hide": 3.26,
            "threads": 2,
        },
    )
    trained = zoo.Entry("trained", 2, bytes(16), (), True, {})
    weights = {
        "known": random_weights(1),
        "trained": Weights(
            random_weights(2).config,
            random_weights(2).tensors,
            {"validation": {"photos": {"container": 35.5, "revealed": 33.25}}},
        ),
    }
    monkeypatch.setattr(zoo, "entries", lambda: (known, trained))
    monkeypatch.setattr(zoo, "load", weights.get)
    text = done("models").stdout
    rows = [line.split() for line in text.splitlines()]
    first, second = (row for row in rows if row[:1] in (["known"], ["trained"]))
    assert first[:4] == ["known", "1", "1,", "3"]
    assert " ".join(first[-9:]) == "41.23 / 38.77 40.50 / - 3.3 - 2"
    assert second[:3] == ["trained", "2", "-"]
    assert " ".join(second[-7:]) == "35.50 / 33.25 - - - -"


# ---------------------------------------------------------------- the bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("silent", "steps", "shows"),
    [
        ({}, [(0.5, 0.3), (1.0, 1.0)], False),
        ({}, [(0.1, 0.01), (0.3, 0.1)], True),
        ({}, [(1.9, 0.0), (2.1, 0.001)], True),
        ({"quiet": True}, [(9.0, 0.5)], False),
        ({"json": True}, [(9.0, 0.5)], False),
    ],
)
def test_a_bar_shows_only_what_takes_long(
    monkeypatch: pytest.MonkeyPatch,
    silent: dict[str, bool],
    steps: list[tuple[float, float]],
    shows: bool,
) -> None:
    stream, clock = Terminal(), [0.0]
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar(Voice(**silent), "hiding") as tell:
        monkeypatch.setattr("isn.cli.progress.time", Clock(clock))
        for now, share in steps:
            clock[0] = time.monotonic() + now
            if tell is not None:
                tell(share)
    assert ("hiding" in stream.getvalue()) == shows


class Clock:
    def __init__(self, now: list[float]) -> None:
        self.now = now

    def monotonic(self) -> float:
        return self.now[0]


def test_no_bar_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bar(Voice(), "hiding") as tell:
        assert tell is None


# ------------------------------------------------------------------ keyed models


def test_a_model_with_a_texture_asks_for_it(work: Path, tmp_path: Path) -> None:
    random_weights(1, lost=None).save(tmp_path / "keyed.safetensors")
    words = (work / "host.png", work / "cat.png", "--model", tmp_path / "keyed.safetensors")
    container, model = tmp_path / "container.png", words[2:]
    assert "texture" in refused(2, "hide", *words, "-o", container)
    assert not container.exists()
    done("hide", *words, "--texture", work / "rocket.png", "-o", container)
    assert "texture" in refused(2, "reveal", container, *model, "-o", tmp_path / "a")
    for name in ("rocket", "cat"):
        texture = ("--texture", work / f"{name}.png")
        done("reveal", container, *model, *texture, "-o", tmp_path / name)
    right, wrong = pixels(tmp_path / "rocket" / "1.png"), pixels(tmp_path / "cat" / "1.png")
    assert right.shape == pixels(work / "cat.png").shape
    assert (right != wrong).mean() > 0.5
