"""Where a network of modulo blocks begins: images in the place of the host's own digits.

A host's sample p, from 0 to 255, is p mod d and a multiple of d. Whoever moves it to the nearest
one that is q mod d has written the digit q, and has changed it by about d / 2 at most, whatever it
was: the host is no noise to who reads (Costa, "Writing on Dirty Paper", 1983; Chen and Wornell,
"Quantization Index Modulation", 2001). Two blocks can do that with Eq. (4) and (5) as they stand::

    eta of the first    what the host's samples are, written into the directions in which the
                        hidden images' bands have next to nothing
    phi of the second   what moves each sample, read there, to its digit (isn.training.digits)
    eta of the second   the hidden images from the container's digits, and the container's samples,
                        so that Eq. (5) finds nothing left to move; and what the cells around say

Samples near 0 and 255 are taken for those that no digit moves beyond. Only the last subnet learns:
it may say whatever becomes the same digits again, and more of what is not sent. What phi rounds has
no gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from isn.errors import ConfigError
from isn.paper.backends.base import LEAK
from isn.paper.backends.torch import BlockSubnets, Subnet, SubnetStack
from isn.paper.config import LEAKY, ModelConfig
from isn.paper.wavelet import from_bands, to_bands
from isn.training.data import Photos
from isn.training.digits import WHITE, Code, Component, fitted
from isn.training.linear import channels_of, least_squares

Floats = NDArray[np.float64]

CROP: Final = 128
CROPS: Final = 600
"""Photos that the components are found in, and their side."""

STRENGTH: Final = 1024.0
"""How many times as large as a sample of the host its mark in the hidden branch is: what that has
of its own there must be less than half a level of the sample, whatever the images are."""

MARGIN: Final = 1.25
"""Of the growth over the samples of a cell: components that share a sample take more."""

_RIDGE: Final = 1e-3
_WITHIN: Final = 0.45
"""Of what a sawtooth leaves as it is, less than 1/2."""


class Writer:
    """Writes a subnet of modulo blocks by hand, as sums of what it sees.

    A sum is a row: a weight for each channel of the input and of all features, and a constant.
    Features that are not written stay as they are, and are not seen.

    Args:
        subnet: to write.
        config: that it is made by.
        name: of the subnet.
    """

    def __init__(self, subnet: Subnet, config: ModelConfig, name: str) -> None:
        self.subnet = subnet
        shapes = config.conv_shapes(name)
        self.starts = [given for _, given, _ in shapes[:-1]]
        self.width = self.starts[-1]

    def sums(self, matrix: Floats, constants: Floats | float = 0.0) -> Floats:
        """Of the input: a row for each of the matrix's."""
        rows = np.zeros((len(matrix), self.width + 1))
        rows[:, : matrix.shape[1]] = matrix
        rows[:, -1] = constants
        return rows

    def sawtooth(self, layer: int, rows: Floats, start: int = 0) -> Floats:
        """Of some sums t, t - round(t), as rows; of the channels from `start` of a layer."""
        return self._feature(layer, start, rows)

    def positive(self, start: int, rows: Floats) -> Floats:
        """max(t, 0) of some sums, as rows; of the channels from `start` of the leaky layer."""
        return (self._feature(LEAKY, start, rows) - LEAK * rows) / (1 - LEAK)

    @torch.no_grad()
    def answer(self, rows: Floats, around: Floats | None = None) -> None:
        """What it answers: sums, and of the last sawtooths outputs x growth x 3 x 3."""
        here, there = self.subnet.answering
        weight, bias = here.get_parameter("weight"), here.get_parameter("bias")
        weight[..., 0, 0] = torch.from_numpy(rows[:, :-1]).to(weight)
        bias.copy_(torch.from_numpy(rows[:, -1]))
        if around is not None:
            more = there.get_parameter("weight")
            more[:, : around.shape[1]] = torch.from_numpy(around).to(more)

    @torch.no_grad()
    def _feature(self, layer: int, start: int, rows: Floats) -> Floats:
        conv = self.subnet.convs[layer]
        weight, bias = conv.get_parameter("weight"), conv.get_parameter("bias")
        seen, end = self.starts[layer], start + len(rows)
        weight[start:end, :, 0, 0] = torch.from_numpy(rows[:, :seen]).to(weight)
        bias[start:end] = torch.from_numpy(rows[:, -1]).to(bias)
        out = np.zeros_like(rows)
        first = self.starts[layer] + start
        out[np.arange(len(rows)), first + np.arange(len(rows))] = 1
        return out


def freeze(stack: SubnetStack) -> None:
    """Lets eta of the last block learn alone."""
    stack.requires_grad_(False)
    last = stack.subnets()[-1]
    if isinstance(last, BlockSubnets):
        last.eta.requires_grad_(True)


