"""Range requests (RFC 9110 14) on bodies that are the same each time.

Where the length is known the body is cut as it streams; where it is not, it is spooled first,
since a 206 must tell the length.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import hdrs, web

from gateway.dicom.byte_range import parse_range, slice_chunks
from gateway.services.spool import Spool, SpoolSettings
from gateway.web.writing import Body


@asynccontextmanager
async def as_asked(request: web.Request, body: Body) -> AsyncIterator[Body]:
    """The whole body, or the range of it that the request asks for; 416 outside of it."""
    accepting = replace(body, headers=body.headers | {hdrs.ACCEPT_RANGES: "bytes"})
    asked = request.headers.get(hdrs.RANGE)
    # Without validators no If-Range can match: the whole body is the answer (RFC 9110 13.1.5).
    if asked is None or hdrs.IF_RANGE in request.headers or request.method != hdrs.METH_GET:
        yield accepting
        return
    raise NotImplementedError
