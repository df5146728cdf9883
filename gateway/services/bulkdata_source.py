"""One archive's bulk data, never with two of its answers open at once.

Each open answer holds one of the connections to the archive, and there may be but one: who asked
for something else meanwhile could wait for itself.
"""

import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from gateway.backends.base import Backend, CallContext, Part
from gateway.dicom.dicom_json import honest
from gateway.dicom.media_types import OCTETS, MediaType
from gateway.dicom.resources import Attribute, Dataset, Level, Resource
from gateway.dicom.streams import once
from gateway.errors import not_found
from gateway.services.large_datasets import worked
from gateway.services.outgoing import instance_of
from gateway.services.pixel_data import (
    PIXEL_DATA,
    StoredPixels,
    is_pixel_data,
    pixel_parts,
    stored_pixels,
)

_OCTETS = MediaType(OCTETS)


class BulkdataSource:
    """Asks one question after another."""

    def __init__(self, backend: Backend, context: CallContext) -> None:
        self._backend = backend
        self._context = context

    async def metadata(self, instance: Resource) -> Dataset:
        """An instance's dataset, made honest; 404 if there is none."""
        async with self._backend.retrieve_metadata(instance, self._context) as datasets:
            found = await anext(datasets, None)
        if found is None:
            raise not_found("The archive has no such instance.")
        dataset = await worked(found, lambda: honest(found))
        instance_of(dataset, instance)
        return dataset

    async def instances(self, resource: Resource) -> Sequence[Resource]:
        """The instances of a resource; of its metadata no more than their UIDs is kept."""
        if resource.level is Level.INSTANCE:
            return [resource]
        async with self._backend.retrieve_metadata(resource, self._context) as datasets:
            return [await self._named(dataset, resource) async for dataset in datasets]

    @asynccontextmanager
    async def at(self, instance: Resource, location: str) -> AsyncIterator[AsyncIterator[Part]]:
        """What lies at a location below the instance."""
        stored = None
        if is_pixel_data(location):
            stored = await self._stored(instance, await self.metadata(instance))
        async with self._read(instance, location, stored) as parts:
            yield parts

    @asynccontextmanager
    async def of(
        self, instance: Resource, metadata: Dataset, tag: str, value: Attribute | str
    ) -> AsyncIterator[AsyncIterator[Part]]:
        """The value of an attribute of the instance: it lies at a location, or in the attribute."""
        stored = await self._stored(instance, metadata) if tag in PIXEL_DATA else None
        if isinstance(value, str):
            async with self._read(instance, value, stored) as parts:
                yield parts
        else:
            inline = value["InlineBinary"]
            data = await worked({tag: value}, lambda: base64.b64decode(inline))
            yield _parts(once(Part(_OCTETS, once(data), len(data))), stored)

    async def _named(self, dataset: Dataset, resource: Resource) -> Resource:
        return instance_of(await worked(dataset, lambda: honest(dataset)), resource)

    async def _stored(self, instance: Resource, metadata: Dataset) -> StoredPixels:
        return await stored_pixels(self._backend, instance, metadata, self._context)

    @asynccontextmanager
    async def _read(
        self, instance: Resource, location: str, stored: StoredPixels | None
    ) -> AsyncIterator[AsyncIterator[Part]]:
        async with self._backend.retrieve_bulkdata(instance, location, self._context) as parts:
            yield _parts(parts, stored)


def _parts(parts: AsyncIterator[Part], stored: StoredPixels | None) -> AsyncIterator[Part]:
    return parts if stored is None else pixel_parts(parts, stored)
