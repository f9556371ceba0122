"""The network undoes itself, and tile by tile it is the same network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from helpers import apart, oracle, random_images, random_tensors
from isn.errors import ConfigError
from isn.paper.backends.native import Native
from isn.paper.config import ModelConfig
from isn.paper.network import Network, Tiles


@pytest.mark.parametrize(
    ("blocks", "count", "levels", "clamp"),
    [
        *((2, 2, levels, clamp) for levels in (0, 1, 2) for clamp in (None, 1.0)),
        (2, 1, 3, None),
        pytest.param(2, 2, 3, 1.0, marks=pytest.mark.slow),
        *((3, count, 1, None) for count in (1, 3, 4, 5)),
        *((blocks, count, 1, 1.0) for blocks, count in ((1, 2), (3, 5), (16, 1))),
        *((16, 1, levels, None) for levels in (0, 2)),
    ],
)
def test_round_trip(blocks: int, count: int, levels: int, clamp: float | None) -> None:
    config = ModelConfig(count, blocks, depth=3, growth=4, levels=levels, clamp=clamp)
    network = oracle(config, random_tensors(config))
    host, hidden = random_images(config, 8, 16)
    kept = host.copy(), hidden.copy()
    container, lost = network.forward(host, hidden)
    assert container.shape == host.shape
    assert lost.shape == hidden.shape
    assert apart(container, host) > 0.05
    assert apart(lost, hidden) > 0.05
    assert max(np.abs(container).max(), np.abs(lost).max()) < 1e3
    again = network.inverse(container, lost)
    assert apart(again.host, host) < 1e-9
    assert apart(again.hidden, hidden) < 1e-9
    np.testing.assert_array_equal(host, kept[0])
    np.testing.assert_array_equal(hidden, kept[1])


def test_the_blocks_run_in_order() -> None:
    config = ModelConfig(blocks=2, depth=1, levels=0)
    tensors = random_tensors(config)
    host, hidden = random_images(config, 6, 6)
    whole = oracle(config, tensors)
    first, second = whole.couplings
    expected = second.forward(*first.forward(host, hidden))
    given = whole.forward(host, hidden)
    assert apart(given.container, expected[0]) == apart(given.lost, expected[1]) == 0
    wrong = first.forward(*second.forward(host, hidden))
    assert apart(given.container, wrong[0]) > 1e-3


@pytest.mark.parametrize(("blocks", "planes"), [(1, 1), (3, 1), (2, 2)])
def test_one_half_alone_is_that_of_both(blocks: int, planes: int) -> None:
    config = ModelConfig(2, blocks, depth=2, growth=3, levels=1, planes=planes)
    network = oracle(config, random_tensors(config))
    host, hidden = random_images(config, 8, 12)
    container, lost = network.forward(host, hidden)
    tiles = Tiles(config.reach, height=3, width=4)
    for way in ((), (tiles,)):
        assert apart(network.hide(host, hidden, *way), container) < 1e-12
        assert apart(network.reveal(container, lost, *way), hidden) < 1e-9


@pytest.mark.parametrize(
    "config",
    [
        ModelConfig(blocks=1, depth=3, growth=4, levels=0),
        ModelConfig(blocks=1, depth=5, growth=4, levels=0, subnet="modulo"),
    ],
    ids=lambda config: config.subnet,
)
def test_the_reach_is_how_far_a_subnet_sees(config: ModelConfig) -> None:
    tensors = random_tensors(config)
    network = oracle(config, tensors)
    host, hidden = random_images(config, 15, 15)
    poked = hidden.copy()
    poked[..., 7, 7] += 1
    change = network.forward(host, poked).container - network.forward(host, hidden).container
    rows, columns = np.nonzero(np.abs(change).max((0, 1)))
    assert (rows.min(), rows.max()) == (7 - config.reach, 7 + config.reach)
    assert (columns.min(), columns.max()) == (7 - config.reach, 7 + config.reach)


TILES = [(1, 1), (1, 100), (100, 1), (2, 3), (5, 5), (8, 4), (100, 100)]


@pytest.mark.parametrize(
    ("levels", "height", "width", "tile"),
    [
        *((0, 7, 8, tile) for tile in TILES),
        *((1, 18, 14, tile) for tile in ((2, 3), (5, 5), (100, 1))),
        *((2, 20, 28, tile) for tile in ((3, 7), (16, 16))),
    ],
)
def test_tiles_equal_the_whole(levels: int, height: int, width: int, tile: tuple[int, int]) -> None:
    config = ModelConfig(2, blocks=2, depth=3, growth=4, levels=levels, clamp=None)
    network = oracle(config, random_tensors(config))
    host, hidden = random_images(config, height, width)
    kept = host.copy(), hidden.copy()
    whole = network.forward(host, hidden)
    tiled = network.forward(host, hidden, Tiles(config.reach, *tile))
    assert apart(whole.container, host) > 0.05
    assert apart(tiled.container, whole.container) < 1e-12
    assert apart(tiled.lost, whole.lost) < 1e-12
    # Tiles work in place: not in the caller's arrays, which at level 0 are the bands themselves.
    np.testing.assert_array_equal(host, kept[0])
    np.testing.assert_array_equal(hidden, kept[1])
    again = network.inverse(host, hidden)
    tiled_again = network.inverse(host, hidden, Tiles(config.reach, *tile))
    assert apart(tiled_again.host, again.host) < 1e-12
    assert apart(tiled_again.hidden, again.hidden) < 1e-12
    np.testing.assert_array_equal(host, kept[0])
    np.testing.assert_array_equal(hidden, kept[1])


@pytest.mark.parametrize(
    ("levels", "tile"), [(0, (7, 9)), (0, (33, 21)), (1, (1, 30)), (1, (7, 9)), (1, (16, 64))]
)
def test_tiles_equal_the_whole_on_the_default_backend(levels: int, tile: tuple[int, int]) -> None:
    config = ModelConfig(blocks=4, growth=8, levels=levels)
    network = Network.of(config, Native().subnets(config, random_tensors(config)))
    host, hidden = (each.astype(np.float32) for each in random_images(config, 70, 46))
    whole = network.forward(host, hidden)
    tiled = network.forward(host, hidden, Tiles(config.reach, *tile))
    assert apart(whole.container, host) > 0.05
    assert apart(tiled.container, whole.container) < 2e-6
    assert apart(tiled.lost, whole.lost) < 2e-6


def test_tiles_of_modulo_blocks_equal_the_whole() -> None:
    config = ModelConfig(2, blocks=2, depth=5, growth=4, levels=1, subnet="modulo")
    network = Network.of(config, Native().subnets(config, random_tensors(config)))
    host, hidden = (each.astype(np.float32) for each in random_images(config, 30, 26))
    whole = network.forward(host, hidden)
    tiled = network.forward(host, hidden, Tiles(config.reach, 4, 5))
    assert apart(whole.container, host) > 0.05
    assert apart(tiled.container, whole.container) < 2e-5
    assert apart(tiled.lost, whole.lost) < 2e-5


def test_too_short_a_reach_would_show() -> None:
    config = ModelConfig(blocks=1, depth=3, growth=4, levels=0)
    network = oracle(config, random_tensors(config))
    host, hidden = random_images(config, 12, 12)
    short = network.forward(host, hidden, Tiles(config.reach - 1, 4, 4))
    assert apart(short.container, network.forward(host, hidden).container) > 1e-6


@pytest.mark.parametrize("tile", [(1, 1), (4, 5), (6, 100), (192, 192)])
def test_progress_covers_every_position_once_in_each_half(tile: tuple[int, int]) -> None:
    config = ModelConfig(blocks=3, depth=1, growth=1, levels=1)
    covered: list[int] = []
    tiles = Tiles(config.reach, *tile, progress=covered.append)
    oracle(config, random_tensors(config)).forward(*random_images(config, 22, 18), tiles)
    assert min(covered) > 0
    assert sum(covered) == 2 * config.blocks * 11 * 9


def test_the_constant_lost_part() -> None:
    config = ModelConfig(2, blocks=1, lost=0.25)
    network = oracle(config, random_tensors(config))
    lost = network.constant_lost(np.zeros((3, 3, 4, 6), np.float32))
    assert lost.shape == (3, 6, 4, 6)
    assert lost.dtype == np.float32
    assert (lost == 0.25).all()


def test_a_texture_is_repeated_over_the_image_and_for_each_hidden_image() -> None:
    config = ModelConfig(2, blocks=1, lost=None)
    network = oracle(config, random_tensors(config))
    texture = np.random.default_rng(0).random((3, 3, 5))
    like = np.zeros((2, 3, 8, 8))
    lost = network.constant_lost(like, texture)
    assert lost.shape == (2, 6, 8, 8)
    for n, channel, row, column in np.ndindex(*lost.shape):
        assert lost[n, channel, row, column] == texture[channel % 3, row % 3, column % 5]
    with pytest.raises(ConfigError, match="texture"):
        network.constant_lost(like)


@pytest.mark.parametrize(
    ("host", "hidden"),
    [
        ((3, 8, 8), (6, 8, 8)),
        ((1, 4, 8, 8), (1, 6, 8, 8)),
        ((1, 3, 8, 8), (1, 3, 8, 8)),
        ((1, 3, 8, 8), (2, 6, 8, 8)),
        ((1, 3, 8, 8), (1, 6, 8, 10)),
        ((1, 3, 7, 8), (1, 6, 7, 8)),
        ((1, 3, 8, 9), (1, 6, 8, 9)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(host: Any, hidden: Any) -> None:
    config = ModelConfig(2, blocks=1)
    network = oracle(config, random_tensors(config))
    with pytest.raises(ConfigError, match=r"give|want"):
        network.forward(np.zeros(host), np.zeros(hidden))
    with pytest.raises(ConfigError, match=r"give|want"):
        network.inverse(np.zeros(host), np.zeros(hidden))


def test_as_many_subnets_as_blocks() -> None:
    config = ModelConfig(blocks=3)
    with pytest.raises(ConfigError, match="2 blocks were given, the config names 3"):
        Network.of(config, [object(), object()])  # type: ignore[list-item]


@pytest.mark.torch
@pytest.mark.parametrize("clamp", [None, 1.0])
@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_gradients(direction: str, clamp: float | None) -> None:
    torch = pytest.importorskip("torch")
    from isn.paper.backends.torch import SubnetStack

    config = ModelConfig(blocks=2, depth=2, growth=1, levels=1, clamp=clamp)
    stack = SubnetStack(config).double()
    stack.load_tensors(random_tensors(config))
    network = Network.of(config, stack.subnets())
    images = [torch.from_numpy(each).requires_grad_() for each in random_images(config, 4, 2)]
    names = ("phi.convs.0.bias", "rho.convs.1.bias", "eta.convs.0.weight")
    learned = [stack.get_parameter(f"blocks.0.{name}") for name in names]

    # gradcheck changes the parameters where they are, in the stack.
    def run(host: Any, hidden: Any, *_: Any) -> Any:
        return tuple(getattr(network, direction)(host, hidden))

    assert torch.autograd.gradcheck(run, [*images, *learned])


@pytest.mark.torch
@pytest.mark.parametrize("levels", [0, 1])
def test_tiles_equal_the_whole_on_torch(levels: int, device: Any) -> None:
    torch = pytest.importorskip("torch")
    from isn.paper.backends.torch import SubnetStack

    config = ModelConfig(blocks=2, depth=3, growth=4, levels=levels)
    stack = SubnetStack(config).double().to(device)
    stack.load_tensors(random_tensors(config))
    network = Network.of(config, stack.requires_grad_(False).subnets())
    host, hidden = (torch.from_numpy(each).to(device) for each in random_images(config, 22, 14))
    kept = host.clone(), hidden.clone()
    tiled = network.forward(host, hidden, Tiles(config.reach, 4, 5))
    assert torch.equal(host, kept[0])
    assert torch.equal(hidden, kept[1])
    whole = network.forward(host, hidden)
    assert apart(whole.container.cpu(), host.cpu()) > 0.05
    assert apart(tiled.container.cpu(), whole.container.cpu()) < 1e-12
    assert apart(tiled.lost.cpu(), whole.lost.cpu()) < 1e-12
