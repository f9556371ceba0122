"""Networks that learn to see containers: XuNet, and a residual network as SRNet's.

:class:`XuNet`: Xu, Wu, Shi: Structural design of convolutional neural networks for steganalysis,
IEEE Signal Processing Letters 23(5), 2016. A fixed high-pass filter, five groups of convolution,
normalisation, activation and average pooling, the magnitude after the first convolution, tanh in
the first two groups, and the mean over the image at the end, so that it takes images of any size.

:class:`ResidualNet`: Boroumand, Chen, Fridrich: Deep residual network for steganalysis of digital
images, IEEE TIFS 14(5), 2019. Learned filters, residual blocks that pool nothing, and only then
blocks that do, each beside a shortcut. It is narrower than theirs, so that a processor trains it in
minutes; and its filters begin as derivatives, and their answers are cut off, as in Ye, Ni, Yi: Deep
learning hierarchical representations for image steganalysis, IEEE TIFS 12(11), 2017.

The papers know grey images only. Here red, green and blue are filtered alike and the next
convolution sees all three: that the channels of a photo are grained alike, and a change in one of
them is not, is what a colour image gives away. Needs torch, the ``[train]`` extra.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from isn.errors import ConfigError, ImageError
from isn.images import Pixels

Floats: TypeAlias = NDArray[np.float64]

KV: Final = (
    (-1, 2, -2, 2, -1),
    (2, -6, 8, -6, 2),
    (-2, 8, -12, 8, -2),
    (2, -6, 8, -6, 2),
    (-1, 2, -2, 2, -1),
)
"""Times 1/12: the filter of the first layer, which is not learned."""

WIDTHS: Final = (8, 16, 32, 64, 128)
"""Maps of the five groups."""

DERIVATIVES: Final = (
    ((-1, 1),),
    ((1, -2, 1),),
    ((1, -3, 3, -1),),
    ((-1, 2, -1), (2, -4, 2)),
    ((-1, 2, -1), (2, -4, 2), (-1, 2, -1)),
)
"""What the residual network's filters begin as: each as it stands and turned, and `KV`, over the
sum of what is positive in it."""

KEPT: Final = 4.0
"""Levels: an answer of its filters is cut off there."""

RESIDUAL_WIDTHS: Final = (12, 16, 32, 64)
"""Maps of its blocks that pool nothing, and of the three that do."""

STEPS: Final = 100
CROP: Final = 64
"""Rows and columns of a training patch."""
BATCH: Final = 8
"""Pairs in a step: a patch of a clean image and the same patch of its container."""
RATE: Final = 3e-3
RESIDUAL_RATE: Final = 1e-3
"""The residual network learns nothing at three times as much."""

LEAST_SIDE: Final = 32
"""Four poolings by two, of an image that has lost four rows and columns, leave something."""

_AT_ONCE = 8
"""Images scored together."""


class XuNet(nn.Module):
    """The network: N x 3 x H x W samples in [0, 255] to N scores."""

    kernel: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        kernel = torch.tensor(KV, dtype=torch.float32)[None, None] / 12
        self.register_buffer("kernel", kernel, persistent=False)
        kernels = (5, 5, 1, 1, 1)
        convs, norms = [], []
        for before, after, size in zip((3, *WIDTHS), WIDTHS, kernels, strict=False):
            convs.append(nn.Conv2d(before, after, size, padding=size // 2, bias=False))
            norms.append(nn.BatchNorm2d(after))
        self.convs, self.norms = nn.ModuleList(convs), nn.ModuleList(norms)
        self.judge = nn.Linear(WIDTHS[-1], 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Scores; above 0 is a container."""
        count, channels = images.shape[:2]
        planes = images.reshape(count * channels, 1, *images.shape[2:])
        features = F.conv2d(planes, self.kernel)
        features = features.reshape(count, channels, *features.shape[2:])
        last = len(self.convs) - 1
        for k, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            features = conv(features)
            # Which sign a residual has says nothing; without this the first group learns it twice.
            features = norm(features.abs() if k == 0 else features)
            features = torch.tanh(features) if k < 2 else F.relu(features)
            if k < last:
                features = F.avg_pool2d(features, 5, 2, 2)
        scores: torch.Tensor = self.judge(features.mean(dim=(2, 3)))[:, 0]
        return scores


