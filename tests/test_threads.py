"""Threads: as many as were asked for, and the same bytes from one as from many."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest
from numpy.typing import NDArray

import isn
from isn import threads
from isn.carriers import trellis
from isn.codes.entropy import dependent, prior


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, os.environ.get(name, "1"))
    monkeypatch.setattr(threads, "_limit", None)


def test_as_many_as_cores_unless_limited() -> None:
    assert 1 <= threads.count() <= (os.cpu_count() or 1)
    threads.limit(3)
    assert threads.count() == 3
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"


@pytest.mark.parametrize(("size", "grain"), [(0, 8), (7, 8), (8, 8), (100, 8), (100, 1), (3, 100)])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_work_is_spread_whole_and_once(size: int, grain: int, count: int) -> None:
    threads.limit(count)
    done: list[tuple[int, int]] = []
    threads.spread(lambda first, last: done.append((first, last)), size, grain)
    done.sort()
    assert [place for first, last in done for place in range(first, last)] == list(range(size))
    assert len(done) <= count
    assert all(first % grain == 0 for first, _ in done)


def test_results_keep_their_order_and_errors_come_through() -> None:
    threads.limit(4)
    seen = set()

    def work(number: int) -> int:
        seen.add(threading.get_ident())
        return number * number

    assert threads.each(work, range(50)) == [number * number for number in range(50)]
    assert threading.get_ident() not in seen
    with pytest.raises(ZeroDivisionError):
        threads.each(lambda number: 1 // number, [1, 0, 1])


def test_one_thread_and_many_write_the_same(
    photos: dict[str, NDArray[np.uint8]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Pieces so small that many threads have some.
    monkeypatch.setattr(prior, "_ENOUGH", 1)
    monkeypatch.setattr(dependent, "_SIDE_BY_SIDE", 1)
    monkeypatch.setattr(trellis, "_PART", trellis.RUN)
    host, hidden = photos["coffee"][:64, :96], photos["cat"][:64, :80]
    made = []
    for count in (1, 7):
        threads.limit(count)
        container = isn.hide(host, hidden)
        (shown,) = isn.reveal(container.pixels)
        made.append((container.pixels, np.asarray(shown)))
    for one, two in zip(*made, strict=True):
        np.testing.assert_array_equal(one, two)
