"""Ends a request in which nothing moves any more; see gateway.web.deadline."""

import asyncio

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.errors import GatewayError
from gateway.web.scope import NOTES
from gateway.web.state import DEADLINES


@web.middleware
async def deadline(request: web.Request, handler: Handler) -> web.StreamResponse:
    deadlines, current = request.app[DEADLINES], request[NOTES].deadline
    deadlines.start(current)
    try:
        return await handler(request)
    except asyncio.CancelledError:
        if current.absorb_cancellation():
            raise GatewayError(504, "The request made no progress.", "timeout") from None
        raise
    finally:
        deadlines.finish(current)
