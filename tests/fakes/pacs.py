"""A PACS that misbehaves as it is told, and writes down all that it is asked.

    async with Pacs() as pacs:
        pacs.on("GET", "/dicom-web/studies", Reply(json=[]))
        ...
        assert pacs.requests[0].query == "limit=1"

It serves HTTP/1.1 on a free port of 127.0.0.1. A reply is a script: pieces of a body, events to
wait for, and cuts; `Raw` replies are bytes on the wire that no HTTP library looks at.
"""

import asyncio
import hashlib
import json as json_library
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from typing import Any, Self, TypeAlias

from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy


class Cut(Enum):
    """How a connection ends in the middle."""

    CLOSE = "close"
    """In good order (FIN, and before it TLS's own end)."""
    UNSIGNED = "unsigned"
    """With a FIN alone, which under TLS anybody on the way can send."""
    RESET = "reset"
    """With what is unread thrown away (RST)."""


def stay() -> asyncio.Event:
    """A step that keeps the connection open and silent until the client goes."""
    return asyncio.Event()


Step: TypeAlias = bytes | float | asyncio.Event | Cut
"""A piece to send, seconds to wait, an event to wait for, or a cut."""


@dataclass(eq=False)
class Recorded:
    """One request as it came."""

    method: str
    path: str
    """As on the wire."""
    query: str
    """As on the wire, without the question mark."""
    headers: CIMultiDictProxy[str]
    connection: int
    """Which connection it came on, counted from 1."""
    on_connection: int
    """Which request of that connection it is, counted from 1."""
    body: bytes | None = None
    """None if the script left it unread."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the client went away before the answer was complete."""

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.body or b"").hexdigest()


@dataclass(frozen=True)
class Reply:
    """An answer: a whole body, or steps that make it, sent chunked unless a length is named."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    json: Any = None
    steps: Sequence[Step] | None = None
    read_body: bool = True


@dataclass(frozen=True)
class Raw:
    """Steps whose bytes go onto the wire as they are, status line and all; then it is closed."""

    steps: Sequence[Step]
    read_body: bool = True


Answering: TypeAlias = Reply | Raw | Callable[[Recorded], Reply | Raw]
"""A callable sees the request with all of its body."""


class Pacs:
    """The server, and what it saw."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Recorded] = []
        self.active = 0
        self.most_active = 0
        self._tls = tls
        self._replies: dict[tuple[str, str], list[Answering]] = {}
        self._numbers = count(1)
        self._connections: dict[Any, tuple[int, Any]] = {}

    def on(self, method: str, path: str, *replies: Answering) -> None:
        """Answer a path so; of several replies each is used once and the last one stays."""
        self._replies[method, path] = list(replies)

    @property
    def origin(self) -> str:
        return f"{'https' if self._tls else 'http'}://localhost:{self.port}"

    @property
    def base(self) -> str:
        """The base URL of its DICOMweb services."""
        return f"{self.origin}/dicom-web"

    @property
    def open_connections(self) -> int:
        return len(self._server.connections)

    async def wait_for(self, condition: Callable[["Pacs"], bool]) -> None:
        """Until the condition holds."""
        async with asyncio.timeout(10):
            # Nothing tells when a connection of the server has closed.
            while not condition(self):  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def __aenter__(self) -> Self:
        self._server = web.Server(
            self._handle, handler_cancellation=True, keepalive_timeout=30, access_log=None
        )
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._server, "127.0.0.1", 0, ssl=self._tls)
        self.port: int = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        await self._server.shutdown(0.1)
        await self._listener.wait_closed()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        recorded = self._record(request)
        self.active += 1
        self.most_active = max(self.active, self.most_active)
        try:
            return await self._answer(request, recorded)
        except (asyncio.CancelledError, ConnectionError):
            recorded.gone.set()
            raise
        finally:
            self.active -= 1

    def _record(self, request: web.BaseRequest) -> Recorded:
        number, served = self._connections.get(request.protocol) or (next(self._numbers), count(1))
        self._connections[request.protocol] = (number, served)
        path, _, query = request.raw_path.partition("?")
        headers = CIMultiDictProxy(CIMultiDict(request.headers))
        recorded = Recorded(request.method, path, query, headers, number, next(served))
        self.requests.append(recorded)
        return recorded

    async def _answer(self, request: web.BaseRequest, recorded: Recorded) -> web.StreamResponse:
        replies = self._replies.get((recorded.method, recorded.path)) or [Reply(404)]
        found = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(found, Reply | Raw):
            reply = found
            if reply.read_body:
                recorded.body = await request.content.read()
        else:
            recorded.body = await request.content.read()
            reply = found(recorded)
        if isinstance(reply, Raw):
            return await self._raw(request, reply)
        return await self._reply(request, reply)

    async def _reply(self, request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
        if reply.steps is None:
            body = reply.body if reply.json is None else json_library.dumps(reply.json).encode()
            headers = {"Content-Type": "application/dicom+json"} if reply.json is not None else {}
            return web.Response(
                status=reply.status, headers={**headers, **reply.headers}, body=body
            )
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        await response.prepare(request)
        async for piece in _pieces(reply.steps, request):
            await response.write(piece)
        if request.transport is not None and not request.transport.is_closing():
            await response.write_eof()
        return response

    async def _raw(self, request: web.BaseRequest, reply: Raw) -> web.StreamResponse:
        transport = request.transport
        assert isinstance(transport, asyncio.Transport)
        async for piece in _pieces(reply.steps, request):
            transport.write(piece)
        transport.close()
        return web.Response()


async def _pieces(steps: Sequence[Step], request: web.BaseRequest) -> AsyncIterator[bytes]:
    for step in steps:
        if isinstance(step, bytes):
            yield step
        elif isinstance(step, float):
            await asyncio.sleep(step)
        elif isinstance(step, asyncio.Event):
            await step.wait()
        else:
            _cut(request, step)
            return


def _cut(request: web.BaseRequest, cut: Cut) -> None:
    transport = request.transport
    assert isinstance(transport, asyncio.Transport)
    if cut is Cut.RESET:
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    elif cut is Cut.UNSIGNED:
        transport.get_extra_info("socket").shutdown(socket.SHUT_WR)
    else:
        transport.close()
