"""Counters and gauges in the Prometheus form.

Labels are bounded: a route's template, a known method, a status's class, a configured backend's
name. Methods are named by the event that they count. With several worker processes the values
live in files under PROMETHEUS_MULTIPROC_DIR, which prometheus_client reads when it is imported;
whichever worker is asked then answers for all.
"""

import os
from enum import IntEnum
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})
_STATUS_CLASSES = ("0xx", "1xx", "2xx", "3xx", "4xx", "5xx")


class BreakerState(IntEnum):
    """The values of the breaker gauge, the worst the highest."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Metrics:
    """All metrics of one process, on a registry of their own."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._in_flight = Gauge(
            "gateway_requests_in_flight",
            "Requests being answered.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._requests = Counter(
            "gateway_requests",
            "Requests answered.",
            ["route", "method", "status"],
            registry=registry,
        )
        self._request_seconds = Histogram(
            "gateway_request_duration_seconds",
            "From a request's head to the last byte of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._received = Counter(
            "gateway_request_bytes", "Bytes of request bodies.", registry=registry
        )
        self._sent = Counter("gateway_response_bytes", "Bytes of answers.", registry=registry)
        self._dropped = Counter(
            "gateway_log_lines_dropped",
            "Log lines dropped because the log's reader was too slow.",
            registry=registry,
        )
        self._add_backend_metrics(registry)
        # `labels` takes a lock and builds strings; a request should only look its counter up.
        self._request_counter = lru_cache(1024)(self._requests.labels)
        self._request_histogram = lru_cache(1024)(self._request_seconds.labels)
        self._upstream_counter = lru_cache(1024)(self._upstream.labels)
        self._upstream_histogram = lru_cache(1024)(self._upstream_seconds.labels)

    def _add_backend_metrics(self, registry: CollectorRegistry) -> None:
        self._upstream = Counter(
            "gateway_upstream_requests",
            "Requests to backends.",
            ["backend", "operation", "outcome"],
            registry=registry,
        )
        self._upstream_seconds = Histogram(
            "gateway_upstream_duration_seconds",
            "From a request to a backend to the end of its answer.",
            ["backend", "operation"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._breaker = Gauge(
            "gateway_breaker_state",
            "0 closed, 1 half open, 2 open; the worst of all workers.",
            ["backend"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._backend_up = Gauge(
            "gateway_backend_up",
            "1 up, 0 down; the worst of all workers; absent until the first answer.",
            ["backend"],
            registry=registry,
            multiprocess_mode="livemin",
        )
        self._stored = Counter(
            "gateway_instances_stored",
            "Instances that a backend took.",
            ["backend"],
            registry=registry,
        )

    def request_started(self) -> None:
        self._in_flight.inc()

    def request_finished(
        self, route: str, method: str, status: int, seconds: float, received: int, sent: int
    ) -> None:
        """`route` is a template, never a path; `received` and `sent` are bytes."""
        self._in_flight.dec()
        known = method if method in _METHODS else "other"
        self._request_counter(route, known, _STATUS_CLASSES[status // 100]).inc()
        self._request_histogram(route).observe(seconds)
        if received:
            self._received.inc(received)
        self._sent.inc(sent)

    def upstream_finished(self, backend: str, operation: str, outcome: str, seconds: float) -> None:
        """`operation` and `outcome` are each of a small set: `search`, `ok`, `timeout` ..."""
        self._upstream_counter(backend, operation, outcome).inc()
        self._upstream_histogram(backend, operation).observe(seconds)

    def breaker_changed(self, backend: str, state: BreakerState) -> None:
        self._breaker.labels(backend).set(state)

    def backend_health_changed(self, backend: str, up: bool) -> None:
        self._backend_up.labels(backend).set(up)

    def instances_stored(self, backend: str, count: int) -> None:
        self._stored.labels(backend).inc(count)

    def log_line_dropped(self) -> None:
        self._dropped.inc()

    def render(self) -> bytes:
        """The text that a Prometheus server reads. It may read files: not for the event loop."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        merged = CollectorRegistry()
        MultiProcessCollector(merged)  # type: ignore[no-untyped-call]  # it has no types
        return generate_latest(merged)
