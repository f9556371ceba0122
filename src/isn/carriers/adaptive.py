"""Changes of one level, few and where nobody could have foretold the pixel: not being found.

Content-adaptive embedding. Each pixel may stay or move by one level up or down, at a cost
(:mod:`isn.carriers.costs`); the payload is the syndrome of what is written, so that of all changes
that say it the cheapest are made (:mod:`isn.carriers.syndrome`). Two layers carry three choices
(Filler, Judas and Fridrich, IEEE TIFS 2011, section VI): the second-lowest bits of the pixels
carry half of the payload or somewhat more, then the lowest bits the rest, given what the first have
settled.

With p(d) the shares in which ideal embedding moves pixels by d, proportional to exp(-lambda
cost(d)), b the move that changes the second bit (up from odd values, down from even ones) and a
the other one, to change a bit costs::

    second bit    log((1 - p(b)) / p(b))  =  lambda cost(b) + log(1 + exp(-lambda cost(a)))
    lowest bit    log(p(0) / p(a))        =  lambda cost(a), and it must where the second did

and the first layer has h(p(b)) bits of a pixel, h the binary entropy, of all that the pixel says.
Its share stands behind the head, in a byte.

Salt, head and body lie at places of their own, all over the image: those of the salt can be
computed by anybody, those of the head from salt and key, and all others, in an order that comes
from salt and key, carry the body. Nothing tells them from pixels of any other image.

Red, green and blue of a pixel move together, and green is read. In photos they differ by what
changes little from pixel to pixel: most cameras see one colour at a place, and most files keep few
differences of colours. One colour that moves alone is therefore found where three at once are not.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isn import threads
from isn.carriers import places, syndrome
from isn.carriers.costs import FLAT, hill
from isn.carriers.places import Places
from isn.carriers.trellis import nearest
from isn.envelope import HEAD_BYTES
from isn.errors import ImageError, NoSeal
from isn.images import Pixels
from isn.keys import SALT_BYTES, Key
from isn.progress import Tell, part, silent

Bits = NDArray[np.uint8]
Floats = NDArray[np.float32]

MOST_BITS: Final = 0.8
"""Of a pixel that is not flat: with more, nobody could fail to see it."""

_LEAST_PIXELS: Final = 1024
_MOST_SAMPLES: Final = 1 << 14
"""Of a syndrome code, so that memory does not grow with the image."""

_ENOUGH_BITS: Final = 128
"""Of a syndrome code's message, for its end to count little."""

_DRAWN: Final = 1 << 17
"""Samples whose costs stand for those of all."""

_UNITS: Final = 32
"""Whole-number costs in a nat."""

_LOSS: Final = 1.12
"""Changes that syndrome codes make for one of ideal embedding."""

_SALT, _SEALED = SALT_BYTES, HEAD_BYTES - SALT_BYTES + 1
"""Bytes: of the salt, and of the rest of the head with the share of the first layer."""

_PIXELS_A_BIT: Final = 4
"""Of salt and head in a small image: as a body of 0.08 bits a sample has."""

_HALF: Final = 0
"""As a byte: the share of the first layer from a half, 0, up to all."""


_RIGHT: Final = {0.0: 0.5, 0.025: 0.512, 0.06: 0.520, 0.12: 0.560, 0.25: 0.646}
"""By bits of a sample: :func:`found`, of photos of 224 x 224 (``benchmarks/found.py``)."""


def found(bits: float) -> float | None:
    """The share of right verdicts, where 0.5 is a coin, of the best detector that was tried.

    It has learned from 1,000 pairs of a photo and its container, and judges other photos. Of larger
    ones more is found.

    Args:
        bits: of a sample that are carried.

    Returns:
        None beyond what was measured.
    """
    if bits > max(_RIGHT):
        return None
    return float(np.interp(bits, [*_RIGHT], [*_RIGHT.values()]))


