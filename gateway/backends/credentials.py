"""How the gateway proves itself to an archive: one class a kind of `auth`.

What a class holds is in no repr, and what it raises never holds it. A client certificate is no
credential here: it belongs to the TLS of the session.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from yarl import URL

from gateway.backends.base import CallContext
from gateway.backends.status_map import unauthorised
from gateway.errors import BackendError

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it is about to be sent; a signature may cover all of it."""

    method: str
    url: URL
    has_body: bool
    context: CallContext


class Credentials(Protocol):
    """Headers that are added to each request to one backend."""

    @property
    def forwards(self) -> bool:
        """True if they are the caller's own: a refusal is then the caller's to hear."""

    async def headers(self, request: Outgoing) -> Mapping[str, str]:
        """BackendError if there are none to be had."""

    def renew(self, sent: Mapping[str, str]) -> bool:
        """The archive answered 401 to `sent`; True if the request may be sent again with others."""


class NoCredentials:
    """`none`: nothing is sent."""

    forwards = False

    async def headers(self, request: Outgoing) -> Mapping[str, str]:
        return _NONE

    def renew(self, sent: Mapping[str, str]) -> bool:
        return False


class FixedCredentials:
    """The same Authorization for every request."""

    forwards = False

    def __init__(self, authorization: str) -> None:
        self._headers = {"Authorization": authorization}

    async def headers(self, request: Outgoing) -> Mapping[str, str]:
        return self._headers

    def renew(self, sent: Mapping[str, str]) -> bool:
        return False


class ForwardCredentials:
    """`forward`: the caller's own bearer token, and 401 for a caller without one."""

    forwards = True

    def __init__(self, backend: str) -> None:
        self._backend = backend

    async def headers(self, request: Outgoing) -> Mapping[str, str]:
        token = request.context.caller.bearer_token
        if token is None:
            raise unauthorised(self._backend)
        return {"Authorization": f"Bearer {token}"}

    def renew(self, sent: Mapping[str, str]) -> bool:
        return False


def basic(username: str, password: str) -> str:
    """The Authorization of HTTP Basic, in UTF-8 (RFC 7617)."""
    pair = base64.b64encode(f"{username}:{password}".encode())
    return f"Basic {pair.decode('ascii')}"


def no_credentials_to_be_had(backend: str) -> BackendError:
    """502: whoever gives out the gateway's credentials did not."""
    return BackendError(
        502,
        "The gateway got no credentials for the archive.",
        "backend_credentials",
        backend=backend,
    )
