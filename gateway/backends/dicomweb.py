"""The `dicomweb` backend: an archive that speaks DICOMweb, with all that its kind lacks."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

from gateway.backends.base import (
    CallContext,
    Capabilities,
    Health,
    Instance,
    Parts,
    SearchPage,
)
from gateway.backends.bulkdata_location import relative_location
from gateway.backends.capabilities import beginner, with_learned
from gateway.backends.dicomweb_frames import DicomWebFrames
from gateway.backends.dicomweb_retrieve import DicomWebRetrieve
from gateway.backends.dicomweb_search import search
from gateway.backends.dicomweb_store import store
from gateway.backends.health import Vitals
from gateway.backends.transport import Transport
from gateway.dicom.operations import Operation
from gateway.dicom.render_options import RenderedRequest
from gateway.dicom.resources import Dataset, Resource
from gateway.dicom.search.query import SearchQuery
from gateway.dicom.store_report import StoreReport
from gateway.telemetry.metrics import Metrics


class DicomWebBackend:
    """Implements `gateway.backends.base.Backend` over one transport."""

    def __init__(
        self,
        base: str,
        services: Sequence[Operation],
        capabilities: Capabilities,
        transport: Transport,
        vitals: Vitals,
        metrics: Metrics,
    ) -> None:
        self._base = base
        self._services = frozenset(services)
        self._capabilities = capabilities
        self._transport = transport
        self._vitals = vitals
        self._metrics = metrics
        self._learned = beginner(capabilities)
        self._retrieve = DicomWebRetrieve(transport, self._learned)
        self._frames = DicomWebFrames(transport, self._learned, self._retrieve)

    @property
    def name(self) -> str:
        return self._transport.backend

    @property
    def services(self) -> frozenset[Operation]:
        return self._services

    @property
    def capabilities(self) -> Capabilities:
        return with_learned(self._capabilities, self._learned)

    @property
    def health(self) -> Health:
        return self._vitals.health

    async def search(self, query: SearchQuery, context: CallContext) -> SearchPage:
        return await search(self._transport, query, context, self._learned)

    def retrieve_metadata(
        self, resource: Resource, context: CallContext
    ) -> AbstractAsyncContextManager[AsyncIterator[Dataset]]:
        return self._retrieve.metadata(resource, context)

    def retrieve_instances(self, resource: Resource, context: CallContext) -> Parts:
        return self._retrieve.instances(resource, context)

    def retrieve_frames(
        self, instance: Resource, frames: tuple[int, ...], context: CallContext
    ) -> Parts:
        return self._frames.frames(instance, frames, context)

    def retrieve_bulkdata(self, instance: Resource, location: str, context: CallContext) -> Parts:
        return self._retrieve.bulkdata(location, context)

    def retrieve_rendered(self, request: RenderedRequest, context: CallContext) -> Parts:
        return self._retrieve.rendered(request, context)

    async def store(
        self, instances: Sequence[Instance], study: str | None, context: CallContext
    ) -> StoreReport:
        report = await store(self._transport, instances, study, context)
        self._metrics.instances_stored(self.name, len(report.stored))
        return report

    def relative_location(self, uri: str, requested: Resource) -> str | None:
        return relative_location(uri, self._base, requested)
