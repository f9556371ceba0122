"""The prior in training: the bits of a code, as a loss."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from isn.codes.entropy import prior
from isn.codes.entropy.dependent import WORTH, lean, places, until
from isn.codes.entropy.rans import LOGISTIC, logistic_share
from isn.codes.entropy.steps import size_of
from isn.codes.photos import levels
from isn.codes.photos.bands import MEANS, from_blocks, to_blocks, to_cosine

LN2 = math.log(2)

_SMALLEST = 1e-9
_FIRST = 8.0
"""log2 of the scale of the coarsest means, in levels, before anything is learned."""


class Group(nn.Module):
    """The network of one group."""

    def __init__(self, seen: int, width: int, channels: int) -> None:
        """Sees so many features, gives a scale for each channel."""
        super().__init__()
        self.inner = nn.Conv2d(seen, width, 3, padding=1)
        self.outer = nn.Conv2d(width, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """log2 of the scale of each number, from features in octaves."""
        weight, bias = _whole(self.inner.weight, 64), _whole(self.inner.bias, 512)
        hidden = functional.conv2d(features, weight, bias, padding=1)
        # Rounded down: sums are whole 512ths.
        hidden = _whole(hidden - 1 / 64 + 1 / 2048, 32).clamp(0, 1023 / 32)
        return functional.conv2d(
            hidden, _whole(self.outer.weight, 64), _whole(self.outer.bias, 2048)
        )


def initialise(groups: Iterable[nn.Module], generator: torch.Generator) -> None:
    """Networks of groups that know nothing."""
    for group in groups:
        for name, layer in group.named_children():
            weight = layer.get_parameter("weight")
            bound = weight[0].numel() ** -0.5
            for each in layer.parameters():
                nn.init.uniform_(each, -bound, bound, generator=generator)
            if name == "inner":
                nn.init.kaiming_uniform_(weight, nonlinearity="relu", generator=generator)


class Rate(nn.Module):
    """The prior, as the learned tensors of :func:`isn.codes.photos.levels.parameter_shapes`."""

    def __init__(self, width: int) -> None:
        """A prior with hidden layers of this width."""
        super().__init__()
        self.coarsest = nn.Parameter(torch.zeros(len(MEANS)))
        self.means, self.blocks = (
            nn.ModuleList(
                Group(levels.seen(k), width // narrower, len(channels))
                for k, channels in enumerate(levels.GROUPS)
            )
            for narrower in levels.LEVELS.values()
        )

    def initialise(self, seed: int) -> None:
        """A prior that knows nothing, the same for the same seed."""
        generator = torch.Generator().manual_seed(seed)
        nn.init.constant_(self.coarsest, _FIRST)
        initialise((*self.means, *self.blocks), generator)

    def forward(self, images: Tensor, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Codes some images; gradients pass every rounding as if it were not there.

        Which quantiser a number is of is drawn here, where a code finds it by a search, whose
        errors are a fifth smaller; which numbers there are is about the same.

        Args:
            images: N x 3 x H x W in [0, 1], sides multiples of 64.
            step: index of the step of quantisation.

        Returns:
            The bits of all codes together; the places of the numbers in steps, bands and means,
            as :func:`isn.codes.photos.image.received` takes them.
        """
        bands = to_cosine((images - 0.5) * 255) / size_of(step)
        means = to_blocks(bands[:, list(MEANS)])
        coarsest = means[:, list(MEANS)]
        scales = (self.coarsest - step / 64)[None, :, None, None].expand_as(coarsest)
        coarsest, first = quantised(coarsest, scales)
        second, means = _coded(self.means, means, coarsest, step)
        values = (2 * from_blocks(means.detach())).round() / 2
        third, found = _coded(self.blocks, bands, values, step)
        return first + second + third, places(found), places(means)


