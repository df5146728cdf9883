"""What the whole application holds, and the keys under which it is found."""

from dataclasses import dataclass

from aiohttp import web

from gateway.services.runtime import Runtime
from gateway.telemetry.logging import EventLog
from gateway.telemetry.metrics import Metrics
from gateway.web.deadline import Deadlines
from gateway.web.public_url import Origins

OPERATIONAL = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths for whoever operates the gateway: no Host is asked for, and no limit stops them."""


@dataclass(slots=True)
class Places:
    """Room for so many requests at once, and for so large a head of each."""

    free: int
    header_bytes: int

    def take(self) -> bool:
        if self.free <= 0:
            return False
        self.free -= 1
        return True

    def give_back(self) -> None:
        self.free += 1


@dataclass(slots=True)
class Life:
    """Where the process is between its start and its end."""

    runtime: Runtime
    """The running set that new requests get; a reload puts another in its place."""
    draining: bool = False


LIFE: web.AppKey[Life] = web.AppKey("life", Life)
LOG: web.AppKey[EventLog] = web.AppKey("log", EventLog)
METRICS: web.AppKey[Metrics] = web.AppKey("metrics", Metrics)
DEADLINES: web.AppKey[Deadlines] = web.AppKey("deadlines", Deadlines)
ORIGINS: web.AppKey[Origins] = web.AppKey("origins", Origins)
PLACES: web.AppKey[Places] = web.AppKey("places", Places)
