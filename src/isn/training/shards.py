"""Photos that do not fit in memory, streamed from tar shards through webdataset."""

from __future__ import annotations

import re
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isn import images
from isn.errors import ImageError
from isn.training.data import ImageStore, Pixels

MOST_FAILURES = 20
"""Shards that one worker cannot read one after the other before the training ends."""

MOST_USELESS = 1000
"""Samples without a patch one after the other before the training ends."""

_IMAGE_KINDS = ("jpg", "jpeg", "png", "webp", "avif", "tif", "tiff", "bmp", "ppm", "gif")

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""What webdataset takes for a scheme; one letter is a drive."""


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
            urls: paths of tar files, or what else webdataset opens. Each file is read up to its
                first usable image; of what is elsewhere, it is found out while training.
            crop: side of the patches that are cut.
            device: where the patches go.
            seed: of order and patches.
            rank: of this process.
            workers: processes that read and decode.
            warn: told of every image that cannot be used.

        Raises:
            ImageError: webdataset is not installed, or a file is missing or without one usable
                image.
        """
        self.crop, self.device, self.warn, self.skipped = crop, device, warn, 0
        self.urls = list(urls)
        try:
            import webdataset
        except ImportError as error:
            raise ImageError(
                "tar shards need the package webdataset: pip install webdataset, "
                "or give a folder of images"
            ) from error
        for url in self.urls:
            if not is_remote(url):
                _check(url, crop)
        cutter = _Cutter(crop, seed, rank)
        # Every process draws shards with its own seed, so none has to know of the others.
        pipeline = webdataset.WebDataset(
            self.urls,
            resampled=True,
            shardshuffle=False,
            nodesplitter=None,
            seed=seed * 1009 + rank,
            handler=cutter.failed,
        )
        cut = pipeline.map(cutter.arrived).shuffle(100).map(cutter)
        self._loader = torch.utils.data.DataLoader(cut, batch_size=None, num_workers=workers)
        self._patches: Iterator[Tensor] | None = None

    def patches(self, draws: NDArray[np.float64], crop: int, recoloured: float) -> Tensor:
        """M x 3 x crop x crop uint8: the next of the stream, turned as `draws` say.

        Raises:
            ImageError: nothing usable comes any more.
        """
        if self._patches is None:
            self._patches = self._stream()
        pixels = [next(self._patches).numpy() for _ in range(len(draws))]
        # Each is cut already: a store of single patches only turns and recolours them.
        placed = draws.copy()
        placed[:, 0] = (np.arange(len(draws)) + 0.5) / len(draws)
        return ImageStore(pixels, self.device).patches(placed, crop, recoloured)

    def _stream(self) -> Iterator[Tensor]:
        useless, reason = 0, "it holds no image"
        try:
            for sample in self._loader:
                useless += 1
                for each in sample:
                    if isinstance(each, Tensor):
                        useless = 0
                        yield each
                    else:
                        reason = each
                        self.skipped += 1
                        self.warn(f"{each} ({self.skipped} skipped so far)")
                if useless >= MOST_USELESS:
                    raise self._nothing(f"{useless} samples in a row are of no use; {reason}")
        except _Failed as error:
            # What comes from a worker is its whole traceback, and its last line the reason.
            raise self._nothing(str(error).rpartition("_Failed: ")[2].strip()) from error

    def _nothing(self, reason: str) -> ImageError:
        return ImageError(
            f"no image comes from the tar shards {', '.join(self.urls)} any more ({reason}): give "
            "shards that can be read"
        )


def is_remote(url: str) -> bool:
    """Whether webdataset opens this by other means than as a file."""
    return bool(_REMOTE.match(url))


def _check(path: str, crop: int) -> None:
    """Reads a tar file up to its first usable image.

    Raises:
        ImageError: there is no such file, or no such image in it.
    """
    if not Path(path).is_file():
        raise ImageError(f"there is no tar shard {path}: give files that end in .tar")
    reasons = []
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                wanted = member.isreg() and _is_image(name) and not name.startswith(".")
                content = archive.extractfile(member) if wanted else None
                if content is not None:
                    fault = _fault(content.read(), f"{path}:{member.name}", crop)
                    if fault is None:
                        return
                    reasons.append(fault)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        reasons.append(f"it is no whole tar file: {error}")
    reason = reasons[0] if reasons else "it holds no image"
    raise ImageError(
        f"not one usable image in the tar shard {path} ({reason}): mend it, or leave it out"
    )


def _fault(content: bytes, name: str, crop: int) -> str | None:
    """Why an image cannot be used, or None."""
    try:
        return _too_small(images.read(content, name=name).pixels, name, crop)
    except ImageError as error:
        return str(error)


def _too_small(pixels: Pixels, name: str, crop: int) -> str | None:
    height, width = pixels.shape[:2]
    if min(height, width) < crop:
        return f"{name} is {width} x {height}, smaller than a patch of {crop}"
    return None


def _is_image(name: str) -> bool:
    return name.lower().rpartition(".")[2] in _IMAGE_KINDS


class _Failed(Exception):
    """Too many shards in a row could not be read."""


@dataclass
class _Cutter:
    """Patches of the images in one sample of a shard, or a sentence on why there are none."""

    crop: int
    seed: int
    rank: int
    rng: np.random.Generator | None = None
    failures: int = 0

    def failed(self, error: Exception) -> bool:
        """Goes on after a shard, or a part of one, that cannot be read; not for ever."""
        self.failures += 1
        if self.failures >= MOST_FAILURES:
            raise _Failed(
                f"{self.failures} could not be read in a row, the last because of "
                f"{' '.join(str(error).split())}"
            )
        return True

    def arrived(self, sample: dict[str, Any]) -> dict[str, Any]:
        """Takes note that a shard could be read."""
        self.failures = 0
        return sample

    def __call__(self, sample: dict[str, Any]) -> list[Tensor | str]:
        if self.rng is None:
            worker = torch.utils.data.get_worker_info()
            self.rng = np.random.default_rng([self.seed, self.rank, worker.id if worker else 0])
        cut: list[Tensor | str] = []
        for kind, value in sample.items():
            name = f"{sample.get('__key__')}.{kind}"
            if _is_image(kind) and isinstance(value, bytes):
                try:
                    cut += self._cut(images.read(value, name=name).pixels, name, self.rng)
                except ImageError as error:
                    cut.append(str(error))
        return cut

    def _cut(self, pixels: Pixels, name: str, rng: np.random.Generator) -> list[Tensor | str]:
        height, width, crop = *pixels.shape[:2], self.crop
        small = _too_small(pixels, name, crop)
        if small is not None:
            return [small]
        count = max(1, min(8, height * width // (4 * crop * crop)))
        tops = rng.integers(height - crop + 1, size=count)
        lefts = rng.integers(width - crop + 1, size=count)
        return [
            torch.from_numpy(np.ascontiguousarray(pixels[y : y + crop, x : x + crop]))
            for y, x in zip(tops, lefts, strict=True)
        ]
