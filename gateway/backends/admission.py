"""How much of a backend may be used at a time: `limits` of its configuration."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Self

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
    cases, and for its turn by the rate, it waits for `patience` and is then answered 503. It is
    the context that each request enters.
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

    async def __aenter__(self) -> Self:
        """A turn and a connection, for as long as the context lasts. BackendError 503."""
        await self._take(self._in_flight)
        try:
            await self._take(self._connections)
        except BaseException:
            self._in_flight.release()
            raise
        try:
            await self._turn()
        except BaseException:
            self._give_back()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._give_back()

    async def _take(self, places: asyncio.Semaphore) -> None:
        if not places.locked():
            await places.acquire()
            return
        try:
            async with asyncio.timeout(self._patience):
                await places.acquire()
        except TimeoutError as error:
            raise self._busy() from error

    def _give_back(self) -> None:
        self._connections.release()
        self._in_flight.release()

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