class ResidualNet(nn.Module):
    """The network: N x 3 x H x W samples in [0, 255] to N scores."""

    def __init__(self) -> None:
        super().__init__()
        filters = _filters()
        self.filters = nn.Parameter(filters)
        first = RESIDUAL_WIDTHS[0]
        self.mix = _normalised(3 * len(filters), first)
        self.flat = nn.ModuleList(_pair(first, first) for _ in range(2))
        self.pooled, self.shortcuts = nn.ModuleList(), nn.ModuleList()
        for before, after in pairwise(RESIDUAL_WIDTHS):
            self.pooled.append(nn.Sequential(_pair(before, after), nn.AvgPool2d(3, 2, 1)))
            self.shortcuts.append(_normalised(before, after, 1, 2))
        self.judge = nn.Linear(RESIDUAL_WIDTHS[-1], 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Scores; above 0 is a container."""
        count, channels = images.shape[:2]
        planes = images.reshape(count * channels, 1, *images.shape[2:])
        answers = F.conv2d(planes, self.filters).clamp(-KEPT, KEPT)
        features = F.relu(self.mix(answers.reshape(count, -1, *answers.shape[2:])))
        for block in self.flat:
            features = features + block(features)
        for block, shortcut in zip(self.pooled, self.shortcuts, strict=True):
            features = block(features) + shortcut(features)
        scores: torch.Tensor = self.judge(features.mean(dim=(2, 3)))[:, 0]
        return scores


def _filters() -> torch.Tensor:
    """Filters x 1 x 5 x 5."""
    found = [np.array(KV)]
    for rows in DERIVATIVES:
        placed = np.zeros((5, 5))
        placed[1 : 1 + len(rows), 1 : 1 + len(rows[0])] = rows
        turns = 1 if len(rows) == 3 else 2
        found += [np.rot90(placed, turn) for turn in range(turns)]
    scaled = [each / each[each > 0].sum() for each in found]
    return torch.tensor(np.stack(scaled)[:, None], dtype=torch.float32)


def _normalised(before: int, after: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, size, stride, size // 2, bias=False), nn.BatchNorm2d(after)
    )


def _pair(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(_normalised(before, after), nn.ReLU(), _normalised(after, after))


class Cnn:
    """A network that has learned from leaked pairs.

    Each step sees the same patches of clean images and of their containers, turned and mirrored
    alike: what differs within a batch is the hiding alone.

    Attributes:
        network: what was trained, in its mode for use.
        loss: cross entropy of the last step.
    """

    def __init__(
        self,
        clean: NDArray[Any],
        stego: NDArray[Any],
        *,
        seed: int = 0,
        steps: int = STEPS,
        network: Callable[[], nn.Module] = XuNet,
        rate: float = RATE,
    ) -> None:
        """Learns from leaked images.

        Args:
            clean: uint8, N x H x W x 3, sides of at least `LEAST_SIDE`.
            stego: the containers made of them, in the same order.
            seed: of all chance; the same seed gives the same network on the same machine.
            steps: of training, at least 1.
            network: makes what learns: `XuNet`, `ResidualNet`, or a copy of one that has learned
                something else.
            rate: of learning, at its highest; `RESIDUAL_RATE` for a `ResidualNet`.

        Raises:
            ConfigError: the shapes differ, or there is nothing to learn from.
            ImageError: the arrays hold no such images.
        """
        _check(clean)
        _check(stego)
        if clean.shape != stego.shape or not len(clean) or steps < 1:
            raise ConfigError(
                f"images of shapes {clean.shape} and {stego.shape}, and {steps} steps were given: "
                "give as many containers as clean images, and at least one step"
            )
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            self.network = network()
        self.loss = _train(self.network, clean, stego, np.random.default_rng(seed), steps, rate)

    def scores(self, seen: NDArray[Any], /) -> Floats:
        """How much images look like containers: above 0 counts as one.

        Args:
            seen: uint8, n x H x W x 3.

        Returns:
            n numbers.

        Raises:
            ImageError: the array holds no such images.
        """
        _check(seen)
        with torch.inference_mode():
            parts = [
                self.network(_tensor(seen[k : k + _AT_ONCE])).numpy()
                for k in range(0, len(seen), _AT_ONCE)
            ]
        return np.concatenate([np.empty(0), *parts]).astype(np.float64)


def _train(
    network: nn.Module,
    clean: Pixels,
    stego: Pixels,
    rng: np.random.Generator,
    steps: int,
    rate: float,
) -> float:
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rate, total_steps=max(steps, 2), pct_start=0.15
    )
    wanted = torch.tensor([0.0, 1.0]).repeat(BATCH)
    network.train()
    for _ in range(steps):
        batch = np.concatenate([_patches(clean, stego, rng) for _ in range(BATCH)])
        loss = F.binary_cross_entropy_with_logits(network(_tensor(batch)), wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    network.eval()
    return loss.item()


def _patches(clean: Pixels, stego: Pixels, rng: np.random.Generator) -> Pixels:
    """The same patch of a clean image and of its container, in one of the 8 ways to lay it."""
    _, height, width, _ = clean.shape
    side = min(CROP, height, width)
    k = int(rng.integers(len(clean)))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    place = (k, slice(top, top + side), slice(left, left + side))
    pair = np.rot90(np.stack([clean[place], stego[place]]), int(rng.integers(4)), (1, 2))
    return pair[:, :, ::-1] if rng.integers(2) else pair


def _tensor(images: Pixels) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float()


def _check(images: NDArray[Any]) -> None:
    shape = images.shape
    if images.dtype != np.uint8 or len(shape) != 4 or shape[3] != 3 or min(shape[1:3]) < LEAST_SIDE:
        raise ImageError(
            f"the array is {images.dtype} of shape {shape}: give uint8 of shape N x H x W x 3, "
            f"with sides of at least {LEAST_SIDE}"
        )
