from __future__ import annotations

import csv
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from commands import paper_weights
from isn.cli import main
from isn.errors import ConfigError, ModelError, OutputError
from isn.training.distributed import Processes
from isn.training.settings import Recipe
from isn.training.sweep import Row, Variant, sweep, variants, write_tables
from isn.weights import Weights

ALONE = Processes(0, 1, torch.device("cpu"))
SMALL = ("--set", "data.validation_crop=64", "--set", "run.validations=0", "--threads", "1")


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["sweep", *map(str, words)], prog_name="isn")


class Trainings:
    """Writes models as a training would; stops before the one that is named."""

    def __init__(self, stop_at: str = "") -> None:
        self.stop_at, self.calls = stop_at, []  # type: tuple[str, list[tuple[str, bool]]]

    def __call__(self, settings: Recipe, folder: Path, resume: bool) -> bool:
        self.calls.append((folder.name, resume))
        if folder.name == self.stop_at:
            return False
        document = settings.as_dict()
        db = float(document["model"]["blocks"])
        photos = {
            "container": 30 + db,
            "container_ssim": 0.9,
            "revealed": 20 + db,
            "revealed_ssim": 0.81234,
        }
        training = {
            "steps": 7,
            "minutes": 0.1,
            "settings": document,
            "validation": {"photos": photos},
        }
        config = settings.model  # type: ignore[attr-defined]
        tensors = {
            name: torch.zeros(shape).numpy() for name, shape in config.parameter_shapes().items()
        }
        folder.mkdir(parents=True)
        Weights("paper", asdict(config), tensors, training).save(folder / "model.safetensors")
        return True


def planned() -> list[Variant]:
    return variants("tiny", ["loss.container=2,32", "model.blocks=1,2"])


