"""Connections to a peer, which believe less of what arrives on them than the library does.

An answer belongs to a request only if it came after it. A body that ends with its connection is
whole only if the connection ended in good order, under TLS with its own word for it (RFC 9112
9.8). And a peer has answered once the head of its
final answer is complete: neither the beginning of it nor a 1xx (RFC 9110 15.2) is an answer.
"""

import asyncio
import fcntl
import os
import select
import ssl
import sys
import termios
from contextlib import suppress
from functools import partial
from typing import cast

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.helpers import _EXC_SENTINEL
from aiohttp.http import RawResponseMessage
from aiohttp.streams import StreamReader

_SWITCHING_PROTOCOLS = 101
_MOST_LAST_WORDS = 64 * 1024


class PeerConnector(aiohttp.TCPConnector):
    """Connections to one peer. How many there are at a time is its caller's to bound.

    `kept_alive` and `first_byte` are in seconds; with None each connection serves one request.
    """

    def __init__(self, tls: ssl.SSLContext | None, first_byte: float, kept_alive: float | None):
        # No limit on connections here: to wait for one is no connect timeout.
        super().__init__(
            limit=0,
            ssl=tls or True,
            keepalive_timeout=kept_alive,
            force_close=kept_alive is None,
        )
        factory = partial(PeerConnection, first_byte, self._loop)
        self._factory = cast("partial[ResponseHandler]", factory)


class PeerConnection(ResponseHandler):
    """One connection, of which one request after another has the use."""

    def __init__(self, first_byte: float, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._first_byte = first_byte
        self._asked = False
        """From when a request goes out until the head of its answer is here."""
        self._uploads = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._arrivals: select.poll | None = None
        self.answered_early = False
        """True if the peer cannot have had all of a body when it answered."""

    def ask(self, *, uploads: bool) -> None:
        """A request goes out next, with a body if it `uploads`.

        ServerDisconnectedError if what comes may not be its answer.
        """
        if self._payload is not None and (self.should_close or self._has_unread()):
            raise aiohttp.ServerDisconnectedError
        self._asked = True
        self._uploads = uploads

    def start_timeout(self) -> None:
        """The library calls this once the last byte of a request is written."""
        if self._asked and self.transport is not None:
            self._head_timer = self._loop.call_later(self._first_byte, self._give_up)

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """The library calls this with each head, those of 1xx included."""
        status = data[0].code
        if status >= 200 or status == _SWITCHING_PROTOCOLS:
            self._asked = False
            self._stop_timer()
            self.answered_early = self._uploads and self._has_unsent()
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        if data and self._is_at_rest() and self.transport is not None:
            # Nobody asked. It leaves the pool at once, and what comes with it is not looked at.
            self.transport.abort()
        else:
            super().data_received(data)

    def set_exception(self, exc: BaseException, exc_cause: BaseException = _EXC_SENTINEL) -> None:
        """The library calls this, among others, when writing has failed."""
        if isinstance(exc, OSError) and self.transport is not None and self.transport.is_closing():
            self._hear_last_words()
        super().set_exception(exc, exc_cause)

    def eof_received(self) -> None:
        if self.transport is not None and _is_unsigned(self.transport):
            self._break_off(ConnectionResetError())
        super().eof_received()

    def connection_lost(self, exc: BaseException | None) -> None:
        if exc is not None:
            self._hear_last_words()
            self._break_off(exc)
        self._stop_timer()
        super().connection_lost(exc)

    def _is_at_rest(self) -> bool:
        """Between the last byte of an answer and the next request."""
        return not self._asked and self._payload is not None and self._payload.is_eof()

    def _has_unsent(self) -> bool:
        """No race: each segment of an answer acknowledges what its sender has read until then."""
        if self.transport is None:
            return False
        return self.transport.get_write_buffer_size() > 0 or _unacknowledged(self.transport) > 0

    def _has_unread(self) -> bool:
        """True if something has arrived, be it the end, that the loop has not come to yet."""
        if self.transport is None:
            return True
        if self._arrivals is None:
            self._arrivals = select.poll()
            self._arrivals.register(self.transport.get_extra_info("socket"), select.POLLIN)
        return bool(self._arrivals.poll(0))

    def _hear_last_words(self) -> None:
        """A peer that refuses a body in the middle answers, and resets what is still being sent.

        Writing fails then before the loop has read why. Under TLS it has, as far as was seen.
        """
        if not self._asked or self.transport is None:
            return
        if self.transport.get_extra_info("sslcontext") is None:
            with suppress(OSError):
                descriptor = self.transport.get_extra_info("socket").fileno()
                self.data_received(os.read(descriptor, _MOST_LAST_WORDS))

    def _break_off(self, exc: BaseException) -> None:
        """Or the library would take this for the end of a body that has no other end."""
        if self._payload is not None and not self._payload.is_eof():
            self._payload.set_exception(aiohttp.ClientPayloadError("cut"), exc)

    def _give_up(self) -> None:
        self.set_exception(aiohttp.SocketTimeoutError("no answer in time"))

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def _is_unsigned(transport: asyncio.Transport) -> bool:
    """Under TLS, True if the peer's bytes ended without close_notify, as if cut on the way."""
    tls = transport.get_extra_info("ssl_object")
    if tls is None:
        return False
    try:
        return bool(tls.read(1))
    except ssl.SSLError:
        # It waits for more: nobody has said that this was all.
        return True


def _unacknowledged(transport: asyncio.Transport) -> int:
    """Bytes that the system keeps to send, or to send again: SIOCOUTQ of tcp(7), so on Linux."""
    descriptor = transport.get_extra_info("socket").fileno()
    try:
        count = fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4))
    except OSError:
        return 0
    return int.from_bytes(count, sys.byteorder)
