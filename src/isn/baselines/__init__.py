"""What users would pick instead of this project's methods, behind the same two verbs.

A baseline is a :class:`isn.method.Method`, and one line here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from isn import method
from isn.baselines.baluja import Baluja
from isn.baselines.lsb import Lsb
from isn.errors import BackendError, ConfigError
from isn.method import Carried, Method


@dataclass(frozen=True)
class Baseline:
    """One of them, not made yet.

    Attributes:
        title: what it does, in a few words.
        make: makes it.
    """

    title: str
    make: Callable[[], Method]


def _avif(name: str, bits: int) -> Method:
    codec = method.get("avif", bits=bits)
    return replace(codec, name=name) if isinstance(codec, Carried) else codec


BALUJA = "Baluja's preparation, hiding and revealing networks"

BASELINES: dict[str, Baseline] = {
    "lsb-4": Baseline("four low bits replaced by the hidden image's four high bits", Lsb),
    **{
        f"avif-{bits}": Baseline(
            f"AVIF files of the hidden images, {bits} bit{'s' * (bits > 1)} of every sample",
            partial(_avif, f"avif-{bits}", bits),
        )
        for bits in (1, 2, 3)
    },
    **{
        f"baluja-{count}": Baseline(BALUJA, partial(Baluja.shipped, f"baluja-{count}"))
        for count in (1, 2)
    },
}
"""By name. `avif-2` is the shipped method `avif` as it is."""


def missing() -> dict[str, str]:
    """The baselines that cannot run here, each with a sentence on what it needs."""
    found = {}
    for name, baseline in BASELINES.items():
        try:
            baseline.make()
        except BackendError as error:
            found[name] = str(error)
    return found


def get(name: str) -> Method:
    """The baseline called `name`.

    Args:
        name: one in `BASELINES`, or the path of Baluja's networks as ``isn train baluja`` leaves
            them, which ends in ``.safetensors``.

    Raises:
        ConfigError: there is none of that name.
        BackendError: what it needs is not installed.
        ModelError: the file is not there, or is another one.
    """
    if name.endswith(".safetensors"):
        return Baluja.load(name)
    if name not in BASELINES:
        raise ConfigError(
            f"there is no baseline {name!r}: choose among {', '.join(BASELINES)}, or none"
        )
    return BASELINES[name].make()
