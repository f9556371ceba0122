"""Validation as a receiver sees it: 8-bit containers, reveals from them alone, scored in RGB.

On fixed groups of one host and its hidden images each: photos, and the same with drawings in them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isn import drawings
from isn.errors import ConfigError
from isn.metrics import psnr, ssim
from isn.paper.backends.torch import whole
from isn.training.data import Pixels
from isn.training.learner import Receiving
from isn.training.sections import DataSettings


@dataclass(frozen=True)
class Quality:
    """Quality over a set of groups, in RGB, through 8 bit.

    Attributes:
        container: mean PSNR over hosts, in dB.
        revealed: mean PSNR over all hidden images, in dB.
        worst_container: of one host.
        worst_revealed: of one hidden image.
        container_ssim: mean SSIM over hosts.
        revealed_ssim: mean SSIM over all hidden images.
        grey: groups whose images had no room, and count as grey.
    """

    container: float
    revealed: float
    worst_container: float
    worst_revealed: float
    container_ssim: float
    revealed_ssim: float
    grey: int = 0

    def as_dict(self) -> dict[str, float]:
        """All figures, to a hundredth of a dB and a ten-thousandth of an SSIM; no grey if none."""
        return {
            name: round(value, 4 if name.endswith("ssim") else 2)
            for name, value in asdict(self).items()
            if name != "grey" or value
        }


_CEILING = 100.0
"""Equal images have an infinite PSNR, which no mean survives."""


@torch.no_grad()
def validate(
    method: Receiving,
    groups: Tensor,
    dtype: torch.dtype = torch.float32,
    before_each: Callable[[], None] = lambda: None,
) -> Quality:
    """Hides and reveals every group, one at a time.

    Args:
        method: what is validated.
        groups: P x (1 + n) x 3 x H x W uint8, on the method's device.
        dtype: of what the method is given.
        before_each: called before each group; what it raises ends the validation.
    """
    containers: list[tuple[float, float]] = []
    revealed: list[tuple[float, float]] = []
    grey = 0
    for group in groups:
        before_each()
        images = group.to(dtype) / 255
        seen = method.seen(images[:1], images[1:].flatten(0, 1)[None])
        grey += not seen.fits
        originals = group.cpu().numpy()
        containers.append(_compare(seen.container[0].cpu().numpy(), originals[0]))
        shown = whole(seen.revealed)[0].cpu().numpy().reshape(originals[1:].shape)
        revealed += [_compare(a, b) for a, b in zip(shown, originals[1:], strict=True)]
    (container_psnr, container_ssim), (revealed_psnr, revealed_ssim) = (
        np.mean(each, axis=0).tolist() for each in (containers, revealed)
    )
    return Quality(
        container_psnr,
        revealed_psnr,
        min(containers)[0],
        min(revealed)[0],
        container_ssim,
        revealed_ssim,
        grey,
    )


def _compare(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> tuple[float, float]:
    """PSNR and SSIM of two images, 3 x H x W."""
    a, b = a.transpose(1, 2, 0), b.transpose(1, 2, 0)
    return min(psnr(a, b), _CEILING), ssim(a, b)


def validation_groups(
    pixels: Sequence[Pixels], hidden_images: int, settings: DataSettings, seed: int
) -> Tensor:
    """Fixed groups of centre crops: one host and its hidden images each.

    No image is twice in one group, not even as a copy: hidden in itself, it would say nothing.

    Args:
        pixels: images, none smaller than the crop.
        hidden_images: n.
        settings: how many groups, how large.
        seed: of the grouping.

    Returns:
        P x (1 + n) x 3 x crop x crop uint8.

    Raises:
        ConfigError: there are not 1 + n different images.
    """
    rng = np.random.default_rng([seed, 0x5A1])
    crop, each = settings.validation_crop, 1 + hidden_images
    crops = list(
        {one.tobytes(): one for one in (_centre(image, crop) for image in pixels)}.values()
    )
    if len(crops) < each:
        raise ConfigError(
            f"{len(crops)} different photos of {crop} x {crop} or more are there to validate on, "
            f"and {hidden_images} hidden in one are {each}: give {each} at least"
        )
    order: list[int] = []
    while len(order) < settings.validation_pairs * each:
        # What is left of a round would share a group with the next one, and perhaps an image.
        order += list(rng.permutation(len(crops)))[: len(crops) // each * each]
    stacked = np.stack([crops[index] for index in order[: settings.validation_pairs * each]])
    return torch.from_numpy(stacked).reshape(settings.validation_pairs, each, 3, crop, crop)


def _centre(image: Pixels, crop: int) -> NDArray[np.uint8]:
    """3 x crop x crop, from the middle."""
    top, left = (image.shape[0] - crop) // 2, (image.shape[1] - crop) // 2
    return np.ascontiguousarray(image[top : top + crop, left : left + crop].transpose(2, 0, 1))


def drawing_groups(photos: Tensor, seed: int) -> Tensor:
    """The same groups with drawings in place of the host, or of the hidden images, in turn.

    Args:
        photos: P x (1 + n) x 3 x H x W uint8, from :func:`validation_groups`.
        seed: of the drawings.

    Returns:
        The same shape: every second group has a drawing as its host, the others as hidden images.
    """
    rng = np.random.default_rng([seed, 0xD7A])
    kinds = [kind for kind in drawings.KINDS if kind != "noise"]
    groups = photos.clone()
    height, width = groups.shape[-2:]
    for number, group in enumerate(groups):
        for slot in range(1) if number % 2 == 0 else range(1, groups.shape[1]):
            kind = kinds[(number // 2 + slot) % len(kinds)]
            drawn = drawings.draw(kind, height, width, rng)
            group[slot] = torch.from_numpy(drawn.transpose(2, 0, 1).copy())
    return groups
