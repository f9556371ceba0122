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


@pytest.mark.parametrize("name", ["paper", "isn", "photos", "baluja"])
def test_settings_survive_a_checkpoint(name: str) -> None:
    settings = methods.load(name)
    assert methods.from_mapping(json.loads(json.dumps(settings.as_dict()))) == settings


def test_settings_of_before_there_were_methods_are_the_papers() -> None:
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


@pytest.mark.parametrize(
    ("name", "override", "said"),
    [
        ("isn", "samples.bits=0", "samples.bits is 0.0, give a number from 0.01 to 4"),
        ("isn", "samples.bits=nan", "from 0.01 to 4"),
        ("isn", "samples.rate=3", "unknown setting samples.rate; known are bits, finest"),
        ("isn", "loss.lost=1", r"unknown section \[loss\]"),
        ("isn", "model.lost=none", "a code has no texture"),
        ("isn", "model.subnet=modulo", "begins with dense blocks"),
        ("isn", "data.crop=100", "multiples of 8"),
        ("paper", "samples.bits=4", r"unknown section \[samples\]"),
        ("photos", "data.crop=96", "multiple of 64"),
        ("photos", "model.width=2", "model.width is 2"),
        ("photos", "model.hidden_images=2", "unknown setting model.hidden_images"),
        ("photos", "loss.lost=1", r"unknown section \[loss\]"),
        ("photos", "run.autocast=bf16", "whole numbers"),
        ("photos", "run.compile=true", "whole numbers"),
    ],
)
def test_what_is_not_of_a_method_is_refused(name: str, override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        methods.load(name, [override])


def test_only_what_makes_tensors_must_be_the_same_to_go_on() -> None:
    plain = methods.load("isn")
    for override in ("optimiser.rate=2e-4", "samples.bits=2.5", "data.crop=48"):
        assert methods.load("isn", [override]).architecture() == plain.architecture()
    for override in ("model.blocks=3", "prior.width=32"):
        assert methods.load("isn", [override]).architecture() != plain.architecture()
    assert methods.load("fast").architecture()["method"] == "paper"


def test_settings_of_another_method_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="for the method 'baluja', not 'paper'"):
        Settings.load("baluja")
    with pytest.raises(ConfigError, match="for the method 'paper', not 'baluja'"):
        BalujaSettings.load("fast")
    other = tmp_path / "other.toml"
    other.write_text('method = "hinet"\n')
    with pytest.raises(ConfigError, match="'hinet', choose one of paper, network, photos, baluja"):
        methods.load(str(other))
