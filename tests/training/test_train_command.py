"""`isn train` as a person uses it: train, stop, resume, hide with what came out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import isn
from commands import environment
from isn import images
from isn.cli import main
from isn.training.loop import FINISH
from isn.training.settings import shipped
from isn.weights import Weights

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
    assert "run.minutes: 60.0 -> 0.0, run.steps: 0 -> 200" in again
    # What it trains on, and the note, are in the checkpoint.
    last = _isn("train", "--out", run, "--resume", "--threads", 1)
    assert "done" in last
    model = run / "model.safetensors"
    assert Weights.load(model).training["data"] == "drawn pictures"
    pixels = images.read(photo_folder / "00.png").pixels
    container = isn.hide(pixels, [pixels[::-1].copy(), pixels[:, ::-1].copy()], method=model)
    assert [each.shape for each in isn.reveal(container, method=model)] == [pixels.shape] * 2
    assert np.abs(container.pixels.astype(int) - pixels).mean() < 20


def test_a_finishing_run_obeys_sigterm(photo_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ("train", "tiny", "--out", str(run), "--steps", "2", *SMALL)
    started = subprocess.Popen(
        [
            *(sys.executable, "-m", "isn", *words, "--data", str(photo_folder)),
            *("--set", "data.validation_pairs=1000", "--set", "run.validations=0"),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert started.stderr is not None
    for line in started.stderr:
        if "2 steps are done" in line:
            break
    started.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    _, rest = started.communicate(timeout=120)
    # Alone, four thousand groups take longer than to leave.
    assert time.monotonic() - asked < 30
    assert started.returncode == 0
    assert f"stopped at step 2: go on with --resume --out {run}" in rest
    assert not (run / "model.safetensors").exists()
    again = _isn(*words, "--resume", "--set", "data.validation_pairs=1")
    assert "data.validation_pairs: 1000 -> 1" in again
    assert (run / "model.safetensors").is_file()


def test_what_goes_on_between_steps_is_shown(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isn.cli.training.LINE_SECONDS", 0.0)
    words = ("train", "tiny", "--data", photo_folder, "--out", tmp_path / "run", "--steps", 1)
    more = ("--set", "data.validation_pairs=2", "--set", "run.validations=1")
    result = CliRunner().invoke(main, [*map(str, (*words, *more))], prog_name="isn")
    assert result.exit_code == 0, result.output
    for stage in ("validation", *FINISH):
        for done in range(4):
            assert f"100.0 %  step 1  {stage}: {done} of 4 groups" in result.stderr
    assert "done: " in result.stderr.splitlines()[-1]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
@pytest.mark.parametrize("stream", [None, "/dev/full"])
def test_a_training_goes_on_that_nobody_listens_to(
    photo_folder: Path, tmp_path: Path, stream: str | None
) -> None:
    words = ("train", "tiny", "--data", photo_folder, "--out", tmp_path / "run", "--steps", 1)
    more = ("--set", "data.validation_pairs=2", "--set", "run.validations=1")
    shell = " ".join(map(str, (sys.executable, "-m", "isn", *words, *more)))
    told = "2>&-" if stream is None else f"2>{stream}"
    done = subprocess.run(["sh", "-c", f"{shell} {told}"], env=environment(), check=False)
    assert done.returncode == 0
    assert (tmp_path / "run" / "model.safetensors").is_file()


def _fails(code: int, *words: object) -> str:
    result = CliRunner().invoke(main, [*map(str, words)], prog_name="isn")
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.stderr
    assert "fault of isn" not in result.stderr
    return result.stderr


@pytest.mark.parametrize("command", ["train", "sweep"])
@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("--minutes", value) for value in ("nan", "inf", "-inf", "0", "-1", "soon")),
        *(("--steps", value) for value in ("0", "-5", "nan", "1.5")),
        *(("--threads", value) for value in ("0", "-1", "x")),
        *(("--stop-after", value) for value in ("nan", "inf", "-1", "0", "-0.0", "x")),
    ],
)
def test_lengths_and_threads_that_cannot_be_are_usage_errors(
    command: str, option: str, value: str, photo_folder: Path, tmp_path: Path
) -> None:
    if (command, option) == ("sweep", "--stop-after"):
        return
    more = ("--vary", "model.blocks=1") if command == "sweep" else ()
    out = tmp_path / "run"
    said = _fails(2, command, "tiny", "--data", photo_folder, "--out", out, *more, option, value)
    assert option in said
    assert not out.exists()


def test_settings_that_cannot_be_are_usage_errors(photo_folder: Path, tmp_path: Path) -> None:
    words = ("train", "tiny", "--data", photo_folder, "--out", tmp_path / "run", "--set")
    for setting in ("optimiser.rate=nan", "loss.host=inf", "model.clamp=nan", "run.steps=1e9"):
        assert setting.partition("=")[0].partition(".")[2] in _fails(2, *words, setting)
    odd = tmp_path / "odd.toml"
    for text in ("model = 3", "x = " + "[" * 100_000, "[run]\nsteps = 1" + "0" * 6000):
        odd.write_text(text)
        _fails(2, "train", odd, "--data", photo_folder, "--out", tmp_path / "run")


def test_wrong_words_are_explained(photo_folder: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "run")
    data = ("--data", photo_folder)
    assert "--data" in _fails(2, "train", "tiny", *out)
    assert "fast" in _fails(2, "train", "fastest", *data, *out)
    assert "one of" in _fails(2, "train", "tiny", *data, *out, "--set", "optimiser.name=sgd")
    assert "no file or folder" in _fails(4, "train", "tiny", "--data", tmp_path / "nothing", *out)
    assert "no tar shard" in _fails(
        4, "train", "tiny", "--data", tmp_path / "no.tar", "--validation", photo_folder, *out
    )
    assert "no checkpoint" in _fails(1, "train", "tiny", *data, *out, "--resume")
    assert "give one" in _fails(2, "train", "tiny", *data, *out, "--steps", 3, "--minutes", 3)
    assert "in --data too" in _fails(2, "train", "tiny", *data, *out, "--validation", photo_folder)
    (tmp_path / "file").write_text("")
    assert "is a file" in _fails(2, "train", "tiny", *data, "--out", tmp_path / "file")


@pytest.mark.parametrize("command", ["train", "sweep"])
def test_help_names_the_configs_without_torch(command: str) -> None:
    script = (
        "import sys\nfrom isn.cli import main\ntry:\n"
        f"    main(['{command}', '--help'])\n"
        "except SystemExit:\n    assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    said = " ".join(done.stdout.split())
    for name, line in shipped().items():
        assert f"{name} {line}" in said


def test_the_list_of_commands_does_not_wait_for_torch() -> None:
    begun = time.monotonic()
    script = "import sys, isn.cli; assert not {'torch', 'numpy', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert time.monotonic() - begun < 20
