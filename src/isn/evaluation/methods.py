"""What is evaluated: a method, and what its protocol does not say.

A method is asked for the two verbs as :mod:`isn.api` asks for them, without a passphrase, and is
given the bytes of the file that it wrote, so that none can pass anything beside the 8-bit image.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from isn import baselines, method, zoo
from isn.errors import RevealError
from isn.images import MAX_PIXELS, Pixels, is_grey
from isn.keys import Public
from isn.method import Carried, Method, candidates
from isn.paper.method import in_colour
from isn.secret import pictures_of
from isn.weights import Weights

KEY: Final = Public()

_OPTIONS: Final = {"secrecy": "secrecy", "survive": "to survive JPEG"}
"""What a name says of an option that stands after its colon."""


@dataclass(frozen=True, eq=False)
class Contender:
    """A method, and what its protocol does not say.

    Attributes:
        method: what hides and reveals.
        title: what it is, in a few words.
        source: by which another process finds it: a name or a path.
        ours: whether it is this project's, else something to compare with.
    """

    method: Method
    title: str
    source: str
    ours: bool

    @property
    def name(self) -> str:
        """What the reports call it."""
        return self.method.name

    @property
    def counts(self) -> range:
        """How many images it hides in one host."""
        return self.method.counts

    @property
    def fingerprint(self) -> str:
        """Of what was learned, 32 hexadecimal digits; "" where nothing was."""
        weights = _weights(self.method)
        return "" if weights is None else weights.fingerprint.hex()

    @property
    def networked(self) -> bool:
        """Whether a backend runs its network."""
        return "backend" in self.method.options

    @property
    def architecture(self) -> str:
        """What decides the cost of a network: two that share it differ in numbers alone."""
        weights = _weights(self.method)
        if weights is None:
            return ""
        return f"{weights.kind} {json.dumps(dict(weights.config), sort_keys=True)}"


def shipped(name_or_path: str, backend: str | None = None) -> Contender:
    """A shipped method by its name, or the method of a weights file.

    Args:
        name_or_path: as for :func:`isn.method.get`; after a colon a secrecy, or the quality of the
            JPEG to survive, as in ``photos:high`` and ``photos:75``.
        backend: where a network runs; not used by a method without one.

    Raises:
        ConfigError: there is no such method.
        ModelError: the file is no weights file.
    """
    label, option = _option(os.fspath(name_or_path))
    found = method.get(label, **option)
    if backend is not None and "backend" in found.options:
        found = method.tuned(found, backend=backend)
    weights = _weights(found)
    if found.name in method.names():
        title = zoo.entry(found.name).purpose
    else:
        title = "" if weights is None else f"{weights.kind}, {weights.parameters / 1e6:.2f} M"
    for key, value in option.items():
        if isinstance(found, Carried):
            found = replace(found, name=f"{found.name}, {_OPTIONS[key]} {value}")
    return Contender(found, title + _trained(weights), os.fspath(name_or_path), ours=True)


def baseline(name: str) -> Contender:
    """A baseline by its name, or Baluja's networks by their path.

    Raises:
        ConfigError: there is none of that name.
        BackendError: what it needs is not installed.
        ModelError: the file is no weights file of Baluja's.
    """
    found = baselines.get(name)
    known = baselines.BASELINES.get(name)
    title = baselines.BALUJA if known is None else known.title
    return Contender(found, title + _trained(_weights(found)), name, ours=False)


def hide(method: Method, host: Pixels, hidden: Sequence[Pixels]) -> Pixels:
    """The container of a method, H x W x 3.

    Raises:
        IsnError: as :meth:`isn.method.Method.hide`.
    """
    return in_colour(method.hide(_planes(host), list(hidden), KEY))


def reveal(method: Method, container: Pixels) -> list[Pixels]:
    """The images in a container, at the size in which the method gives them.

    Args:
        method: that made it.
        container: uint8, H x W x 3.

    Raises:
        RevealError: as :meth:`isn.method.Method.reveal`.
    """
    return pictures_of(method.reveal(_planes(container), KEY), method.name, MAX_PIXELS)


def left(method: Method, container: Pixels, count: int) -> list[Pixels | None]:
    """Whatever a container that may be damaged still reveals, `count` pictures or None."""
    samples = _planes(container)
    try:
        return [*reveal(method, container)]
    except RevealError:
        pass
    try:
        return [*pictures_of(method.salvage(samples), method.name, MAX_PIXELS)]
    except RevealError:
        return [None] * count


def _option(name: str) -> tuple[str, dict[str, str | int]]:
    """A name without what stands after its colon, and the option that that is."""
    label, colon, word = name.rpartition(":")
    if colon and word in method.SECRECY:
        return label, {"secrecy": word}
    if colon and word.isdecimal():
        return label, {"survive": int(word)}
    return name, {}


def _planes(image: Pixels) -> Pixels:
    """As users have it: one plane of a grey image."""
    return np.ascontiguousarray(image[..., 0]) if is_grey(image) else image


def _weights(method: Method) -> Weights | None:
    owner = next(iter(candidates(method)), method)
    found = getattr(owner, "weights", None)
    return found if isinstance(found, Weights) else None


def _trained(weights: Weights | None) -> str:
    """How long it learned, and from what, as far as its file says so."""
    training = {} if weights is None else weights.training
    told = [f"on {training['data']}"] if isinstance(training.get("data"), str) else []
    told += [f"{training[each]} {each}" for each in ("steps", "minutes") if training.get(each)]
    return f"; trained {', '.join(told)}" if told else ""
