"""Bits read through a code: exact, nearer to the host than bits alone, at any rate."""

from __future__ import annotations

import hashlib
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers import examples
from isn import keys
from isn.carriers import trellis
from isn.carriers.trellis import Trellis, carry, read
from isn.envelope import HEAD_BYTES
from isn.progress import silent

Samples = NDArray[np.uint8]


def drawn(samples: int, bits: float, seed: int = 0) -> tuple[Samples, bytes]:
    """A host and bytes to be carried in so many bits of a sample."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, samples, dtype=np.uint8), rng.bytes(int(samples * bits) // 8)


def square_error(host: Samples, container: Samples) -> float:
    return float(np.square(container.astype(int) - host).mean())


def decibels(error: float) -> float:
    return float(10 * np.log10(255**2 / error))


@pytest.mark.parametrize("bits", [0.003, 0.3, 1, 1.37, 2, 3.99, 7])
@pytest.mark.parametrize("samples", [0, 1, 7, 511, 512, 513, 270_001])
def test_what_is_carried_is_read(samples: int, bits: float) -> None:
    host, content = drawn(samples, bits)
    container = carry(host, content)
    assert container.dtype == np.uint8
    assert container.shape == host.shape
    assert read(container, len(content)) == content


@examples(60)
@given(samples=st.integers(0, 1500), data=st.data())
def test_any_content_that_fits_is_read(samples: int, data: st.DataObject) -> None:
    content = data.draw(st.binary(max_size=7 * samples // 8))
    host = np.resize(np.array(data.draw(st.lists(st.integers(0, 255), min_size=1))), samples)
    assert read(carry(host.astype(np.uint8), content), len(content)) == content


@examples(30)
@given(st.data())
def test_no_container_with_the_same_content_is_nearer(data: st.DataObject) -> None:
    sample = st.one_of(st.integers(0, 3), st.integers(252, 255), st.integers(0, 255))
    host = np.array(data.draw(st.lists(sample, min_size=4, max_size=4)), np.uint8)
    # Two bits of each sample.
    content = data.draw(st.binary(min_size=1, max_size=1))
    # All containers within four levels, of which one carries it: labels come again after eight.
    near = [[v for v in range(each - 4, each + 5) if 0 <= v <= 255] for each in map(int, host)]
    tried = np.array(list(product(*near)), np.uint8)
    high, low = np.zeros(tried.shape, np.uint8), tried & 1
    for back in range(4):
        first, second = (taps >> back & 1 for taps in trellis.CODE.taps)
        seen = (first * (tried >> 1) ^ second * (tried >> 2)) & 1
        high[:, back:] ^= seen[:, : 4 - back]
    said = np.packbits(np.stack([high, low], axis=2).reshape(len(tried), 8), axis=1)[:, 0]
    carrying = tried[said == content[0]].astype(int)
    assert read(carrying[0].astype(np.uint8), 1) == content
    least = square_error(host, carry(host, content))
    assert least == np.square(carrying - host).mean(1).min()


@pytest.mark.parametrize(("bits", "expected"), [(1, 54.0), (2, 48.05), (3, 42.05), (4, 36.03)])
def test_random_bytes_cost_what_the_table_says(bits: int, expected: float) -> None:
    host, content = drawn(300_000, bits)
    container = carry(np.clip(host, 16, 239), content)
    error = square_error(np.clip(host, 16, 239), container)
    assert decibels(error) == pytest.approx(expected, abs=0.1)
    assert decibels(error) == pytest.approx(decibels(trellis.error(bits)), abs=0.1)
    # The host gets neither darker nor brighter.
    assert (container.astype(int) - np.clip(host, 16, 239)).mean() == pytest.approx(0, abs=0.03)


def test_it_costs_less_than_the_last_bits_alone() -> None:
    host, content = drawn(200_000, 2)
    host = np.clip(host, 16, 239)
    loose = np.unpackbits(np.frombuffer(content, np.uint8)).reshape(-1, 2)
    wanted = loose[:, 0] << 1 | loose[:, 1]
    alone = trellis.nearest(host, wanted, 4)
    np.testing.assert_array_equal(alone & 3, wanted)
    assert square_error(host, alone) == pytest.approx(1.5, rel=0.02)
    assert square_error(host, carry(host, content)) < 1.03


def test_between_whole_bits_the_error_is_as_said_and_grows() -> None:
    host, _ = drawn(120_000, 0)
    host = np.clip(host, 40, 215)
    measured = []
    for bits in (0.05, 0.2, 0.5, 0.9, 1, 1.3, 1.7, 2, 2.5, 3, 3.2, 3.8, 4):
        _, content = drawn(120_000, bits, 5)
        measured.append(square_error(host, carry(host, content)))
        assert decibels(measured[-1]) == pytest.approx(decibels(trellis.error(bits)), abs=0.22)
    assert measured == sorted(measured)


def test_the_table_grows() -> None:
    table = [trellis.error(bits) for bits in np.linspace(0, 7, 200)]
    assert table == sorted(table)
    assert table[0] == 0


def test_a_content_too_short_for_every_part_of_a_large_host_is_carried() -> None:
    host, _ = drawn(3 * trellis._PART, 0)
    for content in (b"", b"x", b"xyz"):
        container = carry(host, content)
        assert read(container, len(content)) == content
        assert (container != host).sum() <= 8 * len(content)


def test_a_small_payload_hardly_changes_the_container() -> None:
    host = np.random.default_rng(1).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    container = Trellis().write(host, bytes(HEAD_BYTES), bytes(40), keys.Public(), silent)
    assert (container != host).mean() < 0.01
    assert decibels(square_error(host, container)) > 70


def test_the_syndrome_is_the_sum_of_the_taps() -> None:
    container, _ = drawn(1200, 0)
    content = read(container, 1200 * 4 // 8)
    digit = np.unpackbits(np.frombuffer(content, np.uint8)).reshape(-1, 4) @ [8, 4, 2, 1]
    labels = (container >> 3).astype(int)
    for place in (0, 1, 5, 300, 511, 512, 514, 1199):
        total = 0
        for back in range(min(place % trellis.RUN, 5) + 1):
            first, second = (taps >> back & 1 for taps in trellis.CODE.taps)
            total ^= (labels[place - back] & first) ^ (labels[place - back] >> 1 & second)
        assert digit[place] == total << 3 | container[place] & 7


def test_a_container_stays_what_it_is() -> None:
    # Another value here, and no container made before opens any more.
    rng = np.random.Generator(np.random.Philox(7))
    container = rng.integers(0, 256, 5000).astype(np.uint8)
    for size, expected in (
        (100, "a3393bd16ff761da"),
        (1250, "14794fdb4c477bca"),
        (2000, "c08cf5a3c6f00e6b"),
    ):
        assert hashlib.sha256(read(container, size)).hexdigest()[:16] == expected


def test_the_noise_of_one_colour_is_not_that_of_all() -> None:
    rng, carrier = np.random.default_rng(7), Trellis()
    host = np.full((512, 512, 3), 128, np.uint8)
    host[..., 0] = 0
    size = carrier.capacity(host, 2.0)
    container = carrier.write(host, rng.bytes(HEAD_BYTES), rng.bytes(size), keys.Public(), silent)
    found = square_error(host, container)
    # Samples beside those at 0 take some of it.
    assert found == pytest.approx(carrier.noise(host, size), rel=0.15)


@pytest.mark.parametrize("value", [0, 1, 3, 250, 255, None])
@pytest.mark.parametrize("bits", [0.5, 1.5, 2.0, 3.0, 4.0])
def test_the_noise_beside_black_and_white_is_foreseen(value: int | None, bits: float) -> None:
    rng, carrier = np.random.default_rng(6), Trellis()
    host = rng.choice(np.array([0, 128, 255], np.uint8), (96, 80, 3))
    if value is not None:
        host[:] = value
    size = carrier.capacity(host, bits)
    head, body = rng.bytes(HEAD_BYTES), rng.bytes(size)
    container = carrier.write(host, head, body, keys.Public(), silent)
    found = square_error(host, container)
    assert found == pytest.approx(carrier.noise(host, size), rel=0.16)