def test_every_combination_and_no_other() -> None:
    found = planned()
    assert [each.values for each in found] == [("2", "1"), ("2", "2"), ("32", "1"), ("32", "2")]
    assert [each.settings.as_dict()["loss"]["container"] for each in found] == [2, 2, 32, 32]
    assert [each.settings.as_dict()["model"]["blocks"] for each in found] == [1, 2, 1, 2]
    assert found[2].name == "loss.container=32,model.blocks=1"
    fixed = variants("tiny", ["loss.container=2"], ["optimiser.rate=0.5"])
    assert fixed[0].settings.optimiser.rate == 0.5


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ([], "nothing varies"),
        (["loss.container="], "names no values"),
        (["loss.container=2,,4"], "names no values"),
        (["loss.container"], "names no values"),
        (["loss.container=2,2"], "names a value twice"),
        (["loss.container=2", "loss.container=4"], "varies twice"),
        (["loss.colour=2,4"], r"unknown setting loss\.colour"),
        (["container=2,4"], r"section\.key=value"),
        (["model.blocks=2,0"], "blocks"),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_trained(axes: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        variants("tiny", axes)


def test_a_cut_sweep_goes_on_where_it_was(tmp_path: Path) -> None:
    cut = Trainings(stop_at="loss.container=32,model.blocks=1")
    rows = sweep(planned(), tmp_path, ALONE, cut, command="isn sweep ...")
    assert [name for name, _ in cut.calls] == [each.name for each in planned()[:3]]
    assert [bool(row.figures) for row in rows] == [True, True, False, False]
    table = (tmp_path / "sweep.md").read_text().splitlines()
    assert table[0] == "    isn sweep ..."
    assert table[4] == "| 2 | 1 | 7 | 0.1 | 31.00 | 0.9000 | 21.00 | 0.8123 |"
    assert table[6] == "| 32 | 1 | - | - | - | - | - | - |"

    told: list[str] = []
    again = Trainings()
    rows = sweep(planned(), tmp_path, ALONE, again, tell=told.append)
    assert [name for name, _ in again.calls] == [each.name for each in planned()[2:]]
    assert told[0] == "1 of 4: loss.container=2,model.blocks=1 is finished already"
    assert [row.figures["container"] for row in rows] == [31, 32, 31, 32]
    with open(tmp_path / "sweep.csv", newline="") as file:
        read = list(csv.DictReader(file))
    assert read[3]["loss.container"] == "32"
    assert read[3]["steps"] == "7"
    assert float(read[3]["revealed"]) == 22


def test_other_settings_are_not_taken_for_the_same(tmp_path: Path) -> None:
    sweep(planned(), tmp_path, ALONE, Trainings())
    other = variants("tiny", ["loss.container=2,32", "model.blocks=1,2"], ["run.steps=61"])
    with pytest.raises(ConfigError, match="other settings"):
        sweep(other, tmp_path, ALONE, Trainings())


def test_another_start_is_not_taken_for_the_same(tmp_path: Path) -> None:
    sweep(planned()[:1], tmp_path, ALONE, Trainings())
    with pytest.raises(ConfigError, match="began from no weights: give the same"):
        sweep(planned()[:1], tmp_path, ALONE, Trainings(), start="paper-1")


def test_each_training_begins_from_the_given_weights(photo_folder: Path, tmp_path: Path) -> None:
    start, folder = tmp_path / "begun.safetensors", tmp_path / "sweep"
    begun = paper_weights(1)
    begun.save(start)
    words = ("tiny", "--data", photo_folder, "--out", folder, "--steps", 1, *SMALL)
    words += ("--vary", "loss.container=2,8")
    words += ("--set", "optimiser.rate=1e-9", "--set", "model.depth=2")
    result = run(*words, "--start", start)
    assert result.exit_code == 0, result.output
    for value in (2, 8):
        found = Weights.load(folder / f"loss.container={value}" / "model.safetensors")
        for name, tensor in begun.tensors.items():
            np.testing.assert_allclose(found.tensors[name], tensor, rtol=0.01, atol=1e-4)
    assert run(*words, "--start", start).exit_code == 0
    assert "began from begun" in run(*words).output


def test_the_command_trains_and_tabulates(photo_folder: Path, tmp_path: Path) -> None:
    words = ("tiny", "--data", photo_folder, "--out", tmp_path, "--steps", 2, *SMALL)
    result = run(*words, "--vary", "model.blocks=1,2", "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)["rows"]
    assert [row["settings"] for row in rows] == ["model.blocks=1", "model.blocks=2"]
    for row in rows:
        weights = Weights.load(tmp_path / row["settings"] / "model.safetensors")
        photos = weights.training["validation"]["photos"]
        assert {name: row[name] for name in photos if name in row} == {
            name: value for name, value in photos.items() if not name.startswith("worst")
        }
        assert row["steps"] == 2
    assert "model.blocks" in (tmp_path / "sweep.md").read_text()
    again = run(*words, "--vary", "model.blocks=1,2")
    assert again.exit_code == 0
    assert again.stderr.count("finished already") == 2
    assert "container, dB" in again.stdout


def test_a_sweep_of_baluja(photo_folder: Path, tmp_path: Path) -> None:
    small = ("--set", "model.filters=2", "--set", "data.crop=32", "--set", "data.pool=4")
    words = ("baluja", "--data", photo_folder, "--out", tmp_path, "--steps", 1, *SMALL, *small)
    result = run(*words, "--vary", "loss.revealed=0.5,1", "--json")
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)["rows"]) == 2


def test_wrong_words_are_explained(photo_folder: Path, tmp_path: Path) -> None:
    words = ("--data", photo_folder, "--out", tmp_path)
    for code, more, said in (
        (2, (), "--vary"),
        (2, ("--vary", "model.blocks=1", "--steps", 1, "--minutes", 1), "give one"),
        (2, ("--vary", "model.depths=1"), "depths"),
    ):
        result = run("tiny", *words, *more)
        assert result.exit_code == code, result.output
        assert said in result.stderr


def test_a_finished_model_that_is_damaged_is_named(tmp_path: Path) -> None:
    first = planned()[:1]
    sweep(first, tmp_path, ALONE, Trainings())
    path = tmp_path / first[0].name / "model.safetensors"
    weights = Weights.load(path)
    good = dict(weights.training)
    for damage in (
        {"settings": 3},
        {"validation": None},
        {"validation": {"photos": []}},
        {"validation": {"photos": {"container": 30.0}}},
        {"steps": "many"},
    ):
        Weights(weights.kind, weights.config, weights.tensors, good | damage).save(path)
        with pytest.raises(ModelError, match="not the model of a finished training") as caught:
            sweep(first, tmp_path, ALONE, Trainings())
        assert "\n" not in str(caught.value)
    path.write_bytes(b"no model")
    with pytest.raises(ModelError, match="not the model of a finished training"):
        sweep(first, tmp_path, ALONE, Trainings())


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file cannot be written"):
        write_tables([Row(planned()[0], {})], tmp_path / "file")
