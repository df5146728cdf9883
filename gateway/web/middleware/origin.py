"""Answers only to the gateway's own names, and finds out which of them the client used."""

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.web.scope import NOTES
from gateway.web.state import OPERATIONAL, ORIGINS


@web.middleware
async def origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    notes = request[NOTES]
    peer = request.remote or ""
    notes.client = peer
    if request.path not in OPERATIONAL:
        reached = _reached(request)
        found = request.app[ORIGINS].of(peer, request.scheme, request.headers, reached)
        notes.client, notes.public_base = found.client, found.base
    return await handler(request)


def _reached(request: web.Request) -> tuple[str, int] | None:
    """The address and port that the client connected to; None for what is no TCP connection."""
    transport = request.transport
    name = transport.get_extra_info("sockname") if transport is not None else None
    return (name[0], name[1]) if isinstance(name, tuple) else None
