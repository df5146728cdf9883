"""Gives each request the id under which its log lines and its error body can be found."""

import re
from random import getrandbits

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from multidict import istr

from gateway.web.deadline import Deadline
from gateway.web.problems import REQUEST_ID_HEADER, SERVER_NAME
from gateway.web.scope import NOTES, Notes

# A caller's own id is taken over, so that one id leads through several systems' logs.
_SAFE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CONTENT_TYPE_OPTIONS = istr("X-Content-Type-Options")


@web.middleware
async def request_id(request: web.Request, handler: Handler) -> web.StreamResponse:
    given = request.headers.get(REQUEST_ID_HEADER, "")
    identifier = given if _SAFE.fullmatch(given) else new_request_id()
    request[NOTES] = Notes(identifier, Deadline(request))
    return await handler(request)


def new_request_id() -> str:
    return f"{getrandbits(64):016x}"


async def label_response(request: web.Request, response: web.StreamResponse) -> None:
    """Sign every answer as its headers are made, streamed ones too."""
    headers = response.headers
    # Where a route leaves Expect to aiohttp, that may refuse before any middleware.
    if (notes := request.get(NOTES)) is not None:
        notes.response = response
        headers[REQUEST_ID_HEADER] = notes.request_id
    headers[hdrs.SERVER] = SERVER_NAME
    # Bulk data can be anything, a page with scripts too: it is never to be guessed at.
    headers[_CONTENT_TYPE_OPTIONS] = "nosniff"
