"""What is known of a request before its handler runs, and where handlers find it."""

from dataclasses import dataclass, field
from time import perf_counter

from aiohttp import web

from gateway.access.principal import Principal
from gateway.services.runtime import Runtime
from gateway.web.deadline import Deadline


@dataclass(frozen=True, slots=True)
class Scope:
    """A request's identity, origin, caller and time."""

    request_id: str
    public_base: str
    """Where the client reaches this gateway: scheme://host[:port], prefix and base path, such as
    `https://pacs.example.org/dicom-web`, with no slash at its end and no backend's part."""
    principal: Principal
    deadline: Deadline


@dataclass(slots=True)
class Notes:
    """What the access log will say of a request, written down as it becomes known."""

    request_id: str
    deadline: Deadline
    started: float = field(default_factory=perf_counter)
    client: str = ""
    """The address that the request came from, as far as proxies are trusted to say so."""
    public_base: str = ""
    backend: str = ""
    failure: str = ""
    """A GatewayError's category, or what else ended the request early."""
    upstream_status: int | None = None
    """What the archive answered, where that is why the request failed."""
    response: web.StreamResponse | None = None
    """The answer whose headers have been made, if any have."""


SCOPE: web.RequestKey[Scope] = web.RequestKey("scope", Scope)
NOTES: web.RequestKey[Notes] = web.RequestKey("notes", Notes)
RUNTIME: web.RequestKey[Runtime] = web.RequestKey("runtime", Runtime)


def scope_of(request: web.Request) -> Scope:
    """The scope that the middleware has made for this request."""
    return request[SCOPE]


def runtime_of(request: web.Request) -> Runtime:
    """The running set that answers this request, the same for its whole life."""
    return request[RUNTIME]


def note_backend(request: web.Request, name: str) -> None:
    """Tell the access log which backend answers; only a configured name."""
    request[NOTES].backend = name
