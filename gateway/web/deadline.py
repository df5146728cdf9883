"""The longest that a request may go without progress (`server.limits.request_timeout`).

A whole upload of 20 GiB may take hours and live; a request in which nothing moves ends. Progress
is a byte that reaches or leaves the client, or a call of `extend`. Before the answer's headers the
client is then told 504, afterwards its connection is aborted.

One timer looks after all requests in flight, so that a request costs a set entry, not a timer.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

from aiohttp import web

from gateway.telemetry.tasks import beside
from gateway.web.abort import abort_connection

_LOOKS_PER_TIMEOUT = 20
_LONGEST_PAUSE = 1.0


class Deadline:
    """A request's: restarts while bytes flow.

    `extend` is for progress that the client does not see yet, such as a backend's rows that are
    still being merged.
    """

    __slots__ = (
        *("_bytes", "_moved", "_progress_at"),
        *("_received", "_sent", "_task", "aborted", "expired"),
    )

    def __init__(self, request: web.Request) -> None:
        self.expired = False
        self.aborted = False
        # Not the request itself: it leads here, and a circle would keep it until the collector ran.
        self._received = request.content
        self._sent = request.writer
        self._task: asyncio.Task[object] | None = None
        self._progress_at = 0.0
        self._bytes = 0
        self._moved = False

    def start(self, now: float) -> None:
        """To be called in the task that answers the request."""
        self._task = asyncio.current_task()
        self._progress_at = now

    def finish(self) -> None:
        self._task = None

    def extend(self) -> None:
        """Something moved. Cheap enough to be called for each chunk."""
        self._moved = True

    def look(self, now: float, timeout: float) -> None:
        """Restart if something moved since the last look, else end what stood still too long."""
        flown = self._sent.output_size + self._received.total_bytes
        if self._moved or flown != self._bytes:
            self._bytes, self._moved, self._progress_at = flown, False, now
        elif now - self._progress_at >= timeout and not self.expired:
            self.expired = True
            self._cancel()

    def absorb_cancellation(self) -> bool:
        """Whether a cancellation was this deadline's own, and nobody else asked for one."""
        return self.expired and self._task is not None and self._task.uncancel() == 0

    def abort(self) -> None:
        """End the request now, and its connection with it."""
        self.aborted = True
        abort_connection(self._sent.transport)
        self._cancel()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()


class Deadlines:
    """The requests in flight of one process."""

    def __init__(self, timeout: timedelta) -> None:
        self._timeout = timeout.total_seconds()
        self._running: set[Deadline] = set()

    def __len__(self) -> int:
        return len(self._running)

    def start(self, deadline: Deadline) -> None:
        """To be called in the task that answers the request."""
        deadline.start(asyncio.get_running_loop().time())
        self._running.add(deadline)

    def finish(self, deadline: Deadline) -> None:
        deadline.finish()
        self._running.discard(deadline)

    def look(self, now: float) -> None:
        """Look after each request once; `now` is in the event loop's seconds."""
        for deadline in list(self._running):
            deadline.look(now, self._timeout)

    def abort_all(self) -> None:
        """The end of the process's patience."""
        for deadline in list(self._running):
            deadline.abort()

    def watched(self) -> AbstractAsyncContextManager[None]:
        """Look after the requests while this context lasts."""
        return beside(self._watch, "deadlines")

    async def _watch(self) -> None:
        pause = min(_LONGEST_PAUSE, self._timeout / _LOOKS_PER_TIMEOUT)
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(pause)
            self.look(loop.time())
