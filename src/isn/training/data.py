"""Where the patches come from: photos in memory and drawings, cropped at random.

Photos that fit in memory are decoded once into one uint8 buffer on the training device; each patch
is then a gather from it, in which crop, flips, rotation and colour permutation are all index
arithmetic. What is drawn depends only on (seed, step, index in the global batch), so a run can be
cut, resumed or spread over processes and still see the same patches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isn import drawings, images
from isn.errors import ImageError
from isn.finding import image_files
from isn.training.sections import DataSettings

Pixels = NDArray[np.uint8]
"""H x W x 3."""

_COLOURS = np.array(list(permutations(range(3))), dtype=np.int64)
_DRAWS = 12
"""Uniform numbers that one image of a batch uses at most."""


@dataclass
class Folder:
    """What was found in a folder of images, or in several.

    Attributes:
        pixels: the decoded images.
        names: their files.
        skipped: a sentence for each file that was left out.
    """

    pixels: list[Pixels] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def read_folder(paths: Iterable[str | Path], smallest: int, threads: int = 8) -> Folder:
    """Decodes every image of some folders; what cannot be used is named, not fatal.

    Args:
        paths: folders or files.
        smallest: images with a side below this many pixels are left out.
        threads: files decoded at the same time.

    Raises:
        ImageError: a path does not exist, or not one image could be used.
    """
    paths = list(paths)
    files = image_files(paths)
    folder = Folder()
    with ThreadPoolExecutor(threads) as pool:
        for path, result in zip(files, pool.map(_try_read, files), strict=True):
            if isinstance(result, str):
                folder.skipped.append(result)
            elif min(result.shape[:2]) < smallest:
                size = f"{result.shape[1]} x {result.shape[0]}"
                folder.skipped.append(f"{path} is {size}, smaller than a patch of {smallest}")
            else:
                folder.pixels.append(result)
                folder.names.append(str(path))
    if not folder.pixels:
        reason = f"; the first reason: {folder.skipped[0]}" if folder.skipped else ""
        raise ImageError(
            f"not one usable image in {', '.join(map(str, paths))} ({len(files)} files){reason}"
        )
    return folder


def _try_read(path: Path) -> Pixels | str:
    try:
        return images.read(path).pixels
    except ImageError as error:
        return str(error)


def draw_pool(count: int, side: int, seed: int) -> list[Pixels]:
    """Drawings of every kind in turn, `side` pixels square, the same for the same seed."""
    rng = np.random.default_rng([seed, 0xD4A3])
    kinds = drawings.KINDS
    return [drawings.draw(kinds[k % len(kinds)], side, side, rng) for k in range(count)]


class ImageStore:
    """Images of any sizes in one uint8 buffer, patches of which are gathered at once."""

    def __init__(self, pixels: Sequence[Pixels], device: torch.device) -> None:
        """Copies the images to `device`."""
        sizes = np.array([each.shape[:2] for each in pixels], dtype=np.int64)
        self.heights, self.widths = sizes[:, 0], sizes[:, 1]
        areas = 3 * self.heights * self.widths
        self.starts = np.concatenate([[0], np.cumsum(areas)[:-1]])
        self.buffer = torch.empty(int(areas.sum()), dtype=torch.uint8, device=device)
        for start, area, each in zip(self.starts, areas, pixels, strict=True):
            flat = torch.from_numpy(np.ascontiguousarray(each).reshape(-1).copy())
            self.buffer[start : start + area] = flat

    def __len__(self) -> int:
        return len(self.starts)

    def patches(self, draws: NDArray[np.float64], crop: int, recoloured: float) -> Tensor:
        """Random patches: which image, where, turned how, and its colours permuted or not.

        Args:
            draws: M x 6 (or more) uniform numbers in [0, 1).
            crop: side in pixels.
            recoloured: share of patches whose colours are permuted.

        Returns:
            M x 3 x crop x crop uint8 on the store's device.
        """
        which = (draws[:, 0] * len(self)).astype(np.int64)
        heights, widths = self.heights[which], self.widths[which]
        top = (draws[:, 1] * (heights - crop + 1)).astype(np.int64)
        left = (draws[:, 2] * (widths - crop + 1)).astype(np.int64)
        turn = (draws[:, 3] * 8).astype(np.int64)
        row, column = 3 * widths, np.full_like(widths, 3)
        start = self.starts[which] + top * row + left * column
        # Mirrored: begin at the far end and step backwards; transposed: swap the two steps.
        start = start + np.where(turn & 1, (crop - 1) * row, 0)
        start = start + np.where(turn & 2, (crop - 1) * column, 0)
        row, column = np.where(turn & 1, -row, row), np.where(turn & 2, -column, column)
        row, column = np.where(turn & 4, column, row), np.where(turn & 4, row, column)
        permuted = draws[:, 4] < recoloured
        colours = _COLOURS[np.where(permuted, (draws[:, 5] * 6).astype(np.int64), 0)]
        plan = np.concatenate([start[:, None] + colours, row[:, None], column[:, None]], axis=1)
        device = self.buffer.device
        table = torch.from_numpy(plan).to(device, non_blocking=True)
        steps = torch.arange(crop, device=device)
        index = (
            table[:, :3, None, None]
            + table[:, 3, None, None, None] * steps[:, None]
            + table[:, 4, None, None, None] * steps
        )
        return self.buffer[index]


class Photos(Protocol):
    """A source of random photo patches."""

    def patches(self, draws: NDArray[np.float64], crop: int, recoloured: float) -> Tensor:
        """M x 3 x crop x crop uint8; see :meth:`ImageStore.patches`."""
        ...


class Batches:
    """Random batches of hosts with their hidden images, for one process of a training."""

    def __init__(
        self,
        photos: Photos,
        pool: ImageStore,
        settings: DataSettings,
        hidden_images: int,
        seed: int,
    ) -> None:
        """Batches drawn from `photos`, and from the drawings in `pool`."""
        self.photos, self.pool, self.settings = photos, pool, settings
        self.images, self.seed = 1 + hidden_images, seed

    def batch(self, step: int, rank: int = 0, world: int = 1) -> Tensor:
        """The batch of one process at one step.

        Args:
            step: from 0.
            rank: which of `world` processes; together they hold the batch that one process with
                `world` times as many hosts would draw.
            world: number of processes.

        Returns:
            N x (1 + n) x 3 x crop x crop floats in [0, 1], multiples of 1/255.
        """
        settings, hosts = self.settings, self.settings.batch
        rng = np.random.Generator(np.random.Philox(key=[self.seed, step]))
        table = rng.random((hosts * world, self.images, _DRAWS))
        draws = table[rank * hosts : (rank + 1) * hosts].reshape(-1, _DRAWS)
        patches = self.photos.patches(draws, settings.crop, settings.recoloured)
        drawn = np.flatnonzero(draws[:, 6] < settings.drawings)
        if len(drawn):
            where = torch.from_numpy(drawn).to(patches.device)
            patches[where] = self.pool.patches(draws[drawn], settings.crop, 0.5).to(patches.device)
        batch = patches.float() / 255
        clipped = np.flatnonzero(draws[:, 7] < settings.overexposed)
        if len(clipped):
            where = torch.from_numpy(clipped).to(patches.device)
            batch[where] = _overexposed(batch[where], draws[clipped, 8], draws[clipped, 9])
        crop = settings.crop
        return batch.reshape(hosts, self.images, 3, crop, crop)


def _overexposed(batch: Tensor, strength: NDArray[np.float64], end: NDArray[np.float64]) -> Tensor:
    """Clips the exposure of each image, two in three at white, the others at black."""
    shape = (-1, 1, 1, 1)
    gain = torch.from_numpy(np.exp(0.2 + 1.3 * strength)).to(batch).reshape(shape)
    dark = torch.from_numpy(end < 1 / 3).to(batch.device).reshape(shape)
    light = torch.where(dark, 1 - batch, batch) * gain
    light = light.clamp(0, 1)
    light = torch.where(dark, 1 - light, light)
    return (light * 255).round() / 255
