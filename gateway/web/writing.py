"""Answers. A status is sent only once the first byte of its body is in hand; a body that breaks
afterwards is never ended as if complete: the error middleware aborts the connection."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from aiohttp import hdrs, web

from gateway.dicom.media_types import DICOM_JSON
from gateway.web.scope import scope_of

# Whether a shared cache may keep it is decided where freshness is: not in this version.
_HEADERS = {hdrs.CACHE_CONTROL: "private, no-cache", hdrs.VARY: "Accept, Authorization, Origin"}


@dataclass(frozen=True, slots=True)
class Body:
    """A body on its way out."""

    content_type: str
    chunks: AsyncIterator[bytes]
    length: int | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class _Streamed(web.StreamResponse):
    """Its headers leave with the first bytes of its body: two writes are two packets."""

    _send_headers_immediately = False


async def write_body(request: web.Request, body: Body) -> web.StreamResponse:
    """Send a body as it comes, with back-pressure from the client."""
    first = await anext(body.chunks, b"")
    response = _Streamed(status=body.status, headers=_HEADERS | body.headers)
    response.headers[hdrs.CONTENT_TYPE] = body.content_type
    if body.length is not None:
        response.content_length = body.length
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    deadline = scope_of(request).deadline
    await response.write(first)
    async for chunk in body.chunks:
        await response.write(chunk)
        deadline.extend()
    await response.write_eof()
    return response


def json_answer(body: bytes, warnings: Iterable[str] = ()) -> web.Response:
    """A whole DICOM JSON body; its media type has no charset parameter (F.2)."""
    response = web.Response(body=body, headers=_HEADERS)
    response.headers[hdrs.CONTENT_TYPE] = DICOM_JSON
    for text in warnings:
        response.headers.add("Warning", f'299 dicomweb-gateway "{_quotable(text)}"')
    return response


async def json_array(items: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The items as one JSON array."""
    separator = b"["
    async for item in items:
        yield separator + item
        separator = b","
    yield b"[]" if separator == b"[" else b"]"


def _quotable(text: str) -> str:
    """Printable ASCII without quotes: nothing that a client wrote can end the header."""
    return "".join(c if " " <= c <= "~" and c not in '"\\' else "?" for c in text)
