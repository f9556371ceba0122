from __future__ import annotations

import json
from pathlib import Path

import pytest

from isn.errors import ConfigError
from isn.training import methods
from isn.training.methods import BalujaSettings
from isn.training.settings import Settings, shipped


def test_a_config_says_its_method() -> None:
    assert isinstance(methods.load("fast"), Settings)
    baluja = methods.load("baluja", ["model.hidden_images=2"])
    assert isinstance(baluja, BalujaSettings)
    assert (baluja.model.filters, baluja.loss.revealed) == (50, 0.75)
    assert baluja.hidden_images == 2
    assert "baseline" in shipped()["baluja"]


@pytest.mark.parametrize("name", ["paper", "baluja"])
def test_settings_survive_a_checkpoint(name: str) -> None:
    settings = methods.load(name)
    assert methods.from_mapping(json.loads(json.dumps(settings.as_dict()))) == settings


def test_settings_of_before_there_were_methods_are_ours() -> None:
    document = Settings.load("tiny").as_dict()
    del document["method"]
    assert methods.from_mapping(document) == Settings.load("tiny")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model.blocks=4", "unknown setting model.blocks; known are hidden_images, filters"),
        ("model.hidden_images=3", "hide 1 or 2"),
        ("model.filters=0", "model.filters is 0"),
        ("loss.container=32", "unknown setting loss.container; known are revealed"),
        ("loss.revealed=-1", "loss.revealed is -1"),
        ("run.recompute=true", "run.recompute are for the dense blocks"),
        ("run.compile=true", "run.compile"),
        ("method.name=isn", r"\[method\] is not a section"),
        ("zoo.name=1", r"unknown section \[zoo\]"),
    ],
)
def test_what_baluja_does_not_know_is_refused(override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        methods.load("baluja", [override])


def test_settings_of_another_method_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="for the method 'baluja', not 'isn'"):
        Settings.load("baluja")
    with pytest.raises(ConfigError, match="for the method 'isn', not 'baluja'"):
        BalujaSettings.load("fast")
    other = tmp_path / "other.toml"
    other.write_text('method = "hinet"\n')
    with pytest.raises(ConfigError, match="'hinet', choose one of isn, baluja"):
        methods.load(str(other))
