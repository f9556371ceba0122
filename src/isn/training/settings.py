"""The settings of a training as a whole: read from TOML, changed in single words, checked once."""

from __future__ import annotations

import math
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from importlib.resources import files
from pathlib import Path
from reprlib import repr as shortened
from typing import Any, ClassVar, Self, get_type_hints

from isn.errors import ConfigError
from isn.paper.config import ModelConfig
from isn.training.sections import DataSettings, LossSettings, OptimiserSettings, RunSettings


@dataclass(frozen=True)
class Recipe(ABC):
    """What the training of every method has; a subclass adds its ``model`` and other sections.

    Attributes:
        optimiser: how the parameters move.
        data: what a batch is made of.
        run: how long, how often, and with what numbers.
    """

    method: ClassVar[str]
    """What a config says under ``method``."""

    of_tensors: ClassVar[tuple[str, ...]] = ("model",)
    """Sections that say what tensors there are."""

    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    data: DataSettings = field(default_factory=DataSettings)
    run: RunSettings = field(default_factory=lambda: RunSettings(steps=1000))

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
        kinds, known = get_type_hints(cls), [each.name for each in fields(cls)]
        if not isinstance(document, Mapping):
            raise ConfigError(f"{shortened(document)} are no settings: give tables of them")
        method = document.get("method", Settings.method)
        if method != cls.method:
            raise ConfigError(
                f"these settings are for the method {shortened(method)}, not {cls.method!r}"
            )
        for name in document:
            if name not in (*known, "method"):
                raise ConfigError(f"unknown section [{name}]; known are {', '.join(known)}")
        return cls(**{name: _section(kinds[name], document, name) for name in known})

    def as_dict(self) -> dict[str, Any]:
        """What :meth:`from_mapping` takes."""
        return {"method": self.method, **asdict(self)}

    def architecture(self) -> dict[str, Any]:
        """What must be the same for one training's tensors to fit another's."""
        settings = self.as_dict()
        return {name: settings[name] for name in ("method", *self.of_tensors)}

    def with_run(self, **changes: Any) -> Self:
        """The same training with other settings of the section ``run``."""
        return replace(self, run=replace(self.run, **changes))


@dataclass(frozen=True)
class ModuloSettings:
    """What modulo blocks begin from.

    Attributes:
        container: PSNR in dB of the first containers.
    """

    container: float = 36.0

    def __post_init__(self) -> None:
        if not 30 <= self.container <= 48:
            raise ConfigError(
                f"modulo.container is {self.container}, give a number of dB from 30 to 48"
            )


@dataclass(frozen=True)
class Settings(Recipe):
    """A whole training of the paper's network.

    Attributes:
        model: the architecture.
        modulo: what it begins from where its subnets are modulo blocks.
        loss: Eq. (8).
    """

    method = "paper"

    model: ModelConfig = field(default_factory=ModelConfig)
    modulo: ModuloSettings = field(default_factory=ModuloSettings)
    loss: LossSettings = field(default_factory=LossSettings)

    @property
    def hidden_images(self) -> int:
        """How many images are hidden in one host, n."""
        return self.model.hidden_images

    def __post_init__(self) -> None:
        check_crops(self.data, self.model)
        if self.model.subnet == "modulo" and (self.model.blocks != 2 or self.hidden_images < 2):
            raise ConfigError(
                f"model.blocks is {self.model.blocks} and model.hidden_images "
                f"{self.hidden_images}, and modulo blocks are two, for two images or more"
            )
        if self.model.subnet == "modulo" and (self.run.autocast != "none" or self.run.tf32):
            raise ConfigError(
                f'run.autocast is "{self.run.autocast}" and run.tf32 {self.run.tf32}, and modulo '
                'blocks need exact numbers: give "none" and false'
            )


def check_crops(data: DataSettings, model: ModelConfig) -> None:
    """Refuses patches that the wavelet of a network does not divide.

    Raises:
        ConfigError: a side is no multiple of a cell.
    """
    if data.crop % model.cell or data.validation_crop % model.cell:
        raise ConfigError(
            f"data.crop is {data.crop} and data.validation_crop {data.validation_crop}, both must "
            f"be multiples of {model.cell} for {model.levels} Haar levels"
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
    # A number of thousands of digits is a ValueError, and what is nested too deeply ends the stack.
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the config {name_or_path} is not TOML: {error}") from error


def _override(document: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    section, dot, key = path.strip().partition(".")
    if not (equals and dot and section and key):
        raise ConfigError(f"{override!r} is no setting: write section.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        value = text.strip()
    table = document.setdefault(section, {})
    if not isinstance(table, dict):
        raise ConfigError(f"[{section}] is not a section of settings")
    table[key] = None if value == "none" and section == "model" else value


def _plain(section: Any, name: str) -> dict[str, Any]:
    if not isinstance(section, Mapping):
        raise ConfigError(f"[{name}] is not a section of settings")
    for key, value in section.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{name}.{key} is {value}, give a finite number")
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
            value = _as_float(value)
        if isinstance(default, tuple) and isinstance(value, list):
            value = tuple(value)
        if type(value) is not type(default):
            raise ConfigError(
                f"{name}.{key} is {shortened(value)}, give {type(default).__name__} like "
                f"{default!r}"
            )
        values[key] = value
    return kind(**values)


def _as_float(number: int) -> float:
    """A whole number as a float; infinite, which every section refuses, where none holds it."""
    try:
        return float(number)
    except OverflowError:
        return math.inf
