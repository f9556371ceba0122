"""The low-density code: its words, how near to the bound it decodes, and that it never guesses."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from helpers import mostly_slow
from isn.carriers.dct import ldpc
from isn.carriers.dct.ldpc import MOST_BELIEF, PER_NAT, RATES, WIDTH, Word
from isn.carriers.dct.words import NEEDED, Body, body_of, head_bits, head_of, most_bytes
from isn.envelope import HEAD_BYTES
from isn.errors import AlteredContainer

Bits = NDArray[np.uint8]

every_rate = pytest.mark.parametrize("columns", mostly_slow(RATES, (12, 15, 30, 40)))


def information(deviation: float) -> float:
    """Capacity of +1 and -1 in Gaussian noise, in bits, by a sum over a fine grid."""
    grid = np.linspace(-12, 12, 20_001)
    density = np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi)
    ratio = 2 * (1 + deviation * grid) / deviation**2
    return float(1 - (density * np.logaddexp(0, -ratio)).sum() * (grid[1] - grid[0]) / np.log(2))


def deviation_for(worth: float) -> float:
    """The noise in which a bit is worth so much."""
    low, high = 0.05, 5.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if information(middle) > worth else (low, middle)
    return low


def received(word: Bits, deviation: float, rng: np.random.Generator) -> NDArray[np.int16]:
    values = 1 - 2.0 * word + deviation * rng.standard_normal(len(word))
    belief = np.rint(PER_NAT * 2 * values / deviation**2)
    return belief.clip(-MOST_BELIEF, MOST_BELIEF).astype(np.int16)


@every_rate
@pytest.mark.parametrize("size", [16, 23, 100])
def test_a_word_satisfies_its_checks_and_begins_with_its_data(columns: int, size: int) -> None:
    rng = np.random.default_rng(columns)
    code = Word(columns, size)
    data = rng.integers(0, 2, code.data, dtype=np.uint8)
    word = code.encode(data)
    assert len(word) == code.length == WIDTH * size
    np.testing.assert_array_equal(word[: code.data], data)
    found = code.decode((100 * (1 - 2.0 * word)).astype(np.int16))
    assert found is not None
    np.testing.assert_array_equal(found[0], word)
    assert found[1] == 0


@every_rate
def test_beliefs_of_a_word_satisfy_its_checks_and_those_of_noise_do_by_chance(columns: int) -> None:
    rng = np.random.default_rng(columns)
    code = Word(columns, 29)
    word = code.encode(rng.integers(0, 2, code.data, dtype=np.uint8))
    checks = code.length - code.data
    whole = (20 * (1 - 2.0 * word)).astype(np.int16)
    assert code.supposed(whole) == pytest.approx(checks**0.5)
    # A last parity bit stands in one check alone, any other in two.
    for place, wrong in ((-1, 1), (code.data, 2)):
        whole[place] *= -1
        assert code.supposed(whole) == pytest.approx((checks - 2 * wrong) / checks**0.5)
        whole[place] *= -1
    drawn = rng.integers(-40, 41, (40, code.length), np.int16)
    noise = [code.supposed(each) for each in drawn]
    assert abs(np.mean(noise)) < 0.7
    assert 0.6 < np.std(noise) < 1.5
    assert code.supposed(np.zeros_like(whole)) == 0


@every_rate
def test_every_check_has_as_many_bits_and_no_two_columns_share_two_checks(columns: int) -> None:
    size = 400
    column, shift = ldpc._graph(columns, size)
    rows = WIDTH - columns
    place = (np.arange(size) + shift[..., None]) % size
    bits = (column[..., None] * size + place).transpose(0, 2, 1).reshape(rows * size, -1)
    checks = np.repeat(np.arange(rows * size), bits.shape[1])
    ones = np.ones(bits.size, np.int8)
    matrix = sparse.csr_array((ones, (checks, bits.reshape(-1))), (rows * size, columns * size))
    assert matrix.max() == 1
    assert matrix.sum(axis=0).min() == 3
    shared = (matrix.T @ matrix).tocoo()
    assert shared.data[shared.row != shared.col].max() == 1


@every_rate
def test_words_come_back_where_bits_are_worth_what_is_asked_for(columns: int) -> None:
    # The bound lies where a bit is worth the rate.
    rng = np.random.default_rng(columns)
    deviation = deviation_for(NEEDED[columns])
    assert NEEDED[columns] < 1.36 * columns / WIDTH
    code = Word(columns, 400)
    for _ in range(8):
        word = code.encode(rng.integers(0, 2, code.data, dtype=np.uint8))
        found = code.decode(received(word, deviation, rng))
        assert found is not None
        np.testing.assert_array_equal(found[0], word)


@every_rate
def test_beyond_the_bound_nothing_is_made_up(columns: int) -> None:
    rng = np.random.default_rng(columns)
    deviation = deviation_for(0.9 * columns / WIDTH)
    code = Word(columns, 200)
    for _ in range(3):
        word = code.encode(rng.integers(0, 2, code.data, dtype=np.uint8))
        assert code.decode(received(word, deviation, rng)) is None


def test_what_is_received_stays_as_it_was() -> None:
    rng = np.random.default_rng(3)
    code = Word(30, 50)
    belief = received(code.encode(np.zeros(code.data, np.uint8)), 0.7, rng)
    kept = belief.copy()
    assert code.decode(belief) is not None
    np.testing.assert_array_equal(belief, kept)


def test_a_head_comes_back_from_a_part_of_its_repetitions() -> None:
    head = np.random.default_rng(4).bytes(HEAD_BYTES)
    bits = head_bits(head, 4000)
    belief = (100 * (1 - 2.0 * bits)).astype(np.int16)
    assert head_of(belief) == head
    belief[:1500] = 0
    assert head_of(belief) == head
    assert head_of(np.random.default_rng(5).integers(-60, 60, 4000).astype(np.int16)) is None


@pytest.mark.parametrize("length", [1, 2, 57, 1000, 20_001])
@pytest.mark.parametrize("spare", [1.0, 1.4, 6.0])
def test_a_body_comes_back_at_the_rate_that_its_room_gives(length: int, spare: float) -> None:
    body = np.random.default_rng(length).bytes(length)
    coded = body_of(length, max(int(spare * 8 * length * 1.55), 1000))
    assert coded is not None
    bits = coded.encode(body)
    assert len(bits) == coded.bits == sum(each.length for each in coded.words)
    belief = (30 * (1 - 2.0 * bits)).astype(np.int16)
    assert coded.decode(np.append(belief, [7, -7]).astype(np.int16)) == body
    wrong = belief.copy()
    wrong[np.random.default_rng(1).random(len(wrong)) < 0.025] *= -1
    assert coded.decode(wrong) == body


def test_a_body_that_is_partly_lost_says_how_much() -> None:
    coded = Body(9000, 30, 2400)
    assert len(coded.words) == 5
    belief = (100 * (1 - 2.0 * coded.encode(bytes(9000)))).astype(np.int16)
    belief[coded.words[0].length : 2 * coded.words[0].length] = 0
    belief[coded.words[0].length : coded.words[0].length + 50] = -100
    with pytest.raises(AlteredContainer, match="1 of the 5 parts"):
        coded.decode(belief)


def test_the_most_that_fits_is_what_a_plan_takes() -> None:
    for bits in (960, 5000, 123_457):
        for worth in (0.2, 0.35, 0.6, 0.95):
            most = most_bytes(bits, worth)
            coded = body_of(most, bits)
            if worth == 0.2:
                assert most == 0
                continue
            assert coded is not None
            assert NEEDED[coded.columns] <= worth
            assert most_bytes(bits, worth - 0.01) <= most <= most_bytes(bits + 500, worth)
    assert body_of(most_bytes(123_457, 1.0) + 1, 123_457) is None
