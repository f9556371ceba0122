"""Images to Haar bands and back, for any array library (DESIGN: the network runs on bands).

One orthonormal level turns each 2 x 2 cell ``a b / c d`` into

    LL = (a+b+c+d)/2    HL = (a-b+c-d)/2    LH = (a+b-c-d)/2    HH = (a-b-c+d)/2

stacked band-major: all channels of LL, then of HL, LH and HH. Each further level does the same to
every band. Zero levels leave the image as it is.
"""

from __future__ import annotations

from typing import TypeVar, cast

from isn.arrays import array_namespace
from isn.errors import ConfigError

Array = TypeVar("Array")


def to_bands(image: Array, levels: int) -> Array:
    """Splits an image into Haar bands.

    Args:
        image: N x C x H x W floats.
        levels: 0 to 3; both H and W must be multiples of ``2**levels``.

    Returns:
        N x (C * 4**levels) x (H / 2**levels) x (W / 2**levels); the input stays as it was.

    Raises:
        ConfigError: a side is not a multiple of ``2**levels``.
    """
    for _ in range(levels):
        image = _split(image)
    return image


def from_bands(bands: Array, levels: int) -> Array:
    """Puts Haar bands together again: the exact inverse of :func:`to_bands`.

    Args:
        bands: N x (C * 4**levels) x H x W floats.
        levels: 0 to 3.

    Returns:
        N x C x (H * 2**levels) x (W * 2**levels); the input stays as it was.
    """
    for _ in range(levels):
        bands = _merge(bands)
    return bands


def _split(image: Array) -> Array:
    xp = array_namespace(image)
    height, width = image.shape[-2:]  # type: ignore[attr-defined]
    if height % 2 or width % 2:
        raise ConfigError(f"a Haar level needs even sides, the image has {height} x {width}")
    a, b = image[..., 0::2, 0::2], image[..., 0::2, 1::2]  # type: ignore[index]
    c, d = image[..., 1::2, 0::2], image[..., 1::2, 1::2]  # type: ignore[index]
    top, bottom, left, right = a + b, c + d, a - b, c - d
    return cast(
        Array,
        xp.concat(
            [
                (top + bottom) / 2,
                (left + right) / 2,
                (top - bottom) / 2,
                (left - right) / 2,
            ],
            axis=-3,
        ),
    )


def _merge(bands: Array) -> Array:
    xp = array_namespace(bands)
    n, channels, height, width = bands.shape  # type: ignore[attr-defined]
    size = channels // 4
    ll, hl, lh, hh = (bands[:, k * size : (k + 1) * size] for k in range(4))  # type: ignore[index]
    top, bottom, left, right = ll + lh, ll - lh, hl + hh, hl - hh
    cells = xp.stack(
        [
            xp.stack([(top + left) / 2, (top - left) / 2], axis=-1),
            xp.stack([(bottom + right) / 2, (bottom - right) / 2], axis=-1),
        ],
        axis=-3,
    )
    return cast(Array, xp.reshape(cells, (n, size, 2 * height, 2 * width)))
