"""Path, query and headers of a request, as the values that the layers below understand."""

import re
from functools import partial
from urllib.parse import parse_qsl

from aiohttp import hdrs, web

from gateway.dicom.links import Links
from gateway.dicom.media_types import MediaRange, parse_accept
from gateway.dicom.resources import Resource
from gateway.dicom.uids import identifies
from gateway.errors import bad_request
from gateway.services.call import Call
from gateway.web.scope import note_backend, scope_of

_MAX_PARAMETERS = 1000
_MAX_FRAMES = 10_000
_FRAMES = re.compile(r"[0-9]{1,9}(?:,[0-9]{1,9})*")
_TRACE_PARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def call_of(request: web.Request) -> Call:
    """What the use-cases are told of the request."""
    scope = scope_of(request)
    backend = request.match_info.get("backend")
    base = scope.public_base if backend is None else f"{scope.public_base}/backends/{backend}"
    trace_parent = request.headers.get("traceparent", "")
    return Call(
        principal=scope.principal,
        request_id=scope.request_id,
        links=Links(base),
        backend=backend,
        trace_parent=trace_parent if _TRACE_PARENT.fullmatch(trace_parent) else None,
        on_planned=partial(note_backend, request),
    )


def resource_of(request: web.Request) -> Resource:
    """The study, series or instance that the path names; 400 for what is no UID."""
    match = request.match_info
    return Resource(
        _uid(match["study"]),
        _optional_uid(match.get("series")),
        _optional_uid(match.get("instance")),
    )


def scope_uids_of(request: web.Request) -> tuple[str | None, str | None]:
    """The study and series that a search is below, as far as its path names them."""
    match = request.match_info
    return _optional_uid(match.get("study")), _optional_uid(match.get("series"))


def bulkdata_path_of(request: web.Request) -> str:
    """The path below the instance as the client wrote it, which is as the metadata gave it.

    Decoded, an escaped question mark would begin a query, and others would be another name.
    """
    return request.rel_url.raw_path.split("/instances/", 1)[1].partition("/")[2]


def frames_of(request: web.Request) -> tuple[int, ...]:
    """The frame list of the path, from 1, in the order asked; 400 for anything else (10.1.2)."""
    text = request.match_info["frames"].replace(" ", "")
    if _FRAMES.fullmatch(text) is None:
        raise bad_request("A frame list is whole numbers from 1 joined by commas.")
    frames = tuple(int(number) for number in text.split(","))
    if 0 in frames:
        raise bad_request("Frames are numbered from 1.")
    if len(frames) > _MAX_FRAMES:
        raise bad_request(f"A frame list holds at most {_MAX_FRAMES} numbers.")
    return frames


def parameters_of(request: web.Request) -> tuple[tuple[str, str], ...]:
    """The query's pairs in their order, decoded once; 400 where they are no UTF-8."""
    query = request.rel_url.raw_query_string
    if not query:
        return ()
    try:
        return tuple(
            parse_qsl(
                query, keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS
            )
        )
    except UnicodeDecodeError as error:
        raise bad_request("The query is not UTF-8.") from error
    except ValueError as error:
        raise bad_request("The query has too many parameters.") from error


def accept_of(request: web.Request) -> tuple[MediaRange, ...]:
    """The acceptable media types (8.3.3.1: the `accept` parameter wins over the header)."""
    header = ",".join(request.headers.getall(hdrs.ACCEPT, ()))
    if "accept" not in request.rel_url.raw_query_string.lower():
        return parse_accept(header or None, None)
    asked = [value for name, value in parameters_of(request) if name.lower() == "accept"]
    return parse_accept(header or None, ",".join(asked) or None)


def _uid(text: str) -> str:
    if not identifies(text):
        raise bad_request("The path holds what is no UID.")
    return text


def _optional_uid(text: str | None) -> str | None:
    return None if text is None else _uid(text)
