"""The methods that can be trained, and the settings of each: ours, and Baluja's to compare with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from reprlib import repr as shortened
from typing import Any

from isn.errors import ConfigError
from isn.training.sections import at_least, whole
from isn.training.settings import Recipe, Settings, document_of


@dataclass(frozen=True)
class BalujaModelSettings:
    """Baluja's three kinds of networks ("Hiding Images within Images", TPAMI 2019).

    Attributes:
        hidden_images: n, 1 or 2.
        filters: of each branch of each layer; published: 50.
    """

    hidden_images: int = 1
    filters: int = 50

    def __post_init__(self) -> None:
        whole(self, "hidden_images", 1)
        whole(self, "filters", 1)
        if self.hidden_images > 2:
            raise ConfigError(
                f"model.hidden_images is {self.hidden_images}, Baluja's networks hide 1 or 2"
            )


@dataclass(frozen=True)
class BalujaLossSettings:
    """Baluja's loss: mean squares of the container, and of what is revealed.

    Attributes:
        revealed: beta, the weight of each hidden image; published: 0.75.
    """

    revealed: float = 0.75

    def __post_init__(self) -> None:
        at_least(self, "revealed", 0.0)


@dataclass(frozen=True)
class BalujaSettings(Recipe):
    """A whole training of Baluja's networks.

    Attributes:
        model: the networks.
        loss: their loss.
    """

    method = "baluja"

    model: BalujaModelSettings = field(default_factory=BalujaModelSettings)
    loss: BalujaLossSettings = field(default_factory=BalujaLossSettings)

    @property
    def hidden_images(self) -> int:
        """How many images are hidden in one host, n."""
        return self.model.hidden_images

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.run.compile or self.run.recompute:
            raise ConfigError(
                "run.compile and run.recompute are for the dense blocks of our own network: "
                "leave them out for Baluja's"
            )


METHODS: dict[str, type[Recipe]] = {each.method: each for each in (Settings, BalujaSettings)}
"""What a config's ``method`` may say; our own where it says nothing."""


def load(name_or_path: str, overrides: Iterable[str] = ()) -> Recipe:
    """Settings of whatever method a shipped config or a TOML file is for.

    Args:
        name_or_path: as for :meth:`isn.training.settings.Recipe.load`.
        overrides: ``section.key=value`` each.

    Raises:
        ConfigError: no such config or method, an unknown section or key, or a value out of range.
    """
    return from_mapping(document_of(name_or_path, overrides))


def from_mapping(document: Mapping[str, Any]) -> Recipe:
    """Settings of whatever method nested mappings are for, as TOML and JSON give them."""
    if not isinstance(document, Mapping):
        raise ConfigError(f"{shortened(document)} are no settings: give tables of them")
    method = document.get("method", Settings.method)
    if not isinstance(method, str) or method not in METHODS:
        raise ConfigError(f"method is {shortened(method)}, choose one of {', '.join(METHODS)}")
    return METHODS[method].from_mapping(document)