class Adaptive:
    """See :class:`isn.carriers.Carrier`."""

    name = "adaptive"
    sparse = True
    stored = None

    def __init__(self) -> None:
        self._last: tuple[bytes, Floats] | None = None

    def _hill(self, host: Pixels) -> Floats:
        """The costs of a host, which is asked for its room before it is written to."""
        known = hashlib.blake2b(np.ascontiguousarray(host).data, digest_size=16).digest()
        # Another thread may put another host's there meanwhile.
        last = self._last
        if last is None or last[0] != known or last[1].shape != host.shape[:2]:
            self._last = last = known, hill(host)
        return last[1]

    def capacity(self, host: Pixels, bits: float) -> int:
        """Bytes of body: `bits` of every sample, and of busy pixels :data:`MOST_BITS` at most."""
        if host.shape[0] * host.shape[1] < _LEAST_PIXELS:
            return 0
        return _room(self._hill(host), bits * host.size / (host.shape[0] * host.shape[1]))

    def noise(self, host: Pixels, size: int) -> float:
        """See :meth:`isn.carriers.Carrier.noise`: about the share of pixels that move."""
        costs = self._hill(host).reshape(-1)
        drawn = costs[:: max(len(costs) // _DRAWN, 1)]
        zones = [*_zone_sizes(len(costs)), _body_pixels(len(costs))]
        moved = (
            pixels * moving(drawn, multiplier(drawn, 8 * said / pixels)).mean()
            for pixels, said in zip(zones, (_SALT, _SEALED, size), strict=True)
        )
        return float(_LOSS * sum(moved) / len(costs))

    def write(self, host: Pixels, head: bytes, body: bytes, key: Key, tell: Tell) -> Pixels:
        """See :meth:`isn.carriers.Carrier.write`."""
        costs, shape = self._hill(host).reshape(-1), host.shape
        most = _room(costs, MOST_BITS) if len(costs) >= _LEAST_PIXELS else 0
        if most == 0 or len(body) > most:
            raise ImageError(
                f"{len(body)} bytes are to be carried where nobody finds them, and a host of "
                f"{host.shape[1]} x {host.shape[0]}, as flat as this one, takes {most}: take a "
                "larger one, or one with more texture"
            )
        values = _plane(host).reshape(-1).copy()
        salt, sealed = zones = _zones(shape, head, key)
        rest = _rest(shape, head, key, zones)
        tell(0.1)
        share = _first_share(costs[rest[:_DRAWN]], 8 * len(body) / len(rest))
        _put(values, costs, salt, head[:SALT_BYTES])
        _put(values, costs, sealed, head[SALT_BYTES:] + _masked(share, head, key))
        tell(0.2)
        _put(values, costs, rest, body, share, part(tell, 0.2, 1.0))
        tell(1.0)
        return _moved_together(host, values.reshape(shape[:2]))

    def read_head(self, container: Pixels, key: Key) -> bytes:
        """See :meth:`isn.carriers.Carrier.read_head`."""
        shape = container.shape
        if shape[0] * shape[1] < _LEAST_PIXELS:
            raise NoSeal(f"the image is {shape[1]} x {shape[0]}, too few pixels for a container")
        values = _plane(container).reshape(-1)
        salt = _get(values, _salt_zone(shape), _SALT)
        return salt + _get(values, _zones(shape, salt, key)[1], _SEALED)[:-1]

    def read_body(self, container: Pixels, head: bytes, size: int, key: Key) -> bytes:
        """See :meth:`isn.carriers.Carrier.read_body`."""
        if 8 * size > MOST_BITS * _body_pixels(container.shape[0] * container.shape[1]):
            raise NoSeal(f"the image cannot carry the {size} bytes that its head names")
        values = _plane(container).reshape(-1)
        zones = _zones(container.shape, head, key)
        share = _masked(_get(values, zones[1], _SEALED)[-1], head, key)[0]
        return _get(values, _rest(container.shape, head, key, zones), size, share)


def _room(costs: Floats, bits: float) -> int:
    """Bytes of body in pixels of such costs, with so many bits of each."""
    busy = np.count_nonzero(costs < FLAT) / costs.size
    return int(_body_pixels(costs.size) * min(bits, MOST_BITS * busy)) // 8


def _plane(image: Pixels) -> Pixels:
    """The samples that are read: grey ones, or green ones."""
    return image if image.ndim == 2 else image[..., 1]


def _moved_together(host: Pixels, values: Pixels) -> Pixels:
    """The host with these samples to be read; the other colours of a pixel move along."""
    if host.ndim == 2:
        return values
    moved = values.astype(np.int16) - _plane(host)
    container = np.clip(host + moved[..., None], 0, 255).astype(np.uint8)
    container[..., 1] = values
    return container


def _zone_sizes(pixels: int) -> tuple[int, int]:
    """How many pixels are there for the salt, and how many for the rest of the head."""
    return (
        min(pixels // 8, max(_PIXELS_A_BIT * 8 * _SALT, pixels // 256)),
        min(3 * pixels // 8, max(_PIXELS_A_BIT * 8 * _SEALED, pixels // 256)),
    )


def _body_pixels(pixels: int) -> int:
    return pixels - sum(_zone_sizes(pixels))


def _salt_zone(shape: tuple[int, ...]) -> Places:
    return places.public(shape[:2], _zone_sizes(shape[0] * shape[1])[0])


def _zones(shape: tuple[int, ...], head: bytes, key: Key) -> tuple[Places, Places]:
    """Where the salt and where the rest of the head lie; the salt stands at the head's front."""
    salt, both = _salt_zone(shape), sum(_zone_sizes(shape[0] * shape[1]))
    return salt, places.drawn(shape[:2], _place_key(head, key), salt, both)[len(salt) :]


def _rest(shape: tuple[int, ...], head: bytes, key: Key, zones: tuple[Places, Places]) -> Places:
    """Where the body lies, in its order."""
    return places.order(shape[0] * shape[1], _place_key(head, key), np.concatenate(zones))


def _place_key(head: bytes, key: Key) -> bytes:
    return key.key("places", head[:SALT_BYTES])


def _masked(share: int, head: bytes, key: Key) -> bytes:
    """A share as it is written, or what was written as a share: random to whoever lacks the key."""
    return bytes([share ^ key.key("share", head[:SALT_BYTES])[0]])


def _first_share(costs: Floats, bits: float) -> int:
    """The share of the first layer, as a byte, in pixels of such costs and so many bits of each."""
    moved = moving(costs, multiplier(costs, bits)).astype(np.float64)
    first, all_ = _entropy(moved / 2).sum(), (_entropy(moved) + moved).sum()
    return int(np.clip(round(512 * first / max(all_, 1e-30)) - 256, 0, 255))


def _entropy(share: NDArray[np.float64]) -> NDArray[np.float64]:
    share = np.clip(share, 1e-30, 1 - 1e-9)
    return -share * np.log2(share) - (1 - share) * np.log2(1 - share)


def _put(
    samples: Pixels,
    costs: Floats,
    where: Places,
    content: bytes,
    share: int = _HALF,
    tell: Tell = silent,
) -> None:
    """Changes some samples so that they say some bytes, in place."""
    codes, length, sizes = _shape(len(where), 8 * len(content), share)
    where = where[: codes * length].reshape(length, codes)
    bits = np.unpackbits(np.frombuffer(content, np.uint8))
    messages = [
        np.resize(np.append(half, np.zeros(codes, np.uint8)), (size, codes))
        for half, size in zip(np.split(bits, [_first(len(bits), share)]), sizes, strict=True)
    ]
    scale = multiplier(costs[where.reshape(-1)[:_DRAWN]], len(bits) / where.size)

    def work(mine: slice) -> None:
        there = where[:, mine]
        samples[there] = _moved(
            samples[there], scale * costs[there], messages[0][:, mine], messages[1][:, mine]
        )

    pieces = _side_by_side(codes)
    for done in range(0, len(pieces), threads.count()):
        threads.each(work, pieces[done : done + threads.count()])
        tell(min(done + threads.count(), len(pieces)) / len(pieces))


def _moved(values: Pixels, costs: Floats, upper: Bits, lower: Bits) -> Pixels:
    """Samples that say the bits of both layers: the second-lowest, then the lowest.

    Args:
        values: uint8, N x 16.
        costs: float32 of that shape, of a move either way, in nats.
        upper: M x 16, 0 or 1.
        lower: L x 16, 0 or 1.
    """
    low, high = _layers(values)
    # Up from odd values and down from even ones changes the second bit; not beyond the ends.
    ends = ((values == 0) | (values == 255)) * np.float32(syndrome.MOST_COST)
    wanted = syndrome.write(high, _whole(costs + np.log1p(np.exp(-costs)) + ends), upper)
    must = wanted != high
    flipped = syndrome.write(
        low ^ must, np.where(must, np.int16(syndrome.MOST_COST), _whole(costs)), lower
    )
    return nearest(values, wanted << np.uint8(1) | flipped, 4)


def _layers(values: Pixels) -> tuple[Bits, Bits]:
    """The lowest bits of some samples, and the second-lowest."""
    one = np.uint8(1)
    return values & one, values >> one & one


def _get(samples: Pixels, where: Places, size: int, share: int = _HALF) -> bytes:
    """The bytes that some samples say: :func:`_put` undone."""
    codes, length, sizes = _shape(len(where), 8 * size, share)
    where = where[: codes * length].reshape(length, codes)
    found = [np.empty((each, codes), np.uint8) for each in sizes]

    def work(mine: slice) -> None:
        values = samples[where[:, mine]]
        for message, bits in zip(found, _layers(values)[::-1], strict=True):
            message[:, mine] = syndrome.read(bits, len(message))

    threads.each(work, _side_by_side(codes))
    first = _first(8 * size, share)
    upper, lower = (each.reshape(-1) for each in found)
    return np.packbits(np.concatenate([upper[:first], lower[: 8 * size - first]])).tobytes()


def _first(bits: int, share: int) -> int:
    """How many bits the first layer carries."""
    return -(-bits * (256 + share) // 512)


def _shape(samples: int, bits: int, share: int) -> tuple[int, int, tuple[int, int]]:
    """How many codes there are, how many samples one has, and how many bits in each layer.

    Long codes are better than short ones, and many codes are as fast as one.
    """
    first, side = _first(bits, share), syndrome.SIDE_BY_SIDE
    fewest = -(-samples // _MOST_SAMPLES)
    codes = max(min(-(-fewest // side) * side, first // _ENOUGH_BITS), fewest, 1)
    return codes, samples // codes, (-(-first // codes), -(-(bits - first) // codes))


def _side_by_side(codes: int) -> list[slice]:
    side = syndrome.SIDE_BY_SIDE
    return [slice(first, min(first + side, codes)) for first in range(0, codes, side)]


def _whole(costs: Floats) -> NDArray[np.int16]:
    return np.minimum(np.rint(_UNITS * costs), syndrome.MOST_COST).astype(np.int16)


def moving(costs: Floats, scale: float) -> Floats:
    """The share of pixels of such costs that ideal embedding moves, up and down together.

    Args:
        costs: float32 of any shape.
        scale: :func:`multiplier`'s.
    """
    weight = np.exp(-np.minimum(scale * costs, 80))
    return np.asarray(2 * weight / (1 + 2 * weight), np.float32)


def multiplier(costs: Floats, bits: float) -> float:
    """lambda: what costs are to be multiplied with so that moves say so many bits a pixel.

    The entropy of moves of probability w / (1 + 2 w), w = exp(-lambda costs), either way is
    log(1 + 2 w) + lambda costs 2 w / (1 + 2 w) nats.
    """
    low, high = -14.0, 14.0
    for _ in range(30):
        middle = (low + high) / 2
        scaled = np.minimum(np.float32(np.exp(middle)) * costs, 80)
        twice = 2 * np.exp(-scaled)
        said = np.log1p(twice) + twice / (1 + twice) * scaled
        low, high = (middle, high) if said.mean() > bits * np.log(2) else (low, middle)
    return float(np.exp(low))
