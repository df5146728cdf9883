"""Why a peer gave no answer: the HTTP library's exceptions, named once."""

from enum import StrEnum

import aiohttp

from gateway.errors import StreamBroken


class Trouble(StrEnum):
    """What went wrong before the first byte of an answer."""

    NO_CONNECTION = "no_connection"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS = "tls"
    DISCONNECTED = "disconnected"
    SLOW = "slow"
    """It was sent all of the request, and nothing came back in time."""
    STALLED = "stalled"
    """It stopped taking the request's body."""
    NOT_HTTP = "not_http"


class NoAnswer(Exception):
    """A request that got no answer. Its text names neither the peer nor what was sent."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble


# The first that fits: the library's classes inherit from one another.
_TROUBLES: tuple[tuple[type[Exception], Trouble], ...] = (
    (aiohttp.ConnectionTimeoutError, Trouble.CONNECT_TIMEOUT),
    (aiohttp.SocketTimeoutError, Trouble.SLOW),
    (aiohttp.ClientSSLError, Trouble.TLS),
    (aiohttp.ClientConnectorError, Trouble.NO_CONNECTION),
    (aiohttp.ClientConnectionError, Trouble.DISCONNECTED),
    (OSError, Trouble.DISCONNECTED),
)


FAILURES = (aiohttp.ClientError, OSError)
"""What the library raises; a timeout is an OSError."""


def no_answer(failure: Exception) -> NoAnswer:
    """One of FAILURES, before there was an answer."""
    return NoAnswer(_trouble(failure))


def broken_answer(failure: Exception) -> StreamBroken:
    """One of FAILURES, or a timeout between two chunks, within the answer."""
    if isinstance(failure, TimeoutError):
        return StreamBroken(504, "The archive stopped sending.", "timeout")
    return StreamBroken(502, "The archive broke off its answer.", "disconnected")


def _trouble(error: Exception) -> Trouble:
    for kind, trouble in _TROUBLES:
        if isinstance(error, kind):
            return trouble
    return Trouble.NOT_HTTP
