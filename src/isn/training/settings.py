"""Every setting of a training, documented beside its default; read from TOML, checked once."""

from __future__ import annotations

import tomllib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, Self, get_type_hints

from isn import scramble
from isn.config import ModelConfig
from isn.errors import ConfigError, ImageError


@dataclass(frozen=True)
class LossSettings:
    """Weights and distances of Eq. (8).

    Attributes:
        container: alpha_co; the paper takes 32 for one hidden image and 64 for more.
        lost: alpha_z.
        host: alpha_ho, of the host recovered from the container.
        revealed: alpha_hi.
        revealed_distance: ``l1`` (the paper), ``l2`` or ``charbonnier``, for host and revealed.
        straight_clamp: True lets the gradient pass the clamp to [0, 1] before rounding as if it
            were not there; False gives its true gradient.
        outside: weight of a penalty on container values outside [0, 1] (mean square excess).
    """

    container: float = 32.0
    lost: float = 1.0
    host: float = 1.0
    revealed: float = 1.0
    revealed_distance: str = "l1"
    straight_clamp: bool = False
    outside: float = 0.0

    def __post_init__(self) -> None:
        for name in ("container", "lost", "host", "revealed", "outside"):
            at_least(self, name, 0.0)
        _one_of(self, "revealed_distance", ("l1", "l2", "charbonnier"))


@dataclass(frozen=True)
class OptimiserSettings:
    """How the parameters move.

    Attributes:
        name: ``adamw``, ``adam`` or ``adamax`` (the paper).
        rate: peak learning rate.
        betas: decay of the first and second moment.
        weight_decay: of adamw.
        clip: largest gradient norm, larger ones are scaled down to it; 0 clips nothing.
        schedule: ``cosine`` down to `final`, ``halving`` (at 12, 24, 36, 60, 72 and 84 % of the
            run), or ``constant`` (the paper).
        warmup: share of the run over which the rate rises from zero.
        final: the cosine's last rate, as a share of the peak.
        ema: decay of the averaged weights that are validated and exported; 0 takes the last ones.
        explode: a step is skipped where its gradient norm is not finite or more than this many
            times the running median; 0 looks only for norms that are not finite.
        patience: skipped steps among the last 100 before the run goes back to its last good
            checkpoint and halves its rate.
    """

    name: str = "adamw"
    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 1e-5
    clip: float = 1.0
    schedule: str = "cosine"
    warmup: float = 0.02
    final: float = 0.01
    ema: float = 0.998
    explode: float = 100.0
    patience: int = 10

    def __post_init__(self) -> None:
        _one_of(self, "name", ("adamw", "adam", "adamax"))
        _one_of(self, "schedule", ("cosine", "halving", "constant"))
        for name in ("rate", "weight_decay", "clip", "explode"):
            at_least(self, name, 0.0)
        for name in ("warmup", "final", "ema"):
            at_least(self, name, 0.0)
            if getattr(self, name) > 1:
                raise ConfigError(f"optimiser.{name} is {getattr(self, name)}, give 0 to 1")
        betas = tuple(self.betas)
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ConfigError(f"optimiser.betas is {self.betas}, give two numbers in [0, 1)")
        object.__setattr__(self, "betas", betas)
        whole(self, "patience", 1)


@dataclass(frozen=True)
class DataSettings:
    """What a batch is made of.

    Attributes:
        crop: side of the square patches, in pixels.
        batch: hosts a step, in each process.
        drawings: share of images that are not photos: pages, screenshots, shapes, flat, white...
        overexposed: share of images whose exposure is clipped, at white or at black.
        recoloured: share of images whose colour channels are permuted.
        scrambled: share of hosts whose hidden images are scrambled in blocks, as a passphrase does;
            the crop must hold enough blocks for it.
        pool: drawings made from the seed when the training starts, then cropped like photos.
        validation_pairs: groups of one host and its hidden images to validate on.
        validation_crop: side of the centre crops of the validation, in pixels.
    """

    crop: int = 96
    batch: int = 2
    drawings: float = 0.1
    overexposed: float = 0.1
    recoloured: float = 0.0
    scrambled: float = 0.0
    pool: int = 256
    validation_pairs: int = 24
    validation_crop: int = 160

    def __post_init__(self) -> None:
        whole(self, "crop", 16)
        whole(self, "batch", 1)
        whole(self, "pool", 1)
        whole(self, "validation_pairs", 1)
        whole(self, "validation_crop", 32)
        for name in ("drawings", "overexposed", "recoloured", "scrambled"):
            at_least(self, name, 0.0)
            if getattr(self, name) > 1:
                raise ConfigError(f"data.{name} is {getattr(self, name)}, give 0 to 1")


