"""The outbound HTTP session of one peer: its pools and its timeouts.

Redirects are not followed, cookies are not kept, the environment's proxies and netrc are not
read, and bodies are not inflated: each of these would do in silence what its caller must decide.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Self, cast

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientTimeout
from aiohttp.connector import Connection
from yarl import URL

from gateway import __version__
from gateway.errors import StreamBroken
from gateway.net.failures import FAILURES, NoAnswer, Trouble, broken_answer, no_answer
from gateway.net.peer_connection import PeerConnection, PeerConnector
from gateway.net.request_body import Body, Upload

READ_SIZE = 256 * 1024
"""Bytes that are read ahead of a slow reader, twice of it at most. Measured with bodies of 525 KB,
CPU of one: 453 us; with 64 KiB 474 us, with 1 MiB 512 us."""

_KEPT_ALIVE = 15.0
_REQUEST_TIMEOUT = 408
_SAFE_TO_SEND_TWICE = frozenset({"GET", "HEAD", "OPTIONS"})
_USER_AGENT = f"dicomweb-gateway/{__version__}"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """`connect` with TLS, `first_byte` from the last byte sent, `idle` between bytes, each way."""

    connect: timedelta
    first_byte: timedelta
    idle: timedelta


class Response:
    """An answer whose body is unread. Header names are in lower case, repeated ones joined."""

    def __init__(self, response: "_Response", idle: float, *, early: bool = False) -> None:
        self.status = response.status
        self.headers = _joined(response)
        self.early = early
        """True if it came before the whole body of the request was sent."""
        self.broken: StreamBroken | None = None
        """How the body broke off, once it has."""
        self._response = response
        self._idle = idle
        self._waiting_since: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def ended(self) -> bool:
        """True once all of the body has been read."""
        return self._response.content.at_eof()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives. StreamBroken if it is cut or stands still for `idle`."""
        while chunk := await self._next():
            yield chunk

    async def _next(self) -> bytes:
        content = self._response.content
        try:
            # What is buffered already needs no timer, and its end needs no waiting.
            chunk = content.read_nowait(-1)
            if chunk or content.at_eof():
                return chunk
            self._start_waiting()
            return await content.readany()
        except FAILURES as failure:
            self.broken = broken_answer(failure)
            raise self.broken from failure
        finally:
            self._waiting_since = None

    def _start_waiting(self) -> None:
        """One timer serves the whole body: one for each of its chunks costs more than the chunk."""
        loop = asyncio.get_running_loop()
        self._waiting_since = loop.time()
        if self._timer is None:
            self._timer = loop.call_at(self._waiting_since + self._idle, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._waiting_since is None:
            return
        end = self._waiting_since + self._idle
        if loop.time() >= end:
            self._response.content.set_exception(TimeoutError())
        else:
            self._timer = loop.call_at(end, self._look, loop)

    def close(self) -> None:
        """Close the connection, unless the body has arrived to its end."""
        if self._timer is not None:
            self._timer.cancel()
        if self._response.connection is not None or self.early:
            _drop(self._response.transport)
        self._response.close()


class HttpSession:
    """Requests to one peer; an async context manager.

    A peer may close an idle connection at the very moment at which a request goes out on it, and
    may say 408 before. A request that may be sent twice is then sent once more, on a fresh
    connection; any other goes out on a fresh connection from the first. How many run at a time is
    the caller's to bound.
    """

    def __init__(self, timeouts: Timeouts, tls: ssl.SSLContext | None = None) -> None:
        self._idle = timeouts.idle
        self._tls = tls
        self._first_byte = timeouts.first_byte.total_seconds()
        # Everything after the connection is there is measured here and by the connection.
        self._timeout = ClientTimeout(total=None, connect=timeouts.connect.total_seconds())
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        pool = PeerConnector(self._tls, self._first_byte, _KEPT_ALIVE)
        no_pool = PeerConnector(self._tls, self._first_byte, None)
        self._pooled = await self._exit.enter_async_context(self._session(pool))
        self._fresh = await self._exit.enter_async_context(self._session(no_pool))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exit.aclose()

    @asynccontextmanager
    async def request(
        self, method: str, url: URL, headers: Mapping[str, str], body: Body | None = None
    ) -> AsyncIterator[Response]:
        """The answer, whatever its status. NoAnswer if there is none."""
        response = await self.open(method, url, headers, body)
        try:
            yield response
        finally:
            response.close()

    async def open(
        self, method: str, url: URL, headers: Mapping[str, str], body: Body | None = None
    ) -> Response:
        """The same, for a caller who closes it."""
        if method not in _SAFE_TO_SEND_TWICE or body is not None:
            return await self._send(self._fresh, method, url, headers, body)
        try:
            response = await self._send(self._pooled, method, url, headers)
            if response.status != _REQUEST_TIMEOUT:
                return response
            response.close()
        except NoAnswer as failure:
            if failure.trouble is not Trouble.DISCONNECTED:
                raise
        return await self._send(self._fresh, method, url, headers)

    async def _send(
        self,
        session: aiohttp.ClientSession,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        body: Body | None = None,
    ) -> Response:
        idle = self._idle.total_seconds()
        if body is None:
            return Response(await _requested(session, method, url, headers), idle)
        async with Upload(body, self._idle) as upload:
            headers = {**headers, **upload.headers}
            response = await _requested(session, method, url, headers, upload.chunks())
            return Response(response, idle, early=response.early or not upload.complete)

    def _session(self, connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            headers={"User-Agent": _USER_AGENT},
            auto_decompress=False,
            trust_env=False,
            read_bufsize=READ_SIZE,
            request_class=_Request,
            response_class=_Response,
            middlewares=(_sent_once,),
        )


class _Request(ClientRequest):
    """A request that knows what it goes out on."""

    transport: asyncio.Transport | None = None

    async def send(self, conn: Connection) -> ClientResponse:
        self.transport = conn.transport
        if isinstance(conn.protocol, PeerConnection):
            conn.protocol.ask(uploads=bool(self.body))
        return await super().send(conn)


class _Response(ClientResponse):
    """An answer that remembers its connection, which it leaves once it is complete."""

    early = False
    """There was something still to be sent. It is of no use to anybody."""
    transport: asyncio.Transport | None = None

    async def start(self, connection: Connection) -> ClientResponse:
        protocol, self.transport = connection.protocol, connection.transport
        await super().start(connection)
        self.early = isinstance(protocol, PeerConnection) and protocol.answered_early
        return self


async def _requested(
    session: aiohttp.ClientSession,
    method: str,
    url: URL,
    headers: Mapping[str, str],
    data: AsyncIterator[bytes] | None = None,
) -> _Response:
    try:
        return cast(
            _Response,
            await session.request(method, url, headers=headers, data=data, allow_redirects=False),
        )
    except FAILURES as failure:
        raise no_answer(failure) from failure


async def _sent_once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Keeps the library from sending a request again by itself, PUT and DELETE included."""
    try:
        return await handler(request)
    except BaseException as failure:
        _drop(request.transport if isinstance(request, _Request) else None)
        if isinstance(failure, FAILURES):
            raise no_answer(failure) from failure
        raise


def _drop(transport: asyncio.Transport | None) -> None:
    """Closing in good order would first wait for the peer to take what is still to be sent."""
    if transport is not None:
        transport.abort()


def _joined(response: ClientResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        name = name.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
