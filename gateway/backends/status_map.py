"""What an archive's status, or its silence, means to the gateway's own client.

A literal table: the client is never told 200 for an error, nor that its own credentials were
refused where it was the gateway's that were.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from gateway.errors import BackendError, BackendNotFound, BackendRefused
from gateway.net.failures import Trouble

LONGEST_RETRY_AFTER = timedelta(minutes=5)
_BUSY_FOR = timedelta(seconds=5)
_SECONDS = re.compile(r"[0-9]{1,9}")

_REFUSED = frozenset({400, 406, 415, 422, 501})
_NOT_FOUND = frozenset({404, 410})
_UNAUTHORISED = frozenset({401, 403})
_BUSY = frozenset({429, 503})
_AWAY = frozenset({502, 504})

# status, public message, category
_MAPPED: dict[int, tuple[int, str, str]] = {
    408: (504, "The archive did not answer in time.", "timeout"),
    413: (413, "The archive takes no body of this size.", "too_large"),
    502: (502, "The archive cannot be reached.", "unreachable"),
    504: (504, "The archive did not answer in time.", "timeout"),
}
_REDIRECTED = (502, "The archive redirects, which is not followed.", "redirected")
_FAILED = (502, "The archive failed.", "backend_failed")
_UNEXPECTED = (502, "The archive refused the gateway's request.", "backend_answer")

_TROUBLES: dict[Trouble, tuple[int, str, str]] = {
    Trouble.NO_CONNECTION: (502, "The archive cannot be reached.", "unreachable"),
    Trouble.TLS: (502, "The connection to the archive cannot be trusted.", "tls"),
    Trouble.DISCONNECTED: (502, "The archive broke off the connection.", "disconnected"),
    Trouble.NOT_HTTP: (502, "The archive's answer cannot be understood.", "backend_answer"),
    Trouble.CONNECT_TIMEOUT: (504, "The archive did not answer in time.", "timeout"),
    Trouble.SLOW: (504, "The archive did not answer in time.", "timeout"),
    Trouble.STALLED: (504, "The archive stopped reading.", "timeout"),
}


def silence(trouble: Trouble, backend: str) -> BackendError:
    """The error for a request that got no answer."""
    status, message, category = _TROUBLES[trouble]
    return BackendError(status, message, category, backend=backend)


def refusal(
    status: int, headers: Mapping[str, str], backend: str, *, forwards: bool, now: datetime
) -> BackendError:
    """The error for an answer that is no success; `forwards` if the caller's own token was sent."""
    if status in _REFUSED:
        return refused(status, backend)
    if status in _NOT_FOUND:
        return BackendNotFound(
            404,
            "The archive has no such resource.",
            "not_found",
            backend=backend,
            upstream_status=status,
        )
    if status in _UNAUTHORISED:
        return _unauthorised(status, backend, forwards)
    public, message, category = _MAPPED.get(status) or _by_class(status)
    retry_after = None
    if status in _BUSY:
        public, message, category = 503, "The archive is busy.", "backend_busy"
        retry_after = read_retry_after(headers.get("retry-after"), now) or _BUSY_FOR
    return BackendError(
        public,
        message,
        category,
        backend=backend,
        upstream_status=status,
        retry_after=retry_after,
    )


def refused(status: int, backend: str) -> BackendRefused:
    """The error for an answer that may be another if the archive is asked otherwise."""
    return BackendRefused(
        status,
        "The archive does not take this request.",
        "backend_refused",
        backend=backend,
        upstream_status=status,
    )


def unauthorised(backend: str, upstream_status: int | None = None) -> BackendError:
    """401: the archive wants the caller's own token, and there is none or it is not taken."""
    return BackendError(
        401,
        "The archive asks for a token of the caller's own.",
        "unauthorised",
        backend=backend,
        upstream_status=upstream_status,
        headers={"WWW-Authenticate": "Bearer"},
    )


def is_away(status: int, headers: Mapping[str, str]) -> bool:
    """True if the status says that the archive is not there, which is a failure to the breaker.

    A 500 does not: it is the archive's answer to one odd request. Nor does a 503 that says when to
    come back: that archive is busy, and well.
    """
    return status in _AWAY or (status == 503 and "retry-after" not in headers)


def read_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Retry-After (RFC 9110 10.2.3) as seconds or a date, at most `LONGEST_RETRY_AFTER`."""
    if value is None:
        return None
    if _SECONDS.fullmatch(value.strip()):
        return min(timedelta(seconds=int(value)), LONGEST_RETRY_AFTER)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    wait = when.replace(tzinfo=when.tzinfo or UTC) - now
    return min(max(wait, timedelta(seconds=1)), LONGEST_RETRY_AFTER)


def _by_class(status: int) -> tuple[int, str, str]:
    if 300 <= status < 400:
        return _REDIRECTED
    return _FAILED if status >= 500 else _UNEXPECTED


def _unauthorised(status: int, backend: str, forwards: bool) -> BackendError:
    if forwards and status == 401:
        return unauthorised(backend, status)
    public, message, category = (
        (403, "The archive does not grant this to the caller.", "forbidden")
        if forwards
        else (502, "The archive refused the gateway's credentials.", "backend_credentials")
    )
    return BackendError(public, message, category, backend=backend, upstream_status=status)
