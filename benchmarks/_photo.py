"""An image that costs what a photo costs, made of seeded numbers, so that nobody needs a file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def photo_like(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Soft shapes, edges and grain at all scales, uint8, H x W x 3."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    cell = 512
    while cell >= 4:
        grid = rng.random((height // cell + 2, width // cell + 2, 3), np.float32) * 255
        # Blocks of one value beside soft ones: both have their place in a photo.
        soft = Image.Resampling.NEAREST if cell in (32, 128) else Image.Resampling.BICUBIC
        for channel in range(3):
            layer = Image.fromarray(grid[..., channel]).resize((width, height), soft)
            total[..., channel] += np.asarray(layer) * (cell / 1020)
        cell //= 2
    return np.clip(total, 0, 255).astype(np.uint8)
