"""One arithmetic for NumPy and torch, as the Python array API standard has it."""

from __future__ import annotations

from typing import Any

import numpy as np


def array_namespace(array: Any) -> Any:
    """The functions for arrays of a library.

    NumPy follows the standard itself; what stands in for others takes longer to import than a small
    image to hide.

    Args:
        array: of NumPy or torch.
    """
    if isinstance(array, (np.ndarray, np.generic)):
        return np
    from array_api_compat import array_namespace as found

    return found(array)