@dataclass(frozen=True)
class RunSettings:
    """How long, how often, and with what numbers.

    Attributes:
        steps: length of the schedule in steps; 0: `minutes` decide.
        minutes: length of the schedule in minutes of training, over all its pieces.
        seed: of the first weights, the drawings and every crop.
        validations: how many times over the schedule the run is validated.
        checkpoint_minutes: minutes between checkpoints.
        autocast: ``none`` or ``bf16``, inside the subnets (of baselines: the networks) only.
        exact_share: last share of the schedule computed without autocast and TF32.
        tf32: float32 matrix products and convolutions in TF32, on GPUs that have it.
        channels_last: memory layout of the feature maps.
        compile: ``torch.compile`` of the dense blocks.
        recompute: dense blocks are computed again in the backward pass instead of kept.
        double: everything in float64, for tests.
    """

    steps: int = 0
    minutes: float = 0.0
    seed: int = 1
    validations: int = 20
    checkpoint_minutes: float = 5.0
    autocast: str = "none"
    exact_share: float = 0.0
    tf32: bool = True
    channels_last: bool = False
    compile: bool = False
    recompute: bool = False
    double: bool = False

    def __post_init__(self) -> None:
        whole(self, "steps", 0)
        whole(self, "seed", 0)
        whole(self, "validations", 0)
        at_least(self, "minutes", 0.0)
        at_least(self, "checkpoint_minutes", 0.0)
        at_least(self, "exact_share", 0.0)
        _one_of(self, "autocast", ("none", "bf16"))
        if bool(self.steps) == bool(self.minutes):
            raise ConfigError(
                f"run.steps is {self.steps} and run.minutes {self.minutes}: give one of the two"
            )


SECTIONS = ("model", "loss", "optimiser", "data", "run")
"""Tables of a config."""


@dataclass(frozen=True)
class Recipe(ABC):
    """What the training of every method has; a subclass adds its sections ``model`` and ``loss``.

    Attributes:
        optimiser: how the parameters move.
        data: what a batch is made of.
        run: how long, how often, and with what numbers.
    """

    method: ClassVar[str]
    """What a config says under ``method``."""

    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    data: DataSettings = field(default_factory=DataSettings)
    run: RunSettings = field(default_factory=lambda: RunSettings(steps=1000))

    def __post_init__(self) -> None:
        if self.data.scrambled:
            self._check_blocks()

    def _check_blocks(self) -> None:
        crop, count = self.data.crop, self.hidden_images
        try:
            scramble.whole_blocks(crop, crop, count)
        except ImageError as error:
            raise ConfigError(
                f"data.scrambled is {self.data.scrambled} and {count} patches of {crop} x {crop} "
                f"hold fewer than {scramble.MIN_BLOCKS} blocks of {scramble.BLOCK}: raise data.crop"
            ) from error

    @property
    @abstractmethod
    def hidden_images(self) -> int:
        """How many images are hidden in one host, n."""

    @classmethod
    def load(cls, name_or_path: str, overrides: Iterable[str] = ()) -> Self:
        """Settings from a shipped config or a TOML file.

        Args:
            name_or_path: a name among :func:`shipped`, or a path that ends in ``.toml``.
            overrides: ``section.key=value`` each, the value as TOML writes it (or a bare word).

        Raises:
            ConfigError: no such config, one for another method, an unknown section or key, or a
                value out of range.
        """
        return cls.from_mapping(document_of(name_or_path, overrides))

    @classmethod
    def from_mapping(cls, document: Mapping[str, Any]) -> Self:
        """Settings from nested mappings, as TOML and JSON give them."""
        kinds, known = get_type_hints(cls), SECTIONS
        method = document.get("method", Settings.method)
        if method != cls.method:
            raise ConfigError(f"these settings are for the method {method!r}, not {cls.method!r}")
        for name in document:
            if name not in (*known, "method"):
                raise ConfigError(f"unknown section [{name}]; known are {', '.join(known)}")
        return cls(**{name: _section(kinds[name], document, name) for name in known})

    def as_dict(self) -> dict[str, Any]:
        """What :meth:`from_mapping` takes."""
        return {"method": self.method, **asdict(self)}

    def with_run(self, **changes: Any) -> Self:
        """The same training with other settings of the section ``run``."""
        return replace(self, run=replace(self.run, **changes))


