"""Jobs: one a core, a place in the line, and an end for each process."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest

from isn.web.jobs import Full, Jobs
from isn.web.messages import pack, unpack

BROKEN = pack({"task": "nothing"})
"""The shortest job that there is: it is refused by the process that was to do it."""


async def ignore(message: bytes) -> None:
    pass


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The processes of all jobs."""
    found: list[Any] = []
    start = asyncio.create_subprocess_exec

    async def spy(*words: Any, **options: Any) -> Any:
        found.append(await start(*words, **options))
        return found[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", spy)
    return found


def test_jobs_wait_for_a_core_and_are_told_their_place() -> None:
    async def both() -> tuple[list[int], list[bytes]]:
        line, places = Jobs(1), []

        async def note(message: bytes) -> None:
            places.append(json.loads(message)["place"])

        first = asyncio.create_task(line.run(BROKEN, ignore))
        await asyncio.sleep(0)
        return places, list(await asyncio.gather(first, line.run(BROKEN, note)))

    places, answers = asyncio.run(both())
    assert places
    assert set(places) == {1}
    assert all(unpack(each)[0]["kind"] == "ConfigError" for each in answers)


def test_a_cancelled_job_ends_its_process_and_frees_its_core(started: list[Any]) -> None:
    async def leave() -> bytes:
        line = Jobs(1)
        waits = asyncio.create_task(line.run(BROKEN, ignore))
        while not started:
            await asyncio.sleep(0.01)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        assert started[0].returncode is not None
        return await line.run(BROKEN, ignore)

    assert unpack(asyncio.run(leave()))[0]["kind"] == "ConfigError"
    assert len(started) == 2


def test_a_job_that_takes_too_long_is_ended(started: list[Any]) -> None:
    answer = asyncio.run(Jobs(1, seconds=0.005).run(BROKEN, ignore))
    assert "took more than" in unpack(answer)[0]["error"]
    assert all(each.returncode is not None for each in started)


@pytest.mark.parametrize(
    ("python", "told"), [("false", "ended before it was done"), ("no-such", "can be started")]
)
def test_a_process_that_fails_is_no_silence(
    monkeypatch: pytest.MonkeyPatch, python: str, told: str
) -> None:
    monkeypatch.setattr(sys, "executable", python)
    answer = asyncio.run(Jobs(1).run(BROKEN, ignore))
    assert told in unpack(answer)[0]["error"]


def test_as_many_wait_as_may() -> None:
    line = Jobs(1, waiting=1)
    with line.admitted(), line.admitted(), pytest.raises(Full), line.admitted():
        pass
    with line.admitted():
        pass


@pytest.mark.parametrize("blobs", [(), (b"",), (b"a\nb", b"", bytes(300))])
def test_messages_are_read_as_they_were_written(blobs: tuple[bytes, ...]) -> None:
    head, found = unpack(pack({"name": "ä\n"}, *blobs))
    assert head["name"] == "ä\n"
    assert tuple(found) == blobs
