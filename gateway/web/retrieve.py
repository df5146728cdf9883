"""Retrieve transactions (PS3.18 10.4)."""

from collections.abc import Sequence

from aiohttp import web

from gateway.dicom.acceptable import (
    Acceptable,
    acceptable_bulkdata,
    acceptable_frames,
    acceptable_instances,
    acceptable_metadata,
    acceptable_rendered,
    wants_bulkdata,
)
from gateway.dicom.attribute_path import parse_attribute_path
from gateway.dicom.media_types import DICOM_JSON
from gateway.dicom.render_options import RenderedRequest
from gateway.dicom.resources import Level, Resource
from gateway.services.call import Call
from gateway.services.representation import Retrieved
from gateway.web.boundaries import keyed_boundary, random_boundary
from gateway.web.multipart_body import retrieved_body
from gateway.web.parsing import (
    accept_of,
    bulkdata_path_of,
    call_of,
    frames_of,
    parameters_of,
    resource_of,
)
from gateway.web.partial_content import as_asked
from gateway.web.scope import runtime_of
from gateway.web.writing import Body, json_array, write_body


async def retrieve_metadata(request: web.Request) -> web.StreamResponse:
    """RetrieveMetadata of a study, series or instance (10.4.1.1.2)."""
    acceptable_metadata(accept_of(request))
    retrieve = runtime_of(request).metadata.retrieve
    async with retrieve(call_of(request), resource_of(request)) as datasets:
        return await write_body(request, Body(DICOM_JSON, json_array(datasets)))


async def retrieve_instances(request: web.Request) -> web.StreamResponse:
    """RetrieveStudy, RetrieveSeries, RetrieveInstance (10.4.1.1.1)."""
    call, resource, ranges = call_of(request), resource_of(request), accept_of(request)
    if wants_bulkdata(ranges):
        return await _all_bulkdata(request, call, resource, acceptable_bulkdata(ranges))
    acceptables = acceptable_instances(ranges, resource.level)
    retrieve = runtime_of(request).instances.retrieve
    async with retrieve(call, resource, acceptables) as retrieved:
        if retrieved.multipart:
            return await _write_once(request, retrieved)
        return await _write_stable(request, retrieved)


async def _all_bulkdata(
    request: web.Request, call: Call, resource: Resource, acceptables: Sequence[Acceptable]
) -> web.StreamResponse:
    retrieve = runtime_of(request).bulkdata.of_resource
    async with retrieve(call, resource, acceptables) as retrieved:
        if resource.level is Level.INSTANCE:
            return await _write_stable(request, retrieved)
        return await _write_once(request, retrieved)


async def retrieve_frames(request: web.Request) -> web.StreamResponse:
    """RetrieveFrames (10.4.1.1.6)."""
    frames = frames_of(request)
    acceptables = acceptable_frames(accept_of(request), len(frames))
    retrieve = runtime_of(request).frames.retrieve
    async with retrieve(call_of(request), resource_of(request), frames, acceptables) as retrieved:
        return await _write_stable(request, retrieved)


async def retrieve_bulkdata(request: web.Request) -> web.StreamResponse:
    """RetrieveBulkdata by a path that the archive keeps below the instance (10.4.1.1.5)."""
    below = bulkdata_path_of(request)
    acceptables = acceptable_bulkdata(accept_of(request))
    retrieve = runtime_of(request).bulkdata.at_location
    async with retrieve(call_of(request), resource_of(request), below, acceptables) as retrieved:
        return await _write_stable(request, retrieved)


async def retrieve_attribute(request: web.Request) -> web.StreamResponse:
    """RetrieveBulkdata of an attribute whose URI at the archive is of some other form."""
    path = parse_attribute_path(request.match_info["attribute"])
    acceptables = acceptable_bulkdata(accept_of(request))
    retrieve = runtime_of(request).bulkdata.of_attribute
    async with retrieve(call_of(request), resource_of(request), path, acceptables) as retrieved:
        return await _write_stable(request, retrieved)


async def retrieve_rendered(request: web.Request) -> web.StreamResponse:
    """RetrieveRendered of a study, series or instance (10.4.1.1.3)."""
    return await _rendered(request, "rendered", ())


async def retrieve_rendered_frames(request: web.Request) -> web.StreamResponse:
    """RetrieveRendered of frames."""
    return await _rendered(request, "rendered", frames_of(request))


async def retrieve_thumbnail(request: web.Request) -> web.StreamResponse:
    """RetrieveThumbnail (10.4.1.1.4)."""
    return await _rendered(request, "thumbnail", ())


async def _rendered(request: web.Request, kind: str, frames: tuple[int, ...]) -> web.StreamResponse:
    parameters = tuple(p for p in parameters_of(request) if p[0].lower() != "accept")
    accept = acceptable_rendered(accept_of(request))
    asked = RenderedRequest(resource_of(request), kind, accept, frames, parameters)
    async with runtime_of(request).rendered.retrieve(call_of(request), asked) as retrieved:
        return await _write_once(request, retrieved)


async def _write_once(request: web.Request, retrieved: Retrieved) -> web.StreamResponse:
    return await write_body(request, retrieved_body(retrieved, random_boundary()))


async def _write_stable(request: web.Request, retrieved: Retrieved) -> web.StreamResponse:
    """A body of one instance, the same each time, so that a range of it can be asked for."""
    secret = runtime_of(request).secret
    # The path is the resource, and with the accepted types it is the representation.
    accepted = ",".join(str(range_.media_type) for range_ in accept_of(request))
    boundary = keyed_boundary(secret, f"{request.path}\n{accepted}")
    async with as_asked(request, retrieved_body(retrieved, boundary)) as body:
        return await write_body(request, body)
