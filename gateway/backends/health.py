"""Whether an archive is there: told by every answer, and by a question now and then."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

from gateway.backends.base import CallContext, Health
from gateway.backends.transport import Patience, Transport
from gateway.errors import GatewayError
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.tasks import beside

# They are the gateway's own bounds and say nothing new of the archive.
_OWN_REFUSALS = frozenset({"backend_limit", "breaker_open"})
_UNAUTHORISED = frozenset({401, 403})
_HEADERS = {"Accept": "application/dicom+json", "Accept-Encoding": "gzip"}

_log = logging.getLogger(__name__)


class Vitals:
    """What is known of an archive's health; logged and counted when it changes."""

    def __init__(self, backend: str, metrics: Metrics) -> None:
        self._backend = backend
        self._metrics = metrics
        self.health = Health.UNKNOWN

    def answered(self) -> None:
        """It gave an answer to a request of any kind."""
        self._turn(Health.UP)

    def failed(self) -> None:
        """It failed a check, or so many requests that the breaker opened."""
        self._turn(Health.DOWN)

    def _turn(self, health: Health) -> None:
        if health is not self.health:
            self.health = health
            self._metrics.backend_health_changed(self._backend, health is Health.UP)
            level = logging.INFO if health is Health.UP else logging.WARNING
            _log.log(level, "backend %s is %s", self._backend, health)


class HealthCheck:
    """Asks an archive every now and then.

    `draw` gives a number from 0 to 1: replicas that started together must not ask together.
    `anonymous` if the question goes without credentials, so that 401 is a good answer too.
    """

    def __init__(
        self,
        transport: Transport,
        vitals: Vitals,
        path: str,
        every: timedelta,
        draw: Callable[[], float],
        *,
        anonymous: bool = False,
    ) -> None:
        self._transport = transport
        self._vitals = vitals
        self._path, _, self._query = path.partition("?")
        self._every = every.total_seconds()
        self._draw = draw
        self._anonymous = anonymous

    def repeated(self) -> AbstractAsyncContextManager[None]:
        """Ask again and again while this context lasts."""
        return beside(self._repeat, f"health of {self._transport.backend}")

    async def check(self) -> None:
        """Ask once, and tell the vitals."""
        try:
            async with self._transport.request(
                "GET",
                self._path,
                raw_query=self._query or None,
                headers=_HEADERS,
                context=CHECKING,
                patience=Patience.SEARCH,
            ):
                self._vitals.answered()
        except GatewayError as error:
            self._judge(error)

    async def _repeat(self) -> None:
        while True:
            await self.check()
            await asyncio.sleep(self._every * (0.9 + 0.2 * self._draw()))

    def _judge(self, error: GatewayError) -> None:
        status: int | None = getattr(error, "upstream_status", None)
        if error.category in _OWN_REFUSALS:
            return
        if status is None or status >= 500 or (status in _UNAUTHORISED and not self._anonymous):
            self._vitals.failed()
        else:
            self._vitals.answered()


class _Gateway:
    """The caller of a check: the gateway itself."""

    subject = "gateway"
    bearer_token = None


CHECKING = CallContext(caller=_Gateway(), request_id="health")
