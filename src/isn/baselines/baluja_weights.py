"""A trained set of Baluja's networks as one file; it needs no torch.

``.safetensors``, float16 or float32, tensors named as the parameters of
:class:`isn.baselines.baluja_network.BalujaNetwork`; the number of hidden images and the filters as
JSON under ``baluja``, how it was trained, with what result, as JSON under ``training``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from isn.errors import ModelError
from isn.paper.weights import fingerprint_of, write_tensors


@dataclass(frozen=True, eq=False)
class BalujaWeights:
    """Trained networks.

    Attributes:
        hidden_images: n.
        filters: of each branch of each layer.
        tensors: as stored, float16 or float32, by name.
        training: provenance: data, steps, device, date, validation figures.
    """

    hidden_images: int
    filters: int
    tensors: Mapping[str, NDArray[Any]]
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Of the stored tensors, 32 hexadecimal digits."""
        return fingerprint_of(self.tensors).hex()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file whole or not at all."""
        networks = {"hidden_images": self.hidden_images, "filters": self.filters}
        metadata = {
            "baluja": json.dumps(networks),
            "training": json.dumps(dict(self.training), sort_keys=True),
        }
        write_tensors(path, self.tensors, metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> BalujaWeights:
        """Reads a file that :meth:`save` wrote.

        Raises:
            ModelError: there is no such file, or it is another one.
        """
        name = os.fspath(path)
        try:
            with safe_open(name, "numpy") as file:
                metadata = file.metadata() or {}
                tensors = {each: file.get_tensor(each) for each in file.keys()}  # noqa: SIM118
            networks = json.loads(metadata["baluja"])
            training = json.loads(metadata.get("training", "{}"))
            weights = cls(
                int(networks["hidden_images"]), int(networks["filters"]), tensors, training
            )
        except KeyError as error:
            raise ModelError(
                f"{name} holds no networks of Baluja's: its metadata has no {error}"
            ) from error
        except (SafetensorError, ValueError, TypeError, OSError) as error:
            raise ModelError(f"the weights file {name} cannot be read: {error}") from error
        for each, values in tensors.items():
            if values.dtype not in (np.float16, np.float32) or not np.isfinite(values).all():
                raise ModelError(f"the tensor {each} of {name} is not finite float16 or float32")
        return weights
