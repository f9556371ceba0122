"""Words of a convolutional code: which there are, and which costs least."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest

import loops
from isn.viterbi import Convolutional

TAPS = [(0o5, 0o2), (0o13, 0o4), (0o45, 0o10)]


def is_word(labels: tuple[int, ...], taps: tuple[int, int]) -> bool:
    """By the definition: every sum of taps and bits is even."""
    for time in range(len(labels)):
        total = 0
        for back in range(min(time, 5) + 1):
            label = labels[time - back]
            total += (taps[0] >> back & 1) * (label & 1) + (taps[1] >> back & 1) * (label >> 1)
        if total % 2:
            return False
    return True


@cache
def words_of(length: int, taps: tuple[int, int]) -> list[tuple[int, ...]]:
    return [each for each in itertools.product(range(4), repeat=length) if is_word(each, taps)]


@pytest.mark.parametrize("taps", TAPS)
@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_no_word_costs_less(taps: tuple[int, int], kind: type) -> None:
    code, length = Convolutional(taps), 7
    words = words_of(length, taps)
    assert len(words) == 2**length
    costs = np.random.default_rng(0).integers(0, 1000, (length, 4, 30)).astype(kind)
    found = np.array([loops.shortest(code, costs[:, :, each]) for each in range(30)]).T
    sums = np.array([costs[np.arange(length), list(each)].sum(0) for each in words])
    for one, word in enumerate(found.T.tolist()):
        assert is_word(tuple(word), taps)
        assert costs[np.arange(length), word, one].sum() == sums[:, one].min()


@pytest.mark.parametrize("taps", TAPS)
def test_states_say_what_label_may_come_and_where_it_leads(taps: tuple[int, int]) -> None:
    code = Convolutional(taps)
    assert code.states == 1 << taps[0].bit_length() - 1
    rng = np.random.default_rng(1)
    for _ in range(20):
        state, labels = 0, []
        for high in rng.integers(0, 2, 12).tolist():
            labels.append(state & 1 | high << 1)
            state = int(code.after[state, high])
        assert is_word(tuple(labels), taps)


@pytest.mark.parametrize(("taps", "free"), list(zip(TAPS, (9, 10, 13), strict=True)))
def test_words_lie_as_far_apart_as_ungerboeck_says(taps: tuple[int, int], free: int) -> None:
    # In square, of all words that leave state 0 and meet it again: his Table I.
    code = Convolutional(taps)
    least, ends = {int(code.after[0, 1]): 4}, []
    for _ in range(60):
        further: dict[int, int] = {}
        for state, far in least.items():
            for high in range(2):
                apart = far + (0, 1, 4, 1)[state & 1 | high << 1]
                after = int(code.after[state, high])
                further[after] = min(further.get(after, apart), apart)
        ends.append(further.pop(0, 1 << 20))
        least = further
    assert min(ends) == free
