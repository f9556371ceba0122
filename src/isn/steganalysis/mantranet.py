"""ManTra-Net as published, for those who have its weights: a map of where an image was manipulated.

Wu, AbdAlmageed, Natarajan: ManTra-Net: Manipulation Tracing Network for Detection and Localization
of Image Forgeries With Anomalous Features, CVPR 2019, in the form of the authors' final model
(windows of 7, 15 and 31 and the whole image). Its weights do not ship. A file of them, .npz or
.safetensors, holds these arrays, convolutions as out x in x rows x columns:

==============================================  ===================================================
``first.regular``, ``first.bayar``              4 x 3 x 5 x 5 and 3 x 3 x 5 x 5 (layer ``b1c1``)
``b1c2.weight``, ``b1c2.bias``                  32 x 16 x 3 x 3 and 32; likewise ``b2c1``, ``b2c2``
                                                (64), ``b3c1`` to ``b3c3`` (128), ``b4c1`` to
                                                ``b4c3``, ``b5c1``, ``b5c2``, ``transform`` (256)
``outlier.weight``                              64 x 256 x 1 x 1 (layer ``outlierTrans``)
``norm.mean``, ``norm.variance``                64 each (layer ``bnorm``)
``deviation.least``                             64 (layer ``glbStd``)
``lstm.input``, ``lstm.state``, ``lstm.bias``   32 x 64 x 7 x 7, 32 x 8 x 7 x 7 and 32 (layer
                                                ``cLSTM``); eight rows each for the input gate, the
                                                forget gate, the candidate and the output gate
``pred.weight``, ``pred.bias``                  1 x 8 x 7 x 7 and 1
==============================================  ===================================================

Of a Keras file, whose kernels are rows x columns x in x out, each is ``w.transpose(3, 2, 0, 1)``.
The nine SRM filters are fixed and stored nowhere. Needs torch, the ``[train]`` extra.
"""

from __future__ import annotations

import os
import zipfile
from typing import Any, Final, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file
from torch import nn

from isn.errors import ImageError, ModelError
from isn.steganalysis.planes import rgb

Map: TypeAlias = NDArray[np.float32]
Arrays: TypeAlias = dict[str, NDArray[Any]]

WINDOWS: Final = (7, 15, 31)
"""And, last, the whole image."""

LAYERS: Final = (
    *(("b1c2", 16, 32), ("b2c1", 32, 64), ("b2c2", 64, 64), ("b3c1", 64, 128)),
    *(("b3c2", 128, 128), ("b3c3", 128, 128), ("b4c1", 128, 256), ("b4c2", 256, 256)),
    *(("b4c3", 256, 256), ("b5c1", 256, 256), ("b5c2", 256, 256), ("transform", 256, 256)),
)
"""Name, maps in and maps out of the feature extractor's 3 x 3 convolutions, first to last."""

MAX_PIXELS: Final = 1_000_000
"""Of an image: some 4 GB at that size, because 256 maps of full resolution are held."""

_LEAST = 1e-6


def shapes() -> dict[str, tuple[int, ...]]:
    """Every array of a weights file, by name."""
    found: dict[str, tuple[int, ...]] = {"first.regular": (4, 3, 5, 5), "first.bayar": (3, 3, 5, 5)}
    for name, before, after in LAYERS:
        found |= {f"{name}.weight": (after, before, 3, 3), f"{name}.bias": (after,)}
    return found | {
        "outlier.weight": (64, 256, 1, 1),
        "norm.mean": (64,),
        "norm.variance": (64,),
        "deviation.least": (64,),
        "lstm.input": (32, 64, 7, 7),
        "lstm.state": (32, 8, 7, 7),
        "lstm.bias": (32,),
        "pred.weight": (1, 8, 7, 7),
        "pred.bias": (1,),
    }


