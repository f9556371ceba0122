"""Least significant bits at places all over the image, for the little that a method must say.

The salt lies at places that anybody can compute from the image's size, the rest of the head and the
body at places that depend on salt and key. A sample that says the wrong bit changes by one level.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from isn.carriers.places import Places, drawn, public
from isn.envelope import HEAD_BYTES
from isn.errors import ImageError, NoSeal
from isn.images import Pixels
from isn.keys import SALT_BYTES, Key
from isn.progress import Tell

_MOST: Final = 1 << 16
_SHARE: Final = 2
"""One in so many samples is used at most, so that new places are soon found."""


class Scattered:
    """See :class:`isn.carriers.Carrier`."""

    name = "scattered"
    sparse = False
    stored = None

    def capacity(self, host: Pixels, bits: float) -> int:
        """Bytes of body: at most 64 KiB, and a bit of every second sample."""
        del bits
        return min(max(host.size // _SHARE // 8 - HEAD_BYTES, 0), _MOST)

    def noise(self, host: Pixels, size: int) -> float:
        """See :meth:`isn.carriers.Carrier.noise`: every second bit is right already."""
        return 8 * (HEAD_BYTES + size) / 2 / host.size

    def write(self, host: Pixels, head: bytes, body: bytes, key: Key, tell: Tell) -> Pixels:
        """See :meth:`isn.carriers.Carrier.write`."""
        if host.size // _SHARE < 8 * HEAD_BYTES or len(body) > self.capacity(host, 1):
            raise ImageError(
                f"{len(body)} bytes are to be scattered, a host of {host.size} samples takes "
                f"{self.capacity(host, 1)}: take a larger one"
            )
        there = places(host, head, len(body), key)
        container = host.reshape(-1).copy()
        bits = np.unpackbits(np.frombuffer(head + body, np.uint8))
        container[there] = container[there] & 0xFE | bits
        tell(1.0)
        return container.reshape(host.shape)

    def read_head(self, container: Pixels, key: Key) -> bytes:
        """See :meth:`isn.carriers.Carrier.read_head`."""
        if container.size // _SHARE < 8 * HEAD_BYTES:
            raise NoSeal(f"the image has {container.size} samples, too few to be a container")
        salt = _bits(container, public(container.shape, 8 * SALT_BYTES))
        return _bits(container, places(container, salt, 0, key))

    def read_body(self, container: Pixels, head: bytes, size: int, key: Key) -> bytes:
        """See :meth:`isn.carriers.Carrier.read_body`."""
        if container.size // _SHARE < 8 * HEAD_BYTES or size > self.capacity(container, 1):
            raise NoSeal(f"the image cannot carry the {size} bytes that its head names")
        return _bits(container, places(container, head, size, key))[HEAD_BYTES:]


def places(container: Pixels, salt: bytes, size: int, key: Key) -> Places:
    """Where the bits of a head and of a body of so many bytes lie, in this order.

    Args:
        container: of any content; its shape counts.
        salt: the container's, with anything after it.
        size: of the body, in bytes.
        key: of the container.

    Returns:
        Indices of samples, all different.
    """
    salt = salt[:SALT_BYTES]
    first = public(container.shape, 8 * SALT_BYTES)
    count = 8 * (HEAD_BYTES + size)
    return drawn(container.shape, key.key("places", salt), first, count)


def _bits(container: Pixels, there: Places) -> bytes:
    # Indexed by axis, because flattening would copy an image that is not contiguous.
    samples = container[np.unravel_index(there, container.shape)]
    return np.packbits(samples & 1).tobytes()
