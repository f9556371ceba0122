"""What users would pick instead of the network, behind the same two verbs.

A baseline is one class that follows :class:`isn.baselines.base.Baseline`, and one line here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from isn.baselines.baluja import Baluja
from isn.baselines.base import Baseline
from isn.baselines.codec import Avif
from isn.baselines.lsb import Lsb
from isn.errors import BackendError, ConfigError

BASELINES: dict[str, Callable[[], Baseline]] = {
    "lsb-4": Lsb,
    "avif-1": partial(Avif, 1),
    "avif-2": partial(Avif, 2),
    "avif-3": partial(Avif, 3),
    "baluja-1": partial(Baluja.shipped, 1),
    "baluja-2": partial(Baluja.shipped, 2),
}
"""Name to what makes it."""


def missing() -> dict[str, str]:
    """The baselines that cannot run here, each with a sentence on what it needs."""
    found = {}
    for name, make in BASELINES.items():
        try:
            make()
        except BackendError as error:
            found[name] = str(error)
    return found


def get(name: str) -> Baseline:
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
    return BASELINES[name]()