@dataclass(frozen=True)
class Settings(Recipe):
    """A whole training of our network.

    Attributes:
        model: the architecture.
        loss: Eq. (8).
    """

    method = "isn"

    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossSettings = field(default_factory=LossSettings)

    @property
    def hidden_images(self) -> int:
        """How many images are hidden in one host, n."""
        return self.model.hidden_images

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data.crop % self.model.cell or self.data.validation_crop % self.model.cell:
            raise ConfigError(
                f"data.crop is {self.data.crop} and data.validation_crop "
                f"{self.data.validation_crop}, both must be multiples of {self.model.cell} "
                f"for {self.model.levels} Haar levels"
            )


def shipped() -> dict[str, str]:
    """Names of the shipped configs, each with the first line of its file, which says what it is."""
    folder = files("isn.training") / "configs"
    found = {}
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.name.endswith(".toml"):
            first = entry.read_text("utf-8").splitlines()[0]
            found[entry.name.removesuffix(".toml")] = first.lstrip("# ").strip()
    return found


def document_of(name_or_path: str, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """The tables of a config with some settings changed; see :meth:`Recipe.load`."""
    document = _document(name_or_path)
    for override in overrides:
        _override(document, override)
    return document


def _document(name_or_path: str) -> dict[str, Any]:
    if name_or_path.endswith(".toml"):
        try:
            text = Path(name_or_path).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the config {name_or_path} cannot be read: {error}") from error
    elif name_or_path in shipped():
        text = (files("isn.training") / "configs" / f"{name_or_path}.toml").read_text("utf-8")
    else:
        raise ConfigError(
            f"there is no config {name_or_path!r}: give one of {', '.join(shipped())}, "
            "or a file that ends in .toml"
        )
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the config {name_or_path} is not TOML: {error}") from error


def _override(document: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    section, dot, key = path.strip().partition(".")
    if not (equals and dot and section and key):
        raise ConfigError(f"{override!r} is no setting: write section.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    table = document.setdefault(section, {})
    if not isinstance(table, dict):
        raise ConfigError(f"[{section}] is not a section of settings")
    table[key] = None if value == "none" and section == "model" else value


def _plain(section: Any, name: str) -> dict[str, Any]:
    if not isinstance(section, Mapping):
        raise ConfigError(f"[{name}] is not a section of settings")
    # TOML has no null: "none" stands for it in the model's clamp and lost.
    return {key: None if value == "none" else value for key, value in section.items()}


def _section(kind: type[Any], document: Mapping[str, Any], name: str) -> Any:
    section = document.get(name, {})
    if kind is ModelConfig:
        return ModelConfig.from_mapping(_plain(section, name))
    if not isinstance(section, Mapping):
        raise ConfigError(f"[{name}] is not a section of settings")
    if not is_dataclass(kind):
        raise TypeError(f"{kind} is no settings record")
    known = {each.name: each for each in fields(kind)}
    values: dict[str, Any] = {}
    for key, value in section.items():
        if key not in known:
            raise ConfigError(f"unknown setting {name}.{key}; known are {', '.join(known)}")
        default = known[key].default
        if isinstance(default, float) and type(value) is int:
            value = float(value)
        if isinstance(default, tuple) and isinstance(value, list):
            value = tuple(value)
        if type(value) is not type(default):
            raise ConfigError(
                f"{name}.{key} is {value!r}, give {type(default).__name__} like {default!r}"
            )
        values[key] = value
    return kind(**values)


def at_least(settings: object, name: str, low: float) -> None:
    """Refuses a setting below `low`."""
    value = getattr(settings, name)
    if not value >= low:
        raise ConfigError(f"{_label(settings)}.{name} is {value}, give at least {low:g}")


def whole(settings: object, name: str, low: int) -> None:
    """Refuses a setting that is no whole number from `low`."""
    value = getattr(settings, name)
    if type(value) is not int or value < low:
        raise ConfigError(f"{_label(settings)}.{name} is {value!r}, give a whole number from {low}")


def _one_of(settings: object, name: str, choices: tuple[str, ...]) -> None:
    value = getattr(settings, name)
    if value not in choices:
        raise ConfigError(
            f"{_label(settings)}.{name} is {value!r}, choose one of {', '.join(choices)}"
        )


def _label(settings: object) -> str:
    return type(settings).__name__.removesuffix("Settings").removeprefix("Baluja").lower()
