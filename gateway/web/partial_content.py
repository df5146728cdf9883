"""Range requests (RFC 9110 14) on bodies that are the same each time.

Where the length is known the body is cut as it streams; where it is not, it is spooled first,
since a 206 tells the length of the whole.
"""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import hdrs, web

from gateway.dicom.byte_range import parse_range, slice_chunks
from gateway.errors import overloaded
from gateway.services.spool import DISK_MAY_BE_FREE_AFTER, Spool, SpooledBody
from gateway.web.scope import runtime_of
from gateway.web.writing import Body


@asynccontextmanager
async def as_asked(request: web.Request, body: Body) -> AsyncIterator[Body]:
    """The whole body, or the range of it that the request asks for; 416 outside of it."""
    headers = {**body.headers, hdrs.ACCEPT_RANGES: "bytes"}
    body = Body(body.content_type, body.chunks, body.length, body.status, headers)
    header = request.headers.get(hdrs.RANGE)
    # Without validators no If-Range can match: the whole body is the answer (RFC 9110 13.1.5).
    if header is None or hdrs.IF_RANGE in request.headers or request.method != hdrs.METH_GET:
        yield body
    elif body.length is not None:
        yield _cut(body, header, body.length)
    else:
        async with _spooled(body, runtime_of(request).spool) as held:
            whole = replace(body, chunks=held.chunks(), length=held.length)
            yield _cut(whole, header, held.length)


def _cut(body: Body, header: str, length: int) -> Body:
    asked = parse_range(header, length)
    if asked is None:
        return body
    start, stop = asked
    return replace(
        body,
        chunks=slice_chunks(body.chunks, start, stop),
        length=stop - start,
        status=206,
        headers=body.headers | {hdrs.CONTENT_RANGE: f"bytes {start}-{stop - 1}/{length}"},
    )


@asynccontextmanager
async def _spooled(body: Body, spool: Spool) -> AsyncIterator[SpooledBody]:
    async with spool.new() as held:
        async for chunk in body.chunks:
            await _held(held.write(chunk))
        await _held(held.finish())
        yield held


async def _held(work: Awaitable[None]) -> None:
    try:
        await work
    except OSError as error:
        raise overloaded("There is no room to hold the body.", DISK_MAY_BE_FREE_AFTER) from error
