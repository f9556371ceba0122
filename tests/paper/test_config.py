"""A config holds what it may hold, counts right, and survives its own text."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from isn.errors import ConfigError
from isn.paper.config import ModelConfig


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("hidden_images", each) for each in (0, 6, -1, 1.0, "1", True, None)),
        *(("blocks", each) for each in (0, 65, 8.0, True, None)),
        *(("depth", each) for each in (0, 17, 5.0, None)),
        *(("growth", each) for each in (0, 513, 32.0, None)),
        *(("levels", each) for each in (-1, 4, 1.0, False, None)),
        *(("clamp", each) for each in (0, -1.0, 10.1, 10**400, float("nan"), float("inf"), "1")),
        *(("clamp", each) for each in (True, [1])),
        *(("lost", each) for each in (-0.01, 1.01, float("nan"), -(10**400), "half", True)),
        *(("subnet", each) for each in ("", "unet", None, 1)),
        *(("planes", each) for each in (0, 2, 1.0, True, None)),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"^{name} is "):
        ModelConfig(**{name: value})


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_images": 1, "blocks": 1, "depth": 1, "growth": 1, "levels": 0},
        {"hidden_images": 5, "blocks": 64, "depth": 16, "growth": 512, "levels": 3},
        {"clamp": None, "lost": None},
        {"clamp": 10, "lost": 0},
        {"clamp": 1e-6, "lost": 1},
        {"hidden_images": 3, "planes": 3},
        {},
    ],
)
def test_the_bounds_themselves_are_allowed_and_survive_json(settings: dict[str, Any]) -> None:
    config = ModelConfig(**settings)
    assert {name: getattr(config, name) for name in settings} == settings
    again = ModelConfig.from_json(config.to_json())
    assert again == config
    assert again.to_json() == config.to_json()


def test_json_is_canonical() -> None:
    assert ModelConfig(blocks=4, growth=16).to_json() == (
        '{"blocks":4,"clamp":1.0,"depth":5,"growth":16,"hidden_images":1,"levels":1,'
        '"lost":0.5,"planes":1,"subnet":"dense"}'
    )


def test_missing_settings_are_the_defaults() -> None:
    assert ModelConfig.from_json("{}") == ModelConfig()


def test_unknown_settings_are_named() -> None:
    with pytest.raises(ConfigError, match="unknown model setting bloks, width"):
        ModelConfig.from_mapping({"bloks": 4, "width": 1, "depth": 3})


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "1", "null", '"x"', "[" * 100_000, '{"blocks": "8"}', '{"clamp": 1e999}'],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        ModelConfig.from_json(text)


def test_it_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        ModelConfig().blocks = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("levels", "cell", "channels"), [(0, 1, 3), (1, 2, 12), (2, 4, 48), (3, 8, 192)]
)
def test_branches_in_bands(levels: int, cell: int, channels: int) -> None:
    config = ModelConfig(hidden_images=3, levels=levels)
    assert (config.cell, config.host_channels) == (cell, channels)
    assert config.hidden_channels == 3 * channels
    assert config.subnet_channels("phi") == (3 * channels, channels)
    assert config.subnet_channels("rho") == (channels, 3 * channels)
    assert config.subnet_channels("eta") == (channels, 3 * channels)


def test_count_by_hand() -> None:
    config = ModelConfig(hidden_images=2, blocks=3, depth=2, growth=4, levels=0)
    # phi: 6 -> 4, then 6 + 4 -> 3. rho and eta: 3 -> 4, then 3 + 4 -> 6.
    phi, other = 9 * (6 * 4 + 10 * 3), 9 * (3 * 4 + 7 * 6)
    assert config.operations_per_pixel == 3 * (phi + 2 * other)
    assert config.parameters == 3 * (phi + (4 + 3) + 2 * (other + (4 + 6)))


def test_a_haar_level_shares_the_work_among_four_pixels() -> None:
    config = ModelConfig(blocks=1, depth=1, levels=1)
    # Each subnet is one convolution of 12 -> 12.
    assert config.operations_per_pixel == 3 * 9 * 12 * 12 / 4
    assert config.parameters == 3 * (9 * 12 * 12 + 12)


def test_shapes_are_those_of_the_weights_file() -> None:
    shapes = ModelConfig(blocks=2, depth=3, growth=5).parameter_shapes()
    assert len(shapes) == 2 * 3 * 3 * 2
    assert shapes["blocks.0.phi.convs.0.weight"] == (5, 12, 3, 3)
    assert shapes["blocks.1.eta.convs.2.weight"] == (12, 22, 3, 3)
    assert shapes["blocks.1.eta.convs.2.bias"] == (12,)


def test_shapes_of_modulo_blocks() -> None:
    config = ModelConfig(2, blocks=1, depth=4, growth=5, levels=1, subnet="modulo")
    shapes = config.parameter_shapes()
    assert [shapes[f"blocks.0.phi.convs.{k}.weight"] for k in range(4)] == [
        *((5, 24, 1, 1), (5, 29, 1, 1), (5, 34, 1, 1), (12, 39, 3, 3)),
    ]
    assert shapes["blocks.0.eta.convs.2.weight"] == (5, 22, 1, 1)
    assert shapes["blocks.0.eta.convs.3.bias"] == (24,)
    assert config.reach == 1


def test_json_holds_every_field() -> None:
    assert set(json.loads(ModelConfig().to_json())) == set(ModelConfig.__dataclass_fields__)


def test_a_host_of_two_planes_has_twice_the_channels() -> None:
    one, two = (ModelConfig(3, levels=2, planes=each) for each in (1, 2))
    assert (one.host_channels, two.host_channels) == (48, 96)
    assert one.hidden_channels == two.hidden_channels == 144
    assert two.subnet_channels("phi") == (144, 96)
    assert two.subnet_channels("eta") == (96, 144)
    with pytest.raises(ConfigError, match="planes is 2"):
        ModelConfig(3, depth=6, subnet="modulo", planes=2)
