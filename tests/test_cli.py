"""`isn` as a person runs it: a process with files, pipes and an exit code."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import isn

Pixels = NDArray[np.uint8]
SOURCE = Path(isn.__file__).parents[1]


def environment() -> dict[str, str]:
    """Finds the package whether it is installed or not; says nothing of the terminal."""
    kept = {key: value for key, value in os.environ.items() if key not in ("ISN_DEBUG", "COLUMNS")}
    path = os.pathsep.join(filter(None, (str(SOURCE), os.environ.get("PYTHONPATH"))))
    return kept | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"}


def run(*words: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Runs the tool; whatever happens, it never shows a traceback."""
    command = [sys.executable, "-m", "isn", *map(str, words)]
    done = subprocess.run(command, input=given, check=False, capture_output=True, env=environment())
    assert b"Traceback" not in done.stderr + done.stdout
    return done


def refused(code: int, *words: object, given: bytes = b"") -> str:
    """Runs the tool, which is to fail with this code and one sentence; returns that."""
    done = run(*words, given=given)
    assert done.returncode == code, done.stderr.decode()
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("isn: ")
    return lines[0]


def pixels(source: Path | bytes) -> Pixels:
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
        return np.array(image)


def psnr(a: Pixels, b: Pixels) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, NDArray[np.uint8]]) -> Path:
    """Two photos of odd and different sizes, and a container of one in the other."""
    path = tmp_path_factory.mktemp("cli")
    Image.fromarray(photos["coffee"][20:167, 50:251]).save(path / "host.png")
    Image.fromarray(photos["cat"][60:193, 80:171]).save(path / "cat.png")
    done = run("hide", path / "host.png", path / "cat.png", "-o", path / "container.png")
    assert done.returncode == 0, done.stderr.decode()
    (path / "report.txt").write_bytes(done.stdout)
    return path


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_first_words_wait_for_nothing(word: str) -> None:
    heavy = ("numpy", "PIL", "rich", "onnxruntime", "onnx", "torch", "isn.api", "isn.cli.hide")
    code = (
        "import sys\nfrom isn.cli import main\n"
        f"try:\n    main([{word!r}])\n"
        f"finally:\n    print('loaded:', sorted(set({heavy}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, env=environment()
    )
    assert done.returncode == 0, done.stderr
    assert "loaded: []" in done.stdout
    assert isn.__version__ in done.stdout or "reveal" in done.stdout


def test_one_photo_goes_in_and_comes_out(folder: Path, tmp_path: Path) -> None:
    host, cat = pixels(folder / "host.png"), pixels(folder / "cat.png")
    container = pixels(folder / "container.png")
    assert container.shape == host.shape
    assert (container != host).any()
    done = run("reveal", folder / "container.png", "-o", tmp_path / "new" / "folder")
    assert done.returncode == 0, done.stderr.decode()
    assert [each.name for each in (tmp_path / "new" / "folder").iterdir()] == ["1.png"]
    revealed = pixels(tmp_path / "new" / "folder" / "1.png")
    assert revealed.shape == cat.shape
    report = (folder / "report.txt").read_text("utf-8")
    for value in (psnr(container, host), psnr(revealed, cat)):
        assert value > 25
        assert f"{value:.2f}" in report


def test_through_pipes(folder: Path) -> None:
    host, cat = (folder / "host.png").read_bytes(), folder / "cat.png"
    hidden = run("hide", "-", cat, "-o", "-", given=host)
    assert hidden.returncode == 0, hidden.stderr.decode()
    assert hidden.stdout.endswith(b"IEND\xaeB`\x82")
    np.testing.assert_array_equal(pixels(hidden.stdout), pixels(folder / "container.png"))
    assert b"PSNR" in hidden.stderr
    shown = run("reveal", "-", "-o", "-", "--json", given=hidden.stdout)
    assert shown.returncode == 0, shown.stderr.decode()
    assert pixels(shown.stdout).shape == pixels(cat).shape
    assert json.loads(shown.stderr.splitlines()[-1])["files"][0]["width"] == 91


@pytest.mark.skipif(os.name == "nt", reason="pipes break otherwise there")
@pytest.mark.parametrize("words", [("models",), ("info", "container.png"), ("--help",)])
def test_a_broken_pipe_is_quiet(folder: Path, words: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "isn", *words]
    try:
        done = subprocess.run(
            command,
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
            env=environment(),
            cwd=folder,
        )
    finally:
        os.close(writer)
    assert done.stderr == b""
    assert done.returncode == 1


def test_usage() -> None:
    assert "'-o'" in refused(2, "hide", "host.png", "cat.png")
    assert "conceal" in refused(2, "conceal")
    assert "--louder" in refused(2, "info", "x.png", "--louder")
    assert b"Commands:" in run().stderr
    assert run().returncode == 2


