"""HTTP to one backend, as its search, retrieve and store are written against it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from gateway.backends.base import CallContext
from gateway.net.request_body import Body

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Patience(StrEnum):
    """Which timeouts hold: those of a stream, or one for the whole of a search."""

    FIRST_BYTE = "first_byte"
    SEARCH = "search"


class Answer(Protocol):
    """What a backend answered, its body unread; header names are in lower case."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def length(self) -> int | None:
        """Bytes of the body, where the backend said so and no content coding changes it."""

    async def read(self, limit: int) -> bytes:
        """The whole body. BackendError 502 if it is longer than `limit` bytes."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, its content coding undone. StreamBroken if it is cut."""


class Transport(Protocol):
    """Requests to one backend."""

    @property
    def backend(self) -> str:
        """The backend's name, as errors carry it."""

    def request(
        self,
        method: str,
        path: str,
        *,
        parameters: Sequence[tuple[str, str]] = (),
        raw_query: str | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
        body: Body | None = None,
        context: CallContext,
        patience: Patience = Patience.FIRST_BYTE,
        answers: frozenset[int] = frozenset(),
    ) -> AbstractAsyncContextManager[Answer]:
        """Send a request to `path`, which is percent-encoded and lies below the base URL.

        `parameters` are decoded pairs; `raw_query` is a query that is already encoded and goes
        untouched. Accept-Encoding is `identity` unless `headers` name another.

        An answer of 2xx, or of a status in `answers`, is given; leaving the context closes it at
        once. Any other raises: BackendRefused (400, 406, 415, 422, 501), BackendNotFound (404,
        410) or BackendError; so does a success that cannot be the whole answer to the whole
        request (502), unless `answers` has its status.
        """
