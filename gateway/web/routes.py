"""The DICOMweb resources, once for all archives and once for each backend alone (PS3.18 10.1)."""

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from gateway.errors import method_not_allowed, not_found
from gateway.web.expect import defer_continue
from gateway.web.retrieve import (
    retrieve_attribute,
    retrieve_bulkdata,
    retrieve_frames,
    retrieve_instances,
    retrieve_metadata,
    retrieve_rendered,
    retrieve_rendered_frames,
    retrieve_thumbnail,
)
from gateway.web.search import search_instances, search_series, search_studies
from gateway.web.store import store_instances

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_STUDY = "/studies/{study}"
_SERIES = _STUDY + "/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"

# In the order in which they are tried, one pattern after another: what viewers ask most is first.
READ: tuple[tuple[str, Handler], ...] = (
    (f"{_INSTANCE}/frames/{{frames}}", retrieve_frames),
    # Search, 10.6
    ("/studies", search_studies),
    ("/series", search_series),
    ("/instances", search_instances),
    (f"{_STUDY}/series", search_series),
    (f"{_STUDY}/instances", search_instances),
    (f"{_SERIES}/instances", search_instances),
    # Retrieve, 10.4
    (_STUDY, retrieve_instances),
    (_SERIES, retrieve_instances),
    (_INSTANCE, retrieve_instances),
    (f"{_STUDY}/metadata", retrieve_metadata),
    (f"{_SERIES}/metadata", retrieve_metadata),
    (f"{_INSTANCE}/metadata", retrieve_metadata),
    (f"{_STUDY}/rendered", retrieve_rendered),
    (f"{_SERIES}/rendered", retrieve_rendered),
    (f"{_INSTANCE}/rendered", retrieve_rendered),
    (f"{_STUDY}/thumbnail", retrieve_thumbnail),
    (f"{_SERIES}/thumbnail", retrieve_thumbnail),
    (f"{_INSTANCE}/thumbnail", retrieve_thumbnail),
    (f"{_INSTANCE}/frames/{{frames}}/rendered", retrieve_rendered_frames),
    # Where the metadata's BulkDataURIs lead, 10.4.1.1.5
    (f"{_INSTANCE}/{{bulk:bulk|bulkdata}}/{{below:.+}}", retrieve_bulkdata),
    (f"{_INSTANCE}/attributes/{{attribute}}", retrieve_attribute),
)
STORE: tuple[tuple[str, Handler], ...] = (
    # Store, 10.5
    ("/studies", store_instances),
    (_STUDY, store_instances),
)


def add_service_routes(app: web.Application, base_path: str) -> None:
    """Every resource below `base_path`, and below `base_path`/backends/{name}.

    Comes after all other routes: its last one answers whatever no route takes.
    """
    for prefix in (base_path, f"{base_path}/backends/{{backend}}"):
        for path, handler in READ:
            app.router.add_get(prefix + path, handler, expect_handler=defer_continue)
        for path, handler in STORE:
            app.router.add_post(prefix + path, handler, expect_handler=defer_continue)
    app.router.add_route("*", "/{unrouted:.*}", _refuse, expect_handler=defer_continue)


async def _refuse(request: web.Request) -> web.StreamResponse:
    """405 or 404, without asking for the body."""
    allowed: set[str] = set()
    for resource in request.app.router.resources():
        _, methods = await resource.resolve(request)
        allowed |= methods
    allowed.discard(hdrs.METH_ANY)
    if allowed:
        raise method_not_allowed(tuple(sorted(allowed)))
    raise not_found("There is no such resource.")
