"""aiohttp's connection handling, with what it answers by itself put into the gateway's form.

A request that cannot be parsed never reaches the application; aiohttp would answer in plain text
and quote what it could not read.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import LineTooLong

from gateway.telemetry.logging import EventLog
from gateway.web.middleware.request_id import new_request_id
from gateway.web.problems import (
    REQUEST_ID_HEADER,
    SERVER_NAME,
    Problem,
    problem_response,
)

HEAD_SECONDS = 60.0
"""For the whole head of a request, from the connection or, on one that was idle, its first byte."""

_log = logging.getLogger(__name__)

_MALFORMED = Problem(400, "The request is not well-formed HTTP.", "malformed")
_TOO_LARGE = Problem(431, "The request's header is too large.", "too_large")
_INTERNAL = Problem(500, "An unexpected error; the log has it under this id.", "internal")


class GatewayProtocol(web.RequestHandler):
    """One connection."""

    __slots__ = ("_events", "_has_room", "_head_seconds", "_head_timer")

    def __init__(
        self,
        server: web.Server,
        events: EventLog,
        has_room: Callable[[web.RequestHandler], bool],
        head_seconds: float,
        **settings: Any,
    ) -> None:
        super().__init__(server, **settings)
        self._events = events
        self._has_room = has_room
        self._head_seconds = head_seconds
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._has_room(self):
            self._start_head_timer()
        else:
            self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_timer is not None and self._messages:
            self._stop_head_timer()
        elif self._head_timer is None and self._is_between_requests():
            self._start_head_timer()
        self._fail_malformed_body()

    def _start_head_timer(self) -> None:
        """aiohttp lets a head take as long as an idle connection may last."""
        self._head_timer = self._loop.call_later(self._head_seconds, self.force_close)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _is_between_requests(self) -> bool:
        """True where the next whole head is waited for."""
        return self._waiter is not None and not self._waiter.done()

    def _fail_malformed_body(self) -> None:
        """Let a body that turns out malformed fail its request.

        aiohttp puts the failure behind the request that is being answered, whose handler would
        wait for the rest of its body for ever.
        """
        request = self._current_request
        if request is None or not self._messages or request.content.is_eof():
            return
        if not isinstance(self._messages[-1][0], RawRequestMessage):
            self._messages.clear()
            request.content.set_exception(web.RequestPayloadError())
            request.content.feed_eof()
            self.close()

    def close_if_idle(self) -> bool:
        """Close unless a request's body is being read, or the request answered.

        aiohttp's own ways to close a connection gently make it deaf: what is still coming of an
        upload would be thrown away, and the upload could not finish.
        """
        is_idle = self._is_between_requests()
        if is_idle:
            self.force_close()
        return is_idle

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what never reached the application, and close the connection."""
        problem, identifier = _problem(status, exc), new_request_id()
        fields = {
            "id": identifier,
            "status": problem.status,
            "failure": problem.category,
            "client": request.remote,
        }
        self._events.write(logging.INFO, "unreadable request", fields)
        if problem is _INTERNAL:
            _log.error("Request %s failed", identifier, exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("The answer has begun already.")
        response = problem_response(problem, identifier)
        response.headers[REQUEST_ID_HEADER] = identifier
        response.headers["Server"] = SERVER_NAME
        response.force_close()
        return response


class GatewayServer(web.Server):
    """Makes a GatewayProtocol of each connection."""

    def __init__(
        self,
        server: web.Server,
        events: EventLog,
        settings: dict[str, Any],
        most_connections: int,
        head_seconds: float = HEAD_SECONDS,
    ) -> None:
        self._events = events
        self._most_connections = most_connections
        self._head_seconds = head_seconds
        super().__init__(
            server.request_handler,
            request_factory=server.request_factory,
            **settings,
        )

    def __call__(self) -> web.RequestHandler:
        return GatewayProtocol(
            self, self._events, self._has_room, self._head_seconds, loop=self._loop, **self._kwargs
        )

    def _has_room(self, newest: web.RequestHandler) -> bool:
        """For the newest connection; where there is none, idle ones have to make it."""
        return len(self.connections) <= self._most_connections or self.close_idle(newest) > 0

    def close_idle(self, but: web.RequestHandler | None = None) -> int:
        """Close the connections on which no request is under way, and say how many they were."""
        ours = (each for each in self.connections if isinstance(each, GatewayProtocol))
        return sum(each.close_if_idle() for each in ours if each is not but)


def _problem(status: int, error: BaseException | None) -> Problem:
    if isinstance(error, LineTooLong):
        return _TOO_LARGE
    return _MALFORMED if 400 <= status < 500 else _INTERNAL
