"""Changes of one level in busy places, at places and in an order that come from a key."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers import picture
from isn import keys
from isn.carriers import adaptive, places
from isn.carriers.adaptive import Adaptive
from isn.carriers.costs import FLAT, hill
from isn.envelope import HEAD_BYTES
from isn.errors import ImageError
from isn.keys import SALT_BYTES
from isn.progress import silent

Pixels = NDArray[np.uint8]
PUBLIC = keys.Public()
HEAD = bytes(range(HEAD_BYTES))


def half_flat() -> Pixels:
    """Calm on the left, noise on the right."""
    rng = np.random.default_rng(6)
    host = np.full((120, 200, 3), 90, np.uint8)
    host[:, 100:] = rng.integers(60, 200, (120, 100, 3), np.uint8)
    return host


def written(host: Pixels, size: int, seed: int = 1) -> Pixels:
    body = np.random.default_rng(seed).bytes(size)
    return Adaptive().write(host, HEAD, body, PUBLIC, silent)


def test_nothing_moves_by_more_than_a_level() -> None:
    host = picture(120, 130, seed=4)
    apart = written(host, 600).astype(int) - host
    assert set(np.unique(apart)) == {-1, 0, 1}
    # Up as often as down.
    assert abs(apart.sum()) < 4 * np.sqrt(np.abs(apart).sum())


def test_the_colours_of_a_pixel_move_together() -> None:
    rng = np.random.default_rng(9)
    host = rng.integers(0, 256, (100, 100, 3), np.uint8)
    apart = written(host, 400).astype(int) - host
    green = apart[..., 1:2]
    free = (host > 0) & (host < 255)
    assert (apart == green)[free].all()
    # One at the end of the scale stays there or leaves it, and never goes round.
    assert ((apart == green) | (apart == 0)).all()


def test_even_areas_stay_as_they_are() -> None:
    host = half_flat()
    changed = written(host, 800) != host
    # HILL's means reach eight samples into the calm.
    assert not changed[:, :92].any()
    assert changed[:, 100:].mean() > 0.02
    busy = np.random.default_rng(6).integers(60, 200, host.shape, np.uint8)
    assert Adaptive().capacity(host, 0.5) < 0.6 * Adaptive().capacity(busy, 0.5)


def test_the_first_layer_carries_more_where_much_is_said() -> None:
    busy = np.full(1000, 0.05, np.float32)
    assert adaptive._first_share(busy, 0.05) < 8
    # Every pixel moves as often up as down as not at all: h(1/3) of log2(3) bits, 58 %.
    assert adaptive._first_share(busy, 1.584) == pytest.approx(40, abs=2)


def test_all_that_is_carried_costs_little_more_than_ideal_embedding() -> None:
    host, size = half_flat(), 800
    changed = (written(host, size) != host)[..., 1]
    costs = hill(host)
    bits = 8 * (size + HEAD_BYTES) / costs.size
    least = (adaptive.moving(costs, adaptive.multiplier(costs, bits)) * costs).sum()
    assert least < (costs * changed).sum() < 1.15 * least


def test_what_an_even_host_cannot_carry_is_refused_before_the_work() -> None:
    host = half_flat()
    most = Adaptive().capacity(host, 0.5)
    with pytest.raises(ImageError, match=f"takes {most}: .* more texture"):
        written(host, most + 1)
    with pytest.raises(ImageError, match="texture"):
        written(np.full((200, 200, 3), 7, np.uint8), 0)


def test_pure_black_and_white_never_wrap_round() -> None:
    rng = np.random.default_rng(2)
    host = rng.choice(np.array([0, 1, 254, 255], np.uint8), (90, 90, 3))
    assert np.abs(written(host, 100).astype(int) - host).max() == 1


def test_a_short_body_is_spread_over_the_whole_image() -> None:
    host = np.random.default_rng(8).integers(40, 200, (160, 160, 3), np.uint8)
    changed = (written(host, 300) != host).sum(axis=2)
    quarters = [
        changed[top : top + 80, left : left + 80].sum() for top in (0, 80) for left in (0, 80)
    ]
    assert min(quarters) > 0.7 * max(quarters)


def test_other_salts_have_other_places() -> None:
    shape = (60, 70, 3)
    zones = [adaptive._zones(shape, head, PUBLIC) for head in (HEAD, bytes(HEAD_BYTES))]
    first, other = (
        adaptive._rest(shape, head, PUBLIC, each)
        for head, each in zip((HEAD, bytes(HEAD_BYTES)), zones, strict=True)
    )
    assert np.mean(first == other) < 0.01
    # All that nothing else takes, each once.
    salt, sealed = zones[0]
    everything = np.sort(np.concatenate([salt, sealed, first]))
    np.testing.assert_array_equal(everything, np.arange(np.prod(shape[:2])))


def test_the_order_is_fixed_for_ever() -> None:
    found = places.order(1000, bytes(range(32)), np.array([3, 5]))
    assert found[:5].tolist() == [253, 443, 863, 344, 917]


def test_without_the_passphrase_the_salt_alone_is_read() -> None:
    key, host = keys.Passphrase("open"), picture(90, 90, seed=3)
    container = Adaptive().write(host, HEAD, bytes(100), key, silent)
    assert Adaptive().read_head(container, key) == HEAD
    found = Adaptive().read_head(container, PUBLIC)
    assert found[:SALT_BYTES] == HEAD[:SALT_BYTES]
    assert found != HEAD
    # Of any image something is read.
    assert len(Adaptive().read_head(host, PUBLIC)) == HEAD_BYTES


# ---- Costs


def test_costs_are_those_of_the_paper() -> None:
    plane = np.random.default_rng(5).integers(0, 256, (24, 31), np.uint8)
    padded = np.pad(plane.astype(float), 1, "symmetric")
    kernel = np.array([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]])
    residual = np.abs(sums(padded, kernel))
    near = sums(np.pad(residual, 1, "symmetric"), np.full((3, 3), 1 / 9))
    wide = sums(np.pad(1 / near, 7, "symmetric"), np.full((15, 15), 1 / 225))
    np.testing.assert_allclose(hill(plane), wide, rtol=1e-4)
    colour = np.stack([plane, plane[::-1], plane[:, ::-1]], axis=2)
    mean = (wide + wide[::-1] + wide[:, ::-1]) / 3
    np.testing.assert_allclose(hill(colour), mean, rtol=1e-4)


def test_another_program_says_the_same_of_costs_and_ideal_embedding() -> None:
    found = np.load(Path(__file__).parents[1] / "data" / "conseal.npz")
    # Its high-pass filter is divided by 4: a factor that changes no choice.
    np.testing.assert_allclose(4 * hill(found["plane"].astype(np.uint8)), found["costs"], rtol=1e-4)
    for rate, shares in zip(found["rates"], found["shares"], strict=True):
        scale = adaptive.multiplier(found["costs"], float(rate))
        moved = adaptive.moving(found["costs"], scale)
        np.testing.assert_allclose(moved, shares, atol=1e-3)
        assert moved.mean() == pytest.approx(shares.mean(), rel=0.01)


def sums(plane: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    views = np.lib.stride_tricks.sliding_window_view(plane, kernel.shape)
    return np.asarray((views * kernel).sum(axis=(2, 3)))


def test_calm_costs_more_than_noise() -> None:
    costs = hill(half_flat())
    assert costs[:, :80].min() > FLAT > 100 * costs[:, 110:].max()
