"""Answers. A status is sent only once the first byte of its body is in hand; a body that breaks
afterwards is never ended as if complete: the error middleware aborts the connection."""

import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from aiohttp import hdrs, web
from multidict import istr

from gateway.dicom.media_types import DICOM_JSON
from gateway.errors import StreamBroken
from gateway.web.scope import scope_of

_CONTENT_SECURITY_POLICY = istr("Content-Security-Policy")
# Types that a browser runs scripts of: what somebody stored is not to run as a page of ours.
_ACTIVE = re.compile(r"text/(?:html|xml|xsl)|application/xml|.*\+xml")
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
    """Send a body as it comes, with back-pressure from the client.

    StreamBroken, before its last byte, for a body that is not as long as it was said to be.
    """
    first = await anext(body.chunks, b"")
    response = _Streamed(status=body.status, headers=_HEADERS | body.headers)
    response.headers[hdrs.CONTENT_TYPE] = body.content_type
    if _ACTIVE.fullmatch(body.content_type.partition(";")[0].lower()):
        response.headers[_CONTENT_SECURITY_POLICY] = "sandbox"
    if body.length is not None:
        response.content_length = body.length
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    deadline = scope_of(request).deadline
    sent = len(first)
    _must_fit(sent, body.length)
    await response.write(first)
    async for chunk in body.chunks:
        sent += len(chunk)
        _must_fit(sent, body.length)
        await response.write(chunk)
        deadline.extend()
    if body.length not in (None, sent):
        raise _of_another_length()
    await response.write_eof()
    return response


def _must_fit(sent: int, length: int | None) -> None:
    """The library would cut what is too long, and it would look whole."""
    if length is not None and sent > length:
        raise _of_another_length()


def _of_another_length() -> StreamBroken:
    return StreamBroken(502, "The archive's answer is not as long as it said.", "backend_answer")


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
