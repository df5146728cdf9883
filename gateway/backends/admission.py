"""How much of a backend may be used at a time: `limits` of its configuration."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from gateway.errors import BackendError

PATIENCE = timedelta(seconds=10)
"""The longest that a request waits for its turn, which is no part of the connect timeout."""


class TokenBucket:
    """At most `rate` a second on average, and as many at once after a pause."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._interval = 1 / rate
        self._burst = max(rate - 1, 0.0) * self._interval
        self._clock = clock
        self._next = clock() - self._burst

    def take(self, longest: float) -> float | None:
        """Seconds until it is this request's turn; None, and nothing taken, if over `longest`."""
        now = self._clock()
        turn = max(self._next, now - self._burst)
        wait = max(turn - now, 0.0)
        if wait > longest:
            return None
        self._next = turn + self._interval
        return wait


class Admission:
    """Bounds the requests on their way, the connections, and the rate; each wait is bounded too.

    Over `in_flight` a request waits outside; within it, for one of the `connections`. In both
    cases, and for its turn by the rate, it waits for `patience` and is then answered 503.
    """

    def __init__(
        self,
        backend: str,
        connections: int,
        in_flight: int,
        bucket: TokenBucket | None = None,
        patience: timedelta = PATIENCE,
    ) -> None:
        self._backend = backend
        self._connections = asyncio.Semaphore(connections)
        self._in_flight = asyncio.Semaphore(in_flight)
        self._bucket = bucket
        self._patience = patience.total_seconds()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """A turn and a connection, for as long as the context lasts. BackendError 503."""
        async with self._of(self._in_flight), self._of(self._connections):
            await self._turn()
            yield

    @asynccontextmanager
    async def _of(self, places: asyncio.Semaphore) -> AsyncIterator[None]:
        if places.locked():
            try:
                async with asyncio.timeout(self._patience):
                    await places.acquire()
            except TimeoutError as error:
                raise self._busy() from error
        else:
            await places.acquire()
        try:
            yield
        finally:
            places.release()

    async def _turn(self) -> None:
        wait = 0.0 if self._bucket is None else self._bucket.take(self._patience)
        if wait is None:
            raise self._busy()
        if wait:
            await asyncio.sleep(wait)

    def _busy(self) -> BackendError:
        return BackendError(
            503,
            "Too many requests to the archive are under way.",
            "backend_limit",
            backend=self._backend,
            retry_after=timedelta(seconds=1),
        )
