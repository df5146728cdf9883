"""One log line and one metric for each request, when its last byte has left.

The line names the route's template and never the path, which holds UIDs; no query, no header.
"""

import asyncio
import logging
from time import perf_counter

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.web.scope import NOTES, Notes
from gateway.web.state import LOG, METRICS, OPERATIONAL

CLIENT_LEFT = 499


@web.middleware
async def access_log(request: web.Request, handler: Handler) -> web.StreamResponse:
    notes = request[NOTES]
    request.app[METRICS].request_started()
    status = CLIENT_LEFT
    try:
        response = await handler(request)
        status = response.status
        return response
    except asyncio.CancelledError:
        notes.failure = "shutdown" if notes.deadline.aborted else "client_left"
        raise
    finally:
        _finish(request, notes, status)


def _finish(request: web.Request, notes: Notes, status: int) -> None:
    seconds = perf_counter() - notes.started
    route = route_template(request)
    sent = request.writer.output_size
    request.app[METRICS].request_finished(
        route, request.method, status, seconds, request.content.total_bytes, sent
    )
    fields: dict[str, object] = {
        "id": notes.request_id,
        "method": request.method,
        "route": route,
        "status": status,
        "bytes": sent,
        "duration_ms": round(seconds * 1000, 2),
        "backend": notes.backend,
        "client": notes.client,
    }
    if notes.failure:
        fields["failure"] = notes.failure
    if notes.upstream_status is not None:
        fields["upstream_status"] = notes.upstream_status
    request.app[LOG].write(_level(request, notes, status), "request", fields)


def _level(request: web.Request, notes: Notes, status: int) -> int:
    """Probes come every few seconds and say nothing; a body that broke looks like a success."""
    if request.path in OPERATIONAL:
        return logging.DEBUG
    broken = notes.failure == "shutdown" or (status < 400 and notes.failure)
    return logging.WARNING if status >= 500 or broken else logging.INFO


def route_template(request: web.Request) -> str:
    """The path with its variables' names in place of their values."""
    resource = request.match_info.route.resource
    return "unmatched" if resource is None else resource.canonical
