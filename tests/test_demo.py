"""`isn demo`: what it prints is what it made, and is as good as it was.

Of photos at a quarter of their width and height, which take a sixth of the time; the slow test has
the whole ones.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isn
from commands import Pixels, done, pixels, run
from isn import images, metrics, zoo
from isn.cli.demo import COUNTS
from isn.evaluation import showcase
from isn.evaluation.showcase import HIDDEN, HOST

RECORDED = {
    # Method and number of hidden images: PSNR in dB of the container, and mean of the revealed
    # images, as `isn demo` prints; then the same of the small photos.
    ("paper-1", 1): ((43.81, 43.17), (36.90, 32.35)),
    ("paper-4", 4): ((35.73, 33.80), (34.52, 28.11)),
    ("isn-1", 1): ((42.01, 59.67), (42.08, 49.63)),
    ("isn-4", 4): ((41.92, 39.07), (42.07, 29.47)),
    ("photos", 1): ((48.03, 54.52), (48.09, 45.13)),
    ("photos", 4): ((48.07, 41.55), (48.11, 30.63)),
}
TOLERANCE = 0.3


@dataclass(frozen=True)
class Demo:
    folder: Path
    text: str
    answer: dict[str, Any]


def small(photo: Pixels) -> Pixels:
    return np.ascontiguousarray(photo[::4, ::4])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Run twice in one folder, for programs and for people; the second time from memory."""
    folder = tmp_path_factory.mktemp("demo") / "new"
    made: dict[tuple[str, int], Any] = {}
    hide, reveal, photos = isn.hide, isn.reveal, showcase.photos

    def hide_once(host: Any, hidden: Any, *, method: Any, progress: Any) -> Any:
        key = method.name, len(hidden)
        if key not in made:
            made[key] = hide(host, hidden, method=method, progress=progress)
        return made[key]

    shown: dict[str, Any] = {}

    def reveal_once(path: Path, *, progress: Any) -> Any:
        if path.name not in shown:
            shown[path.name] = reveal(path, progress=progress)
        return shown[path.name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(showcase, "photos", lambda names: [*map(small, photos(names))])
        patch.setattr(isn, "hide", hide_once)
        patch.setattr(isn, "reveal", reveal_once)
        answer = done("demo", "-o", folder, "--json").stdout
        text = done("demo", "-o", folder, "--overwrite").stdout
    return Demo(folder, text, json.loads(answer))


def label(trial: dict[str, Any]) -> str:
    name, count = trial["method"], trial["hidden_images"]
    return name if name[-1].isdigit() else f"{name}-{count}"


def test_the_paper_and_the_default_are_compared(demo: Demo) -> None:
    shipped = {entry.name for entry in zoo.entries()}
    expected = [
        (count, name)
        for count in (1, 4)
        for name in (f"paper-{count}", f"isn-{count}", "photos")
        if name in shipped
    ]
    assert [(each["hidden_images"], each["method"]) for each in demo.answer["trials"]] == expected
    for _, name in expected:
        assert name in demo.text


def assert_as_recorded(trials: list[dict[str, Any]], which: int) -> None:
    for trial in trials:
        name = trial["method"], trial["hidden_images"]
        assert name in RECORDED, f"{name} is shown now: record its figures here"
        container, revealed = RECORDED[name][which]
        assert trial["container_psnr"] == pytest.approx(container, abs=TOLERANCE), name
        assert np.mean(trial["revealed_psnr"]) == pytest.approx(revealed, abs=TOLERANCE), name


def test_quality_is_as_recorded(demo: Demo) -> None:
    assert_as_recorded(demo.answer["trials"], 1)


@pytest.mark.slow
def test_quality_of_the_whole_photos_is_as_recorded(tmp_path: Path) -> None:
    answer = done("demo", "-o", tmp_path / "whole", "--json").stdout
    assert_as_recorded(json.loads(answer)["trials"], 0)


def shows(text: str, value: float, places: int) -> bool:
    """Whether a text has this number; it was rounded before, so its last place may differ."""
    numbers = re.findall(rf"(?<![\d.])\d+\.\d{{{places}}}(?!\d)", text)
    return any(abs(float(each) - value) <= 0.51 * 10**-places for each in numbers)


def test_figures_are_those_of_the_files(demo: Demo, photos: dict[str, Pixels]) -> None:
    host = pixels(demo.folder / "host.png")
    np.testing.assert_array_equal(host, small(photos[HOST]))
    for trial in demo.answer["trials"]:
        container = pixels(Path(trial["container"]))
        assert Path(trial["container"]).name == f"container-{label(trial)}.png"
        assert trial["container_psnr"] == pytest.approx(metrics.psnr(container, host), abs=1e-3)
        assert trial["container_ssim"] == pytest.approx(metrics.ssim(container, host), abs=1e-4)
        for k, told in enumerate(trial["revealed_psnr"]):
            original = pixels(demo.folder / f"hidden-{k + 1}.png")
            photo = photos[HIDDEN[k].split()[0]]
            whole = photo if k < 3 else photo[:, ::-1]
            np.testing.assert_array_equal(original, small(whole))
            revealed = pixels(demo.folder / f"revealed-{label(trial)}-{k + 1}.png")
            assert told == pytest.approx(metrics.psnr(revealed, original), abs=1e-3)
        assert shows(demo.text, trial["container_psnr"], 2)
        assert shows(demo.text, float(np.mean(trial["revealed_psnr"])), 2)
        assert shows(demo.text, float(np.mean(trial["revealed_ssim"])), 4)


def test_the_picture_shows_the_images_themselves(demo: Demo) -> None:
    picture = pixels(Path(demo.answer["picture"]))
    host = pixels(demo.folder / "host.png")
    width = 318
    height = width * 2 // 3
    first = images.resize(host, round(256 * width / 384), width)
    # The panels are found by the first, and lie at equal steps to the right of it and below.
    rows = first.shape[0]
    places = places_of(first, picture[:-1, 12 : 12 + width])
    assert len(places) == 1
    given = [pixels(demo.folder / f"hidden-{k}.png") for k in (1, 2)]
    assert_row(picture, places[0], [host, *given], width)
    step = None
    for trial in demo.answer["trials"]:
        container = pixels(Path(trial["container"]))
        difference = np.clip(50 * np.abs(container.astype(int) - host), 0, 255).astype(np.uint8)
        revealed = pixels(demo.folder / f"revealed-{label(trial)}-1.png")
        wanted = images.resize(container, rows, width)
        below = places[-1] + rows
        (first_row,) = places_of(wanted, picture[below:-1, 12 : 12 + width])
        top = below + first_row
        assert_row(picture, top, [container, difference, revealed], width)
        assert step in (None, top - places[-1])
        step = top - places[-1]
        places.append(top)
    assert step is not None
    assert step > height


def places_of(panel: Pixels, column: Pixels) -> list[int]:
    """The rows of a column, as wide as a panel, at which the panel stands there."""
    begun = np.flatnonzero((column[: len(column) - len(panel) + 1] == panel[0]).all(axis=(1, 2)))
    return [y for y in begun.tolist() if np.array_equal(column[y : y + len(panel)], panel)]


def assert_row(picture: Pixels, top: int, shown: list[Pixels], width: int) -> None:
    """These images stand side by side, each over a label."""
    for k, each in enumerate(shown):
        panel = images.resize(each, round(each.shape[0] * width / each.shape[1]), width)
        left = 12 + k * (width + 12)
        rows = panel.shape[0]
        np.testing.assert_array_equal(picture[top : top + rows, left : left + width], panel)
        caption = picture[top + rows + 4 : top + rows + 28, left : left + width]
        assert caption.min() < 128
        assert caption.max() == 255


def test_the_next_commands_work_as_printed(demo: Demo) -> None:
    (line,) = (each for each in demo.text.splitlines() if each.startswith("  isn reveal "))
    program, *words = line.split()
    assert program == "isn"
    done(*words)
    again = pixels(demo.folder / "again" / "1.png")
    np.testing.assert_array_equal(again, pixels(demo.folder / "revealed-photos-1-1.png"))


def test_other_peoples_files_stay(demo: Demo, tmp_path: Path) -> None:
    made = sorted(each.name for each in demo.folder.iterdir() if each.is_file())
    assert len(made) == 3 + max(COUNTS) + len(demo.answer["trials"]) + sum(
        each["hidden_images"] for each in demo.answer["trials"]
    )
    for name in made:
        (tmp_path / name).write_bytes(b"precious")
        result = run("demo", "-o", tmp_path)
        assert result.exit_code == 2
        assert name in result.stderr
        assert [each.name for each in tmp_path.iterdir()] == [name]
        assert (tmp_path / name).read_bytes() == b"precious"
        (tmp_path / name).unlink()
