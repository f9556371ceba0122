"""Learned tensors as one file, with what they are in its metadata.

The file is ``.safetensors``: tensors of float16 or float32; under ``kind`` what uses them
("photos", "network" or "paper"), under ``config`` the architecture as JSON, under ``training`` how
it was trained, with what result, as JSON. Of a tensor that is mostly zeros only the others are
stored, in order, and beside them, as ``<name>.places``, where they belong, uint32; ``sparse`` holds
the shapes of such tensors by name, as JSON. Nothing in it can run.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from isn import atomic
from isn.envelope import FINGERPRINT_BYTES
from isn.errors import ModelError

Shapes = Mapping[str, tuple[int, ...]]
Architecture = Callable[[Mapping[str, Any]], Shapes]
"""Name and shape of every tensor of a config; raises where it is none."""

MOST_BYTES = 1 << 29
"""Bytes of a weights file, and of its tensors; a larger one is not looked at."""

MOST = 65504.0
"""Size of a learned number: the largest of float16. Sums of larger ones would not stay finite."""

MOST_SIDES = 8
"""Of a sparse tensor."""

_TYPES = {"F16": "float16", "F32": "float32"}
_PLACES = ".places"


@dataclass(frozen=True, eq=False)
class Weights:
    """Learned tensors and their architecture.

    Attributes:
        kind: what uses them: "photos", "network" or "paper".
        config: the architecture, plain settings.
        tensors: as stored, float16 or float32, by name.
        training: provenance: data, steps, device, date, validation figures.
        fingerprint: 16 bytes, a hash of kind, architecture and tensors, by which a container names
            what made it.

    Raises:
        ModelError: a tensor is of another type, or empty, or holds values that are not finite or
            above :data:`MOST`.
    """

    kind: str
    config: Mapping[str, Any]
    tensors: Mapping[str, NDArray[Any]]
    training: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: bytes = field(init=False)

    def __post_init__(self) -> None:
        for name, given in self.tensors.items():
            if given.dtype not in (np.float16, np.float32):
                raise ModelError(f"the tensor {name} is {given.dtype}, give float16 or float32")
            if not given.size:
                raise ModelError(f"the tensor {name} is empty, of shape {given.shape}")
            if not _sound(given):
                raise ModelError(
                    f"the tensor {name} holds values that are not finite, or above {MOST:.0f}"
                )
        object.__setattr__(self, "fingerprint", self._fingerprint())

    def check(self, kind: str, shapes: Architecture) -> None:
        """Refuses weights of another kind, or whose tensors are not those of their architecture.

        Args:
            kind: that is expected.
            shapes: of that kind.

        Raises:
            ModelError: they are.
        """
        if self.kind != kind:
            raise ModelError(f"the weights are of kind {self.kind!r}, give some of kind {kind!r}")
        _compare({name: each.shape for name, each in self.tensors.items()}, self.config, shapes)

    def as_float32(self) -> dict[str, NDArray[np.float32]]:
        """The tensors as backends take them."""
        return {name: np.asarray(each, dtype=np.float32) for name, each in self.tensors.items()}

    @property
    def size(self) -> int:
        """Bytes of the stored tensors."""
        return sum(each.nbytes for each in self.tensors.values())

    @property
    def parameters(self) -> int:
        """Number of learned parameters."""
        return sum(each.size for each in self.tensors.values())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file whole or not at all."""
        stored: dict[str, NDArray[Any]] = {}
        sparse = {}
        for name, each in self.tensors.items():
            # By their bits: a zero below zero is none, for the fingerprint is of the bits.
            bits = np.ascontiguousarray(each).view(f"u{each.itemsize}").reshape(-1)
            places = np.flatnonzero(bits).astype(np.uint32)
            values = each.reshape(-1)[places]
            if 2 * (places.nbytes + values.nbytes) < each.nbytes:
                sparse[name] = each.shape
                stored |= {name: values, name + _PLACES: places}
            else:
                stored[name] = each
        metadata = {
            "kind": self.kind,
            "config": _canonical(self.config),
            "sparse": json.dumps(sparse, sort_keys=True),
            "training": json.dumps(dict(self.training), sort_keys=True),
        }
        write_tensors(path, stored, metadata)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], kinds: Mapping[str, Architecture] | None = None
    ) -> Weights:
        """Reads a weights file.

        Args:
            path: of the file.
            kinds: that may be, each with the shapes of its tensors. Names, types and shapes are
                compared with them before a tensor is read: a file may be sparse, and claim
                gigabytes. None: the file is known to be sound.

        Raises:
            ModelError: there is no such file, or it is not one of this project, or of no such kind.
        """
        name = os.fspath(path)
        if not os.path.isfile(path):
            raise ModelError(f"there is no weights file {name}")
        if os.path.getsize(path) > MOST_BYTES:
            raise ModelError(f"{name} has more than {MOST_BYTES} bytes: give a weights file")
        try:
            with safe_open(path, "numpy") as file:
                metadata = file.metadata() or {}
                if not {"kind", "config"} <= metadata.keys():
                    raise ModelError(
                        f"{name} is a safetensors file but not one of this project: "
                        "its metadata has no kind and config"
                    )
                kind, config = metadata["kind"], json.loads(metadata["config"])
                training = json.loads(metadata.get("training", "{}"))
                sparse = json.loads(metadata.get("sparse", "{}"))
                if not all(isinstance(each, dict) for each in (config, training, sparse)):
                    raise ValueError("its metadata is not made of JSON objects")
                shapes = _shapes(file, sparse)
                if kinds is not None:
                    _look(file, kind, config, shapes, kinds)
                tensors = {
                    name: _filled(file, name, shape) if name in sparse else file.get_tensor(name)
                    for name, shape in shapes.items()
                }
            return cls(kind, config, tensors, training)
        except (SafetensorError, ValueError, TypeError, OSError, RecursionError) as error:
            raise ModelError(f"{name} is not a weights file of this project: {error}") from error

    def _fingerprint(self) -> bytes:
        digest = hashlib.blake2b(digest_size=FINGERPRINT_BYTES)
        digest.update(f"{self.kind}\n{_canonical(self.config)}\n".encode())
        for name in sorted(self.tensors):
            each = self.tensors[name]
            ordered = each.astype(each.dtype.newbyteorder("<"), copy=False)
            little = np.ascontiguousarray(ordered)
            digest.update(f"{name} {little.dtype.str} {each.shape}\n".encode())
            digest.update(little.view(np.uint8).data)
        return digest.digest()


