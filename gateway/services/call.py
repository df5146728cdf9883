"""What every use-case is told of the request that it serves."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.access.principal import Principal
from gateway.backends.base import CallContext
from gateway.dicom.links import Links


def _nobody_asks(backend: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks, below which base, and for which backend alone (None: for all of them)."""

    principal: Principal
    request_id: str
    links: Links
    backend: str | None = None
    trace_parent: str | None = None
    on_planned: Callable[[str], None] = _nobody_asks
    """Told the name of the backend that answers."""

    @property
    def context(self) -> CallContext:
        return CallContext(
            caller=self.principal, request_id=self.request_id, trace_parent=self.trace_parent
        )
