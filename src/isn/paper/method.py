"""The paper's own method: the host goes through the network, as Eq. (1) to (5) have it.

The container says nothing by itself; what whoever reveals must know, and whether the pixels are
those that were hidden in, is said by a body scattered in its least significant bits::

    number of hidden images (1 byte), height and width of each (4 + 4), hash of the pixels (32)

where the hash leaves the bits out in which it lies itself. Of modulo blocks, a sample that is to
have another lowest bit changes by its base, up or down (:func:`_paired`), and says the same; so
what two such samples have in common is hashed. There is no passphrase: everybody who has the
network can reveal, but for networks that were trained with a texture (section 5.3).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from isn import envelope
from isn.carriers.places import Places
from isn.carriers.scattered import Scattered, places
from isn.envelope import Head
from isn.errors import AlteredContainer, ConfigError, ImageError, counted, setting
from isn.images import Pixels
from isn.keys import Key
from isn.progress import Tell, part, silent
from isn.secret import Content, Item, Secret, check_sizes, forged, pictures_of

# What runs the network is late below: most containers are none of its.
if TYPE_CHECKING:
    from isn.paper.backends.base import Backend
    from isn.paper.config import ModelConfig
    from isn.paper.engine import Engine
    from isn.weights import Weights

KIND: Final = "paper"
"""Of its weights."""

NUMBER: Final = 6
"""In the head of its containers."""

MIN_SIDE: Final = 32
"""Pixels along a host, at least."""

_SIZE: Final = struct.Struct("<II")
_HASH_BYTES: Final = 32
_STRIP_BYTES: Final = 1 << 20
_BASES_BELOW: Final = 128
_WHITE: Final = 255
_CARRIER: Final = Scattered()


def shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of such weights.

    Raises:
        ConfigError: a setting is out of its range.
    """
    from isn.paper.config import ModelConfig

    model = ModelConfig.from_mapping(dict(config))
    if model.planes > 1:
        raise ConfigError(f"planes is {model.planes}, and a host is one image: give 1")
    return model.parameter_shapes()


