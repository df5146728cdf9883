"""What is known of a request before its handler runs, and where handlers find it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.access.principal import Principal
from gateway.web.deadline import Deadline

if TYPE_CHECKING:
    from gateway.services.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Scope:
    """A request's identity, origin, caller and time."""

    request_id: str
    public_base: str
    """Where the client reaches this gateway: scheme://host[:port], prefix and base path, such as
    `https://pacs.example.org/dicom-web`, with no slash at its end and no backend's part."""
    principal: Principal
    deadline: Deadline


SCOPE: web.RequestKey[Scope] = web.RequestKey("scope", Scope)
REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)
BACKEND: web.RequestKey[str] = web.RequestKey("backend", str)
"""The name of the backend that answers, for the access log; set by the handler."""


def scope_of(request: web.Request) -> Scope:
    """The scope that the middleware has made for this request."""
    return request[SCOPE]


def runtime_of(request: web.Request) -> "Runtime":
    """The running set that answers this request, the same for its whole life."""
    return request[RUNTIME]


RUNTIME: "web.RequestKey[Runtime]" = web.RequestKey("runtime")
