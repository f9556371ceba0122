"""How far a long piece of work is: a function that is told a share from 0 to 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import TypeAlias

Tell: TypeAlias = Callable[[float], None]

BEAT = 1.0
"""Seconds without news after which a share is told that nobody has counted."""

_CREEP = 0.01
"""Of what is left, how much is taken for done after a beat without news."""


def silent(share: float) -> None:
    """Tells nobody."""
    del share


def part(tell: Tell, start: float, end: float) -> Tell:
    """A teller for a part of the work, which goes from one share of the whole to another."""
    return lambda share: tell(start + (end - start) * min(max(share, 0.0), 1.0))


@contextmanager
def beating(tell: Tell) -> Iterator[Tell]:
    """A teller that is never silent for long, whatever the work inside is made of.

    Where no news comes, as from an encoder that works in one piece, a thread tells a share that is
    a little larger than the last one. Shares never fall, and calls never overlap.
    """
    if tell is silent:
        yield tell
        return
    told, heard, done, lock = 0.0, Event(), Event(), Lock()

    def say(share: float) -> None:
        nonlocal told
        with lock:
            told = max(told, share)
            tell(told)

    def listen(share: float) -> None:
        heard.set()
        say(share)

    def beat() -> None:
        while not done.wait(BEAT):
            if not heard.is_set():
                say(told + (1 - told) * _CREEP)
            heard.clear()

    thread = Thread(target=beat, name="isn-progress", daemon=True)
    thread.start()
    try:
        yield listen
    finally:
        done.set()
        thread.join()
