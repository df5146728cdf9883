"""The error tree: a status, a sentence that is safe to show, and a category for logs and metrics.

Foreign exceptions are turned into one of these once, at the edge of the adapter that meets them.
A subclass exists only where somebody catches it. The public message never holds a host name, a
token, a query value or anything of a patient.
"""

from collections.abc import Mapping
from datetime import timedelta


class GatewayError(Exception):
    """A request that cannot be answered as asked, and what the client is told of it."""

    def __init__(
        self,
        status: int,
        public_message: str,
        category: str,
        *,
        retry_after: timedelta | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(public_message)
        self.status = status
        self.public_message = public_message
        self.category = category
        self.retry_after = retry_after
        self.headers = dict(headers or {})


class BackendError(GatewayError):
    """A backend that did not answer as asked; a fan-out turns it into a value."""

    def __init__(
        self,
        status: int,
        public_message: str,
        category: str,
        *,
        backend: str,
        upstream_status: int | None = None,
        retry_after: timedelta | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, public_message, category, retry_after=retry_after, headers=headers)
        self.backend = backend
        self.upstream_status = upstream_status


class BackendRefused(BackendError):
    """A backend answered 400, 406, 415, 422 or 501: it may answer the same asked otherwise."""


class BackendNotFound(BackendError):
    """A backend answered 404 or 410: it has no such resource."""


class StreamBroken(GatewayError):
    """A body that ended before its end; the client's connection is aborted, never ended."""


class ConfigProblems(Exception):
    """Everything that is wrong with a configuration, at once."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def bad_request(public_message: str) -> GatewayError:
    """400: the request itself is wrong."""
    return GatewayError(400, public_message, "bad_request")


def forbidden(public_message: str) -> GatewayError:
    """403: no rule grants this."""
    return GatewayError(403, public_message, "forbidden")


def not_found(public_message: str) -> GatewayError:
    """404: no such resource, or none that the caller may know of."""
    return GatewayError(404, public_message, "not_found")


def method_not_allowed(allowed: tuple[str, ...]) -> GatewayError:
    """405, with the methods that are allowed."""
    return GatewayError(
        405,
        "This method is not allowed here.",
        "method_not_allowed",
        headers={"Allow": ", ".join(allowed)},
    )


def not_acceptable(public_message: str) -> GatewayError:
    """406: nothing that the client accepts can be made (PS3.18 8.7.8)."""
    return GatewayError(406, public_message, "not_acceptable")


def too_large(public_message: str) -> GatewayError:
    """413: a body over its limit."""
    return GatewayError(413, public_message, "too_large")


def unsupported_media_type(public_message: str) -> GatewayError:
    """415: a request body of a type that this resource does not take."""
    return GatewayError(415, public_message, "unsupported_media_type")


def range_not_satisfiable(length: int) -> GatewayError:
    """416, with the length that a range must lie within (RFC 9110 15.5.17)."""
    return GatewayError(
        416,
        "The range lies outside of the body.",
        "range",
        headers={"Content-Range": f"bytes */{length}"},
    )


def not_implemented(public_message: str) -> GatewayError:
    """501: the standard has it, this version or every backend does not."""
    return GatewayError(501, public_message, "not_implemented")


def overloaded(public_message: str, retry_after: timedelta) -> GatewayError:
    """503: over a bound; the client may try again after `retry_after`."""
    return GatewayError(503, public_message, "overloaded", retry_after=retry_after)
