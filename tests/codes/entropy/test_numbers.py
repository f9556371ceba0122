"""Whole numbers: two quantisers in turn, and the bytes that their numbers take."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers import examples
from isn.codes.entropy import dependent, prior, rans
from isn.errors import AlteredContainer

Pixels = NDArray[np.uint8]


def followed(
    numbers: NDArray[np.int32], classes: NDArray[np.uint8], lanes: int
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """The kinds of some numbers, and what they stand for, one after the other by the definition."""
    apart = lanes * max(1, numbers.size // (256 * lanes))
    states, kinds, halves = [0] * apart, [], []
    flat = zip(numbers.reshape(-1).tolist(), classes.reshape(-1).tolist(), strict=True)
    for place, (number, kind) in enumerate(flat):
        state = states[place % apart]
        kinds.append(kind + (64 if state % 2 else 0))
        halves.append(2 * number - state % 2 * ((number > 0) - (number < 0)))
        # The taps are octal 13 and 4: what lies in the lowest place is done with.
        states[place % apart] = (state ^ state % 2 * 0o13 ^ number % 2 * 0o4) >> 1
    return (
        np.array(kinds, np.uint8).reshape(numbers.shape),
        np.array(halves, np.int32).reshape(numbers.shape),
    )


def encoded(parts: list[rans.Part], total: int) -> bytes:
    encoder = rans.Encoder(total)
    for numbers, kinds in parts:
        encoder.add(numbers, kinds)
    return encoder.code()


@examples(40)
@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(-(2**20), 2**20), st.integers(0, prior.CLASSES - 1)), max_size=60
        ),
        max_size=5,
    )
)
def test_whatever_is_encoded_is_decoded(parts: list[list[tuple[int, int]]]) -> None:
    arrays = [
        (
            np.array([number for number, _ in part], np.int32),
            np.array([kind for _, kind in part], np.uint8),
        )
        for part in parts
    ]
    total = sum(len(each) for each, _ in arrays)
    coded = [(numbers, followed(numbers, classes, 1)[0]) for numbers, classes in arrays]
    decoder = rans.Decoder(encoded(coded, total), total)
    for numbers, classes in arrays:
        np.testing.assert_array_equal(decoder.decode(classes), followed(numbers, classes, 1)[1])


def laplace(rng: np.random.Generator, classes: NDArray[np.uint8]) -> NDArray[np.int32]:
    scale = 2.0 ** (prior.FINEST + classes / 4)
    return np.rint(rng.laplace(size=classes.shape) * scale).astype(np.int32)


def test_a_code_takes_what_the_probabilities_say_and_many_lanes_little_more() -> None:
    rng = np.random.default_rng(2)
    classes = rng.integers(0, 40, (3, 100, 201)).astype(np.uint8)
    numbers = laplace(rng, classes)
    kinds, halves = followed(numbers, classes, rans.lanes(numbers.size))
    content = encoded([(numbers, kinds)], numbers.size)
    assert rans.bits(numbers, kinds) < 8 * len(content) < 1.005 * rans.bits(numbers, kinds)
    np.testing.assert_array_equal(rans.Decoder(content, numbers.size).decode(classes), halves)
    # A single class, against the entropy of what was drawn.
    some = numbers[classes == 16]
    _, counts = np.unique(some, return_counts=True)
    entropy = -(counts * np.log2(counts / counts.sum())).sum()
    told = rans.bits(some, np.full(some.shape, 16, np.uint8))
    assert entropy < told < 1.03 * entropy


@pytest.mark.parametrize("shape", [(1,), (700,), (5, 40, 33), (8011,)])
@pytest.mark.parametrize("lanes", [1, 3])
def test_the_quantiser_of_a_number_is_what_those_before_it_say(
    shape: tuple[int, ...], lanes: int
) -> None:
    rng = np.random.default_rng(9)
    classes = rng.integers(0, prior.CLASSES, shape).astype(np.uint8)
    scale = 2.0 ** (prior.FINEST + classes / 4)
    values = (rng.laplace(size=shape) * scale * rng.choice([0, 1, 9], shape)).astype(np.float32)
    numbers, found = dependent.quantised(values, classes, rans.costs(), lanes)
    kinds, halves = followed(numbers, classes, lanes)
    np.testing.assert_array_equal(found, kinds)
    np.testing.assert_array_equal(dependent.halves(numbers, found), halves)


def costs(
    values: NDArray[np.float32], every: NDArray[np.int32], classes: Pixels
) -> NDArray[np.float64]:
    """What rows of numbers, of classes without low bits, cost in error and bits together."""
    tables, state = rans._tables(), np.zeros(len(every), int)
    sums = np.zeros(len(every))
    for value, kind, numbers in zip(values, classes, every.T, strict=True):
        odd = state % 2
        halves = 2 * numbers - odd * np.sign(numbers)
        kinds = kind + 64 * odd
        there = np.abs(numbers) <= tables.reach[kinds]
        bits = tables.cost[kinds, np.where(there, numbers + rans._REACH, rans._ESCAPE)]
        sums += (value - dependent.places(halves / 2)) ** 2 + dependent.WORTH * bits
        state = (state ^ odd * 0o13 ^ numbers % 2 * 0o4) >> 1
    return sums


@pytest.mark.parametrize("seed", range(5))
def test_no_other_numbers_cost_less_in_error_and_bits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = rng.integers(8, 26, 6).astype(np.uint8)
    values = (rng.laplace(size=6) * 2.0 ** (prior.FINEST + classes / 4)).astype(np.float32)
    around = [[int(value) + move for move in (-2, -1, 0, 1, 2)] for value in values]
    least = costs(values, np.array(list(itertools.product(*around)), np.int32), classes).min()
    found, _ = dependent.quantised(values, classes, rans.costs(), 1)
    # Of one parity only the nearest number is looked at, whatever its bits.
    assert least - 1e-5 <= costs(values, found[None], classes)[0] <= 1.03 * least


def test_two_quantisers_err_a_decibel_less_than_one_of_as_many_bits() -> None:
    rng = np.random.default_rng(11)
    classes = np.full(60_000, 4 * (4 - prior.FINEST), np.uint8)
    values = (16 * rng.laplace(size=60_000)).astype(np.float32)
    numbers, kinds = dependent.quantised(values, classes, rans.costs(), 1)
    steps = dependent.halves(numbers, kinds) / 2
    error = np.square(values - dependent.places(steps)).mean()
    assert 1.0 < 10 * np.log10(1 / 12 / error) < 1.2
    plain = rans.bits(np.rint(values).astype(np.int32), classes)
    assert rans.bits(numbers, kinds) == pytest.approx(plain, rel=0.003)


def test_nothing_takes_next_to_no_bits_and_stays_even() -> None:
    classes = np.zeros(4000, np.uint8)
    numbers, kinds = dependent.quantised(np.zeros(4000, np.float32), classes, rans.costs(), 2)
    assert not numbers.any()
    assert not kinds.any()
    assert rans.bits(numbers, classes) < 2


@pytest.mark.parametrize("kind", range(0, 56, 7))
def test_the_probabilities_of_a_class_have_the_mean_magnitude_that_names_it(kind: int) -> None:
    scale = 2.0 ** (prior.FINEST + kind / 4)
    most = min(round(20 * scale) + 20, 4000)
    numbers = np.arange(-most, most + 1, dtype=np.int32)[:, None]
    # One after the other by the loop alone, without the rest of what an encoder does.
    one, tables = np.array([kind], np.uint8), rans._tables()
    given = (one, 1, tables.cost, tables.shift, tables.reach)
    told = [rans.call("bits", number, *given) for number in numbers]
    assert told[most] == rans.bits(numbers[most], one)
    probability = 2.0 ** -np.array(told)
    assert probability.sum() == pytest.approx(1, abs=0.01)
    if 0.5 < scale < 200:
        mean = (probability * np.abs(numbers[:, 0])).sum()
        assert mean == pytest.approx(scale, rel=0.12)


def test_the_tables_and_the_bytes_stay_what_they_are() -> None:
    # Another value here, and no container made before opens any more.
    tables = rans._tables()
    assert digest(tables.frequency.astype(np.uint64)) == "880089368d528a67"
    assert digest(prior.FEATURES) == "da59f83f593de3ed"
    rng = np.random.Generator(np.random.Philox(7))
    classes = rng.integers(0, prior.CLASSES, 20_000).astype(np.uint8)
    numbers = rng.integers(-40, 41, 20_000).astype(np.int32)
    assert (
        hashlib.sha256(
            encoded([(numbers, followed(numbers, classes, 1)[0])], numbers.size)
        ).hexdigest()[:16]
        == "7a54f67f63f3c2cb"
    )


def digest(array: NDArray[np.generic]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


def test_a_decoder_that_runs_out_of_words_says_so() -> None:
    rng = np.random.default_rng(3)
    classes = np.full(5000, 30, np.uint8)
    numbers = laplace(rng, classes)
    content = encoded([(numbers, followed(numbers, classes, 1)[0])], classes.size)
    decoder = rans.Decoder(content, classes.size)
    decoder.decode(classes)
    with pytest.raises(AlteredContainer):
        decoder.decode(np.full(5000, 63, np.uint8))


@pytest.mark.parametrize("cut", [0, 7, 8, 15, 16, 200, -1])
def test_a_code_that_was_cut_is_refused(cut: int) -> None:
    classes = np.full(5000, 30, np.uint8)
    numbers = laplace(np.random.default_rng(3), classes)
    content = encoded([(numbers, followed(numbers, classes, 1)[0])], classes.size)
    with pytest.raises(AlteredContainer):
        rans.Decoder(content[:cut], classes.size).decode(classes)


@pytest.mark.parametrize("counts", [(2**32 - 1, 0), (0, 2**32 - 1), (2**31, 2**31), (1, 0)])
def test_lengths_that_lie_are_refused(counts: tuple[int, int]) -> None:
    with pytest.raises(AlteredContainer):
        rans.Decoder(np.array(counts, "<u4").tobytes() + bytes(40), 100)
