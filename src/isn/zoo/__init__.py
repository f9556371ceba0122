"""The shipped methods by name, and the weights of those that learned any.

``methods.toml`` has one row a method: its kind, what it is for and the fingerprint of its weights;
``figures.toml`` has what was measured of it, apart because most commands never look there. Weights
once released stay here, found by their fingerprint, so that a container made today opens in ten
years.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from isn.errors import ConfigError

if TYPE_CHECKING:
    from isn.weights import Weights

# Not by `importlib.resources`, whose import takes longer than the rest of `isn methods`.
_HERE: Final = Path(__file__).parent


@dataclass(frozen=True)
class Entry:
    """One shipped method, without its weights.

    Attributes:
        name: what ``--method`` calls it.
        kind: of its weights: "photos", "network" or "paper"; "avif", which has none.
        purpose: what it is for, in a few words.
        images: the least and the largest number of images that it hides in one host.
        fingerprint: of its weights, 16 bytes; b"" where it has none.
    """

    name: str
    kind: str
    purpose: str
    images: tuple[int, int]
    fingerprint: bytes

    @property
    def figures(self) -> Mapping[str, Any]:
        """What was measured: dB, by number of images and domain."""
        figures: Mapping[str, Any] = _table("figures.toml").get(self.name, {})
        return figures


@cache
def _table(name: str) -> Mapping[str, Any]:
    return tomllib.loads((_HERE / name).read_text("utf-8"))


@cache
def entries() -> tuple[Entry, ...]:
    """All shipped methods, the default first."""
    return tuple(
        Entry(
            name,
            row["kind"],
            row["purpose"],
            tuple(row["images"]),
            bytes.fromhex(row.get("fingerprint", "")),
        )
        for name, row in _table("methods.toml").items()
    )


def entry(name: str) -> Entry:
    """The shipped method of this name.

    Raises:
        ConfigError: there is none.
    """
    for each in entries():
        if each.name == name:
            return each
    raise ConfigError(f"there is no method {name!r} among {', '.join(e.name for e in entries())}")


def entry_of(fingerprint: bytes) -> Entry | None:
    """The shipped method whose weights have this fingerprint, or None."""
    return next((each for each in entries() if each.fingerprint == fingerprint), None)


@lru_cache(maxsize=8)
def weights(name: str) -> Weights:
    """The weights of a shipped method.

    Raises:
        ConfigError: there is no such method, or it has none.
    """
    from isn.weights import Weights

    if not entry(name).fingerprint:
        raise ConfigError(f"the method {name} has learned nothing: there are no weights")
    return Weights.load(_HERE / "weights" / f"{name}.safetensors")
