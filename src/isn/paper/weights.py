"""A trained model as one file: the learned tensors, and what they are, in its metadata.

The file is ``.safetensors``: tensors named ``blocks.{i}.{phi|rho|eta}.convs.{k}.{weight|bias}``,
float16 or float32; the architecture as JSON under ``config`` and how it was trained, with what
result, as JSON under ``training``. Nothing in it can run.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from isn.errors import ModelError
from isn.paper.config import ModelConfig

FINGERPRINT_BYTES = 16


@dataclass(frozen=True, eq=False)
class Weights:
    """A trained model.

    Attributes:
        config: the architecture.
        tensors: the learned tensors as stored, float16 or float32, by name.
        training: provenance: data, steps, device, date, validation figures.
        fingerprint: 16 bytes, a hash of the stored tensors, by which a container names its model.
    """

    config: ModelConfig
    tensors: Mapping[str, NDArray[Any]]
    training: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shapes = self.config.parameter_shapes()
        # Of a network of more blocks than its config names, it would use the first ones.
        for name in self.tensors:
            if name not in shapes:
                raise ModelError(f"the weights hold the tensor {name} that their config lacks")
        for name, shape in shapes.items():
            if name not in self.tensors:
                raise ModelError(f"the weights lack the tensor {name} that their config names")
            given = self.tensors[name]
            if given.shape != shape:
                raise ModelError(
                    f"the tensor {name} has shape {given.shape}, the config wants {shape}"
                )
            if given.dtype not in (np.float16, np.float32):
                raise ModelError(f"the tensor {name} is {given.dtype}, give float16 or float32")
            if not np.isfinite(given).all():
                raise ModelError(f"the tensor {name} holds values that are not finite")
        object.__setattr__(self, "fingerprint", fingerprint_of(self.tensors))

    fingerprint: bytes = field(init=False)

    def as_float32(self) -> dict[str, NDArray[np.float32]]:
        """The tensors as backends take them."""
        return {name: np.asarray(each, dtype=np.float32) for name, each in self.tensors.items()}

    @property
    def size(self) -> int:
        """Bytes of the stored tensors."""
        return sum(each.nbytes for each in self.tensors.values())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file whole or not at all."""
        metadata = {
            "config": self.config.to_json(),
            "training": json.dumps(dict(self.training), sort_keys=True),
        }
        write_tensors(path, self.tensors, metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Weights:
        """Reads a weights file.

        Raises:
            ModelError: there is no such file, or it is not a model of this project.
        """
        if not Path(path).is_file():
            raise ModelError(f"there is no weights file {os.fspath(path)}")
        try:
            with safe_open(path, "numpy") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if "config" not in metadata:
                raise ModelError(
                    f"{os.fspath(path)} is a safetensors file but not a model of this project: "
                    "its metadata has no config"
                )
            config = ModelConfig.from_json(metadata["config"])
            training = json.loads(metadata.get("training", "{}"))
            if not isinstance(training, dict):
                raise ValueError("its metadata names a training that is not a JSON object")
        except (SafetensorError, ValueError, TypeError, OSError, RecursionError) as error:
            raise ModelError(
                f"{os.fspath(path)} is not a weights file of this project: {error}"
            ) from error
        return cls(config, tensors, training)


def write_tensors(
    path: str | os.PathLike[str], tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Writes a safetensors file whole or not at all."""
    target = Path(path)
    contiguous = {name: np.ascontiguousarray(each) for name, each in tensors.items()}
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with open(partial, "wb") as file:
            file.write(save(contiguous, dict(metadata)))
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def fingerprint_of(tensors: Mapping[str, NDArray[Any]]) -> bytes:
    """16 bytes, a hash of names, types, shapes and values."""
    digest = hashlib.blake2b(digest_size=FINGERPRINT_BYTES)
    for name in sorted(tensors):
        each = tensors[name]
        digest.update(f"{name} {each.dtype.str} {each.shape}\n".encode())
        digest.update(np.ascontiguousarray(each).tobytes())
    return digest.digest()
