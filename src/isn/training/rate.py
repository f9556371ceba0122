"""The prior in training: the bits of a code, as a loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from isn.coding import prior
from isn.coding.bands import MEANS, from_blocks, to_blocks, to_cosine
from isn.coding.code import borders, size_of, worthwhile
from isn.coding.rans import LOGISTIC, logistic_share

_SMALLEST = 1e-9


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
        hidden = _whole(hidden - 1 / 64, 32).clamp(0, 1023 / 32)
        return functional.conv2d(
            hidden, _whole(self.outer.weight, 64), _whole(self.outer.bias, 2048)
        )


class Rate(nn.Module):
    """The prior, as the learned tensors of :func:`isn.coding.prior.parameter_shapes`."""

    def __init__(self, width: int) -> None:
        """A prior with hidden layers of this width."""
        super().__init__()
        self.coarsest = nn.Parameter(torch.zeros(len(MEANS)))
        self.means, self.blocks = (
            nn.ModuleList(
                Group(prior.seen(k), width // narrower, len(channels))
                for k, channels in enumerate(prior.GROUPS)
            )
            for narrower in prior.LEVELS.values()
        )

    def forward(self, container: Tensor, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Codes some images; gradients pass every rounding as if it were not there.

        Args:
            container: N x 3 x H x W, about [0, 1], sides multiples of 64.
            step: index of the step of quantisation.

        Returns:
            The bits of all codes together; the whole numbers, bands and means, as
            :func:`isn.coding.code.received` takes them.
        """
        bands = to_cosine((container - 0.5) * 255) / size_of(step)
        means = to_blocks(bands[:, list(MEANS)])
        coarsest = means[:, list(MEANS)]
        coarsest = coarsest + (coarsest.round() - coarsest).detach()
        scales = (self.coarsest - step / 64)[None, :, None, None].expand_as(coarsest)
        first = _bits(coarsest, scales).sum()
        second, means = _coded(self.means, means, coarsest, step)
        values = from_blocks(means.detach()).round()
        third, whole = _coded(self.blocks, bands, values, step)
        return first + second + third, whole, means


def _coded(groups: nn.ModuleList, bands: Tensor, known: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """The bits of one level, whose means are known, and its whole numbers."""
    around = functional.pad(known, (1, 1, 1, 1), mode="replicate")
    features = [_feature(each) for each in prior.differences(known, around)]
    features.append(torch.full_like(known[:, :1], prior.step_feature(step) / 8))
    whole, total = torch.zeros_like(bands), bands.new_zeros(())
    whole[:, list(MEANS)] = known
    for channels, group in zip(prior.GROUPS, groups, strict=True):
        scales = group(torch.cat(features, 1))
        numbers = _worthwhile(bands[:, channels], scales)
        total = total + _bits(numbers, scales).sum()
        features.append(_feature(numbers))
        whole[:, channels] = numbers
    return total, whole


def _bits(numbers: Tensor, scales: Tensor) -> Tensor:
    """-log2 of the probability of whole numbers, by log2 of their scales, as the code has it."""
    octaves = _within(scales)
    scale, magnitude = torch.exp2(octaves), numbers.abs()
    share = logistic_share(octaves.detach())

    def beyond(edge: Tensor) -> Tensor:
        laplace = torch.exp(-edge / scale)
        tail = torch.exp(-edge / (scale * LOGISTIC))
        return (1 - share) * laplace + share * 2 * tail / (1 + tail)

    inner = (magnitude - 0.5).clamp(min=0)
    mass = torch.where(magnitude < 0.5, 2.0, 1.0) * (beyond(inner) - beyond(magnitude + 0.5)) / 2
    return -torch.log2(mass.clamp(min=_SMALLEST))


def _feature(numbers: Tensor) -> Tensor:
    return (8 * torch.log2(1 + numbers.detach().abs().clamp(max=prior.LARGEST))).round() / 8


def _worthwhile(numbers: Tensor, scales: Tensor) -> Tensor:
    """Rounded as for the code: up only where the error spared is worth the bits it takes."""
    with torch.no_grad():
        whole: Tensor = worthwhile(numbers, *borders(torch.exp2(_within(scales))))
    return numbers + (whole - numbers).detach()


def _within(scales: Tensor) -> Tensor:
    """log2 of scales, no finer and no wider than there are classes."""
    return scales.clamp(prior.FINEST, prior.FINEST + (prior.CLASSES - 1) / 4)


def _whole(numbers: Tensor | None, unit: int) -> Tensor:
    if numbers is None:
        raise TypeError("a layer of the prior has no bias")
    return numbers + ((numbers * unit).round() / unit - numbers).detach()