def _coded(groups: nn.ModuleList, bands: Tensor, known: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """The bits of one level, whose means are known, and what its numbers stand for."""
    around = functional.pad(known, (1, 1, 1, 1), mode="replicate")
    features = [feature(each) for each in prior.differences(known, around)]
    features.append(torch.full_like(known[:, :1], prior.step_feature(step) / 8))
    found, total = torch.zeros_like(bands), bands.new_zeros(())
    found[:, list(MEANS)] = known
    for channels, group in zip(levels.GROUPS, groups, strict=True):
        values, bits = quantised(bands[:, channels], group(torch.cat(features, 1)))
        total = total + bits
        features.append(feature(values))
        found[:, channels] = values
    return total, found


def quantised(values: Tensor, scales: Tensor) -> tuple[Tensor, Tensor]:
    """What the numbers of some values stand for, by log2 of their scales, and their bits.

    The values have the gradient of the bits of a Laplace distribution that is not rounded.
    """
    odd, magnitude = _drawn(values.detach(), scales.detach())
    with torch.no_grad():
        found = (magnitude - odd / 2 * (magnitude > 0)) * values.sign()
    bits = _bits(magnitude, odd, scales)
    if not values.requires_grad:
        return found, bits.sum()
    # What a value costs where nothing is rounded: nothing but its gradient counts.
    smooth = (values.square() + 0.25).sqrt() / (torch.exp2(_within(scales.detach())) * LN2)
    return values + (found - values).detach(), (bits + (smooth - smooth.detach())).sum()


@torch.no_grad()
def _drawn(values: Tensor, scales: Tensor) -> tuple[Tensor, Tensor]:
    """A quantiser, by digits of each value that are as good as random, and its magnitude there.

    A larger magnitude is taken only where the error spared is worth the bits that it takes. Where
    next to nothing is expected, a code stays with the even quantiser.
    """
    octaves = _within(scales)
    odd = ((values * 1024).floor() % 2) * (octaves > prior.FINEST)
    scale, size = torch.exp2(octaves), values.abs()
    further = (size - lean(scale) - until(torch.ones_like(odd), odd)).floor() + 2
    ends = [torch.exp(-until(torch.full_like(odd, each), odd) / scale) for each in (0, 1)]
    ones = torch.log2(1 - ends[0]) - torch.log2((ends[0] - ends[1]).clamp(min=_SMALLEST) / 2)
    first = until(torch.zeros_like(odd), odd) + (WORTH / 2 * (1 + odd) * ones).clamp(max=0.9)
    return odd, torch.where(further >= 2, further, (size > first).to(further.dtype))


def _bits(magnitude: Tensor, odd: Tensor, scales: Tensor) -> Tensor:
    """-log2 of the probability of whole numbers, by log2 of their scales, as the code has it."""
    octaves = _within(scales)
    scale = torch.exp2(octaves)
    share = logistic_share(octaves.detach())

    def beyond(edge: Tensor) -> Tensor:
        laplace = torch.exp(-edge / scale)
        tail = torch.exp(-edge / (scale * LOGISTIC))
        return (1 - share) * laplace + share * 2 * tail / (1 + tail)

    none = magnitude < 0.5
    inner = torch.where(none, 0.0, until((magnitude - 1).clamp(min=0), odd))
    mass = torch.where(none, 2.0, 1.0) * (beyond(inner) - beyond(until(magnitude, odd))) / 2
    return -torch.log2(mass.clamp(min=_SMALLEST))


def feature(numbers: Tensor) -> Tensor:
    """What the networks see of numbers, by what they stand for in steps: whole eighths."""
    return (8 * torch.log2(1 + numbers.detach().abs().clamp(max=prior.LARGEST))).round() / 8


def _within(scales: Tensor) -> Tensor:
    """log2 of scales, no finer and no wider than there are classes."""
    return scales.clamp(prior.FINEST, prior.FINEST + (prior.CLASSES - 1) / 4)


def _whole(numbers: Tensor | None, unit: int) -> Tensor:
    if numbers is None:
        raise TypeError("a layer of the prior has no bias")
    return numbers + ((numbers * unit).round() / unit - numbers).detach()
