"""`isn demo`: what it prints is what it made, and is as good as it was."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

from isn import metrics, zoo
from isn.cli import main
from isn.evaluation.showcase import HIDDEN, HOST
from isn.paper.config import MAX_HIDDEN

RECORDED = {
    # Model and number of hidden images: PSNR in dB of the container, and mean of the revealed
    # images, as `isn demo` prints.
    ("coded", 1): (48.00, 54.52),
    ("coded", 2): (47.99, 50.19),
    ("coded", 3): (48.01, 43.94),
    ("coded", 4): (48.02, 41.65),
    ("coded", 5): (48.01, 40.41),
}
TOLERANCE = 0.3


@dataclass(frozen=True)
class Demo:
    folder: Path
    text: str
    answer: dict[str, Any]


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in words], prog_name="isn")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Run twice in one folder, for people and for programs."""
    folder = tmp_path_factory.mktemp("demo") / "new"
    text, answer = run("demo", "-o", folder), run("demo", "-o", folder, "--json")
    assert (text.exit_code, answer.exit_code) == (0, 0), text.output + answer.output
    return Demo(folder, text.stdout, json.loads(answer.stdout))


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.array(image)


def test_there_is_a_trial_for_every_default_model(demo: Demo) -> None:
    told = [(each["hidden_images"], each["model"]) for each in demo.answer["trials"]]
    assert told == [(count, zoo.default(count).name) for count in range(1, MAX_HIDDEN + 1)]


def test_quality_is_as_recorded(demo: Demo) -> None:
    for trial in demo.answer["trials"]:
        name = trial["model"], trial["hidden_images"]
        assert name in RECORDED, f"{name} has become a default: record its figures here"
        container, revealed = RECORDED[name]
        assert trial["container_psnr"] == pytest.approx(container, abs=TOLERANCE), name
        assert np.mean(trial["revealed_psnr"]) == pytest.approx(revealed, abs=TOLERANCE), name


def shows(text: str, value: float, places: int) -> bool:
    """Whether a text has this number; it was rounded before, so its last place may differ."""
    numbers = re.findall(rf"(?<![\d.])\d+\.\d{{{places}}}(?!\d)", text)
    return any(abs(float(each) - value) <= 0.51 * 10**-places for each in numbers)


def test_figures_are_those_of_the_files(demo: Demo, photos: dict[str, NDArray[np.uint8]]) -> None:
    host = pixels(demo.folder / "host.png")
    assert np.abs(host.astype(int) - photos[HOST]).max() == 0
    for trial in demo.answer["trials"]:
        count = trial["hidden_images"]
        container = pixels(Path(trial["container"]))
        assert trial["container_psnr"] == pytest.approx(metrics.psnr(container, host), abs=1e-3)
        assert trial["container_ssim"] == pytest.approx(metrics.ssim(container, host), abs=1e-4)
        names = [f"revealed-{count}-{k}.png" for k in range(1, count + 1)]
        for k, name in enumerate(names if count > 1 else ["revealed.png"]):
            original = pixels(demo.folder / f"hidden-{k + 1}.png")
            photo = photos[HIDDEN[k].split()[0]]
            np.testing.assert_array_equal(original, photo if k < 3 else photo[:, ::-1])
            value = metrics.psnr(pixels(demo.folder / name), original)
            assert trial["revealed_psnr"][k] == pytest.approx(value, abs=1e-3)
        assert shows(demo.text, trial["container_psnr"], 2)
        assert shows(demo.text, np.mean(trial["revealed_psnr"]), 2)
        assert shows(demo.text, np.mean(trial["revealed_ssim"]), 4)


def test_the_picture_shows_the_images_themselves(demo: Demo) -> None:
    picture = pixels(Path(demo.answer["picture"]))
    host, hidden = pixels(demo.folder / "host.png"), pixels(demo.folder / "hidden-1.png")
    container = pixels(demo.folder / "container.png")
    difference = np.clip(50 * np.abs(container.astype(int) - host), 0, 255)
    revealed = pixels(demo.folder / "revealed.png")
    rows, columns = host.shape[:2]
    # The panels are found by the first, and lie at equal steps to the right of it.
    top, left = next(
        (y, x)
        for y in range(100)
        for x in range(50)
        if np.array_equal(picture[y : y + rows, x : x + columns], host)
    )
    step = columns + 12
    for k, panel in enumerate([host, container, difference, hidden, revealed]):
        x = left + k * step
        np.testing.assert_array_equal(picture[top : top + rows, x : x + columns], panel)
        label = picture[top + rows + 4 : top + rows + 28, x : x + columns]
        assert label.min() < 128
        assert label.max() == 255


def test_the_next_commands_work_as_printed(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = (each for each in demo.text.splitlines() if each.startswith("  isn reveal "))
    program, *words = line.split()
    assert program == "isn"
    result = run(*words)
    assert result.exit_code == 0, result.output
    again = pixels(demo.folder / "again" / "1.png")
    np.testing.assert_array_equal(again, pixels(demo.folder / "revealed.png"))


def test_other_peoples_files_stay(demo: Demo, tmp_path: Path) -> None:
    made = sorted(each.name for each in demo.folder.iterdir() if each.is_file())
    assert len(made) >= 6
    for name in made:
        (tmp_path / name).write_bytes(b"precious")
        result = run("demo", "-o", tmp_path)
        assert result.exit_code == 2
        assert name in result.stderr
        assert [each.name for each in tmp_path.iterdir()] == [name]
        assert (tmp_path / name).read_bytes() == b"precious"
        (tmp_path / name).unlink()
