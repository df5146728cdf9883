"""Counters: what they count, under labels that nobody outside can multiply."""

import os
import subprocess
import sys
from pathlib import Path

from gateway.telemetry.metrics import BreakerState, Metrics
from tests.fakes.prometheus_text import samples


def test_a_request_is_in_flight_until_it_is_finished() -> None:
    metrics = Metrics()
    metrics.request_started()
    metrics.request_started()
    metrics.request_finished("/studies", "GET", 200, 0.02, received=0, sent=100)

    assert samples(metrics.render())["gateway_requests_in_flight", ""] == 1.0


def test_requests_are_counted_by_route_method_and_class_of_status() -> None:
    metrics = Metrics()
    for status in (200, 206, 404):
        metrics.request_started()
        metrics.request_finished("/studies", "GET", status, 0.02, received=7, sent=100)

    found = samples(metrics.render())
    assert found["gateway_requests_total", "method=GET,route=/studies,status=2xx"] == 2.0
    assert found["gateway_requests_total", "method=GET,route=/studies,status=4xx"] == 1.0
    assert found["gateway_request_bytes_total", ""] == 21.0
    assert found["gateway_response_bytes_total", ""] == 300.0
    assert found["gateway_request_duration_seconds_count", "route=/studies"] == 3.0
    assert found["gateway_request_duration_seconds_bucket", "le=0.01,route=/studies"] == 0.0
    assert found["gateway_request_duration_seconds_bucket", "le=0.025,route=/studies"] == 3.0


def test_a_method_that_a_client_invents_is_no_label() -> None:
    metrics = Metrics()
    metrics.request_finished("unmatched", "EVIL1", 405, 0.0, received=0, sent=0)
    metrics.request_finished("unmatched", "EVIL2", 405, 0.0, received=0, sent=0)

    found = samples(metrics.render())
    assert found["gateway_requests_total", "method=other,route=unmatched,status=4xx"] == 2.0


def test_what_backends_do_is_counted_by_backend() -> None:
    metrics = Metrics()
    metrics.upstream_finished("pacs", "search", "ok", 0.5)
    metrics.upstream_finished("pacs", "search", "timeout", 10.0)
    metrics.breaker_changed("pacs", BreakerState.OPEN)
    metrics.backend_health_changed("pacs", up=False)
    metrics.instances_stored("pacs", 3)
    metrics.log_line_dropped()

    found = samples(metrics.render())
    ok, timeout = "backend=pacs,operation=search,outcome=ok", "timeout"
    assert found["gateway_upstream_requests_total", ok] == 1.0
    assert found["gateway_upstream_requests_total", ok.replace("ok", timeout)] == 1.0
    assert found["gateway_upstream_duration_seconds_sum", "backend=pacs,operation=search"] == 10.5
    assert found["gateway_breaker_state", "backend=pacs"] == 2.0
    assert found["gateway_backend_up", "backend=pacs"] == 0.0
    assert found["gateway_instances_stored_total", "backend=pacs"] == 3.0
    assert found["gateway_log_lines_dropped_total", ""] == 1.0


def test_two_sets_of_metrics_do_not_meet() -> None:
    first, second = Metrics(), Metrics()
    first.request_started()

    assert samples(second.render())["gateway_requests_in_flight", ""] == 0.0


_WORKER = """
import sys
from gateway.telemetry.metrics import Metrics
metrics = Metrics()
metrics.request_started()
metrics.request_started()
metrics.request_finished("/studies", "GET", 200, 0.02, received=0, sent=100)
metrics.backend_health_changed("pacs", up=sys.argv[1] == "up")
sys.stdout.write(metrics.render().decode())
"""


def test_whichever_process_is_asked_answers_for_all(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for health in ("up", "down"):
        text = subprocess.run(
            [sys.executable, "-c", _WORKER, health],
            env=environment,
            capture_output=True,
            check=True,
        ).stdout

    found = samples(text)
    assert found["gateway_requests_total", "method=GET,route=/studies,status=2xx"] == 2.0
    assert found["gateway_requests_in_flight", ""] == 2.0
    assert found["gateway_backend_up", "backend=pacs"] == 0.0
