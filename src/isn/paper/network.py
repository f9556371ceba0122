"""The invertible steganography network: Haar bands, coupling blocks in order, and back.

    host + hidden  ->  bands  ->  blocks  ->  container + lost          (forward: hide)
    container + lost  ->  bands  ->  blocks, backwards  ->  host + hidden   (inverse: reveal)

The network is exactly invertible; what makes a reveal approximate is only that the container is
rounded to 8 bit and that the lost part is replaced by a constant (y_z, section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from isn.arrays import array_namespace
from isn.errors import ConfigError
from isn.paper.config import ModelConfig
from isn.paper.coupling import Apply, Array, Coupling, Half, Subnets, at_once
from isn.paper.wavelet import from_bands, to_bands

BLANK = 0.5
"""Every sample of a blank host."""


class Hiding(NamedTuple):
    """What the forward pass gives, as images: N x 3p x H x W and N x 3n x H x W, not rounded."""

    container: Array
    lost: Array


class Revealing(NamedTuple):
    """What the inverse pass gives, as images: N x 3p x H x W and N x 3n x H x W, not rounded."""

    host: Array
    hidden: Array


@dataclass(frozen=True)
class Network:
    """A sequence of coupling blocks between two Haar transforms.

    Attributes:
        config: the architecture.
        couplings: the blocks, first to last.
    """

    config: ModelConfig
    couplings: tuple[Coupling, ...]

    @classmethod
    def of(cls, config: ModelConfig, subnets: Sequence[Subnets]) -> Network:
        """A network around the subnets that a backend evaluates, one triple a block."""
        if len(subnets) != config.blocks:
            raise ConfigError(f"{len(subnets)} blocks were given, the config names {config.blocks}")
        return cls(config, tuple(Coupling(each, config.clamp) for each in subnets))

    def forward(self, host: Array, hidden: Array, apply: Apply = at_once) -> Hiding:
        """Hides: Eq. (1), first line.

        Args:
            host: N x 3p x H x W floats in [0, 1], p being ``config.planes``; H and W multiples of
                ``config.cell``.
            hidden: N x 3n x H x W floats in [0, 1], the n hidden images one after the other.
            apply: how each half of a block is carried out.

        Returns:
            The container and the lost part, as images, not rounded and not clipped. Inputs stay
            as they were.

        Raises:
            ConfigError: the shapes do not fit the config or each other.
        """
        self._check(host, hidden, "host", "hidden")
        # One name after the other, so that an image the caller let go of is freed at once.
        host = self._bands(host, apply)
        hidden = self._bands(hidden, apply)
        for coupling in self.couplings:
            host, hidden = coupling.forward(host, hidden, apply)
        levels = self.config.levels
        host = from_bands(host, levels)
        return Hiding(host, from_bands(hidden, levels))

    def inverse(self, container: Array, lost: Array, apply: Apply = at_once) -> Revealing:
        """Reveals: Eq. (1), second line.

        Args:
            container: N x 3p x H x W floats in [0, 1], as read from an 8-bit file.
            lost: N x 3n x H x W, what stands for the lost part: :meth:`constant_lost`.
            apply: how each half of a block is carried out.

        Returns:
            The recovered host and the revealed images, not rounded and not clipped. Inputs stay
            as they were.

        Raises:
            ConfigError: the shapes do not fit the config or each other.
        """
        self._check(container, lost, "container", "lost")
        container = self._bands(container, apply)
        lost = self._bands(lost, apply)
        for coupling in reversed(self.couplings):
            container, lost = coupling.inverse(container, lost, apply)
        levels = self.config.levels
        container = from_bands(container, levels)
        return Revealing(container, from_bands(lost, levels))

    def hide(self, host: Array, hidden: Array, apply: Apply = at_once) -> Array:
        """The container of :meth:`forward` alone, without what only the lost part takes."""
        self._check(host, hidden, "host", "hidden")
        host = self._bands(host, apply)
        hidden = self._bands(hidden, apply)
        *others, last = self.couplings
        for coupling in others:
            host, hidden = coupling.forward(host, hidden, apply)
        return from_bands(last.hide(host, hidden, apply), self.config.levels)

    def reveal(self, container: Array, lost: Array, apply: Apply = at_once) -> Array:
        """The hidden images of :meth:`inverse` alone, without what only the host takes."""
        self._check(container, lost, "container", "lost")
        container = self._bands(container, apply)
        lost = self._bands(lost, apply)
        first, *others = self.couplings
        for coupling in reversed(others):
            container, lost = coupling.inverse(container, lost, apply)
        return from_bands(first.reveal(container, lost, apply), self.config.levels)

    def constant_lost(self, like: Array, texture: Array | None = None) -> Array:
        """The constant y_z that stands for the lost part at reveal (section 3.2, 5.3).

        Args:
            like: the container, N x 3p x H x W.
            texture: 3 x h x w in [0, 1], of the same array library, repeated over the image and
                once for each hidden image; None: the constant of the config.

        Returns:
            N x 3n x H x W.

        Raises:
            ConfigError: the model was trained with a texture and none is given.
        """
        n, _, height, width = like.shape
        count, xp = self.config.hidden_images, array_namespace(like)
        if texture is not None:
            rows = xp.arange(height, device=like.device) % texture.shape[1]
            columns = xp.arange(width, device=like.device) % texture.shape[2]
            whole = xp.take(xp.take(texture, rows, axis=1), columns, axis=2)
            return xp.tile(xp.astype(whole, like.dtype)[None, ...], (n, count, 1, 1))
        if self.config.lost is None:
            raise ConfigError("this model's lost part is a texture: give the one it is keyed with")
        shape = (n, 3 * count, height, width)
        return xp.full(shape, self.config.lost, dtype=like.dtype, device=like.device)

    def _bands(self, image: Array, apply: Apply) -> Array:
        bands = to_bands(image, self.config.levels)
        # Strips change their target in place, which must not be the caller's image.
        if bands is image and apply is not at_once:
            bands = array_namespace(image).asarray(image, copy=True)
        return bands

    def _check(self, host: Array, hidden: Array, host_name: str, hidden_name: str) -> None:
        n, cell, channels = self.config.hidden_images, self.config.cell, 3 * self.config.planes
        if len(host.shape) != 4 or host.shape[1] != channels:
            raise ConfigError(
                f"the {host_name} has shape {tuple(host.shape)}, give N x {channels} x H x W"
            )
        wanted = (host.shape[0], 3 * n, *host.shape[2:])
        if tuple(hidden.shape) != tuple(wanted):
            raise ConfigError(
                f"the {hidden_name} part has shape {tuple(hidden.shape)}, this model of {n} "
                f"hidden images and the {host_name} want {tuple(wanted)}"
            )
        if host.shape[2] % cell or host.shape[3] % cell:
            raise ConfigError(
                f"the {host_name} is {host.shape[2]} x {host.shape[3]}, "
                f"give sides that are multiples of {cell}"
            )


@dataclass(frozen=True)
class Tiles:
    """Carries out half a block tile by tile, in place and exactly.

    A half changes its target pointwise by what the subnets see of the source, at most `reach`
    positions around. So each tile is computed with that many more rows and columns of the source
    and only its inside is kept: the answer is that of the whole image to float rounding, and the
    memory on top of the two branches is that of one tile.

    Attributes:
        reach: positions to each side that a subnet sees (``config.reach``).
        height: rows of a tile.
        width: columns of a tile.
        progress: called after each tile with the positions it covered.
    """

    reach: int
    height: int = 192
    width: int = 512
    progress: Callable[[int], None] | None = None

    def __call__(self, half: Half, target: Array, source: Array) -> Array:
        """Changes `target` in place, leaves `source`, and returns `target`."""
        rows, columns = target.shape[-2:]
        for top, bottom in spans(rows, self.height):
            above, below = max(top - self.reach, 0), min(bottom + self.reach, rows)
            for left, right in spans(columns, self.width):
                before, after = max(left - self.reach, 0), min(right + self.reach, columns)
                window = (..., slice(above, below), slice(before, after))
                inside = (
                    ...,
                    slice(top - above, bottom - above),
                    slice(left - before, right - before),
                )
                # The window's rim in the target may be changed already; it is not kept.
                changed = half(target[window], source[window])
                target[..., top:bottom, left:right] = changed[inside]
                if self.progress is not None:
                    self.progress((bottom - top) * (right - left))
        return target


def spans(length: int, size: int) -> Iterator[tuple[int, int]]:
    """A length in pieces of a size, the last one shorter: where each begins and ends."""
    for start in range(0, length, size):
        yield start, min(start + size, length)
