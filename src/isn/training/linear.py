"""The principal components of images: where the network's code, and modulo blocks, begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from isn.codes.network import kept_bands
from isn.paper.backends.torch import BlockSubnets, Subnet
from isn.paper.network import BLANK, Network
from isn.paper.wavelet import to_bands
from isn.training.data import Photos

Floats = NDArray[np.float64]

CELLS: Final = 1 << 18
"""Cells of photos that the components are found in, about."""

AROUND, AROUND_CELLS = 32, 50
"""Patches that eta's neighbourhood is fitted on at a time, and cells for each number of it."""

_RIDGE: Final = 1e-7
"""Of the mean square of what eta sees, added to that of each of its inputs."""


def principal(cells: Floats) -> tuple[Floats, Floats, Floats]:
    """The Karhunen-Loeve transform of some cells.

    Args:
        cells: M x D, the bands of many cells of single images.

    Returns:
        Their mean, D; the variances of the components, D, the largest first; and their directions,
        D x D, each a column.
    """
    mean = cells.mean(0)
    variances, directions = np.linalg.eigh(np.cov(cells - mean, rowvar=False))
    return mean, variances[::-1], directions[:, ::-1]


def least_squares(gram: Tensor, cross: Tensor, ridge: float) -> Tensor:
    """By what D numbers tell B others best.

    Args:
        gram: D x D, the sums of their products with each other.
        cross: D x B, with the others.
        ridge: added to the square of each of them, in means of these squares.

    Returns:
        D x B.
    """
    more = ridge * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    return torch.linalg.solve(gram + more, cross)


def channels_of(image: int, images: int, bands: int) -> NDArray[np.int64]:
    """Where the bands of one image lie among those of n images, which are band-major too."""
    band = np.arange(bands)
    return band // 3 * 3 * images + 3 * image + band % 3


@dataclass(frozen=True)
class Start:
    """The block that a network's code begins with: phi and eta, each a single convolution's work.

    Attributes:
        network: around the block.
        crop: side of the patches that it is fitted on.
    """

    network: Network
    crop: int

    def write(self, block: BlockSubnets, photos: Photos, seed: int) -> tuple[int, Floats]:
        """Makes phi a Karhunen-Loeve transform of each image, and eta what undoes it.

        All are rounded to float16, so that they are stored as they are.

        Args:
            block: initialised as the identity.
            photos: what it is fitted on.
            seed: draws the patches of the components.

        Returns:
            The number of cells, and the deviation of each component that the container keeps.
        """
        config = self.network.config
        count = max(1, CELLS * config.cell**2 // self.crop**2)
        draws = np.random.default_rng([seed, 0x4C17]).random((count, 12))
        bands = to_bands(photos.patches(draws, self.crop, 0.0).float() / 255, config.levels)
        cells = bands.permute(0, 2, 3, 1).reshape(-1, config.image_channels).double().cpu().numpy()
        mean, variances, directions = principal(cells)
        analysis = directions[:, : kept_bands(config)].T.astype(np.float16).astype(np.float64)
        phi, offset = _last(block.phi)
        for rows, columns in self._places():
            phi[rows[:, None], columns, 1, 1] = torch.from_numpy(analysis).to(phi)
            offset[rows] = torch.from_numpy(-analysis @ mean).to(offset)
        self._look_around(block.eta, photos, analysis, mean)
        for each in block.parameters():
            each.copy_(each.half())
        return len(cells), np.sqrt(variances[: len(analysis)])

    def _places(self) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Of each image, where the container has its components, and the hidden branch its bands.

        The loudest lie last: the first bands, the lowest of the blank host, are not zero beyond
        its border, where a convolution takes them to be.
        """
        config = self.network.config
        images, kept = config.hidden_images, np.arange(kept_bands(config))
        return [
            (
                config.host_channels - 1 - (kept * images + image),
                channels_of(image, images, config.image_channels),
            )
            for image in range(images)
        ]

    def _look_around(
        self, subnet: Subnet, photos: Photos, analysis: NDArray[Any], mean: NDArray[Any]
    ) -> None:
        """Lets eta estimate a cell from the 3 x 3 around it, by weighted least squares.

        What the container has no room for is told in part by the cells beside it; where it has
        room for all, this is what undoes phi. Of rounding it knows nothing: an eta that reckoned
        with it would shrink what is unlike photos, however fine the step. Patches are weighted by
        how well they are revealed already, so that their logarithms count alike.
        """
        config, kept = self.network.config, len(analysis)
        eta, offset = _last(subnet)
        host = eta.new_full((1, 3 * config.planes, config.cell, config.cell), BLANK)
        blank = to_bands(host, config.levels).flatten().double().cpu()
        constant = to_bands(self.network.constant_lost(host), config.levels).flatten().double()
        useful = torch.zeros(kept, 9, dtype=torch.bool)
        useful[: (config.host_channels - 3 * config.planes) // config.hidden_images] = True
        useful[:, 4] = True
        gram, cross = self._moments(photos, analysis, mean, useful.flatten())
        found = least_squares(gram, cross, _RIDGE)
        taps = torch.zeros(len(mean), kept * 9, dtype=torch.float64)
        taps[:, useful.flatten()] = found[:-1].T
        taps = taps.reshape(-1, kept, 3, 3).half().double()
        shown = found[-1] + torch.from_numpy(mean)
        for columns, rows in self._places():
            eta[rows[:, None], columns] = -taps.to(eta)
            grey = taps.sum((2, 3)) @ blank[columns]
            offset[rows] = (grey - shown + constant.cpu()[rows]).to(offset)

    def _moments(
        self, photos: Photos, analysis: NDArray[Any], mean: NDArray[Any], useful: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Of the components around a cell, and 1; and of these with its bands.

        Args:
            photos: what they are taken of.
            analysis: K x D.
            mean: D.
            useful: which of 9 K are looked at.
        """
        config, size = self.network.config, int(useful.sum()) + 1
        rng = np.random.default_rng([0, 0x3B3])
        gram = torch.zeros(size, size, dtype=torch.float64)
        cross = torch.zeros(size, len(mean), dtype=torch.float64)
        cells = AROUND * (self.crop // config.cell) ** 2
        for _ in range(-(-AROUND_CELLS * size // cells)):
            patches = photos.patches(rng.random((AROUND, 12)), self.crop, 0.0).double() / 255
            matrix, middle = (torch.from_numpy(each).to(patches) for each in (analysis, mean))
            wanted = to_bands(patches, config.levels) - middle[:, None, None]
            values = torch.einsum("kb,nbhw->nkhw", matrix, wanted)
            missed = wanted - torch.einsum("kb,nkhw->nbhw", matrix, values)
            trust = (missed.square().mean((1, 2, 3)) + 1e-6).rsqrt()[:, None, None]
            around = functional.unfold(values, 3, padding=1).transpose(1, 2)
            around = around[..., useful.to(around.device)]
            around = torch.cat([around, torch.ones_like(around[..., :1])], -1)
            goal = wanted.flatten(2).transpose(1, 2)
            x, y = ((each * trust).flatten(0, 1).cpu() for each in (around, goal))
            gram += x.T @ x
            cross += x.T @ y
        return gram, cross


def _last(subnet: Subnet) -> tuple[Tensor, Tensor]:
    """Weight and bias of the last convolution of a dense block, which sees its input first."""
    last = subnet.convs[-1]
    return last.get_parameter("weight"), last.get_parameter("bias")