def begin(stack: SubnetStack, photos: Photos, psnr: float) -> str:
    """Writes the code into the blocks.

    Args:
        stack: the subnets, frozen as by :func:`freeze`, and initialised.
        photos: what the code is fitted on.
        psnr: of containers, in dB.

    Returns:
        What was begun from.

    Raises:
        ConfigError: the architecture has no room for it.
    """
    config = stack.config
    bands, images = config.host_channels, config.hidden_images
    if (
        images < 2
        or config.blocks != 2
        or config.growth < MARGIN * bands
        or config.depth < LEAKY + 5
        or config.lost is None
    ):
        raise ConfigError(
            "a network of modulo blocks has 2 blocks, at least 2 hidden images, a growth of "
            f"{math.ceil(MARGIN * bands)} and a depth of {LEAKY + 5}, and no texture: it was given "
            f"{config.blocks}, {images}, {config.growth} and {config.depth}"
        )
    draws = np.random.default_rng(0x4D0D).random((CROPS, 12))
    patches = photos.patches(draws, CROP, 0.0).double().cpu()
    planes = to_bands(patches, config.levels)
    cells = planes.permute(0, 2, 3, 1).reshape(-1, bands).numpy()
    code = fitted(cells, images, psnr, config.growth - bands)
    one, other = stack.blocks
    if not (isinstance(one, BlockSubnets) and isinstance(other, BlockSubnets)):
        raise TypeError(f"{type(one).__name__} is no block")
    with torch.no_grad():
        for parameter in stack.parameters():
            if not parameter.requires_grad:
                parameter.zero_()
    plan = Plan.of(code, config)
    with torch.no_grad():
        stack.bases.copy_(torch.from_numpy(plan.bases))
    plan.write_host(Writer(one.eta, config, "eta"))
    plan.write_digits(Writer(other.phi, config, "phi"))
    plan.read_digits(Writer(other.eta, config, "eta"), _around(code, config, planes))
    return f"the modulo code of {len(cells)} cells"


@dataclass(frozen=True)
class Plan:
    """What the subnets are to compute, as matrices.

    Attributes:
        code: the digits.
        images: n.
        mean: of the hidden branch's bands, of samples from 0 to 255.
        lost: of the hidden branch's bands, the constant that all is revealed from, from 0 to 1.
        to_samples: from the bands of a cell of the host to its samples, in an image's order.
        marks: hidden channels x samples: the quiet direction that each sample is written into.
    """

    code: Code
    images: int
    mean: Floats
    lost: Floats
    to_samples: Floats
    marks: Floats

    @classmethod
    def of(cls, code: Code, config: ModelConfig) -> Plan:
        """For a network whose hidden branch takes the code's images."""
        images, bands, cell = config.hidden_images, config.host_channels, config.cell
        whole = torch.eye(bands, dtype=torch.float64).reshape(bands, bands, 1, 1)
        grey = torch.full((1, 3, cell, cell), config.lost or 0.0, dtype=torch.float64)
        constant = to_bands(grey, config.levels).flatten().numpy()
        mean, lost = np.zeros((2, config.hidden_channels))
        marks = np.zeros((config.hidden_channels, bands))
        for image in range(images):
            channels = channels_of(image, images, bands)
            mean[channels], lost[channels] = code.mean, constant
            samples = np.arange(image, bands, images)
            marks[channels[:, None], samples] = code.silent[image][:, -len(samples) :]
        return cls(
            code, images, mean, lost, from_bands(whole, config.levels).flatten(1).numpy().T, marks
        )

    @property
    def _bands(self) -> int:
        return len(self.to_samples)

    @property
    def bases(self) -> Floats:
        """Of each sample of a cell; 1 of those that say nothing."""
        given = [each.base for each in self.code.samples]
        return np.array(given + [1] * (self._bands - len(given)), np.float64)

    def _directions(self) -> Floats:
        """Components x hidden channels."""
        rows = np.zeros((len(self.code.components), len(self.marks)))
        for row, each in zip(rows, self.code.components, strict=True):
            row[channels_of(each.image, self.images, self._bands)] = each.direction
        return rows

    def _of_components(self, value: Callable[[Component], float]) -> Floats:
        """A number of each component, as a column."""
        return np.array([[value(each)] for each in self.code.components], np.float64)

    def write_host(self, writer: Writer) -> None:
        """Eta of the first block."""
        writer.answer(writer.sums(STRENGTH * self.marks @ self.to_samples))

    def write_digits(self, writer: Writer) -> None:
        """Phi of the second block: to the nearest samples whose digits say the components."""
        bands, samples = self._bands, self.code.samples
        read = self.marks.T / STRENGTH
        host = writer.sums(read * WHITE, -read @ self.mean)
        # Whole, without what the quiet directions have of their own.
        host -= writer.sawtooth(0, host)
        bases = self.bases[:, None]
        low, high = (bases - 1) / 2, WHITE - (bases - 1) / 2
        # Between low and high.
        kept = plus(
            writer.positive(0, plus(host, -low)) - writer.positive(bands, plus(host, -high)), low
        )
        numbers = self._numbers(writer)
        whole = numbers - writer.sawtooth(LEAKY + 1, numbers)
        digits = kept.copy()
        upper = [k for k, each in enumerate(samples) if each.above > 1]
        if upper:
            parts = np.array([numbers[samples[k].component] / samples[k].above for k in upper])
            digits[upper] = parts - writer.sawtooth(LEAKY + 1, parts, len(numbers))
        for row, each in zip(digits, samples, strict=False):
            if each.above == 1:
                row[:] = whole[each.component]
            if each.other is not None:
                row += self.code.components[each.component].numbers * whole[each.other]
        moved = writer.sawtooth(LEAKY + 2, (digits - kept) / bases) * bases
        writer.answer(self.to_samples.T @ (kept - host + moved) / WHITE)

    def _numbers(self, writer: Writer) -> Floats:
        """The components, companded, not rounded."""
        directions, bands = self._directions(), self._bands
        values = writer.sums(directions * WHITE, -directions @ self.mean)
        inner = self._of_components(lambda each: each.curve.inner)
        most = self._of_components(lambda each: each.curve.most)
        slope = self._of_components(lambda each: each.curve.slope)
        height = self._of_components(lambda each: each.curve.height)
        # Flat, outer, inner, outer, flat: by how much the slope turns, and where.
        turns = ((slope, -most), (1 - slope, -inner), (slope - 1, inner), (-slope, most))
        numbers = np.zeros_like(values)
        for k, (turn, corner) in enumerate(turns):
            start = 2 * bands + k * len(values)
            numbers += turn * writer.positive(start, plus(values, -corner))
        return plus(numbers, -height) * self._of_components(lambda each: each.scale)

    def read_digits(self, writer: Writer, around: Floats) -> None:
        """Eta of the second block: the constant less the hidden branch, as the digits say it.

        Args:
            writer: of that subnet.
            around: hidden channels x components x 3 x 3, what the cells around say.
        """
        # From -1/2 to 1/2, so that weights are as large as what they say, and may learn.
        count = self._of_components(lambda each: each.numbers)
        numbers = self._said(writer) / count
        scale = self._of_components(lambda each: each.scale) / count
        corner = self._of_components(lambda each: each.curve.inner) * scale
        steeper = 1 / self._of_components(lambda each: each.curve.slope) - 1
        values = numbers + steeper * writer.positive(0, plus(numbers, -corner))
        values -= steeper * writer.positive(len(numbers), plus(-numbers, -corner))
        values /= scale * WHITE
        # For the cells around: the same, as a sawtooth that nothing wraps in.
        narrow = self._of_components(lambda each: each.curve.most) / WHITE / _WITHIN
        writer.sawtooth(LEAKY + 2, values / narrow)
        hidden = writer.sums(STRENGTH * self.marks @ self.to_samples, self.mean / WHITE)
        hidden += self._directions().T @ values
        answer = plus(-hidden, self.lost[:, None])
        writer.answer(answer, -around * narrow.reshape(1, -1, 1, 1))

    def _said(self, writer: Writer) -> Floats:
        """The numbers of the components, from the container's samples."""
        samples, components = self.code.samples, self.code.components
        container = writer.sums(self.to_samples[: len(samples)] * WHITE)
        bases = np.array([[each.base] for each in samples])
        said = writer.sawtooth(0, container / bases) * bases
        numbers = np.zeros((len(components), writer.width + 1))
        shared = [(k, each) for k, each in enumerate(samples) if each.other is not None]
        for place, (k, each) in enumerate(shared):
            least = components[each.component].numbers
            lower = writer.sawtooth(0, container[k : k + 1] / least, len(said) + place) * least
            numbers[each.other] = (said[k] - lower[0]) / least
            said[k] = lower[0]
        for row, each in zip(said, samples, strict=True):
            numbers[each.component] += each.above * row
        return numbers


