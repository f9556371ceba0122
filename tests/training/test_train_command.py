"""`isn train` as a person uses it: train, stop, resume, hide with what came out."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import isn
from isn import images

SMALL = ("--set", "data.validation_crop=64", "--set", "run.validations=2", "--threads", "1")


def _isn(*words: object, code: int = 0) -> str:
    command = [sys.executable, "-m", "isn", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_train_stop_resume_and_hide(photo_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    started = subprocess.Popen(
        [
            *(sys.executable, "-m", "isn", "train", "tiny", "--data", str(photo_folder)),
            *("--out", str(run), "--hidden-images", "2", "--minutes", "60", *SMALL),
            *("--note", "drawn pictures"),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    # As Ctrl-C does, once it is under way.
    assert started.stderr is not None
    for line in started.stderr:
        if "it/s" in line:
            break
    started.send_signal(signal.SIGINT)
    _, rest = started.communicate(timeout=120)
    assert started.returncode == 0
    assert "--resume" in rest

    again = _isn(
        *("train", "tiny", "--data", photo_folder, "--out", run, "--hidden-images", 2),
        *("--steps", 200, "--resume", "--stop-after", 0.02, *SMALL),
    )
    assert "stopped at step" in again or "done" in again
    last = _isn("train", "--data", photo_folder, "--out", run, "--resume", "--threads", 1)
    assert "done" in last
    model = run / "model.safetensors"
    pixels = images.read(photo_folder / "00.png").pixels
    container = isn.hide(pixels, [pixels[::-1].copy(), pixels[:, ::-1].copy()], model=model)
    assert [each.shape for each in isn.reveal(container, model=model)] == [pixels.shape] * 2
    assert np.abs(container.astype(int) - pixels).mean() < 20


def test_wrong_words_are_explained(photo_folder: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "run")
    assert "--data" in _isn("train", "tiny", *out, code=2)
    assert "fast" in _isn("train", "fastest", "--data", photo_folder, *out, code=2)
    assert "one of" in _isn(
        "train", "tiny", "--data", photo_folder, *out, "--set", "optimiser.name=sgd", code=2
    )
    assert "no file or folder" in _isn(
        "train", "tiny", "--data", tmp_path / "nothing", *out, code=4
    )
    assert "no checkpoint" in _isn(
        "train", "tiny", "--data", photo_folder, *out, "--resume", code=1
    )
    assert "give one" in _isn(
        *("train", "tiny", "--data", photo_folder, *out, "--steps", 3, "--minutes", 3), code=2
    )


def test_the_list_of_commands_does_not_wait_for_torch() -> None:
    begun = time.monotonic()
    script = "import sys, isn.cli; assert not {'torch', 'numpy', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert time.monotonic() - begun < 20
