"""The backends by name; none is imported before it is asked for."""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from importlib.util import find_spec

from isn.errors import BackendError
from isn.paper.backends.base import Backend

BACKENDS = {
    "native": ("isn.paper.backends.native", "Native", "pip install isn"),
    "torch": ("isn.paper.backends.torch", "Torch", "pip install 'isn[train]'"),
    "openvino": ("isn.paper.backends.openvino", "OpenVino", "pip install openvino"),
    "mindspore": ("isn.paper.backends.mindspore", "MindSpore", "pip install mindspore"),
    # As a dependency it would ask for an older NumPy than isn does.
    "jittor": (
        "isn.paper.backends.jittor",
        "Jittor",
        "pip install --no-deps jittor astunparse six tqdm",
    ),
}
"""Name to module, class, and what to install."""

DEFAULT = "native"


@cache
def get(name: str | None = None) -> Backend:
    """The backend called `name`; None: torch where a CUDA device is there, else the default.

    Raises:
        BackendError: the name is unknown, or what the backend needs is not installed.
    """
    if name is None:
        return _automatic()
    if name not in BACKENDS:
        raise BackendError(f"there is no backend {name!r}, choose one of {', '.join(BACKENDS)}")
    module, attribute, remedy = BACKENDS[name]
    try:
        backend: Backend = getattr(import_module(module), attribute)()
    except ImportError as error:
        raise BackendError(
            f"the backend {name} needs a package that is not installed ({error}): {remedy}"
        ) from error
    return backend


def _automatic() -> Backend:
    if _cuda_likely() and find_spec("torch") is not None:
        try:
            backend = get("torch")
        except BackendError:
            return get(DEFAULT)
        if getattr(backend, "device", None) is not None and backend.device.type == "cuda":  # type: ignore[attr-defined]
            return backend
    return get(DEFAULT)


def _cuda_likely() -> bool:
    import shutil

    # Importing torch to ask takes seconds, so first look whether a driver is there at all.
    return (
        any(os.path.exists(path) for path in ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg"))
        or shutil.which("nvidia-smi") is not None
    )
