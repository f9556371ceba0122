"""How many threads compute, of everything that computes on more than one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TypeVar

Given = TypeVar("Given")
Result = TypeVar("Result")

_limit: int | None = None


def limit(threads: int) -> None:
    """Lets this process compute on so many threads.

    NumPy's and torch's libraries ask their environment once, as they are imported: they obey where
    this comes first.
    """
    global _limit  # noqa: PLW0603 - of the process, as threads are
    _limit = threads
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)


def spare_blas() -> None:
    """Leaves one thread to the library of NumPy's matrices, unless the environment says otherwise.

    Ours are small, and its threads wait by spinning: they took a fifth of the time of many jobs.
    Where this comes before NumPy.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def limited() -> int | None:
    """What :func:`limit` says; None where it was not called."""
    return _limit


def count() -> int:
    """How many threads compute: as :func:`limit` says, or one for each core that may be used."""
    if _limit is not None:
        return _limit
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def each(work: Callable[[Given], Result], given: Iterable[Given]) -> list[Result]:
    """What some work returns for each of the given, side by side on as many threads as there are.

    Worth it for work that leaves Python's lock alone. Nobody waits for it by spinning.
    """
    pieces, threads = list(given), count()
    if threads == 1 or len(pieces) < 2:
        return [work(piece) for piece in pieces]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(threads, len(pieces))) as pool:
        return list(pool.map(work, pieces))


def spread(work: Callable[[int, int], object], size: int, grain: int) -> None:
    """Does work from 0 to a size, from a first to a last each time.

    Args:
        work: for a first and a last one.
        size: how much there is.
        grain: pieces are multiples of it.
    """
    pieces = max(min(count(), size // grain), 1)
    bounds = [size * k // pieces // grain * grain for k in range(pieces)] + [size]
    each(lambda k: work(bounds[k], bounds[k + 1]), range(pieces))
