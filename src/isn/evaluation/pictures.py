"""Pictures for a sheet: small, amplified where they are errors, and inside the page."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from isn import images
from isn.images import Pixels

SIDE = 176
"""Pixels of the longer side of a picture in a sheet."""

ERROR_GAIN = 50
"""As in Fig. 3 to 5 of the paper."""


ROUGH = 50
"""Quality of the WebP file of an error, which is noise and would take most of the page."""


def small(pixels: Pixels) -> Pixels:
    """The picture, resampled where its longer side is above `SIDE`."""
    height, width = pixels.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    return images.resize(pixels, max(1, round(scale * height)), max(1, round(scale * width)))


def error(a: Pixels, b: Pixels) -> Pixels:
    """The absolute difference of two images times `ERROR_GAIN`, clipped at white."""
    difference = np.abs(a.astype(np.int16) - b) * ERROR_GAIN
    amplified: Pixels = np.minimum(difference, 255).astype(np.uint8)
    return amplified


def data_uri(pixels: Pixels, quality: int = 75) -> str:
    """The picture as a ``data:`` address: lossy WebP, to look at and not to measure."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=quality, method=6)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
