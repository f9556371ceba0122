"""Where dense blocks of 1 x 1 begin: images in the place of the host's own digits.

A host's sample p, from 0 to 255, is p mod d and a multiple of d. Whoever moves it to the nearest
one that is q mod d has written the digit q, and has changed it by about d / 2 at most, whatever it
was: the host is no noise to who reads (Costa, "Writing on Dirty Paper", 1983; Chen and Wornell,
"Quantization Index Modulation", 2001). Two blocks can do that with Eq. (4) and (5) as they stand::

    eta of the first    what the host's samples are, written into the directions in which the
                        hidden images' bands have next to nothing
    phi of the second   what moves each sample, read there, to its digit (isn.training.digits)
    eta of the second   the hidden images from the container's digits, and the container's samples,
                        so that Eq. (5) finds nothing left to move; and what the cells around say

Two LeakyReLUs are a step, steps that each halve what is left are a remainder, and so dense blocks
compute all that. Steps are steep, not upright: a sample as far from one place to move to as from
the other may end between them, and says something else. What is to be whole is rounded by the file.

Samples near 0 and 255 are taken for those that no digit moves beyond.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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
from isn.paper.config import ModelConfig
from isn.paper.wavelet import from_bands, to_bands
from isn.training.data import Photos
from isn.training.digits import WHITE, Code, Component, fitted
from isn.training.linear import channels_of, least_squares

Floats = NDArray[np.float64]

CROP: Final = 128
CROPS: Final = 600
"""Photos that the components are found in, and their side; of smaller cells than of 4 x 4 pixels,
fewer photos say as much."""

STRENGTH: Final = 128.0
"""How many times as large as a sample of the host its mark in the hidden branch is: what that has
of its own there must be little beside half a level, and what float32 misses of it, beside a
level."""

WHOLE: Final = 0.5
"""Width, in levels, of a step between whole numbers: from 1/4 above one to 1/4 below the next."""

BETWEEN: Final = 0.01
"""Width of one that any number may lie at. Where it does, something else is said; where it is
narrower, float32 misses more of its height."""

RAMP: Final = 0.25
SHARP: Final = 5e-4
"""Where more precision is worth twice the features: the width of a step, and of one of its own
height, so that both are as wide as their product."""

PAIRS: Final = 3
"""One of so many samples, at most, says two components."""

_RIDGE: Final = 1e-3
_DUST: Final = 1e-11
"""Of the largest weight of a sum."""


class Writer:
    """Writes a subnet by hand, as sums of what it sees.

    A sum is a row: a weight for each channel of the input and of all features, and a constant.
    Features take the first free place behind all that they look at.

    Args:
        subnet: to write; all of it is zero.
        config: that it is made by.
        name: of the subnet.
    """

    def __init__(self, subnet: Subnet, config: ModelConfig, name: str) -> None:
        self.subnet = subnet
        self._growth = config.growth
        self._given, _ = config.subnet_channels(name)
        self._used = [0] * (config.depth - 1)
        self.width = self._given + config.growth * len(self._used)

    def sums(self, matrix: Floats, constants: Floats | float = 0.0) -> Floats:
        """Of the input: a row for each of the matrix's."""
        rows = np.zeros((len(matrix), self.width + 1))
        rows[:, : matrix.shape[1]] = matrix
        rows[:, -1] = constants
        return rows

    def positive(self, rows: Floats) -> Floats:
        """max(t, 0) of some sums t, as rows."""
        return (self._leaky(rows) - LEAK * rows) / (1 - LEAK)

    def itself(self, rows: Floats) -> Floats:
        """The same, of features that are zero where these are, as they are beyond the border."""
        both = self._leaky(np.concatenate([rows, -rows]))
        return (both[: len(rows)] - both[len(rows) :]) / (1 + LEAK)

    def between(self, rows: Floats, low: Floats | float, high: Floats | float) -> Floats:
        """Some sums, held between two numbers."""
        return plus(self.positive(plus(rows, -low)) - self.positive(plus(rows, -high)), low)

    def step(self, rows: Floats, width: Floats | float) -> Floats:
        """From 0 to 1 where some sums go from less to more than 0, straight over a width."""
        up, down = (self.positive(plus(rows, each)) for each in (width / 2, -width / 2))
        return (up - down) / width

    def sharp(self, rows: Floats) -> Floats:
        """The same over next to no width."""
        return self.step(plus(self.step(rows, RAMP), -0.5), SHARP)

    def stairs(self, row: Floats, count: int, width: float) -> Floats:
        """One sum rounded to whole numbers, of so many around 0."""
        edges = (np.arange(count - 1) - (count - 2) / 2).astype(np.float64)
        rows = plus(np.repeat(row[None], count - 1, axis=0), -edges[:, None])
        total: Floats = self.step(rows, width).sum(0)
        total[-1] -= (count - 1) / 2
        return total

    def remainder(self, rows: Floats, bases: Floats) -> Floats:
        """Whole sums from 0 to `WHITE`, modulo odd bases, around 0."""
        left = plus(rows, (bases - 1) / 2)
        for k in reversed(range(math.ceil(math.log2(WHITE)))):
            multiple = bases * 2**k
            some = (multiple < WHITE + bases / 2)[:, 0]
            edges = plus(left[some], 0.5 - multiple[some])
            left[some] -= multiple[some] * self.step(edges, WHOLE)
        return plus(left, -(bases - 1) / 2)

    @torch.no_grad()
    def answer(self, rows: Floats, around: Floats | None = None) -> None:
        """What it answers: sums, and such of the eight cells around, outputs x channels x 3 x 3."""
        conv, rows = self.subnet.convs[-1], _without_dust(rows)
        weight, bias = conv.get_parameter("weight"), conv.get_parameter("bias")
        weight[..., 1, 1] = torch.from_numpy(rows[:, :-1]).to(weight)
        bias.copy_(torch.from_numpy(rows[:, -1]).to(bias))
        if around is not None:
            weight.add_(torch.from_numpy(around).to(weight))

    @torch.no_grad()
    def _leaky(self, rows: Floats) -> Floats:
        """The LeakyReLU of some sums, as rows.

        Raises:
            ConfigError: there is no place left.
        """
        out = np.zeros_like(rows)
        for row, feature in zip(_without_dust(rows), out, strict=True):
            seen = int(np.flatnonzero(row[:-1]).max(initial=0))
            layer = max(0, (seen - self._given) // self._growth + 1)
            while layer < len(self._used) and self._used[layer] == self._growth:
                layer += 1
            if layer == len(self._used):
                raise ConfigError(
                    f"what is written has more than {self.width - self._given} features: give a "
                    "larger model.growth or model.depth"
                )
            place = self._used[layer]
            self._used[layer] += 1
            conv, end = self.subnet.convs[layer], self._given + layer * self._growth
            conv.get_parameter("weight")[place, :, 0, 0] = torch.from_numpy(row[:end])
            conv.get_parameter("bias")[place] = row[-1]
            feature[end + place] = 1
        return out


def freeze(stack: SubnetStack) -> None:
    """Lets what the last block adds to every answer learn alone, which is next to nothing.

    Whatever moves a digit by a hundredth of one costs more than learning has found to win.
    """
    stack.requires_grad_(False)
    last = stack.subnets()[-1]
    if isinstance(last, BlockSubnets):
        last.eta.convs[-1].get_parameter("bias").requires_grad_(True)


def begin(stack: SubnetStack, photos: Photos, psnr: float) -> str:
    """Writes the code into the blocks.

    Args:
        stack: the subnets of two blocks, frozen as by :func:`freeze`, and initialised.
        photos: what the code is fitted on.
        psnr: of containers, in dB.

    Returns:
        What was begun from.

    Raises:
        ConfigError: the architecture has no room for it.
    """
    config = stack.config
    bands, images = config.host_channels, config.hidden_images
    draws = np.random.default_rng(0x4D0D).random((max(1, CROPS * config.cell**2 // 16), 12))
    patches = photos.patches(draws, CROP, 0.0).double().cpu()
    planes = to_bands(patches, config.levels)
    cells = planes.permute(0, 2, 3, 1).reshape(-1, bands).numpy()
    code = fitted(cells, images, psnr, bands // PAIRS)
    one, other = stack.blocks
    if not (isinstance(one, BlockSubnets) and isinstance(other, BlockSubnets)):
        raise TypeError(f"{type(one).__name__} is no block")
    with torch.no_grad():
        for parameter in stack.parameters():
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
        samples = self.code.samples
        read = self.marks.T[: len(samples)] / STRENGTH
        host = writer.sums(read * WHITE, -read @ self.mean)
        bases = self.bases[: len(samples), None]
        low, high = (bases - 1) / 2, WHITE - (bases - 1) / 2
        kept = writer.between(host, low, high)
        rest = writer.remainder(kept, bases)
        apart = self._digits(writer) - rest
        moved = apart - bases * writer.sharp(plus(apart, -bases / 2))
        moved += bases * writer.sharp(plus(-apart, -bases / 2))
        writer.answer(self.to_samples[: len(samples)].T @ (kept - host + moved) / WHITE)

    def _digits(self, writer: Writer) -> Floats:
        """What each sample is to say, whole numbers but for what the file rounds."""
        samples, components = self.code.samples, self.code.components
        digits = np.zeros((len(samples), writer.width + 1))
        upper = [k for k, each in enumerate(samples) if each.above > 1]
        whole = {samples[k].component for k in upper}
        numbers = self._numbers(writer, [samples[k].component for k in upper])
        for k, number in zip(upper, numbers, strict=True):
            base, of = samples[k].above, components[samples[k].component].numbers
            digits[k] = writer.stairs(number / base, of // base, BETWEEN / base)
            lower = (number - base * digits[k])[None]
            most = (base - 1) / 2
            digits[self._lower(k)] = writer.between(lower, -most, most)[0]
        two = [(k, each.other) for k, each in enumerate(samples) if each.other is not None]
        numbers = self._numbers(writer, [other for _, other in two])
        for (k, other), number in zip(two, numbers, strict=True):
            least = components[samples[k].component].numbers
            digits[k] = least * writer.stairs(number, components[other].numbers, BETWEEN)
        # Of the others, and of the first of two, no more is wanted than what the file rounds.
        rest = [
            k for k, each in enumerate(samples) if each.above == 1 and each.component not in whole
        ]
        digits[rest] += self._numbers(writer, [samples[k].component for k in rest])
        return digits

    def _lower(self, upper: int) -> int:
        """The sample that says the lower digit where another says the upper one."""
        samples = self.code.samples
        (found,) = (
            k
            for k, each in enumerate(samples)
            if each.component == samples[upper].component and k != upper
        )
        return found

    def _numbers(self, writer: Writer, which: Sequence[int]) -> Floats:
        """Some components, companded, not rounded."""
        directions = self._directions()[which]
        values = writer.sums(directions * WHITE, -directions @ self.mean)
        inner = self._of_components(lambda each: each.curve.inner)[which]
        most = self._of_components(lambda each: each.curve.most)[which]
        slope = self._of_components(lambda each: each.curve.slope)[which]
        height = self._of_components(lambda each: each.curve.height)[which]
        # Flat, outer, inner, outer, flat: by how much the slope turns, and where.
        turns = ((slope, -most), (1 - slope, -inner), (slope - 1, inner), (-slope, most))
        numbers = np.zeros_like(values)
        for turn, corner in turns:
            some = turn[:, 0] != 0
            bent = writer.positive(plus(values[some], -corner[some]))
            numbers[some] += turn[some] * bent
        return plus(numbers, -height) * self._of_components(lambda each: each.scale)[which]

    def read_digits(self, writer: Writer, around: Floats) -> None:
        """Eta of the second block: the constant less the hidden branch, as the digits say it.

        Args:
            writer: of that subnet.
            around: hidden channels x components x 3 x 3, what the cells around say.
        """
        # In parts of 1, as the bands are, so that weights stay below what a file may hold.
        values = self._said(writer) / self._of_components(lambda each: each.scale) / WHITE
        corner = self._of_components(lambda each: each.curve.inner) / WHITE
        steeper = 1 / self._of_components(lambda each: each.curve.slope) - 1
        some = steeper[:, 0] != 0
        straight, corner, steeper = values[some], corner[some], steeper[some]
        values[some] += steeper * writer.positive(plus(straight, -corner))
        values[some] -= steeper * writer.positive(plus(-straight, -corner))
        values = writer.itself(values)
        hidden = writer.sums(STRENGTH * self.marks @ self.to_samples, self.mean / WHITE)
        hidden += self._directions().T @ values
        answer = plus(-hidden, self.lost[:, None])
        writer.answer(answer, -np.einsum("ckij,kf->cfij", around, values[:, :-1]))

    def _said(self, writer: Writer) -> Floats:
        """The numbers of the components, from the container's samples."""
        samples, components = self.code.samples, self.code.components
        container = writer.sums(self.to_samples[: len(samples)] * WHITE)
        said = writer.remainder(container, self.bases[: len(samples), None])
        numbers = np.zeros((len(components), writer.width + 1))
        for k, each in enumerate(samples):
            row = said[k]
            if each.other is not None:
                least, more = components[each.component].numbers, components[each.other].numbers
                numbers[each.other] = writer.stairs(row / least, more, WHOLE / least)
                row = row - least * numbers[each.other]
            if each.above > 1:
                # Whole once more: what float32 missed of it would count so many times as much.
                row = writer.stairs(row, each.base, WHOLE)
            numbers[each.component] += each.above * row
        return numbers


def plus(rows: Floats, constants: Floats | float) -> Floats:
    """Sums of a :class:`Writer`, each with a constant more: a column of them."""
    more = rows.copy()
    more[:, -1:] += constants
    return more


def _without_dust(rows: Floats) -> Floats:
    """Sums without what is left where weights cancel."""
    return np.where(np.abs(rows) < _DUST * np.abs(rows).max(1, keepdims=True), 0, rows)


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
