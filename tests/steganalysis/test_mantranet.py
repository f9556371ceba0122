"""ManTra-Net with random weights: shapes, an independent reading of it, wrong files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy import ndimage

from isn.errors import ImageError, ModelError

torch = pytest.importorskip("torch")

from isn.steganalysis import mantranet  # noqa: E402
from isn.steganalysis.mantranet import ManTraNet, load, manipulation_map  # noqa: E402

pytestmark = pytest.mark.torch

Array = NDArray[Any]


@pytest.fixture(scope="module")
def arrays() -> dict[str, Array]:
    rng = np.random.default_rng(0)
    found = {}
    for name, shape in mantranet.shapes().items():
        scale = 1.4 / np.sqrt(np.prod(shape[1:])) if len(shape) == 4 else 0.1
        values = scale * rng.standard_normal(shape)
        found[name] = (np.abs(values) + 0.05 if len(shape) == 1 else values).astype(np.float32)
    return found


@pytest.fixture(scope="module")
def network(arrays: dict[str, Array]) -> ManTraNet:
    return ManTraNet(arrays)


def picture(height: int = 24, width: int = 20) -> Array:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


def convolve(x: Array, weight: Array, mode: str) -> Array:
    """By SciPy, a map at a time; `weight` is out x in x rows x columns."""
    return np.stack(
        [
            sum(ndimage.correlate(a, b, mode=mode) for a, b in zip(x, kernels, strict=True))
            for kernels in weight
        ]
    )


def as_published(arrays: dict[str, Array], image: Array) -> Array:
    """The network once more, in NumPy and SciPy, from the paper and the authors' description."""
    a = {name: values.astype(np.float64) for name, values in arrays.items()}
    x = image.transpose(2, 0, 1) / 255 * 2 - 1
    kv = np.array([[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2]]) / 12
    kernels = [
        np.pad(np.array([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]]) / 4, 1),
        np.vstack([kv, kv[1::-1]]),
        np.pad(np.array([[1, -2, 1]]) / 2, ((2, 2), (1, 1))),
    ]
    srm = [ndimage.correlate(plane, kernel, mode="reflect") for kernel in kernels for plane in x]
    regular, bayar = (convolve(x, a[f"first.{name}"], "reflect") for name in ("regular", "bayar"))
    x = np.maximum(np.concatenate([regular, np.stack(srm), bayar]), 0)
    for name, _, _ in mantranet.LAYERS:
        x = convolve(x, a[f"{name}.weight"], "reflect") + a[f"{name}.bias"][:, None, None]
        x = x if name == "transform" else np.maximum(x, 0)
    x /= np.linalg.norm(x, axis=0)
    x = np.einsum("oi,iyx->oyx", a["outlier.weight"][:, :, 0, 0], x)
    x = (x - a["norm.mean"][:, None, None]) / np.sqrt(a["norm.variance"][:, None, None] + 1e-3)
    deviation = np.maximum(x.std(axis=(1, 2)), a["deviation.least"] + 1e-6)[:, None, None]
    state = memory = np.zeros((8, *x.shape[1:]))
    for size in (*mantranet.WINDOWS, None):
        if size is None:
            mean = np.broadcast_to(x.mean(axis=(1, 2))[:, None, None], x.shape)
        else:
            box = np.ones((1, size, size))
            counts = ndimage.correlate(np.ones_like(x), box, mode="constant")
            mean = ndimage.correlate(x, box, mode="constant") / counts
        seen = convolve(np.abs((mean - x) / deviation), a["lstm.input"], "constant")
        gates = seen + convolve(state, a["lstm.state"], "constant") + a["lstm.bias"][:, None, None]
        hard = np.clip(0.2 * gates + 0.5, 0, 1)
        memory = hard[8:16] * memory + hard[:8] * np.tanh(gates[16:24])
        state = hard[24:] * np.tanh(memory)
    (found,) = convolve(state, a["pred.weight"], "constant") + a["pred.bias"]
    return 1 / (1 + np.exp(-found))


@pytest.mark.slow
def test_it_is_the_published_network(network: ManTraNet, arrays: dict[str, Array]) -> None:
    image = picture()
    found = manipulation_map(network, image)
    assert found.std() > 1e-3
    np.testing.assert_allclose(found, as_published(arrays, image), atol=1e-4)


@pytest.mark.parametrize("shape", [(17, 40, 3), (1, 2, 3), (16, 16)])
def test_any_size_the_same_map(network: ManTraNet, shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    found = manipulation_map(network, image)
    assert found.shape == shape[:2]
    assert 0 <= found.min() <= found.max() <= 1
    np.testing.assert_array_equal(found, manipulation_map(network, image))


def test_it_has_as_many_numbers_as_the_authors_say(arrays: dict[str, Array]) -> None:
    # 3,8 million: the authors' summary of the whole model.
    assert sum(each.size for each in arrays.values()) == pytest.approx(3.8e6, rel=0.02)


def test_both_kinds_of_file(network: ManTraNet, arrays: dict[str, Array], tmp_path: Path) -> None:
    save_file(arrays, tmp_path / "w.safetensors")
    np.savez(tmp_path / "w.npz", **arrays)
    wanted = manipulation_map(network, picture())
    for name in ("w.safetensors", "w.npz"):
        np.testing.assert_array_equal(manipulation_map(load(tmp_path / name), picture()), wanted)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pred.bias": None}, "lack pred.bias"),
        ({"more": np.zeros(1, np.float32)}, "hold more"),
        ({"pred.bias": np.zeros(2, np.float32)}, "pred.bias is float32 of shape"),
        ({"pred.bias": np.zeros(1, np.int64)}, "pred.bias is int64"),
        ({"pred.bias": np.full(1, np.nan, np.float32)}, "give finite"),
    ],
)
def test_other_arrays_are_refused(arrays: dict[str, Array], change: Any, said: str) -> None:
    changed = {k: v for k, v in (arrays | change).items() if v is not None}
    with pytest.raises(ModelError, match=said):
        ManTraNet(changed)


def test_other_files_are_refused(tmp_path: Path) -> None:
    for name in ("a.npz", "a.safetensors"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        with pytest.raises(ModelError, match="cannot be read as weights"):
            load(tmp_path / name)
    np.savez(tmp_path / "o.npz", x=np.array([{"a": 1}], object))
    with pytest.raises(ModelError, match="cannot be read as weights"):
        load(tmp_path / "o.npz")
    with pytest.raises(ModelError, match="cannot be read as weights"):
        load(tmp_path / "missing.npz")
    with pytest.raises(ModelError, match="ends in"):
        load(tmp_path / "w.h5")


def test_a_large_image_is_refused_before_the_work(network: ManTraNet) -> None:
    image = np.broadcast_to(np.uint8(0), (1001, 1000, 3))
    with pytest.raises(ImageError, match="1000 x 1001"):
        manipulation_map(network, image)
