"""Hide images in an image, and reveal them from it.

::

    import isn
    container = isn.hide(host, [hidden1, hidden2])   # uint8 arrays, PIL images or paths
    images = isn.reveal(container)                    # each in its own original size
    isn.inspect(container)                            # what the seal says, and whether it is intact

An implementation of *Large-capacity Image Steganography Based on Invertible Neural Networks*
(Lu, Wang, Zhong and Rosin, CVPR 2021).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isn.api import Inspection, hide, inspect, reveal
    from isn.errors import IsnError

__version__ = "0.1.0"
__all__ = ["Inspection", "IsnError", "hide", "inspect", "reveal"]


def __getattr__(name: str) -> Any:
    # Late, so that `isn --version` does not wait for NumPy and Pillow.
    if name in ("hide", "reveal", "inspect", "Inspection"):
        from isn import api

        return getattr(api, name)
    if name == "IsnError":
        from isn.errors import IsnError

        return IsnError
    raise AttributeError(f"module 'isn' has no attribute {name!r}")