def plus(rows: Floats, constants: Floats | float) -> Floats:
    """Sums of a :class:`Writer`, each with a constant more: a column of them."""
    more = rows.copy()
    more[:, -1:] += constants
    return more


def _around(code: Code, config: ModelConfig, planes: Tensor) -> Floats:
    """What the components of 3 x 3 cells say of the directions that are not sent.

    Least squares. What is sent, and the quiet directions that the host is written into, must stay
    as they are.

    Returns:
        Hidden channels x components x 3 x 3.
    """
    images, bands = config.hidden_images, config.host_channels
    out = np.zeros((config.hidden_channels, len(code.components), 3, 3))
    mean = torch.from_numpy(code.mean).reshape(1, -1, 1, 1)
    for image in range(images):
        mine = [k for k, each in enumerate(code.components) if each.image == image]
        used = -(-(bands - image) // images)
        silent = torch.from_numpy(np.ascontiguousarray(code.silent[image][:, :-used]))
        if not mine or not silent.shape[1]:
            continue
        kept = torch.from_numpy(np.array([code.components[k].direction for k in mine]))
        seen = torch.einsum("kc,nchw->nkhw", kept, planes - mean)
        wanted = torch.einsum("ck,nchw->nkhw", silent, planes - mean)
        x = functional.unfold(seen, 3, padding=1).transpose(1, 2).flatten(0, 1)
        y = wanted.flatten(2).transpose(1, 2).flatten(0, 1)
        taps = silent @ least_squares(x.T @ x, x.T @ y, _RIDGE).T
        channels = channels_of(image, images, bands)
        out[np.ix_(channels, np.array(mine))] = taps.reshape(bands, len(mine), 3, 3).numpy()
    return out
