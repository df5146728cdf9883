"""Sends the answer while the deadline, the limits and the log still hold.

aiohttp sends what a handler returns after the last middleware is through: a client that does not
read would then hold a whole body in memory, with no deadline over it and not counted.
"""

from aiohttp import web
from aiohttp.typedefs import Handler


@web.middleware
async def delivery(request: web.Request, handler: Handler) -> web.StreamResponse:
    return await deliver(request, await handler(request))


async def deliver(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Send all of `response` that has not been sent yet."""
    await response.prepare(request)
    await response.write_eof()
    return response
