"""What a hostile or unlucky file looks like: a sound one with a few things wrong."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import given, note, settings
from hypothesis import strategies as st

RUNS: Counter[str] = Counter()
"""Runs of each target in this process."""

TOGETHER = 25
"""Runs of one example."""

_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 10**9)


def fuzzed(test: Callable[[random.Random], None]) -> Callable[[], None]:
    """A test of a source of chance, run as often as FUZZ_RUNS says.

    One number seeds `TOGETHER` runs, so that a run costs a tenth of what drawing each byte would,
    and a failure is named by that number and the run's.
    """

    @settings(settings.get_profile("fuzz"))
    @given(seed=st.integers(0, 2**64 - 1))
    def run(seed: int) -> None:
        for number in range(TOGETHER):
            RUNS[test.__name__] += 1
            try:
                test(random.Random(f"{seed} {number}"))
            except BaseException:
                note(f'the chance is random.Random("{seed} {number}")')
                raise

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    inner: Any = run
    return inner  # type: ignore[no-any-return]


def damaged(content: bytes, chance: random.Random) -> bytes:
    """A file with one to six things wrong: bits, bytes, numbers, parts gone, doubled or moved."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        if not changed:
            return chance.randbytes(chance.randint(0, 64))
        # Heads say the most, so that half of the damage is near the beginning.
        end = len(changed) if chance.random() < 0.5 else min(len(changed), 64)
        place = chance.randrange(end)
        _KINDS[chance.randrange(len(_KINDS))](changed, place, chance)
    return bytes(changed)


def _bit(changed: bytearray, place: int, chance: random.Random) -> None:
    changed[place] ^= 1 << chance.randrange(8)


def _byte(changed: bytearray, place: int, chance: random.Random) -> None:
    changed[place] = chance.randrange(256)


def _number(changed: bytearray, place: int, chance: random.Random) -> None:
    size = chance.choice((1, 2, 4, 8))
    order = chance.choice(("little", "big"))
    number = chance.choice(_NUMBERS) & (256**size - 1)
    changed[place : place + size] = number.to_bytes(size, order)


def _cut(changed: bytearray, place: int, chance: random.Random) -> None:
    del changed[place : place + chance.randint(1, 64)]


def _end(changed: bytearray, place: int, chance: random.Random) -> None:
    del changed[place:]


def _doubled(changed: bytearray, place: int, chance: random.Random) -> None:
    changed[place:place] = changed[place : place + chance.randint(1, 64)]


def _noise(changed: bytearray, place: int, chance: random.Random) -> None:
    changed[place:place] = chance.randbytes(chance.randint(1, 16))


def _moved(changed: bytearray, place: int, chance: random.Random) -> None:
    there = chance.randrange(len(changed))
    size = chance.randint(1, 32)
    changed[place : place + size] = changed[there : there + size]


_KINDS = (_bit, _byte, _number, _number, _cut, _end, _doubled, _noise, _moved)