class ManTraNet(nn.Module):
    """The network: N x 3 x H x W in [-1, 1] to N x H x W in [0, 1].

    Args:
        arrays: those of :func:`shapes`.

    Raises:
        ModelError: an array is missing, too many, of another shape or not finite.
    """

    def __init__(self, arrays: Arrays) -> None:
        super().__init__()
        _check(arrays)
        self._tensors = {
            name: torch.from_numpy(np.ascontiguousarray(arrays[name], np.float32))
            for name in shapes()
        }
        first = [self._tensors["first.regular"], _srm(), self._tensors["first.bayar"]]
        self._first = torch.cat(first)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The probability, as the network sees it, that a pixel was manipulated."""
        features = self._features(images)
        return self._judge(self._deviations(features))

    def _features(self, images: torch.Tensor) -> torch.Tensor:
        """Section 3: SRM, Bayar and plain filters, then a stack like VGG's; a unit vector each."""
        tensors = self._tensors
        x = F.relu(F.conv2d(_mirrored(images, 2), self._first))
        for name, _, _ in LAYERS:
            x = F.conv2d(_mirrored(x, 1), tensors[f"{name}.weight"], tensors[f"{name}.bias"])
            if name != "transform":
                x = F.relu(x)
        return x / x.square().sum(dim=1, keepdim=True).clamp_min(1e-12).sqrt()

    def _deviations(self, features: torch.Tensor) -> list[torch.Tensor]:
        """Section 4: the Z-score of each window's mean, from the nearest window to the whole."""
        tensors = self._tensors
        x = F.conv2d(features, tensors["outlier.weight"])
        mean, variance = tensors["norm.mean"], tensors["norm.variance"]
        # 1e-3 is Keras's epsilon.
        x = (x - mean[:, None, None]) / (variance[:, None, None] + 1e-3).sqrt()
        least = tensors["deviation.least"][:, None, None] + _LEAST
        deviation = torch.maximum(x.std(dim=(2, 3), keepdim=True, unbiased=False), least)
        means = [
            F.avg_pool2d(x, size, 1, size // 2, count_include_pad=False) for size in WINDOWS
        ] + [x.mean(dim=(2, 3), keepdim=True)]
        return [((each - x) / deviation).abs() for each in means]

    def _judge(self, steps: list[torch.Tensor]) -> torch.Tensor:
        """A convolutional LSTM reads the windows one after the other; its last state is judged."""
        tensors = self._tensors
        shape = (len(steps[0]), 8, *steps[0].shape[2:])
        state, memory = steps[0].new_zeros(shape), steps[0].new_zeros(shape)
        for step in steps:
            gates = F.conv2d(step, tensors["lstm.input"], tensors["lstm.bias"], padding=3)
            gates = gates + F.conv2d(state, tensors["lstm.state"], padding=3)
            enter, forget, candidate, leave = gates.chunk(4, dim=1)
            memory = _hard(forget) * memory + _hard(enter) * torch.tanh(candidate)
            state = _hard(leave) * torch.tanh(memory)
        found = F.conv2d(state, tensors["pred.weight"], tensors["pred.bias"], padding=3)
        return torch.sigmoid(found)[:, 0]


def load(path: str | os.PathLike[str]) -> ManTraNet:
    """The network with the weights of a file.

    Args:
        path: of an .npz or .safetensors file with the arrays of :func:`shapes`.

    Raises:
        ModelError: the file cannot be read or holds something else.
    """
    name = os.fspath(path)
    try:
        if name.endswith(".safetensors"):
            return ManTraNet(load_file(name))
        if name.endswith(".npz"):
            # Without pickle a file can hold numbers only.
            with np.load(name, allow_pickle=False) as file:
                return ManTraNet({each: file[each] for each in file.files})
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, SafetensorError) as error:
        raise ModelError(
            f"{name} cannot be read as weights ({error}): give an intact .npz or .safetensors file"
        ) from error
    raise ModelError(f"{name} is no file of weights: give one that ends in .npz or .safetensors")


def manipulation_map(network: ManTraNet, pixels: NDArray[Any]) -> Map:
    """Where an image looks manipulated.

    Args:
        network: from :func:`load`.
        pixels: uint8, H x W x 3 or H x W, of at most `MAX_PIXELS` pixels.

    Returns:
        float32, H x W in [0, 1].

    Raises:
        ImageError: the array is no such image, or too large.
    """
    image = rgb(pixels)
    height, width = image.shape[:2]
    if height * width > MAX_PIXELS:
        raise ImageError(
            f"the image is {width} x {height}, ManTra-Net takes {MAX_PIXELS} pixels at most: "
            "crop it (resizing would wipe out the traces)"
        )
    samples = np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32)
    with torch.inference_mode():
        found: Map = network(torch.from_numpy(samples / 127.5 - 1))[0].numpy()
    return found


def _srm() -> torch.Tensor:
    """The fixed filters: each of three on each of the channels, 9 x 3 x 5 x 5."""
    second = np.zeros((5, 5))
    second[1:4, 1:4] = np.array([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]]) / 4
    row = np.array([-1, 2, -2, 2, -1])
    square = np.array([row, [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2], row]) / 12
    line = np.zeros((5, 5))
    line[2, 1:4] = np.array([1, -2, 1]) / 2
    filters = np.zeros((9, 3, 5, 5), np.float32)
    for k, kernel in enumerate((second, square, line)):
        for channel in range(3):
            filters[3 * k + channel, channel] = kernel
    return torch.from_numpy(filters)


def _mirrored(x: torch.Tensor, reach: int) -> torch.Tensor:
    """Padded by its own rim, the outermost sample included: what torch calls no mode for."""
    for axis in (2, 3):
        length = x.shape[axis]
        # Images narrower than the filter are mirrored again and again.
        places = torch.arange(-reach, length + reach) % (2 * length)
        places = torch.where(places < length, places, 2 * length - 1 - places)
        x = x.index_select(axis, places)
    return x


def _hard(x: torch.Tensor) -> torch.Tensor:
    return (0.2 * x + 0.5).clamp(0, 1)


def _check(arrays: Arrays) -> None:
    wanted = shapes()
    missing = [name for name in wanted if name not in arrays]
    other = [name for name in arrays if name not in wanted]
    if missing or other:
        told = f"lack {missing[0]}" if missing else f"hold {other[0]}, which it does not have"
        raise ModelError(f"the weights {told}: give ManTra-Net's, named as the documentation says")
    for name, shape in wanted.items():
        values = arrays[name]
        if values.shape != shape or values.dtype.kind != "f" or not np.isfinite(values).all():
            raise ModelError(
                f"{name} is {values.dtype} of shape {values.shape}: give finite floats of {shape}"
            )
