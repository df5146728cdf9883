"""The seam where rules decide; asked before every plan and before every cache look-up."""

from dataclasses import dataclass
from typing import Protocol

from gateway.access.principal import Principal
from gateway.dicom.operations import Operation
from gateway.dicom.resources import Resource
from gateway.dicom.search.query import SearchQuery


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """One operation on one resource (None: on whatever the operation finds) and the backends
    that the plan would use."""

    principal: Principal
    operation: Operation
    resource: Resource | None
    backends: tuple[str, ...]


class Policy(Protocol):
    """Denies by raising a GatewayError of 403 or 404; returning is a yes."""

    async def authorise(self, request: AccessRequest) -> None:
        """Raise unless the principal may do all of this."""

    async def narrow(self, query: SearchQuery, principal: Principal) -> SearchQuery:
        """The query that finds no more than the principal may see."""


class AllowAll:
    """The policy of `auth.mode: none`: whoever reaches the gateway may do what the backends do."""

    async def authorise(self, request: AccessRequest) -> None:
        return None

    async def narrow(self, query: SearchQuery, principal: Principal) -> SearchQuery:
        return query
