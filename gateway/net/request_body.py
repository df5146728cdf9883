"""Request bodies that are streamed out, at the pace at which the peer takes them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Protocol, Self

from gateway.errors import StreamBroken
from gateway.net.failures import NoAnswer, Trouble


class Body(Protocol):
    """A request body that can be sent again: after a refused token it is opened anew."""

    @property
    def length(self) -> int | None:
        """Bytes, sent as Content-Length; None sends it chunked."""

    def open(self) -> AsyncIterator[bytes]:
        """The body from its first byte."""


class BytesBody:
    """A body that is in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def length(self) -> int:
        return len(self._data)

    async def open(self) -> AsyncIterator[bytes]:
        yield self._data


class Upload:
    """One sending of a body. NoAnswer if the peer takes nothing of it for `idle`.

    What the body's own source raises is raised as it is when the context is left: it is not the
    peer's failure, although the library reports it as a broken connection.
    """

    def __init__(self, body: Body, idle: timedelta) -> None:
        self._body = body
        self._idle = idle.total_seconds()
        self._clock = asyncio.timeout(None)
        self._running = False
        self._failure: Exception | None = None
        self._sent = 0
        self._ended = False

    @property
    def complete(self) -> bool:
        """True once all of it was handed over. A length tells that before its source has ended."""
        return self._ended or self._sent == self._body.length

    @property
    def headers(self) -> Mapping[str, str]:
        length = self._body.length
        return {} if length is None else {"Content-Length": str(length)}

    async def __aenter__(self) -> Self:
        await self._clock.__aenter__()
        self._running = True
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # An answer may come before the body is out; the rest of it is then nobody's to time.
        self._running = False
        try:
            await self._clock.__aexit__(type(error) if error else None, error, None)
        except TimeoutError as stalled:
            raise NoAnswer(Trouble.STALLED) from stalled
        if isinstance(error, NoAnswer) and self._failure is not None:
            raise self._failure

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body; while its source is waited for, the peer's clock stands still."""
        try:
            async for chunk in self._body.open():
                self._sent += len(chunk)
                self._wait(self._idle)
                yield chunk
                self._wait(None)
            self._check_length()
            self._ended = True
        except Exception as error:
            self._failure = error
            raise

    def _wait(self, seconds: float | None) -> None:
        if self._running and not self._clock.expired():
            now = asyncio.get_running_loop().time()
            self._clock.reschedule(None if seconds is None else now + seconds)

    def _check_length(self) -> None:
        if self._body.length not in (None, self._sent):
            raise StreamBroken(500, "A body is not as long as it was said to be.", "internal")
