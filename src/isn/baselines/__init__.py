"""What users would pick instead of the network, behind the same two verbs.

A baseline is one class that follows :class:`isn.baselines.base.Baseline`, and one line here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from isn.baselines.base import Baseline
from isn.baselines.codec import Avif
from isn.baselines.lsb import Lsb
from isn.errors import ConfigError

BASELINES: dict[str, Callable[[], Baseline]] = {
    "lsb-4": Lsb,
    "avif-1": partial(Avif, 1),
    "avif-2": partial(Avif, 2),
    "avif-3": partial(Avif, 3),
}
"""Name to what makes it."""


def get(name: str) -> Baseline:
    """The baseline called `name`.

    Raises:
        ConfigError: there is none of that name.
        BackendError: what it needs is not installed.
    """
    if name not in BASELINES:
        raise ConfigError(
            f"there is no baseline {name!r}: choose among {', '.join(BASELINES)}, or none"
        )
    return BASELINES[name]()
