"""RetrieveMetadata (PS3.18 10.4.1.1.2): each instance's dataset, as it may leave."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.backends.base import Backend
from gateway.dicom.dicom_json import dump_json
from gateway.dicom.resources import Dataset, Resource
from gateway.errors import not_found
from gateway.services.call import Call
from gateway.services.large_datasets import worked
from gateway.services.outgoing import outgoing_metadata
from gateway.services.plan import Planner
from gateway.services.view import View


class RetrieveMetadata:
    """Streams: no more than one instance's dataset is held at a time."""

    def __init__(self, planner: Planner, view: View) -> None:
        self._planner = planner
        self._view = view

    @asynccontextmanager
    async def retrieve(self, call: Call, resource: Resource) -> AsyncIterator[AsyncIterator[bytes]]:
        """The DICOM JSON of each instance; 404 if there is none."""
        resource = self._view.incoming(resource)
        backend = await self._planner.retrieve(call, resource)
        async with backend.retrieve_metadata(resource, call.context) as datasets:
            first = await anext(datasets, None)
            if first is None:
                raise not_found("The archive has no such resource.")
            yield self._shaped(first, datasets, call, resource, backend)

    async def _shaped(
        self,
        first: Dataset,
        rest: AsyncIterator[Dataset],
        call: Call,
        resource: Resource,
        backend: Backend,
    ) -> AsyncIterator[bytes]:
        yield await self._shape(first, call, resource, backend)
        async for dataset in rest:
            yield await self._shape(dataset, call, resource, backend)

    async def _shape(
        self, dataset: Dataset, call: Call, resource: Resource, backend: Backend
    ) -> bytes:
        def shape() -> bytes:
            links = call.links.through(self._view.shown)
            shaped = outgoing_metadata(dataset, resource, backend, links)
            return dump_json(self._view.outgoing(shaped))

        return await worked(dataset, shape)
