"""Photos that do not fit in memory, streamed from tar shards through webdataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isn import images
from isn.errors import ImageError
from isn.training.data import ImageStore, Pixels

_IMAGE_KINDS = ("jpg", "jpeg", "png", "webp", "avif", "tif", "tiff", "bmp", "ppm", "gif")


class Shards:
    """Random photo patches streamed from tar shards, for data that does not fit in memory.

    Which patches come is up to the stream (shards and samples are shuffled by webdataset), so
    unlike with photos in memory a resumed run sees other patches than one that was never cut.

    Attributes:
        skipped: how many images of the shards could not be used so far.
    """

    def __init__(
        self,
        urls: Sequence[str],
        crop: int,
        device: torch.device,
        *,
        seed: int,
        rank: int = 0,
        workers: int = 2,
        warn: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        """A stream over `urls`, endless, in its own order in every process of a training.

        Args:
            urls: paths of tar files, or what else webdataset opens.
            crop: side of the patches that are cut.
            device: where the patches go.
            seed: of order and patches.
            rank: of this process.
            workers: processes that read and decode.
            warn: told of every image that cannot be used.

        Raises:
            ImageError: webdataset is not installed.
        """
        self.crop, self.device, self.warn, self.skipped = crop, device, warn, 0
        try:
            import webdataset
        except ImportError as error:
            raise ImageError(
                "tar shards need the package webdataset: pip install webdataset, "
                "or give a folder of images"
            ) from error
        # Every process draws shards with its own seed, so none has to know of the others.
        pipeline = webdataset.WebDataset(
            list(urls),
            resampled=True,
            shardshuffle=False,
            nodesplitter=None,
            seed=seed * 1009 + rank,
            handler=webdataset.warn_and_continue,
        )
        cut = pipeline.shuffle(100).map(_Cutter(crop, seed, rank))
        self._loader = torch.utils.data.DataLoader(cut, batch_size=None, num_workers=workers)
        self._patches: Iterator[Tensor] | None = None

    def patches(self, draws: NDArray[np.float64], crop: int, recoloured: float) -> Tensor:
        """M x 3 x crop x crop uint8: the next of the stream, turned as `draws` say."""
        if self._patches is None:
            self._patches = self._stream()
        pixels = [next(self._patches).numpy() for _ in range(len(draws))]
        # Each is cut already: a store of single patches only turns and recolours them.
        placed = draws.copy()
        placed[:, 0] = (np.arange(len(draws)) + 0.5) / len(draws)
        return ImageStore(pixels, self.device).patches(placed, crop, recoloured)

    def _stream(self) -> Iterator[Tensor]:
        for sample in self._loader:
            for each in sample:
                if isinstance(each, Tensor):
                    yield each
                else:
                    self.skipped += 1
                    self.warn(f"{each} ({self.skipped} skipped so far)")


@dataclass
class _Cutter:
    """Patches of the images in one sample of a shard, or a sentence on why there are none."""

    crop: int
    seed: int
    rank: int
    rng: np.random.Generator | None = None

    def __call__(self, sample: dict[str, Any]) -> list[Tensor | str]:
        if self.rng is None:
            worker = torch.utils.data.get_worker_info()
            self.rng = np.random.default_rng([self.seed, self.rank, worker.id if worker else 0])
        cut: list[Tensor | str] = []
        for kind, value in sample.items():
            name = f"{sample.get('__key__')}.{kind}"
            if kind.lower() in _IMAGE_KINDS and isinstance(value, bytes):
                try:
                    cut += self._cut(images.read(value, name=name).pixels, name, self.rng)
                except ImageError as error:
                    cut.append(str(error))
        return cut

    def _cut(self, pixels: Pixels, name: str, rng: np.random.Generator) -> list[Tensor | str]:
        height, width, crop = *pixels.shape[:2], self.crop
        if min(height, width) < crop:
            return [f"{name} is {width} x {height}, smaller than a patch of {crop}"]
        count = max(1, min(8, height * width // (4 * crop * crop)))
        tops = rng.integers(height - crop + 1, size=count)
        lefts = rng.integers(width - crop + 1, size=count)
        return [
            torch.from_numpy(np.ascontiguousarray(pixels[y : y + crop, x : x + crop]))
            for y, x in zip(tops, lefts, strict=True)
        ]
