"""RetrieveBulkdata (PS3.18 10.4.1.1.5): by the URIs that the gateway's own metadata gives."""

import base64
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

from gateway.backends.base import Backend, CallContext, Part
from gateway.dicom.acceptable import Acceptable
from gateway.dicom.attribute_path import find_attribute, walk_attributes
from gateway.dicom.dicom_json import honest
from gateway.dicom.media_types import OCTETS, MediaType
from gateway.dicom.negotiation import Choice, choose_bulkdata
from gateway.dicom.resources import Attribute, Dataset, Resource
from gateway.dicom.streams import once
from gateway.errors import not_found
from gateway.services.call import Call
from gateway.services.negotiated import negotiated
from gateway.services.outgoing import bulkdata_url, instance_of, is_bulkdata
from gateway.services.pixel_fragments import PIXEL_DATA_LOCATION, frames_of_fragments
from gateway.services.plan import Planner
from gateway.services.representation import Representation, Retrieved
from gateway.services.view import View

_OCTETS = MediaType(OCTETS)
_NUMBER_OF_FRAMES = "00280008"


class RetrieveBulkdata:
    """Follows a location only as a path below the backend that the metadata came from."""

    def __init__(self, planner: Planner, view: View) -> None:
        self._planner = planner
        self._view = view

    @asynccontextmanager
    async def at_location(
        self, call: Call, instance: Resource, below: str, acceptables: Sequence[Acceptable]
    ) -> AsyncIterator[Retrieved]:
        """Bulk data that the archive keeps below its instance, e.g. `bulk/60003000`."""
        instance = self._view.incoming(instance)
        backend = await self._planner.retrieve(call, instance)
        location = f"{instance.path}/{below}"
        async with _bulkdata(backend, instance, location, call) as parts:
            located = _located(parts, call.links.below(location))
            yield await negotiated(located, acceptables, _represent)

    @asynccontextmanager
    async def of_attribute(
        self, call: Call, instance: Resource, path: str, acceptables: Sequence[Acceptable]
    ) -> AsyncIterator[Retrieved]:
        """The value of one attribute, found through the instance's metadata."""
        instance = self._view.incoming(instance)
        backend = await self._planner.retrieve(call, instance)
        attribute = find_attribute(await _metadata(backend, instance, call.context), path)
        if attribute is None or not _has_value(attribute):
            raise not_found("The instance has no such bulk data.")
        url = call.links.attribute(instance, path)
        values = _values(attribute, url, instance, instance, backend, call)
        async with aclosing(values) as parts:
            yield await negotiated(parts, acceptables, _represent)

    @asynccontextmanager
    async def of_resource(
        self, call: Call, resource: Resource, acceptables: Sequence[Acceptable]
    ) -> AsyncIterator[Retrieved]:
        """All bulk data of each instance, every part with its Content-Location."""
        resource = self._view.incoming(resource)
        backend = await self._planner.retrieve(call, resource)
        async with (
            backend.retrieve_metadata(resource, call.context) as datasets,
            aclosing(_all_values(datasets, resource, backend, call)) as parts,
        ):
            yield await negotiated(parts, acceptables, _represent)


async def _all_values(
    datasets: AsyncIterator[Dataset], resource: Resource, backend: Backend, call: Call
) -> AsyncGenerator[Part, None]:
    async for dataset in datasets:
        dataset = honest(dataset)
        instance = instance_of(dataset, resource)
        for path, holder, tag in walk_attributes(dataset):
            if not is_bulkdata(tag, holder[tag]):
                continue
            url = bulkdata_url(path, holder[tag], resource, instance, backend, call.links)
            if url is not None:
                values = _values(holder[tag], url, instance, resource, backend, call)
                async with aclosing(values) as parts:
                    async for part in parts:
                        yield part


async def _located(parts: AsyncIterator[Part], url: str) -> AsyncIterator[Part]:
    async for part in parts:
        yield replace(part, location=url)


async def _metadata(backend: Backend, instance: Resource, context: CallContext) -> Dataset:
    async with backend.retrieve_metadata(instance, context) as datasets:
        dataset = await anext(datasets, None)
    if dataset is None:
        raise not_found("The archive has no such instance.")
    dataset = honest(dataset)
    instance_of(dataset, instance)
    return dataset


def _has_value(attribute: Attribute) -> bool:
    return "BulkDataURI" in attribute or "InlineBinary" in attribute


async def _values(
    attribute: Attribute,
    url: str,
    instance: Resource,
    requested: Resource,
    backend: Backend,
    call: Call,
) -> AsyncGenerator[Part, None]:
    """The parts of one attribute's bulk data, located at the gateway's own URL of it."""
    if "InlineBinary" in attribute:
        yield _inline(attribute, url)
        return
    location = backend.relative_location(str(attribute["BulkDataURI"]), requested)
    if location is None:
        raise not_found("The bulk data lies outside of the archive.")
    async with _bulkdata(backend, instance, location, call) as parts:
        async for part in parts:
            yield replace(part, location=url)


@asynccontextmanager
async def _bulkdata(
    backend: Backend, instance: Resource, location: str, call: Call
) -> AsyncIterator[AsyncIterator[Part]]:
    """What lies there; pixel data a part a frame."""

    async def count() -> int:
        said = (await _metadata(backend, instance, call.context)).get(_NUMBER_OF_FRAMES, {})
        value = next(iter(said.get("Value", ())), 1)
        return value if isinstance(value, int) else 1

    async with backend.retrieve_bulkdata(instance, location, call.context) as parts:
        is_pixel_data = location.lower().endswith(PIXEL_DATA_LOCATION)
        yield frames_of_fragments(parts, count) if is_pixel_data else parts


def _inline(attribute: Attribute, url: str) -> Part:
    data = base64.b64decode(attribute["InlineBinary"])
    return Part(_OCTETS, once(data), len(data), url)


async def _represent(
    part: Part, acceptables: Sequence[Acceptable]
) -> tuple[Choice, Representation] | None:
    """Labelled by the type that was accepted, which may be mere octets."""
    choice = choose_bulkdata(acceptables, part.media_type)
    if choice is None:
        return None
    syntax = choice.transfer_syntax
    parameters = (("transfer-syntax", syntax),) if syntax else ()
    media_type = MediaType(choice.media_type, parameters)
    return choice, Representation(media_type, part.chunks, part.length, part.location)
