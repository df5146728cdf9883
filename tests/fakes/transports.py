"""A transport to a PACS of the tests, with bounds that a test can wait for."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from gateway.access.principal import Principal
from gateway.backends.admission import Admission, TokenBucket
from gateway.backends.base import CallContext
from gateway.backends.breaker import Breaker
from gateway.backends.credentials import Credentials, NoCredentials
from gateway.backends.health import Vitals
from gateway.backends.http_transport import HttpTransport, Peer
from gateway.backends.transport import Transport
from gateway.errors import BackendError
from gateway.net.http_session import HttpSession, Timeouts
from gateway.telemetry.metrics import Metrics
from tests.fakes.pacs import Pacs

LONG, SHORT = timedelta(seconds=30), timedelta(milliseconds=150)
ANYBODY = CallContext(Principal("anybody"), "request-1")


@dataclass
class Bounds:
    """As in a backend's configuration."""

    connect: timedelta = LONG
    first_byte: timedelta = LONG
    idle: timedelta = LONG
    search: timedelta = LONG
    connections: int = 8
    in_flight: int = 16
    rate: float | None = None
    patience: timedelta = LONG
    failures: int = 1000
    open_for: timedelta = LONG
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Wired:
    """A transport, and the parts of it that a test looks at."""

    transport: HttpTransport
    breaker: Breaker
    vitals: Vitals
    metrics: Metrics


@asynccontextmanager
async def wired(
    pacs: Pacs, bounds: Bounds | None = None, credentials: Credentials | None = None
) -> AsyncIterator[Wired]:
    """A transport to the PACS, open for as long as the context lasts."""
    b = bounds or Bounds()
    metrics = Metrics()
    vitals = Vitals("pacs", metrics)
    breaker = Breaker("pacs", b.failures, b.open_for, time.monotonic)
    bucket = None if b.rate is None else TokenBucket(b.rate, time.monotonic)
    admission = Admission("pacs", b.connections, b.in_flight, bucket, b.patience)
    async with HttpSession(Timeouts(b.connect, b.first_byte, b.idle)) as session:
        transport = HttpTransport(
            Peer("pacs", pacs.base, b.search, b.headers),
            session,
            credentials or NoCredentials(),
            admission,
            breaker,
            vitals,
            metrics,
        )
        yield Wired(transport, breaker, vitals, metrics)


async def ask(transport: Transport, method: str = "GET", **options: Any) -> bytes:
    """The body of an answer to a request for `studies`."""
    options.setdefault("context", ANYBODY)
    async with transport.request(method, "studies", **options) as answer:
        return await answer.read(10_000_000)


async def error_of(transport: Transport, method: str = "GET", **options: Any) -> BackendError:
    """What comes instead of an answer."""
    with pytest.raises(BackendError) as caught:
        await ask(transport, method, **options)
    return caught.value
