"""The configured backends, in their order, open for as long as a context lasts."""

import asyncio
import random
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from gateway.backends.admission import Admission, TokenBucket
from gateway.backends.base import Backend
from gateway.backends.breaker import Breaker
from gateway.backends.capabilities import configured
from gateway.backends.configured_credentials import open_credentials
from gateway.backends.credentials import Credentials, NoCredentials
from gateway.backends.dicomweb import DicomWebBackend
from gateway.backends.health import HealthCheck, Vitals
from gateway.backends.http_transport import HttpTransport, Peer
from gateway.config.backends import DicomWebBackendConfig
from gateway.errors import ConfigProblems
from gateway.net.http_session import HttpSession, Timeouts
from gateway.net.tls import client_context
from gateway.telemetry.metrics import BreakerState, Metrics

_draw = random.SystemRandom().random


@asynccontextmanager
async def open_backends(
    configs: Sequence[DicomWebBackendConfig], metrics: Metrics
) -> AsyncIterator[Mapping[str, Backend]]:
    """Each backend by its name, in the order of the configuration, which is their precedence.

    ConfigProblems, all at once, for files and libraries that they need and that are not right.
    """
    backends: dict[str, Backend] = {}
    problems: list[str] = []
    async with AsyncExitStack() as stack:
        for config in configs:
            try:
                backends[config.name] = await _opened(stack, config, metrics)
            except ConfigProblems as found:
                problems += found.problems
        if problems:
            raise ConfigProblems(tuple(problems))
        yield backends


async def _opened(
    stack: AsyncExitStack, config: DicomWebBackendConfig, metrics: Metrics
) -> Backend:
    waits = config.timeouts
    timeouts = Timeouts(waits.connect, waits.first_byte, waits.idle)
    tls = await asyncio.to_thread(_tls, config)
    session = await stack.enter_async_context(HttpSession(timeouts, tls))
    credentials = await open_credentials(stack, config, timeouts)
    vitals = Vitals(config.name, metrics)
    shared = (_admission(config), _breaker(config, vitals, metrics), vitals, metrics)
    peer = _peer(config)
    transport = HttpTransport(peer, session, credentials, *shared)
    # Nobody's token is there to be forwarded when the gateway itself asks.
    asking = HttpTransport(peer, session, _of_the_gateway(credentials), *shared)
    health = HealthCheck(
        asking,
        vitals,
        config.health.path,
        config.health.every,
        _draw,
        anonymous=credentials.forwards,
    )
    await stack.enter_async_context(health.repeated())
    names = None if config.capabilities == "auto" else config.capabilities
    return DicomWebBackend(
        config.url, config.services, configured(names), transport, vitals, metrics
    )


def _tls(config: DicomWebBackendConfig) -> ssl.SSLContext | None:
    if not config.url.startswith("https:"):
        return None
    files = config.tls
    try:
        return client_context(files.ca, files.cert, files.key, verify=files.verify)
    except (OSError, ssl.SSLError):
        raise ConfigProblems(
            (f"backends.{config.name}.tls: a file cannot be read, or is no PEM of its kind",)
        ) from None


def _peer(config: DicomWebBackendConfig) -> Peer:
    headers = {name: value.get_secret_value() for name, value in config.headers.items()}
    return Peer(config.name, config.url, config.timeouts.search, headers)


def _admission(config: DicomWebBackendConfig) -> Admission:
    limits = config.limits
    rate = limits.requests_per_second
    bucket = None if rate is None else TokenBucket(rate, time.monotonic)
    return Admission(config.name, limits.connections, limits.in_flight, bucket)


def _breaker(config: DicomWebBackendConfig, vitals: Vitals, metrics: Metrics) -> Breaker:
    def changed(state: BreakerState) -> None:
        metrics.breaker_changed(config.name, state)
        if state is BreakerState.OPEN:
            vitals.failed()

    settings = config.breaker
    return Breaker(config.name, settings.failures, settings.open_for, time.monotonic, changed)


def _of_the_gateway(credentials: Credentials) -> Credentials:
    return NoCredentials() if credentials.forwards else credentials
