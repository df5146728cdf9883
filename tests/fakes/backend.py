"""An archive in memory: a whole Backend, for tests of what stands above the seam."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from gateway.backends.base import (
    CallContext,
    Capabilities,
    Health,
    Instance,
    Part,
    SearchPage,
)
from gateway.dicom.operations import Operation
from gateway.dicom.render_options import RenderedRequest
from gateway.dicom.resources import Dataset, Resource
from gateway.dicom.search.query import SearchQuery
from gateway.dicom.store_report import StoredInstance, StoreReport

READ = frozenset({Operation.SEARCH, Operation.RETRIEVE, Operation.STORE})


@dataclass
class MemoryBackend:
    """Answers what it was given, and writes down each call as (method, argument)."""

    name: str = "memory"
    services: frozenset[Operation] = READ
    capabilities: Capabilities = field(default_factory=Capabilities)
    health: Health = Health.UP
    rows: Sequence[Dataset] = ()
    metadata: Sequence[Dataset] = ()
    parts: Sequence[Part] = ()
    files: Sequence[Part] | None = None
    """The instances, where they are not the parts."""
    locations: dict[str, str | None] = field(default_factory=dict)
    """What `relative_location` makes of a URI."""
    calls: list[tuple[str, Any]] = field(default_factory=list)

    async def search(self, query: SearchQuery, context: CallContext) -> SearchPage:
        self.calls.append(("search", query))
        return SearchPage(self.rows)

    @asynccontextmanager
    async def retrieve_metadata(
        self, resource: Resource, context: CallContext
    ) -> AsyncIterator[AsyncIterator[Dataset]]:
        self.calls.append(("metadata", resource))
        yield each(self.metadata)

    @asynccontextmanager
    async def retrieve_instances(
        self, resource: Resource, context: CallContext
    ) -> AsyncIterator[AsyncIterator[Part]]:
        self.calls.append(("instances", resource))
        yield each(self.parts if self.files is None else self.files)

    @asynccontextmanager
    async def retrieve_frames(
        self, instance: Resource, frames: tuple[int, ...], context: CallContext
    ) -> AsyncIterator[AsyncIterator[Part]]:
        self.calls.append(("frames", frames))
        yield each(self.parts)

    @asynccontextmanager
    async def retrieve_bulkdata(
        self, instance: Resource, location: str, context: CallContext
    ) -> AsyncIterator[AsyncIterator[Part]]:
        self.calls.append(("bulkdata", location))
        yield each(self.parts)

    @asynccontextmanager
    async def retrieve_rendered(
        self, request: RenderedRequest, context: CallContext
    ) -> AsyncIterator[AsyncIterator[Part]]:
        self.calls.append(("rendered", request))
        yield each(self.parts)

    async def store(
        self, instances: Sequence[Instance], study: str | None, context: CallContext
    ) -> StoreReport:
        self.calls.append(("store", [instance.resource for instance in instances]))
        return StoreReport(
            tuple(StoredInstance(instance.resource, instance.sop_class) for instance in instances)
        )

    def relative_location(self, uri: str, requested: Resource) -> str | None:
        return self.locations.get(uri)


async def each(items: Sequence[Any]) -> AsyncIterator[Any]:
    """The items, one at a time."""
    for item in items:
        yield item
