"""`isn web`: where it listens, and what it says before."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from commands import done, refused

server = pytest.importorskip("isn.web.server")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Where it would have listened, and under which token."""
    found: list[Any] = []
    monkeypatch.setattr(
        server, "serve", lambda listening, token: found.append((listening.getsockname(), token))
    )
    return found


def test_it_serves_this_machine_alone(served: list[Any]) -> None:
    answer = json.loads(done("web", "--port", 0, "--json").stdout)
    (((address, port), token),) = served
    assert (address, token) == ("127.0.0.1", "")
    assert answer == {"address": f"http://127.0.0.1:{port}/", "warnings": []}


def test_others_need_the_token_and_are_warned_of(served: list[Any]) -> None:
    tokens = set()
    for _ in range(2):
        result = done("web", "--port", 0, "--listen", "127.0.0.1", "--json")
        answer = json.loads(result.stdout)
        (_, port), token = served[-1]
        assert answer["address"] == f"http://127.0.0.1:{port}/{token}/"
        assert "not encrypted" in answer["warnings"][0]
        assert len(token) >= 22
        tokens.add(token)
    assert len(tokens) == 2


def test_the_address_in_the_network_is_guessed(
    served: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from isn.cli import web

    monkeypatch.setattr(web, "_own_address", lambda: "127.0.0.1")
    done("web", "--port", 0, "--listen")
    assert served[0][0][0] == "127.0.0.1"
    assert served[0][1]


@pytest.mark.parametrize("address", ["0.0.0.0", "::1", "localhost", "one two"])
def test_one_address_is_listened_on(served: list[Any], address: str) -> None:
    assert "give one IPv4 address" in refused(2, "web", "--listen", address)
    assert served == []


def test_a_port_that_is_taken_is_told(served: list[Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = refused(2, "web", "--port", taken.getsockname()[1])
    assert "give another --port" in said
    assert served == []
