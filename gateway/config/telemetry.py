"""`telemetry`: logs, metrics and traces; never patient data, tokens or query values."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.config.addresses import HttpUrl
from gateway.config.choices import Flag
from gateway.config.section import Lacking, Section


class LogConfig(Section):
    """The log, on standard output."""

    format: Literal["json", "text"] = "json"
    """json: an object a line, for machines. text: for people."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """What is written, from this level up."""


class MetricsConfig(Section):
    """Metrics for Prometheus, at /metrics."""

    enabled: Flag = True
    """false: /metrics is not there."""


class TracingConfig(Section):
    """Traces for OpenTelemetry."""

    otlp_endpoint: Annotated[HttpUrl | None, Lacking()] = None
    """The collector. null: off."""
    sample: Annotated[float, Field(ge=0, le=1)] = 0.1
    """The share of requests that are traced."""


class TelemetryConfig(Section):
    """Logs, metrics and traces; never with patient data, tokens or query values."""

    log: LogConfig = LogConfig()
    metrics: MetricsConfig = MetricsConfig()
    tracing: TracingConfig = TracingConfig()
