from __future__ import annotations

import time

import pytest

from isn import progress
from isn.progress import beating, part, silent


def test_a_part_goes_from_one_share_to_another() -> None:
    told: list[float] = []
    half = part(told.append, 0.5, 1.0)
    for share in (-1.0, 0.0, 0.5, 1.0, 2.0):
        half(share)
    assert told == [0.5, 0.5, 0.75, 1.0, 1.0]


def test_work_in_one_piece_is_told_of_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "BEAT", 0.02)
    told: list[float] = []
    with beating(told.append) as tell:
        tell(0.3)
        time.sleep(0.3)
        tell(0.1)
        tell(1.0)
    assert told[0] == 0.3
    assert told[-1] == 1.0
    assert told == sorted(told)
    assert len([share for share in told if 0.3 < share < 1]) >= 3


def test_nothing_is_told_after_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "BEAT", 0.01)
    told: list[float] = []
    with pytest.raises(ValueError, match="the work"), beating(told.append):
        raise ValueError("the work")
    heard = len(told)
    time.sleep(0.05)
    assert len(told) == heard


def test_who_is_silent_needs_no_thread() -> None:
    with beating(silent) as tell:
        assert tell is silent
