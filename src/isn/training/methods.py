"""What can be trained, and the settings of each: the paper's network, codes, and a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from reprlib import repr as shortened
from typing import Any

from isn.codes import LEAST_BITS, MOST_BITS
from isn.codes.entropy.prior import WIDTHS
from isn.codes.entropy.steps import STEPS
from isn.codes.network import kept_bands
from isn.codes.photos.bands import SIDE
from isn.errors import ConfigError
from isn.paper.config import ModelConfig
from isn.training.sections import at_least, one_of, whole
from isn.training.settings import Recipe, Settings, check_crops, document_of

LEARNS = ("all", "prior")

MOST_RATE = 5e-4
"""Of an optimiser that moves blocks which were written: more of it ruins them."""


@dataclass(frozen=True)
class SamplesSettings:
    """How the container of the network's code is coded.

    Attributes:
        bits: of a sample that the code uses where nobody says how many.
        finest: least index of the steps that a training draws from.
        coarsest: the index that they end before.
        learns: ``prior``: the blocks stay as they are, and nothing is revealed; or ``all``: at a
            rate of at most :data:`MOST_RATE`.
    """

    bits: float = 3.0
    finest: int = 64
    coarsest: int = 320
    learns: str = "all"

    def __post_init__(self) -> None:
        if not LEAST_BITS <= self.bits <= MOST_BITS:
            raise ConfigError(
                f"samples.bits is {self.bits}, give a number from {LEAST_BITS} to {MOST_BITS:g}"
            )
        if not STEPS[0] <= self.finest < self.coarsest <= STEPS[1] + 1:
            raise ConfigError(
                f"samples.finest is {self.finest} and samples.coarsest {self.coarsest}: give "
                f"indices of steps from {STEPS[0]} to {STEPS[1] + 1}, the finest first"
            )
        one_of(self, "learns", LEARNS)


@dataclass(frozen=True)
class PriorSettings:
    """The prior of the network's code.

    Attributes:
        width: of the hidden layers.
    """

    width: int = 64

    def __post_init__(self) -> None:
        whole(self, "width", *WIDTHS)


@dataclass(frozen=True)
class NetworkSettings(Recipe):
    """A whole training of the network as a code.

    Attributes:
        model: the architecture.
        samples: how its container is coded.
        prior: by what probabilities.
    """

    method = "network"
    of_tensors = ("model", "prior")

    model: ModelConfig = field(default_factory=ModelConfig)
    samples: SamplesSettings = field(default_factory=SamplesSettings)
    prior: PriorSettings = field(default_factory=PriorSettings)

    @property
    def hidden_images(self) -> int:
        """How many images are hidden in one host, n."""
        return self.model.hidden_images

    def __post_init__(self) -> None:
        check_crops(self.data, self.model)
        if self.model.lost is None:
            raise ConfigError('model.lost is "none", and a code has no texture: give a number')
        if self.model.subnet != "dense":
            raise ConfigError(
                f'model.subnet is "{self.model.subnet}", and a code begins with dense blocks: '
                'give "dense"'
            )
        if self.samples.learns == "all" and self.optimiser.rate > MOST_RATE:
            raise ConfigError(
                f"samples.learns=all moves the blocks, which an optimiser.rate of "
                f"{self.optimiser.rate:g} ruins: give {MOST_RATE:g} or less"
            )
        kept_bands(self.model)


@dataclass(frozen=True)
class PhotosModelSettings(PriorSettings):
    """The prior of the code ``photos``, which is all of it that learns."""


@dataclass(frozen=True)
class PhotosSettings(Recipe):
    """A whole training of the prior of the code ``photos``.

    Attributes:
        model: the prior.
    """

    method = "photos"

    model: PhotosModelSettings = field(default_factory=PhotosModelSettings)

    @property
    def hidden_images(self) -> int:
        """One: each image is coded by itself."""
        return 1

    def __post_init__(self) -> None:
        if self.data.crop % SIDE**2:
            raise ConfigError(
                f"data.crop is {self.data.crop}, the means of blocks are coded in blocks again: "
                f"give a multiple of {SIDE**2}"
            )
        if self.run.compile or self.run.recompute or self.run.autocast != "none":
            raise ConfigError(
                "run.compile, run.recompute and run.autocast are for networks: leave them out for "
                "a prior, which computes in whole numbers"
            )


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
        if self.run.compile or self.run.recompute:
            raise ConfigError(
                "run.compile and run.recompute are for the dense blocks of the paper's network: "
                "leave them out for Baluja's"
            )


METHODS: dict[str, type[Recipe]] = {
    each.method: each for each in (Settings, NetworkSettings, PhotosSettings, BalujaSettings)
}
"""What a config's ``method`` may say; the paper's where it says nothing."""


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
