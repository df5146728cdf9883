"""Bounds the requests at work at once (`server.limits.requests_in_flight`)."""

from datetime import timedelta
from itertools import chain

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.errors import GatewayError, overloaded
from gateway.web.state import OPERATIONAL, PLACES

_TRY_AGAIN = timedelta(seconds=1)


@web.middleware
async def limits(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path in OPERATIONAL:
        return await handler(request)
    places = request.app[PLACES]
    if header_bytes(request) > places.header_bytes:
        raise GatewayError(431, "The request's header is too large.", "too_large")
    if not places.take():
        raise overloaded("Too many requests are at work; try again.", _TRY_AGAIN)
    try:
        return await handler(request)
    finally:
        places.give_back()


def header_bytes(request: web.Request) -> int:
    """About the size of the head; the parser bounds only each line and the number of lines."""
    return sum(map(len, chain.from_iterable(request.raw_headers)), len(request.raw_path))
