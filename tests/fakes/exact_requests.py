"""A request on the wire as a client wrote it, byte for byte, with nothing added by a library."""

import asyncio
import gzip
import http.client
import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Any

TIMEOUT = 30.0
Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """What came back; `body` is without its content coding."""

    status: int
    headers: Message
    body: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "")

    @property
    def json(self) -> Any:
        """The body, which a strict parser must take."""

        def refuse(constant: str) -> None:
            raise ValueError(f"{constant} is no JSON")

        return json.loads(self.body, parse_constant=refuse)


async def exchange(
    port: int, method: str, target: str, headers: Headers = (), body: bytes = b""
) -> Answer:
    """The answer to `method target` with Host and these headers, in their order and letter case."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in headers]
    head = "\r\n".join((*lines, "", "")).encode("latin-1")
    return await asyncio.to_thread(_exchange, port, method, head + body)


def _exchange(port: int, method: str, request: bytes) -> Answer:
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection:
        connection.sendall(request)
        response = http.client.HTTPResponse(connection, method=method)
        try:
            response.begin()
            body = response.read()
        finally:
            response.close()
    if response.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return Answer(response.status, response.headers, body)
