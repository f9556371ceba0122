"""Hosts of the size that a messenger keeps, so that it stores a container again and scales nothing.

What messengers keep is what they or others publish; docs/how-to/sending.md names the sources.
"""

from __future__ import annotations

from typing import Final

from isn.errors import ConfigError, setting
from isn.images.picture import Picture
from isn.images.resizing import longer_side, scaled

KEPT: Final = {"whatsapp": 1600, "signal": 1600, "telegram": 1280, "deltachat": 1280}
"""Pixels of the longer side of a photo that is sent, by default."""


def fitted(picture: Picture, fit: int | str | None) -> Picture:
    """A picture whose longer side is no longer than what is kept: itself where it is not.

    Args:
        picture: to be scaled, its aspect kept.
        fit: pixels, a whole number as such or as text, or one of :data:`KEPT`; None: any.

    Raises:
        ConfigError: it is neither.
        ImageError: as in :func:`~isn.images.resize`.
    """
    if fit is None:
        return picture
    side = kept(fit)
    height, width = picture.pixels.shape[:2]
    if max(height, width) <= side:
        return picture
    rows, columns = longer_side(height, width, side)
    note = f"{picture.name} was scaled from {width} x {height} to {columns} x {rows}, to fit {fit}"
    return scaled(picture, rows, columns, note)


def kept(fit: object, name: str = "fit") -> int:
    """Pixels of the longer side that are given as such, as text, or by a messenger's name.

    Args:
        fit: what was given.
        name: of the parameter, for the error.

    Raises:
        ConfigError: they are not.
    """
    side = KEPT.get(fit, fit) if isinstance(fit, str) else fit
    if isinstance(side, str) and side.isascii() and side.isdecimal() and len(side) < 10:
        side = int(side)
    if isinstance(side, bool) or not isinstance(side, int) or side < 1:
        raise ConfigError(
            setting(**{name: fit}),
            f" was given: give the pixels of a longer side, or one of {', '.join(KEPT)}",
        )
    return side
