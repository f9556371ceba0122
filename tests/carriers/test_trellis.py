"""Digits read through a code: exact, and nearer to the host than digits of each sample alone."""

from __future__ import annotations

import hashlib
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from isn.carriers import digits, trellis

Samples = NDArray[np.uint8]

BASES = (2, 4, 8, 128)


def drawn(size: int, base: int, seed: int = 0) -> tuple[Samples, Samples]:
    """A host and digits to be carried."""
    rng = np.random.default_rng(seed)
    host = rng.integers(0, 256, size, dtype=np.uint8)
    return host, rng.integers(0, base, size, dtype=np.uint8)


def error(host: Samples, container: Samples) -> float:
    return float(np.square(container.astype(int) - host).mean())


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 700_001])
def test_what_is_carried_is_read_whatever_follows(size: int, base: int) -> None:
    host, carried = drawn(size, base)
    container = trellis.carry(host, carried, base)
    assert container.dtype == np.uint8
    assert container.shape == host.shape
    followed = np.concatenate([container, drawn(900, base, 1)[0]])
    np.testing.assert_array_equal(trellis.read(container, base), carried)
    np.testing.assert_array_equal(trellis.read(followed, base)[:size], carried)


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_no_container_with_the_same_digits_is_nearer(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 6))
    sample = st.one_of(st.integers(0, 3), st.integers(252, 255), st.integers(0, 255))
    host = np.array(data.draw(st.lists(sample, min_size=size, max_size=size)), np.uint8)
    carried = np.array(
        data.draw(st.lists(st.integers(0, 3), min_size=size, max_size=size)), np.uint8
    )
    # All containers within four levels, of which one carries them: labels come again after eight.
    near = [[v for v in range(each - 4, each + 5) if 0 <= v <= 255] for each in map(int, host)]
    tried = np.array(list(product(*near)) if size < 5 else [], np.uint8)
    least = error(host, trellis.carry(host, carried, 4)) * size
    for each in tried[:: max(1, len(tried) // 3000)]:
        if (trellis.read(each, 4) == carried).all():
            assert least <= error(host, each) * size + 1e-9


@pytest.mark.parametrize(("base", "most", "alone"), [(2, 0.27, 0.5), (4, 1.03, 1.5), (8, 4.2, 5.5)])
def test_it_costs_less_than_digits_of_each_sample_alone(
    base: int, most: float, alone: float
) -> None:
    host, carried = drawn(300_000, base)
    host = np.clip(host, 16, 239)
    container = trellis.carry(host, carried, base)
    assert error(host, container) < most
    assert error(host, digits.carry(host, carried, base)) == pytest.approx(alone, rel=0.02)
    assert (container.astype(int) - host).mean() == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("value", [0, 255])
def test_a_host_without_room_on_one_side_is_never_left(value: int) -> None:
    _, carried = drawn(40_000, 4)
    host = np.full(40_000, value, np.uint8)
    container = trellis.carry(host, carried, 4)
    np.testing.assert_array_equal(trellis.read(container, 4), carried)
    assert np.abs(container.astype(int) - value).max() <= 7
    assert error(host, container) < error(host, digits.carry(host, carried, 4))


def test_the_syndrome_is_the_sum_of_the_taps() -> None:
    container, _ = drawn(1200, 8)
    found = trellis.read(container, 8)
    labels = (container >> 2).astype(int)
    for place in (0, 1, 5, 300, 511, 512, 514, 1199):
        total = 0
        for back in range(min(place % trellis.RUN, 5) + 1):
            first, second = (taps >> back & 1 for taps in trellis.CODE.taps)
            total ^= (labels[place - back] & first) ^ (labels[place - back] >> 1 & second)
        assert found[place] == total << 2 | container[place] & 3


def test_a_container_stays_what_it_is() -> None:
    # Another value here, and no container made before opens any more.
    rng = np.random.Generator(np.random.Philox(7))
    container = rng.integers(0, 256, 5000).astype(np.uint8)
    found = trellis.read(container, 4)
    assert found[:12].tolist() == [0, 0, 1, 3, 0, 0, 2, 0, 1, 1, 2, 1]
    assert hashlib.sha256(found.tobytes()).hexdigest()[:16] == "cbfa59ce60a49a77"
