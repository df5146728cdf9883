"""Ending a connection so that nobody takes what came through it for a whole body."""

import asyncio
import socket
import struct

from aiohttp import web

# Close with a reset and without waiting. A plain close ends a body that HTTP/1.0 delimits by the
# end of the connection, and the client would take it for complete.
_RESET = struct.pack("ii", 1, 0)


def abort_connection(transport: asyncio.WriteTransport | None) -> None:
    """Reset a client's connection; what is not sent yet is discarded."""
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


def has_left(request: web.BaseRequest) -> bool:
    """Whether the client's connection is closed, by whomever."""
    return request.transport is None or request.transport.is_closing()
