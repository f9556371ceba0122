from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from isn.errors import ConfigError
from isn.training.settings import Settings, shipped


@pytest.mark.parametrize("name", ["digits", "fast", "paper", "quality", "tiny"])
def test_every_shipped_config_loads_and_says_what_it_is(name: str) -> None:
    assert Settings.load(name)
    assert len(shipped()[name]) > 20


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
    broken.write_text("model = 3\n")
    with pytest.raises(ConfigError, match="model"):
        Settings.load(str(broken))


def test_settings_survive_a_checkpoint() -> None:
    settings = Settings.load("paper", ["model.lost=none"])
    again = Settings.from_mapping(json.loads(json.dumps(dataclasses.asdict(settings))))
    assert again == settings
