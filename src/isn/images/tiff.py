"""TIFF files: which of their pages is the picture."""

from __future__ import annotations

from PIL import Image, ImageFile, TiffImagePlugin

_MANY_PAGES = 64
_SUBFILE_KIND = 254
_OLD_SUBFILE_KIND = 255
_REDUCED = 1
_MASK = 4
_OLD_REDUCED = 2


class Tiff(TiffImagePlugin.TiffImageFile):
    """Pillow's reader, but for its warning of large images: the limit is a matter of `opening`."""

    def load_prepare(self) -> None:
        """Makes room for the pixels."""
        if self._im is None:
            self.im = Image.new(self.mode, self._tile_size, None).im
        ImageFile.ImageFile.load_prepare(self)


def find_picture(image: Image.Image) -> bool:
    """Goes to the page that holds the picture, where the others show it smaller.

    A page shows it smaller where its tags say so, or where no side of it is longer than half the
    picture's, as in a pyramid. A mask of a page is no picture either.

    Returns:
        Whether there is one picture; else the image is left at any of its pages.
    """
    full: list[tuple[int, tuple[int, int]]] = []
    for number in range(_MANY_PAGES + 1):
        try:
            image.seek(number)
        except EOFError:
            break
        if number == _MANY_PAGES:
            return False
        if not _is_aside(image):
            full.append((number, image.size))
    if not full:
        return False
    main, (width, height) = max(full, key=lambda each: each[1][0] * each[1][1])
    image.seek(main)
    return all(
        number == main or (2 * size[0] <= width and 2 * size[1] <= height) for number, size in full
    )


def _is_aside(image: Image.Image) -> bool:
    tags = getattr(image, "tag_v2", {})
    kind, old = tags.get(_SUBFILE_KIND, 0), tags.get(_OLD_SUBFILE_KIND, 0)
    return bool(isinstance(kind, int) and kind & (_REDUCED | _MASK)) or old == _OLD_REDUCED