@dataclass(frozen=True, eq=False)
class Paper:
    """See :class:`isn.method.Method`.

    Attributes:
        name: what it is called.
        weights: of kind "paper".
        backend: what evaluates the subnets; None: chosen at first use.
        refine: steps of gradient descent that make a container reveal better.
        texture: the image that stands for the lost part, for a network trained with one.
    """

    name: str
    weights: Weights
    backend: str | Backend | None = None
    refine: int = 0
    texture: Pixels | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.weights.check(KIND, shapes)
        if type(self.refine) is not int or self.refine < 0:
            raise ConfigError(
                setting(refine=self.refine), " was given: give a whole number of steps from 0"
            )
        if self.texture is not None and self.config.lost is not None:
            raise ConfigError(
                setting("texture"),
                f" was given, and {self.name} was trained without one: leave it out",
            )

    @cached_property
    def config(self) -> ModelConfig:
        """The network's architecture."""
        from isn.paper.config import ModelConfig

        return ModelConfig.from_mapping(dict(self.weights.config))

    def __getstate__(self) -> dict[str, Any]:
        """Without what runs the network, which is built anew where it is needed."""
        return {name: each for name, each in self.__dict__.items() if name != "_engine"}

    @property
    def options(self) -> frozenset[str]:
        """See :class:`isn.method.Method`."""
        # A sample of modulo blocks that moves by a little says something else.
        dense = self.config.subnet == "dense"
        return frozenset({"backend", "refine", "texture"} if dense else {"backend"})

    def tuned(self, options: Mapping[str, Any]) -> Paper:
        """See :meth:`isn.method.Method.tuned`."""
        return replace(self, **options)

    @property
    def counts(self) -> range:
        """How many images it hides."""
        return range(self.config.hidden_images, self.config.hidden_images + 1)

    @cached_property
    def _engine(self) -> Engine:
        from isn.paper.engine import Engine

        backend = "torch" if self.refine and self.backend is None else self.backend
        return Engine.of(self.config, self.weights, backend)

    def hide(self, host: Pixels, secret: Secret, key: Key, tell: Tell = silent) -> Pixels:
        """See :meth:`isn.method.Method.hide`.

        Raises:
            ConfigError: a passphrase was given, or another number of images.
            ImageError: the host is too small.
        """
        if key.secret:
            raise ConfigError(
                f"a passphrase was given, and {self.name} has no key: take one of photos, avif, "
                "isn-1 to isn-5, which encrypt"
            )
        pictures = pictures_of(secret, self.name, host.shape[0] * host.shape[1])
        if len(pictures) not in self.counts:
            raise ConfigError(
                f"{self.name} hides {counted(self.config.hidden_images, 'image')} at a time, not "
                f"{len(pictures)}: give so many, or take another method"
            )
        self.check_host(host)
        from isn.paper.engine import floats, pixels

        height, width = self.config.region(*host.shape[:2])
        engine, container = self._engine, in_colour(host).copy()
        inside = container[:height, :width]
        planes = [engine.fit(each, height, width) for each in pictures]
        cover = floats([inside])
        share = 0.1 if self.refine else 0.98
        made = engine.forward(cover, planes, part(tell, 0.0, share))
        if self.refine:
            made = engine.refined(cover, planes, made, self.refine, part(tell, share, 0.98))
        inside[:] = pixels(made)
        stamped = self._stamped(container, [each.shape[:2] for each in pictures], key)
        tell(1.0)
        return stamped

    def check_host(self, host: Pixels) -> None:
        """Refuses a host in which nothing can be hidden.

        Raises:
            ImageError: it is too small.
        """
        if min(host.shape[:2]) < MIN_SIDE:
            raise ImageError(
                f"the host is {host.shape[1]} x {host.shape[0]}, {self.name} needs "
                f"{MIN_SIDE} x {MIN_SIDE} pixels at least: take a larger one"
            )

    def reveal(self, container: Pixels, key: Key, tell: Tell = silent) -> list[Item]:
        """See :meth:`isn.method.Method.reveal`."""
        head = _CARRIER.read_head(container, key)
        return self.open(container, head, envelope.open_head(head, key), key, tell)

    def open(
        self, container: Pixels, head: bytes, opened: Head, key: Key, tell: Tell = silent
    ) -> list[Item]:
        """Reveals what a container of an opened head holds.

        Raises:
            AlteredContainer: its pixels were changed.
            ConfigError: the network wants a texture, and there is none.
        """
        sizes, intact = self._said(container, head, opened, key)
        if not intact:
            raise AlteredContainer("its pixels were changed after it was made")
        return self._shown(container, sizes, tell)

    def contents(self, container: Pixels, head: bytes, opened: Head, key: Key) -> list[Content]:
        """What :meth:`open` would give, with the same errors."""
        sizes, intact = self._said(container, head, opened, key)
        if not intact:
            raise AlteredContainer("its pixels were changed after it was made")
        return [Content(size) for size in sizes]

    def salvage(self, container: Pixels, tell: Tell = silent) -> list[Item]:
        """What is left in a damaged container, at the container's size, whatever its head says."""
        if min(container.shape[:2]) < MIN_SIDE:
            raise ImageError(
                f"the image is {container.shape[1]} x {container.shape[0]}, too small to hold any"
            )
        size = (container.shape[0], container.shape[1])
        return self._shown(container, [size] * self.config.hidden_images, tell)

    def _shown(self, container: Pixels, sizes: Sequence[tuple[int, int]], tell: Tell) -> list[Item]:
        from isn.paper.engine import floats, unfitted

        height, width = self.config.region(*container.shape[:2])
        inside = floats([in_colour(container)[:height, :width]])
        shown = self._engine.inverse(inside, self.texture, tell)
        cell = self.config.cell
        return [unfitted(each, *size, cell) for each, size in zip(shown, sizes, strict=True)]

    def _stamped(self, container: Pixels, sizes: Sequence[tuple[int, ...]], key: Key) -> Pixels:
        """The container with its head and body."""
        said = bytes([len(sizes)]) + b"".join(_SIZE.pack(*size) for size in sizes)
        length = len(said) + _HASH_BYTES

        # The salt says where the bits lie, and so what is hashed: it is drawn before the hash.
        salt = envelope.salt_for(NUMBER, said + self._hash(container, np.empty(0, np.int64)), key)
        there = places(container, salt, length + envelope.TAG_BYTES, key)
        payload = said + self._hash(container, there)
        sealed = envelope.close(NUMBER, self.weights.fingerprint, payload, key, salt)
        stamped = _CARRIER.write(container, sealed.head, sealed.body, key, silent)
        return self._by_bases(container, stamped, there)

    @cached_property
    def _bases(self) -> NDArray[np.int64] | None:
        """Of modulo blocks: cell x cell x 3, what each sample of a cell is written modulo.

        Of what is no base, 1: such a sample changes by a level.
        """
        if self.config.subnet != "modulo":
            return None
        cell = self.config.cell
        bases = np.rint(self.weights.tensors["bases"].astype(np.float64))
        bases = np.where((bases % 2 == 1) & (bases > 0) & (bases < _BASES_BELOW), bases, 1)
        return bases.reshape(3, cell, cell).transpose(1, 2, 0).astype(np.int64)

    def _bases_at(self, shape: tuple[int, ...], there: Places) -> NDArray[np.int64]:
        """Of some samples of an image, by their indices."""
        if self._bases is None or len(shape) != 3:
            return np.ones(len(there), np.int64)
        cell, (height, width) = self.config.cell, self.config.region(*shape[:2])
        rows, columns, colours = np.unravel_index(there, shape)
        inside = (rows < height) & (columns < width)
        return np.where(inside, self._bases[rows % cell, columns % cell, colours], 1)

    def _by_bases(self, container: Pixels, stamped: Pixels, there: Places) -> Pixels:
        """The stamped container, its samples changed by their bases instead of by a level.

        Args:
            container: as it was.
            stamped: with other lowest bits.
            there: where they lie.
        """
        before, after = container.reshape(-1)[there], stamped.reshape(-1)
        other, _ = _paired(before, self._bases_at(container.shape, there))
        after[there] = np.where(after[there] == before, before, other)
        return after.reshape(container.shape)

    def _hash(self, image: Pixels, without: Places) -> bytes:
        """Of shape and samples; at some places of what stays as their lowest bits are written."""
        ordered = np.sort(without)
        samples = image[np.unravel_index(ordered, image.shape)]
        _, kept = _paired(samples, self._bases_at(image.shape, ordered))
        digest = hashlib.blake2b(struct.pack("<2Q", *image.shape[:2]), digest_size=_HASH_BYTES)
        # Strip by strip, so that an image of 100 megapixels is never copied whole.
        width = image[0].size
        rows = max(1, _STRIP_BYTES // width)
        for top in range(0, image.shape[0], rows):
            strip = np.array(image[top : top + rows], order="C").reshape(-1)
            start = width * top
            first, end = np.searchsorted(ordered, [start, start + strip.size])
            strip[ordered[first:end] - start] = kept[first:end]
            digest.update(strip.data)
        return digest.digest()

    def _said(
        self, container: Pixels, head: bytes, opened: Head, key: Key
    ) -> tuple[list[tuple[int, int]], bool]:
        """Sizes of the hidden images, and whether the pixels are those that were sealed."""
        if min(container.shape[:2]) < MIN_SIDE:
            raise forged("its picture is smaller than any host")
        body = _CARRIER.read_body(container, head, opened.sealed_length, key)
        payload = envelope.open_body(head, body, key)
        count = payload[0] if payload else 0
        if count not in self.counts or len(payload) != 1 + count * _SIZE.size + _HASH_BYTES:
            raise forged(f"it says that {self.name} hid {counted(count, 'image')}")
        sizes = [_SIZE.unpack_from(payload, 1 + k * _SIZE.size) for k in range(count)]
        check_sizes(sizes, container.shape[0] * container.shape[1])
        there = places(container, head, len(body), key)
        return sizes, self._hash(container, there) == payload[-_HASH_BYTES:]


def in_colour(image: Pixels) -> Pixels:
    """A grey image, H x W, as H x W x 3; one in colour as it is."""
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)


def _paired(samples: Pixels, bases: NDArray[np.int64]) -> tuple[Pixels, Pixels]:
    """For each sample the one of the other lowest bit, and what is the same of both.

    Those that differ by their base b: one with an even quotient by b, and the next. The highest
    ones, which have no next, are neighbours; so are all where b is 1.

    Args:
        samples: uint8.
        bases: odd, below 128.

    Returns:
        Both uint8, of the samples' shape.
    """
    before = samples.astype(np.int64)
    quotient, rest = np.divmod(before, bases)
    far = (bases > 1) & ((quotient % 2 == 1) | (before + bases <= _WHITE))
    whole = _WHITE // bases
    first = np.where(bases == 1, 0, np.where(whole % 2, _WHITE + 1 - bases, whole * bases))
    beside = before - first
    step = np.where(far, bases * (1 - 2 * (quotient % 2)), 1 - 2 * (beside % 2))
    # The far ones are below 192, the others of such bases from there on.
    near = np.where(bases == 1, beside // 2, _WHITE - beside // 2)
    kept = np.where(far, quotient // 2 * bases + rest, near)
    return (before + step).astype(np.uint8), kept.astype(np.uint8)
