"""RetrieveBulkdata (PS3.18 10.4.1.1.5): by the URIs that the gateway's own metadata gives."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

from gateway.backends.base import Backend, Part
from gateway.dicom.acceptable import Acceptable
from gateway.dicom.attribute_path import find_attribute, walk_attributes
from gateway.dicom.links import Links
from gateway.dicom.media_types import MediaType
from gateway.dicom.negotiation import Action, Choice, choose_bulkdata
from gateway.dicom.resources import Attribute, Dataset, Resource
from gateway.errors import StreamBroken, not_found
from gateway.services.bulkdata_source import BulkdataSource
from gateway.services.call import Call
from gateway.services.negotiated import negotiated
from gateway.services.outgoing import BulkdataLink, bulkdata_link, is_bulkdata
from gateway.services.plan import Planner
from gateway.services.representation import Representation, Retrieved
from gateway.services.view import View


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
        own = self._view.incoming(instance)
        backend = await self._planner.retrieve(call, own)
        source = BulkdataSource(backend, call.context)
        async with source.at(own, f"{own.path}/{below}") as parts:
            located = _located(parts, call.links.bulkdata(instance, below))
            yield await negotiated(located, acceptables, _represent)

    @asynccontextmanager
    async def of_attribute(
        self, call: Call, instance: Resource, path: str, acceptables: Sequence[Acceptable]
    ) -> AsyncIterator[Retrieved]:
        """The value of one attribute, found through the instance's metadata."""
        own = self._view.incoming(instance)
        backend = await self._planner.retrieve(call, own)
        source = BulkdataSource(backend, call.context)
        metadata = await source.metadata(own)
        attribute = find_attribute(metadata, path)
        if attribute is None or not _has_value(attribute):
            raise not_found("The instance has no such bulk data.")
        links = call.links.through(self._view.shown)
        link = bulkdata_link(path, attribute, own, own, backend, links)
        if link is None:
            raise not_found("The bulk data lies outside of the archive.")
        async with source.of(own, metadata, path[-8:], link.location or attribute) as parts:
            yield await negotiated(_located(parts, link.url), acceptables, _represent)

    @asynccontextmanager
    async def of_resource(
        self, call: Call, resource: Resource, acceptables: Sequence[Acceptable]
    ) -> AsyncIterator[Retrieved]:
        """All bulk data of each instance, every part with its Content-Location."""
        own = self._view.incoming(resource)
        backend = await self._planner.retrieve(call, own)
        source = BulkdataSource(backend, call.context)
        links = call.links.through(self._view.shown)
        async with aclosing(_all_values(source, own, backend, links)) as parts:
            yield await negotiated(parts, acceptables, _represent)


async def _all_values(
    source: BulkdataSource, resource: Resource, backend: Backend, links: Links
) -> AsyncGenerator[Part, None]:
    for instance in await source.instances(resource):
        metadata = await source.metadata(instance)
        for tag, attribute, link in _links(metadata, instance, backend, links):
            async with source.of(instance, metadata, tag, link.location or attribute) as parts:
                async for part in parts:
                    yield replace(part, location=link.url)


def _links(
    metadata: Dataset, instance: Resource, backend: Backend, links: Links
) -> Iterator[tuple[str, Attribute, BulkdataLink]]:
    """Tag and attribute of all that has bulk data, and where that is to be had."""
    for path, holder, tag in walk_attributes(metadata):
        attribute = holder[tag]
        if is_bulkdata(tag, attribute):
            link = bulkdata_link(path, attribute, instance, instance, backend, links)
            if link is not None:
                yield tag, attribute, link


async def _located(parts: AsyncIterator[Part], url: str) -> AsyncIterator[Part]:
    async for part in parts:
        yield replace(part, location=url)


def _has_value(attribute: Attribute) -> bool:
    return "BulkDataURI" in attribute or "InlineBinary" in attribute


async def _represent(
    part: Part, acceptables: Sequence[Acceptable]
) -> tuple[Choice, Representation] | None:
    """Labelled by the type that was accepted, which may be mere octets."""
    choice = choose_bulkdata(acceptables, part.media_type)
    if choice is None:
        return None
    if choice.action is not Action.KEEP:
        # Its numbers would need their size to be swapped, which a value alone does not tell.
        raise StreamBroken(502, "The archive sent big-endian values.", "backend_answer")
    syntax = choice.transfer_syntax
    parameters = (("transfer-syntax", syntax),) if syntax else ()
    media_type = MediaType(choice.media_type, parameters)
    return choice, Representation(media_type, part.chunks, part.length, part.location)
