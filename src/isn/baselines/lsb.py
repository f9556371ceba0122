"""Four-bit LSB replacement, the textbook method: one image's high bits in another's low bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from isn import images
from isn.baselines.pictures import given
from isn.images import Pixels
from isn.keys import Key
from isn.paper.method import in_colour
from isn.progress import Tell, silent
from isn.secret import Item, Secret

BITS = 4
_LOW = np.uint8((1 << BITS) - 1)
_MIDDLE = np.uint8(1 << (7 - BITS))


class Lsb:
    """See :class:`isn.method.Method`: every image is a container, and has no key.

    The four high bits of every hidden sample replace the four low bits of the host's. The
    container is the textbook's to the bit. The reveal sets the four lost bits to the middle of
    their range rather than to zero: it costs nothing and is about 5 dB better, and a comparison is
    to be with the method at its best.
    """

    name = "lsb-4"
    options: frozenset[str] = frozenset()
    counts = range(1, 2)

    def hide(self, host: Pixels, secret: Secret, key: Key, tell: Tell = silent) -> Pixels:
        """Hides one image, resized to the host."""
        del tell
        (picture,) = given(self, secret, key)
        high = images.resize(picture, *host.shape[:2]) >> np.uint8(8 - BITS)
        container: Pixels = (in_colour(host) & ~_LOW) | high
        return container

    def reveal(self, container: Pixels, key: Key, tell: Tell = silent) -> list[Item]:
        """The image at the container's size; of any other image, whatever its low bits say."""
        del key
        return self.salvage(container, tell)

    def salvage(self, container: Pixels, tell: Tell = silent) -> list[Item]:
        """The same: nothing tells a container that was damaged."""
        del tell
        picture: Pixels = ((in_colour(container) & _LOW) << np.uint8(8 - BITS)) | _MIDDLE
        return [picture]

    def tuned(self, options: Mapping[str, Any]) -> Lsb:
        """Itself: there is nothing to set."""
        del options
        return self