def _sound(tensor: NDArray[Any]) -> bool:
    """Whether all values are finite and none is above :data:`MOST`."""
    if tensor.dtype == np.float16:
        # NumPy compares these one by one. Without the sign, their bits grow with what they say.
        largest = np.float16(MOST).view(np.uint16)
        return bool((tensor.view(np.uint16) & np.uint16(0x7FFF)).max() <= largest)
    # Of a tensor with NaN both are NaN, and nothing is copied.
    return bool(-MOST <= tensor.min() <= tensor.max() <= MOST)


def _shapes(file: Any, sparse: Mapping[str, Any]) -> Shapes:
    """Names and shapes of the tensors of an open safetensors file, by its header alone.

    Raises:
        ModelError: they are too many numbers.
        ValueError: what is said of sparse tensors is not so.
    """
    found = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
    shapes = {name: tuple(each.get_shape()) for name, each in found.items()}
    for name, shape in sparse.items():
        places = found.pop(name + _PLACES, None)
        if name not in found or places is None or places.get_dtype() != "U32":
            raise ValueError(f"it has no numbers, or no places, of the sparse tensor {name}")
        if shapes[name] != shapes.pop(name + _PLACES) or len(shapes[name]) != 1:
            raise ValueError(f"numbers and places of the sparse tensor {name} are not as many")
        # Bounded before they are multiplied: whole numbers of any size can be written in JSON.
        if not (
            isinstance(shape, list)
            and 0 < len(shape) <= MOST_SIDES
            and all(type(each) is int and 0 < each <= MOST_BYTES for each in shape)
        ):
            raise ValueError(f"{reprlib.repr(shape)} is no shape of the sparse tensor {name}")
        shapes[name] = tuple(shape)
    if any(name.endswith(_PLACES) for name in sparse):
        raise ValueError("places of a sparse tensor are none themselves")
    if 4 * sum(map(math.prod, shapes.values())) > MOST_BYTES:
        raise ModelError(f"its tensors have more than {MOST_BYTES} bytes")
    return shapes


def _filled(file: Any, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """A sparse tensor, whole.

    Raises:
        ValueError: a number has no place in it.
    """
    values, places = file.get_tensor(name), file.get_tensor(name + _PLACES)
    tensor = np.zeros(math.prod(shape), values.dtype)
    if places.size and not (places[-1] < tensor.size and (places[1:] > places[:-1]).all()):
        raise ValueError(f"the places of the sparse tensor {name} are not in order, or beyond it")
    tensor[places] = values
    return tensor.reshape(shape)


def _look(
    file: Any,
    kind: str,
    config: Mapping[str, Any],
    shapes: Shapes,
    kinds: Mapping[str, Architecture],
) -> None:
    """Refuses an open safetensors file by its header.

    Raises:
        ModelError: kind, names, types or shapes are not those of one of the kinds.
    """
    if kind not in kinds:
        raise ModelError(
            f"the weights are of kind {kind[:40]!r}, the kinds known are {', '.join(kinds)}"
        )
    for name in shapes:
        given = file.get_slice(name).get_dtype()
        if given not in _TYPES:
            raise ModelError(f"the tensor {name} is {given}, give {' or '.join(_TYPES.values())}")
    _compare(shapes, config, kinds[kind])


def _compare(found: Shapes, config: Mapping[str, Any], shapes: Architecture) -> None:
    """Refuses names and shapes of tensors that are not those of a config.

    Raises:
        ModelError: they are not, or the config is none.
    """
    try:
        expected = shapes(config)
    except (KeyError, TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise ModelError(f"the weights' config is not one of their kind: {error}") from error
    # Of a network of more blocks than its config names, it would use the first ones.
    for name in found:
        if name not in expected:
            raise ModelError(f"the weights hold the tensor {name} that their config lacks")
    for name, shape in expected.items():
        if name not in found:
            raise ModelError(f"the weights lack the tensor {name} that their config names")
        if found[name] != shape:
            raise ModelError(f"the tensor {name} has shape {found[name]}, the config wants {shape}")


def _canonical(config: Mapping[str, Any]) -> str:
    """The config as JSON of one spelling: sorted keys, no spaces."""
    return json.dumps(dict(config), sort_keys=True, separators=(",", ":"))


def write_tensors(
    path: str | os.PathLike[str], tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Writes a safetensors file whole or not at all."""
    contiguous = {name: np.ascontiguousarray(each) for name, each in tensors.items()}
    atomic.write(path, save(contiguous, dict(metadata)))
