from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from isn import baselines, images, zoo
from isn.baselines import baluja
from isn.baselines.baluja import KIND, Baluja
from isn.errors import BackendError, ConfigError, ModelError
from isn.keys import Public
from isn.metrics import psnr
from isn.weights import Weights

FILTERS = 3
KEY = Public()

CONTAINER_DB = {1: 28.0, 2: 18.0}
REVEALED_DB = {1: 18.0, 2: 13.0}
"""A little below what the shipped networks reach on the demo photos."""


def small(count: int = 1, seed: int = 1) -> Weights:
    """Untrained networks of few filters, biases included."""
    from isn.baselines.baluja_network import BalujaNetwork

    network = BalujaNetwork(count, FILTERS)
    network.initialise(seed)
    rng = np.random.default_rng(seed)
    tensors = {
        name: each.detach().numpy() + (0.1 * rng.normal(size=each.shape) if each.ndim == 1 else 0)
        for name, each in network.named_parameters()
    }
    as_stored = {name: each.astype(np.float32) for name, each in tensors.items()}
    return Weights(KIND, config(count), as_stored, {"steps": 5, "minutes": 1.0})


def config(count: int = 1, filters: int = FILTERS) -> dict[str, int]:
    return {"hidden_images": count, "filters": filters}


def reveal(method: Baluja, container: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [np.asarray(each) for each in method.reveal(container, KEY)]


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.torch
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("size", [(1, 1), (33, 47), (64, 32)])
def test_shapes_of_any_size(count: int, size: tuple[int, int]) -> None:
    method = Baluja("small", small(count))
    host = picture(*size)
    before = host.copy()
    hidden = [picture(20 + 9 * k, 31, seed=k) for k in range(count)]
    container = method.hide(host, hidden, KEY)
    assert (container.shape, container.dtype) == (host.shape, np.uint8)
    assert (host == before).all()
    assert [each.shape for each in reveal(method, container)] == [host.shape] * count
    in_grey = method.hide(host[..., 0], hidden, KEY)
    in_colour = method.hide(np.repeat(host[..., :1], 3, axis=2), hidden, KEY)
    np.testing.assert_array_equal(in_grey, in_colour)


@pytest.mark.torch
@pytest.mark.parametrize("count", [1, 2])
def test_tiles_are_the_whole(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    method = Baluja("small", small(count))
    host, hidden = picture(75, 91), [picture(75, 91, seed=k + 1) for k in range(count)]

    def both() -> list[NDArray[Any]]:
        return [method.hide(host, hidden, KEY), *reveal(method, host)]

    whole = both()
    monkeypatch.setattr(baluja, "TILE", 16)
    tiled = both()
    for one, other in zip(whole, tiled, strict=True):
        # Sums of another order may round another way, and only so.
        assert np.abs(one.astype(int) - other).max() <= 1
        assert (one != other).mean() < 1e-3
    # A margin that is too small shows.
    monkeypatch.setattr(baluja, "_reach", lambda: 3)
    assert (both()[0] != whole[0]).mean() > 0.01


@pytest.mark.torch
def test_a_pixel_reaches_as_far_as_is_said() -> None:
    import torch

    from isn.baselines.baluja_network import REACH, BalujaNetwork

    network = BalujaNetwork(1, 2).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(0.01)
    image = torch.full((1, 3, 61, 61), 0.7, dtype=torch.double, requires_grad=True)
    for result, reach in (
        (network.reveal(image), REACH),
        (network.hide(image.detach(), image), 2 * REACH),
    ):
        (gradient,) = torch.autograd.grad(result[0, :, 30, 30].sum(), image)
        rows = gradient.abs().sum((0, 1, 3)).nonzero()
        # Kernels of four look further down than up, those of five two to each side.
        assert (int(rows.min()), int(rows.max())) == (30 - reach, 30 + reach)


@pytest.mark.torch
@pytest.mark.parametrize(("count", "parameters"), [(1, 2_650_656), (2, 4_542_609)])
def test_layers_are_the_published_ones(count: int, parameters: int) -> None:
    from torch import nn

    from isn.baselines.baluja_network import BalujaNetwork

    network = BalujaNetwork(count, 50)
    assert sum(each.numel() for each in network.parameters()) == parameters
    for part in (*network.prepare, network.blend, *network.uncover):
        convs = [each for each in part.modules() if isinstance(each, nn.Conv2d)]
        sizes = [conv.kernel_size[0] for conv in convs if conv.kernel_size != (1, 1)]
        assert sorted(sizes) == [3] * 5 + [4] * 5 + [5] * 5
        assert {conv.out_channels for conv in convs if conv.kernel_size != (1, 1)} == {50}
    assert len(network.prepare) == len(network.uncover) == count


@pytest.mark.torch
def test_the_same_every_time_and_through_the_file(tmp_path: Path) -> None:
    host, hidden = picture(40, 50), picture(40, 50, seed=1)
    container = Baluja("small", small()).hide(host, [hidden], KEY)
    again = Baluja("small", small())
    assert (again.hide(host, [hidden], KEY) == container).all()
    images.write(tmp_path / "container.png", container)
    (direct,) = reveal(again, container)
    (from_file,) = reveal(again, images.read(tmp_path / "container.png").pixels)
    assert (direct == from_file).all()
    assert (np.asarray(again.salvage(container)[0]) == direct).all()
    assert (picture(40, 50, seed=2) != container).any()


@pytest.mark.torch
def test_every_hidden_image_has_networks_of_its_own() -> None:
    method = Baluja("small", small(2))
    host, one, two = (picture(32, 32, seed=k) for k in range(3))
    assert (method.hide(host, [one, two], KEY) != method.hide(host, [two, one], KEY)).any()
    first, second = reveal(method, host)
    assert (first != second).any()


@pytest.mark.torch
def test_a_file_comes_back(tmp_path: Path) -> None:
    weights = small(2)
    weights.save(tmp_path / "mine.safetensors")
    method = baselines.get(str(tmp_path / "mine.safetensors"))
    assert method.name == str(tmp_path / "mine.safetensors")
    assert method.counts == range(2, 3)
    assert isinstance(method, Baluja)
    assert method.weights.fingerprint == weights.fingerprint
    host = picture(32, 32)
    wanted = Baluja("small", weights).hide(host, [host, host], KEY)
    assert (method.hide(host, [host, host], KEY) == wanted).all()


@pytest.mark.torch
def test_what_is_not_theirs_is_refused() -> None:
    method = Baluja("small", small())
    with pytest.raises(ConfigError, match="small hides 1 at a time, not 2 images"):
        method.hide(picture(8, 8), [picture(8, 8)] * 2, KEY)
    weights = small()
    lacking = dict(list(weights.tensors.items())[1:])
    with pytest.raises(ModelError, match="lack the tensor"):
        Baluja("lacking", Weights(KIND, config(), lacking))
    for wrong in (config(filters=FILTERS + 1), config(2), config(0), {"filters": FILTERS}):
        with pytest.raises(ModelError):
            Baluja("wrong", Weights(KIND, wrong, weights.tensors))
    with pytest.raises(ModelError, match="of kind 'photos'"):
        Baluja("ours", zoo.weights("photos"))


def test_without_torch_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "isn.baselines.baluja_network", raising=False)
    with pytest.raises(BackendError, match="baluja-1 needs torch"):
        baselines.get("baluja-1")
    left_out = baselines.missing()
    assert {"baluja-1", "baluja-2"} <= set(left_out)
    assert "lsb-4" not in left_out
    assert "needs torch" in left_out["baluja-1"]


@pytest.mark.torch
@pytest.mark.parametrize("count", list(CONTAINER_DB))
def test_the_shipped_networks_hide_and_reveal(count: int, photos: dict[str, Any]) -> None:
    method = baselines.get(f"baluja-{count}")
    assert isinstance(method, Baluja)
    assert method.counts == range(count, count + 1)
    host, *hidden = (photos[name][:128, :128] for name in ("cat", "rocket", "coffee"))
    hidden = hidden[:count]
    container = method.hide(host, hidden, KEY)
    assert psnr(container, host) > CONTAINER_DB[count]
    for original, revealed in zip(hidden, reveal(method, container), strict=True):
        assert psnr(revealed, original) > REVEALED_DB[count]
