"""`Expect: 100-continue` (RFC 9110 10.1.1): a refusal comes before the body, not after it.

aiohttp would say 100 before any handler or middleware has looked at the request, even for what no
route takes, and fail with 500 where the header is no text. So every route is given
`defer_continue`, and a handler that reads a body says `send_continue` once it wants it; the others
answer whatever is expected of them. `close_unread` belongs to `on_response_prepare`.
"""

from aiohttp import HttpVersion11, hdrs, web

from gateway.errors import GatewayError

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


async def defer_continue(request: web.Request) -> None:
    """For `add_route(expect_handler=...)`: says nothing yet."""


async def send_continue(request: web.Request) -> None:
    """Ask for the body, if the client waits to be asked. 417 if it expects something else."""
    expected = request.headers.get(hdrs.EXPECT)
    if expected is None or request.version < HttpVersion11:
        return
    if expected.strip().lower() != "100-continue":
        raise GatewayError(417, "Of Expect only 100-continue is understood.", "expectation")
    await request.writer.write(_CONTINUE)
    # The answer has not begun yet.
    request.writer.output_size = 0


async def close_unread(request: web.Request, response: web.StreamResponse) -> None:
    """End the connection after an answer that came before the body's end.

    The client may not send the rest; what it sends next would be taken for that rest.
    """
    if not request.content.is_eof():
        response.force_close()
        response.headers[hdrs.CONNECTION] = "close"