@pytest.mark.parametrize("suffix", ["jpg", "gif", "avif", "heic", "bmp", "", "png.exe"])
def test_a_lossy_or_unknown_output_is_refused_before_the_work(
    folder: Path, tmp_path: Path, suffix: str
) -> None:
    target = tmp_path / f"out.{suffix}".rstrip(".")
    target.write_bytes(b"precious")
    # The images are not there: had it looked at them first, the code would be 4.
    said = refused(2, "hide", "no.png", "no.png", "-o", target, "--overwrite")
    assert ".png" in said
    assert "lossy" in said or suffix not in ("jpg", "gif", "avif", "heic")
    assert target.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [target]


def test_no_file_is_lost(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    target.write_bytes(b"precious")
    words = ("hide", folder / "host.png", folder / "cat.png", "-o", target)
    assert "--overwrite" in refused(2, *words)
    assert target.read_bytes() == b"precious"
    assert run(*words, "--overwrite").returncode == 0
    np.testing.assert_array_equal(pixels(target), pixels(folder / "container.png"))
    assert list(tmp_path.iterdir()) == [target]


def test_a_jpeg_copy_reveals_nothing(folder: Path, tmp_path: Path) -> None:
    copy, back = tmp_path / "copy.jpg", tmp_path / "back.png"
    Image.open(folder / "container.png").save(copy, quality=98, subsampling=0)
    Image.open(copy).save(back)
    assert "JPEG" in refused(3, "reveal", copy, "-o", tmp_path / "out")
    said = refused(3, "reveal", back, "-o", tmp_path / "out")
    for reason in ("never a container", "resized", "cropped", "JPEG", "messenger", "--no-seal"):
        assert reason in said
    assert not (tmp_path / "out").exists()


def test_an_altered_container_reveals_nothing(folder: Path, tmp_path: Path) -> None:
    changed = pixels(folder / "container.png")
    changed[70, 90, 1] ^= 64
    Image.fromarray(changed).save(tmp_path / "changed.png")
    assert "changed" in refused(3, "reveal", tmp_path / "changed.png", "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_images_that_cannot_be_read(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "container.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("not an image")
    out = tmp_path / "out"
    for name in ("cut.png", "text.png", "missing.png"):
        assert name in refused(4, "reveal", tmp_path / name, "-o", out)
        assert name in refused(4, "info", tmp_path / name)
    assert "standard input" in refused(4, "reveal", "-", "-o", out)
    said = refused(4, "hide", folder / "host.png", tmp_path / "cut.png", "-o", tmp_path / "x.png")
    assert "cut.png" in said
    assert not out.exists()
    assert not (tmp_path / "x.png").exists()


def test_nothing_is_left_of_a_code_that_was_changed(folder: Path, tmp_path: Path) -> None:
    made = run("hide", folder / "host.png", folder / "cat.png", "-o", tmp_path / "container.png")
    assert made.returncode == 0, made.stderr.decode()
    changed = pixels(tmp_path / "container.png").copy()
    changed[::7, ::5] ^= 1
    Image.fromarray(changed).save(tmp_path / "changed.png")
    words = ("reveal", "--no-seal", "--count", 1, "-o", tmp_path / "out")
    assert "no code that is whole" in refused(3, *words, tmp_path / "changed.png")
    assert not (tmp_path / "out").exists()
    # Undamaged, it needs no seal.
    assert run(*words, tmp_path / "container.png").returncode == 0
    assert (tmp_path / "out" / "1.png").exists()
    # How many there are is not known before.
    told = refused(
        2,
        "reveal",
        "--no-seal",
        "--model",
        "coded",
        "-o",
        tmp_path / "two",
        tmp_path / "changed.png",
    )
    assert "--count" in told


# Digits bear less than a container that hides in the host itself.
@pytest.mark.parametrize(("model", "share"), [("fast-1", 1.0), ("digits-1", 0.02)])
def test_without_a_seal_what_is_left_comes_out(
    model: str, share: float, folder: Path, tmp_path: Path
) -> None:
    named = ("--model", model)
    made = run(
        "hide", folder / "host.png", folder / "cat.png", "-o", tmp_path / "container.png", *named
    )
    assert made.returncode == 0, made.stderr.decode()
    container, cat = pixels(tmp_path / "container.png"), Image.open(folder / "cat.png")
    rng = np.random.default_rng(0)
    noise = rng.integers(-2, 3, container.shape) * (rng.random(container.shape) < share)
    noisy = np.clip(container + noise, 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(tmp_path / "noisy.png")
    refused(3, "reveal", tmp_path / "noisy.png", "-o", tmp_path / "out")
    words = ("reveal", "--no-seal", "--count", 1, "-o", tmp_path / "out", *named)
    done = run(*words, tmp_path / "noisy.png")
    assert done.returncode == 0, done.stderr.decode()
    assert b"nothing was checked" in done.stderr
    revealed = pixels(tmp_path / "out" / "1.png")
    assert revealed.shape == container.shape
    height, width = container.shape[:2]
    wanted = np.array(cat.resize((width, height), Image.Resampling.LANCZOS))
    assert psnr(revealed, wanted) > 25
    # And it is the container that it came from.
    assert run(*words, folder / "host.png", "--overwrite").returncode == 0
    assert psnr(pixels(tmp_path / "out" / "1.png"), wanted) < 20
