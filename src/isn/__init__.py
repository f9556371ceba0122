"""Hide images and files in an image, and reveal them from it.

::

    import isn
    container = isn.hide("host.png", ["one.jpg", "two.jpg"], passphrase="correct horse")
    container.save("container.png")
    one, two = isn.reveal("container.png", passphrase="correct horse")

An implementation of *Large-capacity Image Steganography Based on Invertible Neural Networks*
(Lu, Wang, Zhong and Rosin, CVPR 2021), and what grew from it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isn.api import Capacity, Container, Inspection, capacity, hide, inspect, reveal
    from isn.errors import (
        AlteredContainer,
        BackendError,
        ConfigError,
        ImageError,
        IsnError,
        ModelError,
        NoSeal,
        OutputError,
        RevealError,
        UnknownModel,
    )
    from isn.secret import File

__version__ = "0.1.0"
__all__ = [
    "AlteredContainer",
    "BackendError",
    "Capacity",
    "ConfigError",
    "Container",
    "File",
    "ImageError",
    "Inspection",
    "IsnError",
    "ModelError",
    "NoSeal",
    "OutputError",
    "RevealError",
    "UnknownModel",
    "capacity",
    "hide",
    "inspect",
    "reveal",
]

_FROM_API = {"Capacity", "Container", "Inspection", "capacity", "hide", "inspect", "reveal"}


def __getattr__(name: str) -> Any:
    # Late, so that `isn --version` does not wait for NumPy and Pillow.
    if name not in __all__:
        raise AttributeError(f"module 'isn' has no attribute {name!r}")
    source = "api" if name in _FROM_API else "secret" if name == "File" else "errors"
    return getattr(import_module(f"isn.{source}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__", "__doc__"])
