"""Authorise, then plan: no use-case reaches a backend but through here."""

from gateway.access.policy import AccessRequest, Policy
from gateway.backends.base import Backend
from gateway.dicom.operations import Operation
from gateway.dicom.resources import Resource
from gateway.dicom.search.query import SearchQuery
from gateway.services.call import Call
from gateway.services.locate import Locate
from gateway.services.routing import Routing


class Planner:
    """Asks the policy before it names a backend, on every path alike."""

    def __init__(self, routing: Routing, locate: Locate, policy: Policy) -> None:
        self._routing = routing
        self._locate = locate
        self._policy = policy

    async def search(self, call: Call, query: SearchQuery) -> tuple[Backend, SearchQuery]:
        """The backend to search, and the query narrowed to what the principal may see."""
        backend = self._routing.resolve(Operation.SEARCH, call.backend)
        scope = Resource(query.study, query.series) if query.study is not None else None
        await self._authorise(call, Operation.SEARCH, scope, backend)
        return backend, await self._policy.narrow(query, call.principal)

    async def retrieve(self, call: Call, resource: Resource) -> Backend:
        """The backend that has the resource."""
        facts = await self._locate.locate(resource, call.backend)
        backend = facts.backends[0]
        await self._authorise(call, Operation.RETRIEVE, resource, backend)
        return backend

    async def store(self, call: Call, study: str | None) -> Backend:
        """The backend that takes what is stored; each instance is asked for on its own too."""
        backend = self._routing.resolve(Operation.STORE, call.backend)
        scope = Resource(study) if study is not None else None
        await self._authorise(call, Operation.STORE, scope, backend)
        return backend

    async def _authorise(
        self, call: Call, operation: Operation, resource: Resource | None, backend: Backend
    ) -> None:
        await self._policy.authorise(
            AccessRequest(call.principal, operation, resource, (backend.name,))
        )
        call.on_planned(backend.name)
