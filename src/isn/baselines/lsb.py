"""Four-bit LSB replacement, the textbook method: one image's high bits in another's low bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isn import images
from isn.baselines.base import Sizes, check_count, there_and_back
from isn.images import Pixels

BITS = 4
_LOW = np.uint8((1 << BITS) - 1)
_MIDDLE = np.uint8(1 << (7 - BITS))


class Lsb:
    """The four high bits of every hidden sample replace the four low bits of the host's.

    The container is the textbook's to the bit. The reveal sets the four lost bits to the middle of
    their range rather than to zero: it costs nothing and is about 5 dB better, and a comparison is
    to be with the method at its best.
    """

    name = "lsb-4"
    title = "four low bits replaced by the hidden image's four high bits"
    fingerprint = ""
    counts = (1,)

    def hide(self, host: Pixels, hidden: Sequence[Pixels]) -> Pixels:
        """Hides one image, resized to the host."""
        check_count(self, len(hidden))
        (picture,) = hidden
        high = images.resize(picture, *host.shape[:2]) >> np.uint8(8 - BITS)
        container: Pixels = (host & ~_LOW) | high
        return container

    def carried(self, hidden: Pixels, host: tuple[int, int]) -> Pixels:
        """The image as it comes back from the host's size."""
        return there_and_back(hidden, host)

    def reveal(
        self, container: Pixels, count: int, sizes: Sizes | None = None
    ) -> list[Pixels | None]:
        """Reveals the image; of a damaged container, whatever its low bits now say."""
        check_count(self, count)
        picture: Pixels = ((container & _LOW) << np.uint8(8 - BITS)) | _MIDDLE
        (size,) = sizes or (container.shape[:2],)
        return [images.resize(picture, *size)]
