"""The prior of the code `photos` in training: the bits of a sample are its loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from isn.codes.entropy.dependent import WORTH
from isn.codes.entropy.steps import size_of
from isn.codes.photos import KIND, Photos
from isn.codes.photos.image import received
from isn.codes.photos.levels import parameter_shapes
from isn.training.learner import Seen, arrays_of, dtype_of, through_code
from isn.training.methods import PhotosSettings
from isn.training.rate import Rate
from isn.weights import Weights

COARSENESS = (32, 384)
"""Steps that a training draws from, by index: 1.4 to 64 levels."""

SHARE = 4
"""A validation codes an image as one of so many of a host."""

LEVELS = 255.0


class PhotosStack(nn.Module):
    """Everything that is learned, named as in :func:`isn.codes.photos.levels.parameter_shapes`."""

    def __init__(self, width: int) -> None:
        """A prior with hidden layers of this width, not yet initialised."""
        super().__init__()
        self.prior = Rate(width)


class PhotosObjective(nn.Module):
    """Codes, counts bits, and measures: one training step up to the loss.

    Attributes:
        terms: what :meth:`forward` returns, in this order.
    """

    terms: tuple[str, ...] = ("loss", "bits", "revealed")

    def __init__(self, stack: PhotosStack) -> None:
        """An objective for a prior."""
        super().__init__()
        self.stack = stack

    def forward(self, images: Tensor) -> Tensor:
        """The loss, the bits of a sample, and the mean square error in levels, over the step's.

        Args:
            images: N x (1 + n) x 3 x H x W in [0, 1], each of which is hidden; sides are multiples
                of 64.

        Returns:
            The numbers named in `terms`. The error is in the squares of the step for which
            a coder at its best gives a bit more. The prior has no say in it: it is there so that
            losses of different steps can be compared.
        """
        hidden = images.flatten(0, 1)
        step = drawn(hidden, *COARSENESS)
        size = size_of(step)
        bits, bands, means = self.stack.prior(hidden, step)
        rate = bits / hidden.numel()
        revealed = received(bands.detach(), means.detach(), size)
        error = (revealed - (hidden - 0.5) * LEVELS).square().mean() / (WORTH * size**2)
        return torch.stack([rate + error, rate, error])


def drawn(images: Tensor, low: int, high: int) -> int:
    """A step's index from a range, drawn by the images: the same again after a resume."""
    return low + int((images.double().sum() * 255).round().item()) % max(high - low, 1)


class PhotosLearner:
    """The prior of photos as a :class:`isn.training.learner.Learner`.

    Args:
        settings: the whole training.
        device: where it trains.
        start: weights to begin from, and what they are called.

    Raises:
        ModelError: `start` is of another kind or width.
    """

    terms = PhotosObjective.terms
    autocast: torch.dtype | None = None
    """Never: a prior computes in whole numbers."""

    def __init__(
        self,
        settings: PhotosSettings,
        device: torch.device,
        *,
        start: tuple[str, Weights] | None = None,
    ) -> None:
        self.width, self.start_note = settings.model.width, ""
        stack = PhotosStack(self.width)
        stack.prior.initialise(settings.run.seed)
        if start is not None:
            name, weights = start
            weights.check(KIND, lambda _: parameter_shapes(self.width))
            tensors = weights.as_float32()
            stack.load_state_dict({key: torch.from_numpy(each) for key, each in tensors.items()})
            self.start_note = f"{name} ({len(tensors)} tensors)"
        self.module: PhotosStack = stack.to(device, dtype_of(settings.run))
        self.objective = PhotosObjective(self.module)

    def seen(self, host: Tensor, hidden: Tensor) -> Seen:
        """See :class:`isn.training.learner.Receiving`.

        The hidden image is coded as one of four.
        """
        weights = self.pack(arrays_of(self.module), {})
        return through_code(Photos(weights), host, hidden, SHARE)

    def pack(self, tensors: Mapping[str, NDArray[Any]], training: Mapping[str, Any]) -> Weights:
        """Weights of the code :class:`isn.codes.photos.Photos`."""
        return Weights(KIND, {"width": self.width}, tensors, training)
