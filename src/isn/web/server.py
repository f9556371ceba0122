"""The server of the page: three files to look at, and one place to ask.

A job is one request: its answer begins at once with the place in the line and the progress, and
ends with what was asked for. Whoever goes away hangs up, and that cancels the job.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Collection, Coroutine
from importlib.resources import files
from typing import Any, Final, TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from isn import threads
from isn.web.jobs import Full, Jobs
from isn.web.messages import pack

MOST_BYTES: Final = 1 << 27
"""Of one request, with everything that it gives."""

UPLOAD_SECONDS: Final = 120.0
"""After which a request is to have come in whole."""

_CONNECTIONS: Final = 100

_PAGE: Final = {"": "page.html", "page.css": "page.css", "page.js": "page.js"}
_TYPES: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript"}

_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src blob: data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

_Result = TypeVar("_Result")


class _Refused(Exception):
    """What to answer in the place of a job: a status of HTTP and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class _Gone(Exception):
    """Whoever asked has hung up."""


def serve(listening: socket.socket, token: str = "") -> None:
    """Answers on a socket until Ctrl-C.

    Args:
        listening: bound to the one address under which the page may be called.
        token: the first part of every path; "" for none.
    """
    address, port = listening.getsockname()[:2]
    names = {address, "localhost"} if address == "127.0.0.1" else {address}
    # Browsers leave out the port that is everybody's.
    hosts = {f"{name}:{port}" for name in names} | (names if port == 80 else set())
    config = uvicorn.Config(
        app(hosts, token),
        access_log=False,
        log_level="error",
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listening])


def app(hosts: Collection[str], token: str = "", jobs: Jobs | None = None) -> ASGIApp:
    """The page as an application of ASGI.

    Args:
        hosts: host and port that a request may name.
        token: as for :func:`serve`.
        jobs: that do the work; None: one a core.
    """
    routes: list[BaseRoute] = [
        Route(f"/{path}", _file(name), methods=["GET"]) for path, name in _PAGE.items()
    ]
    job = _Job(jobs or Jobs(threads.count()))
    routes.append(Route("/job", job, methods=["POST"]))
    return _Guard(Starlette(routes=[Mount(f"/{token}", routes=routes)] if token else routes), hosts)


def _file(name: str) -> Any:
    content = (files("isn.web") / "page" / name).read_bytes()
    content = content.replace(b"{most_bytes}", str(MOST_BYTES).encode())
    kind = _TYPES[name.rpartition(".")[2]]
    return lambda request: Response(content, media_type=kind)


class _Guard:
    """Lets through what the page itself asks for, under the name that the server was given.

    A page of somebody else names its own origin; one that has its own name lead here (DNS
    rebinding) names a wrong host.
    """

    def __init__(self, inside: ASGIApp, hosts: Collection[str]) -> None:
        self._inside, self._hosts = inside, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inside(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [(key.encode(), value.encode()) for key, value in _HEADERS.items()]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        request = Request(scope)
        host = request.headers.get("host", "")
        # Of what only shows the page, a browser does not say which page asked.
        own = {f"http://{host}"} if request.method == "POST" else {f"http://{host}", None}
        if host not in self._hosts or request.headers.get("origin") not in own:
            sentence = "the request comes from another page: open the address that isn web says"
            await Response(pack({"error": sentence}), 403)(scope, receive, guarded)
            return
        await self._inside(scope, receive, guarded)


class _Job:
    """Where the page asks."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._jobs.admitted():
                await self._answer(scope, receive, send)
        except Full:
            sentence = "too many jobs wait already: try again in a minute"
            await Response(pack({"error": sentence}), 503)(scope, receive, send)
        except _Refused as refused:
            await Response(pack({"error": str(refused)}), refused.status)(scope, receive, send)
        except (ClientDisconnect, _Gone, OSError):
            # Nobody is left to be told.
            pass

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(Request(scope, receive))
        headers = [(b"content-type", b"application/octet-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

        async def say(message: bytes) -> None:
            await send({"type": "http.response.body", "body": message, "more_body": True})

        await say(await _while_there(receive, self._jobs.run(body, say)))
        await send({"type": "http.response.body", "body": b""})


async def _body(request: Request) -> bytes:
    """A request's body; raises _Refused where it is too large or too slow."""
    large = _Refused(413, f"more than {MOST_BYTES >> 20} MiB were given: give smaller files")
    if int(request.headers.get("content-length", "0")) > MOST_BYTES:
        raise large
    body = bytearray()
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > MOST_BYTES:
                    raise large
    except TimeoutError as error:
        told = f"the files took more than {UPLOAD_SECONDS:g} seconds to come: give smaller ones"
        raise _Refused(408, told) from error
    return bytes(body)


async def _while_there(receive: Receive, work: Coroutine[Any, Any, _Result]) -> _Result:
    """What some work returns; it is cancelled, and _Gone raised, when whoever asked hangs up."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    doing, leaving = asyncio.create_task(work), asyncio.create_task(gone())
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise _Gone
        return doing.result()
    finally:
        for task in (doing, leaving):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(doing, leaving, return_exceptions=True)
