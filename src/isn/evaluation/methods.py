"""A shipped model, a weights file or a baseline as one thing that hides and reveals.

Every method is given the bytes of the file that it wrote, so that none can pass anything beside
the 8-bit image.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol

from isn import api, baselines, images, mosaic, zoo
from isn.baselines.base import Baseline, Sizes, there_and_back
from isn.codes.photos import code
from isn.errors import AlteredContainer
from isn.images import Pixels
from isn.paper.backends.base import Backend
from isn.paper.config import MAX_HIDDEN, ModelConfig
from isn.paper.weights import Weights


class Method(Protocol):
    """What is evaluated."""

    @property
    def name(self) -> str:
        """What the reports call it."""
        ...

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        ...

    @property
    def ours(self) -> bool:
        """Whether it is a model of this project, else something to compare with."""
        ...

    @property
    def source(self) -> str:
        """By which another process finds it: a model's name or path, a baseline's name."""
        ...

    @property
    def fingerprint(self) -> str:
        """Of a model, 32 hexadecimal digits; "" for a method without weights."""
        ...

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers of images that it hides."""
        ...

    def hide(self, host: Pixels, hidden: Sequence[Pixels]) -> Pixels:
        """The container, uint8 H x W x 3."""
        ...

    def carried(self, hidden: Sequence[Pixels], host: tuple[int, int]) -> list[Pixels]:
        """Hidden images as they come back from the size in which they were hidden."""
        ...

    def reveal(self, file: bytes, sizes: Sizes) -> list[Pixels | None]:
        """The images in the undamaged container file, in these sizes; None for one that is lost."""
        ...

    def salvage(self, container: Pixels, count: int) -> list[Pixels | None]:
        """Whatever is left in a damaged container, `count` pictures or None."""
        ...


ALL_COUNTS = tuple(range(1, MAX_HIDDEN + 1))
"""Of a model with a prior, which codes as many images as there are."""


class ModelMethod:
    """A trained network, used through :mod:`isn.api` alone.

    Args:
        name: what to call it.
        weights: the model.
        source: its name in the zoo, or its path.
        backend: as for :func:`isn.api.hide`.
        shared: numbers of images to share its planes; none: as many as it hides, each in its own.
    """

    ours = True

    def __init__(
        self,
        name: str,
        weights: Weights,
        source: str,
        backend: str | Backend | None = None,
        shared: tuple[int, ...] = (),
    ) -> None:
        self.name = f"{name} shared" if shared else name
        self.weights = weights
        self.source = source
        own = (weights.config.hidden_images,)
        self.counts = shared or (own if weights.config.prior is None else ALL_COUNTS)
        self._backend = backend

    @property
    def title(self) -> str:
        """Its size, and what it was trained on where its file says so."""
        config = self.weights.config
        about = f"network, {config.blocks} blocks, {config.parameters / 1e6:.2f} M parameters"
        data = self.weights.training.get("data")
        return f"{about}; trained on {data}" if isinstance(data, str) else about

    @property
    def fingerprint(self) -> str:
        """Of the stored tensors."""
        return self.weights.fingerprint.hex()

    def sharing(self) -> ModelMethod | None:
        """The same model with the more images for which it is the default, where there are any."""
        entry = zoo.entry_of(self.weights.fingerprint)
        served = entry.default_for if entry else ()
        shared = tuple(each for each in served if each > max(self.counts))
        if not shared:
            return None
        return ModelMethod(self.name, self.weights, self.source, self._backend, shared)

    def hide(self, host: Pixels, hidden: Sequence[Pixels]) -> Pixels:
        """Hides through the public API."""
        return api.hide(host, list(hidden), model=self.weights, backend=self._backend)

    def carried(self, hidden: Sequence[Pixels], host: tuple[int, int]) -> list[Pixels]:
        """Hidden images are resized to their places in the part of the host that is divided.

        A code has them in their own sizes, if they are not far larger than the host.
        """
        config = self.weights.config
        if config.prior is not None:
            area = code.largest(host[0] * host[1])
            coded = (images.within(each, area) for each in hidden)
            return [
                images.resize(each, *whole.shape[:2])
                for each, whole in zip(coded, hidden, strict=True)
            ]
        places = mosaic.cells(len(hidden), config.hidden_images, *config.region(*host), config.cell)
        return [
            there_and_back(each, (place.height, place.width))
            for each, place in zip(hidden, places, strict=True)
        ]

    def reveal(self, file: bytes, sizes: Sizes) -> list[Pixels | None]:
        """Reveals through the public API, which reads the sizes from the seal."""
        del sizes
        return list(api.reveal(file, model=self.weights, backend=self._backend))

    def salvage(self, container: Pixels, count: int) -> list[Pixels | None]:
        """Reveals without a seal, which no damage leaves intact; of a damaged code, nothing."""
        try:
            return list(
                api.reveal(
                    container, model=self.weights, count=count, sealed=False, backend=self._backend
                )
            )
        except AlteredContainer:
            return [None] * count


class BaselineMethod:
    """A baseline, through the same 8-bit file."""

    ours = False

    def __init__(self, baseline: Baseline) -> None:
        self.baseline = baseline
        self.name = self.source = baseline.name
        self.fingerprint = baseline.fingerprint
        self.title = baseline.title
        self.counts = baseline.counts

    def hide(self, host: Pixels, hidden: Sequence[Pixels]) -> Pixels:
        """The baseline's container."""
        return self.baseline.hide(host, hidden)

    def carried(self, hidden: Sequence[Pixels], host: tuple[int, int]) -> list[Pixels]:
        """As the baseline carries them."""
        return [self.baseline.carried(each, host) for each in hidden]

    def reveal(self, file: bytes, sizes: Sizes) -> list[Pixels | None]:
        """Reads the file, then reveals."""
        return self.baseline.reveal(images.read(file).pixels, len(sizes), sizes)

    def salvage(self, container: Pixels, count: int) -> list[Pixels | None]:
        """A baseline that is given damage does what it can."""
        return self.baseline.reveal(container, count)


def model(
    name_or_path: str | os.PathLike[str], backend: str | Backend | None = None
) -> ModelMethod:
    """A model by its name in the zoo, or from a weights file.

    Raises:
        ModelError: there is no such model.
    """
    weights = zoo.load(name_or_path)
    entry = zoo.entry_of(weights.fingerprint)
    source = os.fspath(name_or_path)
    given = os.path.basename(source).removesuffix(".safetensors")
    return ModelMethod(entry.name if entry else given, weights, source, backend)


def architecture(method: Method) -> ModelConfig | None:
    """What decides the cost of a model: two that share it differ in numbers alone."""
    return method.weights.config if isinstance(method, ModelMethod) else None


def baseline(name: str) -> BaselineMethod:
    """A baseline by its name.

    Raises:
        ConfigError: there is none of that name.
        BackendError: what it needs is not installed.
    """
    return BaselineMethod(baselines.get(name))
