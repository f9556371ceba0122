"""Computes check.npz: what shipped networks make of demo photos, by plain torch and nothing of isn.

    python tests/data/make_check.py    # writes check.npz beside this file

Written from the paper's Eq. (4), (5) and (7), the description of the dense block in section 4.1
and the definition of the Haar bands, so that a fault of the package cannot hide here as well.
For each network: ``host`` and ``hidden`` (uint8, N x C x H x W), ``container`` and ``lost`` as the
forward pass gives them, ``rounded`` (the container as an 8-bit file holds it), and what the inverse
pass makes of that and of a lost part of 0.5: ``revealed`` and ``revealed_host``.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "src" / "isn"
NETWORKS = {"paper-1": ("cat", "rocket"), "paper-2": ("coffee", "astronaut", "rocket")}
HEIGHT, WIDTH = 24, 32

Tensors = dict[str, Tensor]


def load(name: str) -> tuple[dict[str, object], Tensors]:
    with safe_open(PACKAGE / "zoo" / "weights" / f"{name}.safetensors", "pt") as file:
        said = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    for key, shape in json.loads(said.get("sparse", "{}")).items():
        places, values = tensors.pop(f"{key}.places").long(), tensors[key]
        tensors[key] = values.new_zeros(int(np.prod(shape))).scatter(0, places, values)
        tensors[key] = tensors[key].reshape(shape)
    return json.loads(said["config"]), {key: each.double() for key, each in tensors.items()}


def photo(name: str) -> np.ndarray:
    with Image.open(PACKAGE / "demo" / f"{name}.webp") as image:
        small = image.convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    return np.array(small).transpose(2, 0, 1)[None]


def bands(x: Tensor, levels: int) -> Tensor:
    for _ in range(levels):
        x = haar(x)
    return x


def image(x: Tensor, levels: int) -> Tensor:
    for _ in range(levels):
        x = unhaar(x)
    return x


def haar(x: Tensor) -> Tensor:
    a, b, c, d = x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]
    return torch.cat([a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d], 1) / 2


def unhaar(x: Tensor) -> Tensor:
    ll, hl, lh, hh = x.chunk(4, 1)
    image = x.new_empty(ll.shape[0], ll.shape[1], 2 * ll.shape[2], 2 * ll.shape[3])
    image[..., ::2, ::2] = (ll + hl + lh + hh) / 2
    image[..., ::2, 1::2] = (ll - hl + lh - hh) / 2
    image[..., 1::2, ::2] = (ll + hl - lh - hh) / 2
    image[..., 1::2, 1::2] = (ll - hl - lh + hh) / 2
    return image


def dense(tensors: Tensors, prefix: str, x: Tensor) -> Tensor:
    depth = sum(key.startswith(f"{prefix}.convs.") for key in tensors) // 2
    for k in range(depth):
        stem = f"{prefix}.convs.{k}"
        weight, bias = tensors[f"{stem}.weight"], tensors[f"{stem}.bias"]
        out = functional.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)
        x = torch.cat([x, functional.leaky_relu(out, 0.2)], 1)
    return out


def scale(tensors: Tensors, prefix: str, host: Tensor, clamp: float) -> Tensor:
    return clamp * (2 * torch.sigmoid(dense(tensors, f"{prefix}.rho", host)) - 1)


def run(name: str, host: Tensor, hidden: Tensor) -> dict[str, Tensor]:
    config, tensors = load(name)
    levels = int(str(config["levels"]))
    if config["lost"] != 0.5:
        raise SystemExit(f"{name} has other settings than this script was written for")
    blocks, clamp = int(str(config["blocks"])), float(str(config["clamp"]))
    x1, x2 = bands(host, levels), bands(hidden, levels)
    for i in range(blocks):
        x1 = x1 + dense(tensors, f"blocks.{i}.phi", x2)
        grow = torch.exp(scale(tensors, f"blocks.{i}", x1, clamp))
        x2 = x2 * grow + dense(tensors, f"blocks.{i}.eta", x1)
    container, lost = image(x1, levels), image(x2, levels)
    rounded = torch.round(container.clamp(0, 1) * 255) / 255
    x1, x2 = bands(rounded, levels), bands(torch.full_like(hidden, 0.5), levels)
    for i in reversed(range(blocks)):
        shrink = torch.exp(-scale(tensors, f"blocks.{i}", x1, clamp))
        x2 = (x2 - dense(tensors, f"blocks.{i}.eta", x1)) * shrink
        x1 = x1 - dense(tensors, f"blocks.{i}.phi", x2)
    return {
        "container": container,
        "lost": lost,
        "rounded": rounded,
        "revealed": image(x2, levels),
        "revealed_host": image(x1, levels),
    }


def write() -> None:
    arrays: dict[str, np.ndarray] = {}
    for name, (cover, *others) in NETWORKS.items():
        host, hidden = photo(cover), np.concatenate([photo(each) for each in others], axis=1)
        made = run(name, *(torch.from_numpy(each).double() / 255 for each in (host, hidden)))
        levels = torch.round(made.pop("rounded") * 255).to(torch.uint8)
        arrays |= {f"{name}/host": host, f"{name}/hidden": hidden}
        arrays |= {f"{name}/{key}": each.float().numpy() for key, each in made.items()}
        arrays[f"{name}/rounded"] = levels.numpy()
    np.savez_compressed(HERE / "check.npz", **arrays)


if __name__ == "__main__":
    with torch.inference_mode():
        write()
