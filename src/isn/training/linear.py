"""The principal components of images: where the network's code, and modulo blocks, begin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def principal(cells: Floats) -> tuple[Floats, Floats, Floats]:
    """The Karhunen-Loeve transform of some cells.

    Args:
        cells: M x D, the bands of many cells of single images.

    Returns:
        Their mean, D; the variances of the components, D, the largest first; and their directions,
        D x D, each a column.
    """
    mean = cells.mean(0)
    variances, directions = np.linalg.eigh(np.cov(cells - mean, rowvar=False))
    return mean, variances[::-1], directions[:, ::-1]


def channels_of(image: int, images: int, bands: int) -> NDArray[np.int64]:
    """Where the bands of one image lie among those of n images, which are band-major too."""
    band = np.arange(bands)
    return band // 3 * 3 * images + 3 * image + band % 3
