"""Turns every error into an answer, or into an aborted connection where it is too late for one."""

import asyncio
import logging

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.errors import BackendError
from gateway.web.abort import abort_connection, has_left
from gateway.web.middleware.delivery import deliver
from gateway.web.problems import problem_of, problem_response
from gateway.web.scope import NOTES, Notes

_log = logging.getLogger(__name__)


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await _answered(request, handler)
    except ConnectionError as error:
        if has_left(request):
            raise asyncio.CancelledError from None
        return await _answer(request, request[NOTES], error)


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """ConnectionError for an answer, be it of an error, that cannot be sent."""
    try:
        return await handler(request)
    except ConnectionError:
        raise
    except Exception as error:
        return await _answer(request, request[NOTES], error)


async def _answer(request: web.Request, notes: Notes, error: Exception) -> web.StreamResponse:
    problem = problem_of(error)
    notes.failure = problem.category
    if isinstance(error, BackendError):
        notes.upstream_status = error.upstream_status
    if problem.category == "internal":
        # Without the exception's text, which can quote a dataset; see telemetry.logging.
        _log.error("Request %s failed", notes.request_id, exc_info=error)
    if notes.response is None:
        return await deliver(request, problem_response(problem, notes.request_id))
    # The headers have left: only a broken connection tells the client that the body is broken.
    _log.warning("Request %s was aborted: %s", notes.request_id, problem.category)
    abort_connection(request.transport)
    return notes.response
