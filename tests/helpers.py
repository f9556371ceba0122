"""Networks worth testing, and an evaluator of dense blocks that shares no code with a backend.

A fresh network is the identity, which a broken one may be as well. So every convolution is filled
with seeded random values, small enough for outputs to stay tame through 16 blocks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

from isn.codes.network import kept_bands, prior_shapes
from isn.images import Pixels
from isn.paper.config import ModelConfig
from isn.paper.network import Network
from isn.secret import Content, File, Item
from isn.weights import Weights

CHECK = Path(__file__).parent / "data" / "check.npz"
"""What plain torch computed with a shipped network; made by ``make_check.py`` beside it."""

SMALL = ModelConfig(blocks=2, depth=2, growth=4)
"""The smallest network that is one."""

Floats = NDArray[np.float64]


def share(count: int, least: int) -> int:
    """A quarter of so many where only what is quick runs, as of every property's examples."""
    return max(count * settings.default.max_examples // 100, least)


def examples(count: int) -> settings:
    """So many examples of a property, or a quarter of them."""
    return settings(max_examples=share(count, 3))


def mostly_slow(values: Iterable[Any], quick: Collection[Any]) -> list[Any]:
    """Values of a parameter, of which all but a few make a test slow."""
    return [
        each if each in quick else pytest.param(each, marks=pytest.mark.slow) for each in values
    ]


def random_tensors(config: ModelConfig, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """A value for every learned tensor, the last convolutions included."""
    rng = np.random.default_rng(seed)
    # The bare exponential of a deep network explodes, and float64 with it.
    gain = 0.6 * min(1.0, (4 / config.blocks) ** 0.5)
    tensors = {}
    for name, shape in config.parameter_shapes().items():
        scale = gain / np.sqrt(9 * shape[1]) if len(shape) == 4 else 0.05
        tensors[name] = (scale * rng.standard_normal(shape)).astype(np.float32)
    return tensors


def random_weights(config: ModelConfig = SMALL, seed: int = 0) -> Weights:
    """Weights of the paper's method, like trained ones but for what they do to images."""
    return Weights("paper", asdict(config), random_tensors(config, seed))


def network_weights(config: ModelConfig = SMALL, seed: int = 0, bits: float = 4.0) -> Weights:
    """Weights of the code that the network makes, like trained ones but for what they do."""
    tensors, rng = random_tensors(config, seed), np.random.default_rng(seed + 1)
    for name, shape in prior_shapes(kept_bands(config), 4).items():
        # What is expected of a band is a step, more or less.
        middle = 0.5 if name.endswith("outer.bias") else 0.0
        tensors[name] = (middle + 0.1 * rng.standard_normal(shape)).astype(np.float32)
    return Weights("network", asdict(config) | {"width": 4, "bits": bits}, tensors)


def crop(photo: Pixels, height: int, width: int) -> Pixels:
    """The middle of a photo, read-only, at half its detail so that small crops show something."""
    small = photo[::2, ::2]
    top, left = (small.shape[0] - height) // 2, (small.shape[1] - width) // 2
    part: Pixels = np.ascontiguousarray(small[top : top + height, left : left + width])
    assert part.shape == (height, width, 3)
    part.flags.writeable = False
    return part


def picture(height: int, width: int, seed: int = 0) -> Pixels:
    """A picture from whole-number arithmetic alone, the same on every machine."""
    y, x, c = np.ogrid[:height, :width, :3]
    wave = (y * (c + 2 + seed) + x * 3 + (x * y >> 3) + 40 * c + 90 * seed) % 512
    return np.minimum(wave, 511 - wave).astype(np.uint8)


def contents_of(items: list[Item]) -> list[Content]:
    """What a code says of such items."""
    return [
        Content(None, each.name, len(each.content))
        if isinstance(each, File)
        else Content((each.shape[0], each.shape[1]))
        for each in items
    ]


def same(one: list[Item], other: list[Item]) -> bool:
    """Whether two lists hold the same images and files in the same order."""
    return len(one) == len(other) and all(
        a == b
        if isinstance(a, File) or isinstance(b, File)
        else a.shape == b.shape and bool((a == b).all())
        for a, b in zip(one, other, strict=True)
    )


class Shares:
    """A teller that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[float] = []

    def __call__(self, share: float) -> None:
        self.told.append(share)

    @property
    def sound(self) -> bool:
        """Whether they grew, from above 0 to 1."""
        told = self.told
        return bool(told) and told == sorted(told) and told[0] >= 0 and told[-1] == 1.0


def random_images(
    config: ModelConfig, height: int, width: int, *, batch: int = 1, seed: int = 1
) -> tuple[Floats, Floats]:
    """A host and its hidden images in [0, 1], float64."""
    rng = np.random.default_rng(seed)
    host = rng.random((batch, 3 * config.planes, height, width))
    return host, rng.random((batch, 3 * config.hidden_images, height, width))


@dataclass(frozen=True)
class OracleSubnets:
    """Subnets in NumPy and float64: dense blocks straight from section 4.1 of the paper."""

    tensors: Mapping[str, NDArray[Any]]
    block: int
    depth: int

    def phi(self, hidden: Any) -> Any:
        return self._subnet("phi", hidden)

    def rho_eta(self, host: Any) -> tuple[Any, Any]:
        return self._subnet("rho", host), self._subnet("eta", host)

    def _subnet(self, name: str, given: Floats) -> Floats:
        out = features = given
        for k in range(self.depth):
            out = self._convolved(name, k, features)
            if k < self.depth - 1:
                features = np.concatenate([features, _leaky(out)], axis=1)
        return out

    def _convolved(self, name: str, k: int, features: Floats) -> Floats:
        stem = f"blocks.{self.block}.{name}.convs.{k}"
        weight, bias = (
            self.tensors[f"{stem}.{each}"].astype(np.float64) for each in ("weight", "bias")
        )
        if weight.shape[-1] == 1:
            return np.einsum("oc,nchw->nohw", weight[..., 0, 0], features) + bias[:, None, None]
        return _convolve(features, weight, bias)


def _leaky(x: Floats) -> Floats:
    return np.where(x < 0, 0.2 * x, x)


def _convolve(x: Floats, weight: Floats, bias: Floats) -> Floats:
    batch, channels, height, width = x.shape
    padded = np.zeros((batch, channels, height + 2, width + 2))
    padded[..., 1:-1, 1:-1] = x
    # A window's nine places as channels. Of tiny images the calls cost most: few of them, and no
    # product of BLAS, whose threads wait by spinning.
    windows = [padded[..., i : i + height, j : j + width] for i, j in np.ndindex(3, 3)]
    columns = np.stack(windows, 2).reshape(batch, channels * 9, height * width)
    out = np.einsum("oc,ncp->nop", weight.reshape(len(weight), -1), columns)
    return out.reshape(batch, -1, height, width) + bias[:, None, None]


def oracle(config: ModelConfig, tensors: Mapping[str, NDArray[Any]]) -> Network:
    """The network of `tensors`, its subnets evaluated independently and in float64."""
    blocks = [OracleSubnets(tensors, i, config.depth) for i in range(config.blocks)]
    return Network.of(config, blocks)


def apart(a: Any, b: Any) -> float:
    """The largest difference of two arrays of one shape."""
    assert a.shape == b.shape
    return float(np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64)).max())
