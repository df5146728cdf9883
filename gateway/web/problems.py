"""Error bodies: problem details (RFC 9457), the same form for every error.

A body holds the public message of a GatewayError, or the status's own name, and the request's id,
under which the log has the rest.
"""

import math
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType

import orjson
from aiohttp import hdrs, web
from multidict import istr

from gateway.errors import GatewayError, StreamBroken

SERVER_NAME = "dicomweb-gateway"
REQUEST_ID_HEADER = istr("X-Request-ID")

_CATEGORIES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
_DETAILS = {
    404: "There is no such resource.",
    405: "This method is not allowed here.",
    413: "The body is too large.",
    417: "Of Expect only 100-continue is understood.",
}
_TITLES = MappingProxyType({status.value: status.phrase for status in HTTPStatus})
# Of a foreign error only these headers are its answer's; the others describe a body not sent.
_KEPT_HEADERS: tuple[str, ...] = (hdrs.ALLOW, hdrs.LOCATION, hdrs.WWW_AUTHENTICATE)


@dataclass(frozen=True, slots=True)
class Problem:
    """What a client is told of an error, and the category under which it is logged."""

    status: int
    detail: str
    category: str
    headers: dict[str, str] = field(default_factory=dict)


def problem_of(error: Exception) -> Problem:
    """Status and words of an error; whatever is not meant to be seen is a bare 500."""
    match error:
        case StreamBroken(status=500):
            return Problem(502, error.public_message, error.category)
        case GatewayError():
            return Problem(error.status, error.public_message, error.category, _headers(error))
        case web.RequestPayloadError():
            return Problem(400, "The request's body is malformed or broke off.", "bad_request")
        case web.HTTPException():
            kept = {name: error.headers[name] for name in _KEPT_HEADERS if name in error.headers}
            detail = _DETAILS.get(error.status, error.reason)
            return Problem(error.status, detail, _CATEGORIES.get(error.status, "http"), kept)
        case _:
            return Problem(500, "An unexpected error; the log has it under this id.", "internal")


def problem_response(problem: Problem, request_id: str) -> web.Response:
    """The problem as an answer (application/problem+json)."""
    body = {
        "type": "about:blank",
        "title": _TITLES.get(problem.status, "Error"),
        "status": problem.status,
        "detail": problem.detail,
        "id": request_id,
    }
    response = web.Response(body=orjson.dumps(body), status=problem.status)
    response.headers.update(problem.headers)
    response.headers[hdrs.CONTENT_TYPE] = "application/problem+json"
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    return response


def _headers(error: GatewayError) -> dict[str, str]:
    if error.retry_after is None:
        return error.headers
    seconds = max(1, math.ceil(error.retry_after.total_seconds()))
    return {**error.headers, hdrs.RETRY_AFTER: str(seconds)}
