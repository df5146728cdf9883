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
        found = request.app[ORIGINS].of(peer, request.scheme, request.headers)
        notes.client, notes.public_base = found.client, found.base
    return await handler(request)
