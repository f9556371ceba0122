from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest

from isn.errors import ConfigError
from isn.training import methods
from isn.training.sections import DataSettings, LossSettings, OptimiserSettings, RunSettings
from isn.training.settings import Settings, shipped


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_config_loads_and_says_what_it_is(name: str) -> None:
    assert methods.load(name)
    assert len(shipped()[name]) > 20


def test_the_shipped_configs_are_of_all_methods() -> None:
    found = {name: methods.load(name).method for name in shipped()}
    assert found == {
        "baluja": "baluja",
        "fast": "paper",
        "isn": "network",
        "paper": "paper",
        "photos": "photos",
        "modulo": "paper",
        "quality": "paper",
        "tiny": "paper",
    }


def test_the_papers_config_is_section_4_1() -> None:
    settings = Settings.load("paper")
    assert (settings.model.levels, settings.model.blocks, settings.model.depth) == (0, 8, 5)
    assert settings.model.clamp is None
    assert settings.model.lost == 0.5
    assert (settings.optimiser.name, settings.optimiser.rate) == ("adamax", 2e-4)
    assert settings.optimiser.betas == (0.9, 0.999)
    assert settings.optimiser.schedule == "constant"
    assert (settings.data.batch, settings.data.crop) == (2, 144)
    assert settings.run.steps == 500_000
    loss = settings.loss
    assert (loss.container, loss.lost, loss.host, loss.revealed) == (32, 1, 1, 1)
    assert loss.revealed_distance == "l1"
    assert settings.data.drawings == settings.data.overexposed == settings.optimiser.ema == 0


def test_overrides_are_toml_or_bare_words() -> None:
    settings = Settings.load(
        "tiny",
        [
            "loss.container=64",
            "optimiser.name=adamax",
            "model.clamp=none",
            "optimiser.betas=[0.5, 0.9]",
        ],
    )
    assert settings.loss.container == 64.0
    assert settings.optimiser.name == "adamax"
    assert settings.model.clamp is None
    assert settings.optimiser.betas == (0.5, 0.9)


@pytest.mark.parametrize(
    ("override", "word"),
    [
        ("loss.container=-1", "loss.container"),
        ("loss.container=many", "loss.container"),
        ("loss.colour=1", "loss.colour"),
        ("losses.container=1", "losses"),
        ("model.blocks=0", "blocks"),
        ("model.depths=3", "depths"),
        ("optimiser.betas=[0.9]", "betas"),
        ("optimiser.betas=[0.9, 1.0]", "betas"),
        ("optimiser.ema=1.5", "ema"),
        ("optimiser.name=sgd", "adamw"),
        ("data.batch=0", "batch"),
        ("data.batch=2.5", "batch"),
        ("data.crop=33", "multiples of 2"),
        ("data.drawings=2", "drawings"),
        ("run.steps=0", "one of the two"),
        ("run.minutes=5", "one of the two"),
        ("run.autocast=fp8", "bf16"),
        ("loss.container", "section.key=value"),
        ("container=3", "section.key=value"),
        ("optimiser.betas=[0.9, nan]", "betas"),
        ('optimiser.betas=[0.9, "x"]', "betas"),
        ("run.exact_share=1.5", "exact_share"),
        ("run.steps=1" + "0" * 30, "run.steps has 100 bits"),
        ("run.seed=-1", "run.seed"),
        ("run.seed=1" + "0" * 5000, "run.seed"),
        ("loss.container=1" + "0" * 5000, "loss.container"),
        ("loss.container=1" + "0" * 400, "finite"),
        ("loss.container=1e999", "finite"),
        ("loss.container=" + "[" * 5000, "loss.container"),
        ("model=3", "section.key=value"),
        ("method.x=3", "method"),
    ],
)
def test_what_is_wrong_is_named(override: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word.replace(".", r"\.").replace("=", ".")):
        Settings.load("tiny", [override])


def test_no_such_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="fast"):
        Settings.load("fastest")
    with pytest.raises(ConfigError, match="cannot be read"):
        Settings.load(str(tmp_path / "none.toml"))
    broken = tmp_path / "broken.toml"
    broken.write_text("[model\n")
    with pytest.raises(ConfigError, match="not TOML"):
        Settings.load(str(broken))


def _numbers() -> list[str]:
    """Every setting that takes a float, and the model's."""
    found = ["model.clamp", "model.lost"]
    for section in ("loss", "optimiser", "data", "run"):
        values = Settings.load("tiny").as_dict()[section]
        found += [f"{section}.{key}" for key, each in values.items() if isinstance(each, float)]
    return found


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1.0"])
@pytest.mark.parametrize("name", _numbers())
def test_no_setting_is_anything_but_a_finite_number(name: str, value: str) -> None:
    word = name.removeprefix("model.") if value == "-1.0" else name.replace(".", r"\.")
    with pytest.raises(ConfigError, match=word):
        Settings.load("tiny", [f"{name}={value}"])


def test_the_records_refuse_what_is_not_finite_themselves() -> None:
    for kind, name in (
        (LossSettings, "outside"),
        (OptimiserSettings, "rate"),
        (DataSettings, "drawings"),
    ):
        for value in (math.nan, math.inf, -math.inf):
            with pytest.raises(ConfigError, match=name):
                kind(**{name: value})
    for value in (math.nan, math.inf):
        with pytest.raises(ConfigError, match="minutes"):
            RunSettings(minutes=value)


@pytest.mark.parametrize(
    "text",
    [
        "model = 3",
        'run = "long"',
        "loss = [1, 2]",
        "data = nan",
        "optimiser = true",
        "method = 3",
        "method = []",
        "method = {}",
        "[method]",
        "x = " + "[" * 100_000,
        "[model]\nblocks = 1" + "0" * 5000,
        "[run]\nminutes = 1" + "0" * 400,
        "[data]\nbatch = 2020-13-45",
        "[data]\nbatch = 2020-12-24",
        "[data]\nbatch = {}",
        "[data.batch]",
    ],
)
def test_whatever_a_file_holds_is_refused_in_one_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.toml"
    path.write_text(text + "\n")
    with pytest.raises(ConfigError) as caught:
        methods.load(str(path))
    assert len(str(caught.value)) < 400 + len(str(path))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        methods.load(str(path))


@pytest.mark.parametrize("document", [3, None, [], "text", {"model": 3}, {"method": [1]}])
def test_settings_of_a_checkpoint_may_be_damaged(document: Any) -> None:
    with pytest.raises(ConfigError):
        methods.from_mapping(document)
    with pytest.raises(ConfigError):
        Settings.from_mapping(document)


def test_settings_survive_a_checkpoint() -> None:
    settings = Settings.load("paper", ["model.lost=none"])
    again = Settings.from_mapping(json.loads(json.dumps(dataclasses.asdict(settings))))
    assert again == settings
