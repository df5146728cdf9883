"""Store transactions (PS3.18 10.5)."""

from collections.abc import Callable, Mapping
from contextlib import aclosing

from aiohttp import hdrs, web

from gateway.dicom.acceptable import acceptable_store
from gateway.dicom.dicom_json import dump_json
from gateway.dicom.dicom_xml import to_xml
from gateway.dicom.links import Links
from gateway.dicom.media_types import DICOM_JSON, DICOM_XML
from gateway.dicom.resources import Dataset, Resource
from gateway.dicom.store_report import StoreReport
from gateway.services.incoming import StoreRequest
from gateway.web.expect import send_continue
from gateway.web.parsing import accept_of, call_of, scope_uids_of
from gateway.web.scope import note_backend, runtime_of, scope_of
from gateway.web.store_body import parts_of

_WRITERS: Mapping[str, Callable[[Dataset], bytes]] = {
    DICOM_JSON: dump_json,
    DICOM_XML: to_xml,
}


async def store_instances(request: web.Request) -> web.StreamResponse:
    """StoreInstances, of any study or of the one that the path names.

    All that can be refused without the body is refused before it is asked for.
    """
    call, (study, _) = call_of(request), scope_uids_of(request)
    media_type = acceptable_store(accept_of(request))
    runtime = runtime_of(request)
    limits = runtime.config.server.limits
    parts = parts_of(request, limits.store_request, limits.store_instance)
    plan = await runtime.store.plan(call, study)
    note_backend(request, plan.primary.backend.name)
    await send_continue(request)
    asked = StoreRequest(call, study, plan, scope_of(request).deadline.extend)
    async with aclosing(parts):
        report = await runtime.store.store(asked, parts)
    return _answer(report, media_type, call.links)


def _answer(report: StoreReport, media_type: str, links: Links) -> web.Response:
    """The Store Instances Response Module; its media type has no charset parameter (F.2)."""
    body = _WRITERS[media_type](report.to_dataset(links.retrieve))
    response = web.Response(body=body, status=report.status)
    response.headers[hdrs.CONTENT_TYPE] = media_type
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    if report.study is not None:
        response.headers[hdrs.LOCATION] = links.retrieve(Resource(report.study))
    return response
