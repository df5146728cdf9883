"""The transport of a `dicomweb` backend: admission, breaker, credentials, and the map of errors.

This is the only place where a status, a broken connection or a timeout of an archive becomes one
of the gateway's errors.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    nullcontext,
    suppress,
)
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType, TracebackType
from typing import Self

from gateway.backends.admission import Admission
from gateway.backends.base import CallContext
from gateway.backends.breaker import Breaker
from gateway.backends.credentials import Credentials, Outgoing
from gateway.backends.health import Vitals
from gateway.backends.status_map import is_away, refusal, silence
from gateway.backends.transport import Answer, Patience
from gateway.dicom.multipart_parser import declared_length
from gateway.errors import BackendError, GatewayError, StreamBroken
from gateway.net import content_coding
from gateway.net.failures import NoAnswer
from gateway.net.http_session import HttpSession, Response
from gateway.net.request_body import Body
from gateway.net.urls import join
from gateway.telemetry.metrics import Metrics

_MAX_SKIPPED = 64 * 1024
_SKIPPED_WITHIN = 1.0
_UNAUTHORISED = 401
# Of 2xx: 206 is a part, of bytes that nobody asked for a range of or of results that were too
# many, and only who asks for the latter (`answers`) knows what to do with them; 205 has no body,
# 202 promises one for later; and of a status that is not known nobody can say. A store may have
# been accepted, or have created.
_WHOLE_ANSWERS = frozenset({200, 203, 204})
_WHOLE = {"POST": _WHOLE_ANSWERS | {201, 202}}
_FRAMINGS = frozenset({"chunked", "identity"})
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_NO_DEADLINE = nullcontext()
# Archives compress pixels when they may: 15 times slower, and nothing is gained.
_UNLESS_SAID = {"Accept-Encoding": "identity"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom a transport talks to. The headers are the operator's, and may be secrets."""

    name: str
    url: str
    search_timeout: timedelta
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class HttpTransport:
    """Requests to one backend; implements `gateway.backends.transport.Transport`."""

    def __init__(
        self,
        peer: Peer,
        session: HttpSession,
        credentials: Credentials,
        admission: Admission,
        breaker: Breaker,
        vitals: Vitals,
        metrics: Metrics,
    ) -> None:
        self._peer = peer
        self._session = session
        self._credentials = credentials
        self._admission = admission
        self._breaker = breaker
        self._vitals = vitals
        self._metrics = metrics
        self._headers = {**_UNLESS_SAID, **peer.headers}

    @property
    def backend(self) -> str:
        return self._peer.name

    @asynccontextmanager
    async def request(
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
    ) -> AsyncIterator[Answer]:
        url = join(self._peer.url, path, parameters, raw_query)
        outgoing = Outgoing(method, url, body is not None, context)
        with _Course(self._metrics, self.backend, _operation(method, patience)) as course:
            async with self._deadline(patience):
                self._breaker.check()
                async with self._admission:
                    response = await self._exchanged(outgoing, headers, body)
                    try:
                        if not (200 <= response.status < 300 or response.status in answers):
                            raise await self._refused(response)
                        self._check(response, _WHOLE.get(method, _WHOLE_ANSWERS) | answers)
                        course.response = response
                        yield HttpAnswer(response, self.backend)
                    finally:
                        response.close()

    async def _exchanged(
        self, outgoing: Outgoing, headers: Mapping[str, str], body: Body | None
    ) -> Response:
        """The answer to one request, or to two where the first one's token was refused."""
        for may_renew in (True, False):
            signed = await self._credentials.headers(outgoing)
            merged = {**self._headers, **_trace(outgoing.context), **headers, **signed}
            response = await self._sent(outgoing, merged, body)
            if response.status != _UNAUTHORISED or not may_renew:
                break
            if not self._credentials.renew(signed):
                break
            response.close()
        return response

    async def _sent(
        self, outgoing: Outgoing, headers: Mapping[str, str], body: Body | None
    ) -> Response:
        passage = self._breaker.enter()
        try:
            response = await self._session.open(outgoing.method, outgoing.url, headers, body)
        except NoAnswer as failure:
            passage.failed()
            raise silence(failure.trouble, self.backend) from failure
        except BaseException:
            # A cancellation, or a body that could not be read, shows nothing of the archive.
            passage.abandoned()
            raise
        if is_away(response.status, response.headers):
            passage.failed()
        else:
            passage.succeeded()
            self._vitals.answered()
        return response

    async def _refused(self, response: Response) -> BackendError:
        await _skip(response)
        error = refusal(
            response.status,
            response.headers,
            self.backend,
            forwards=self._credentials.forwards,
            now=datetime.now(UTC),
        )
        _log.debug("backend %s answered %d", self.backend, response.status)
        return error

    def _check(self, response: Response, whole: frozenset[int]) -> None:
        """BackendError for a success that is none, or whose body is not what it seems."""
        fault = _fault(response, whole)
        if fault is not None:
            raise BackendError(
                502,
                fault,
                "backend_answer",
                backend=self.backend,
                upstream_status=response.status,
            )

    def _deadline(self, patience: Patience) -> AbstractAsyncContextManager[object]:
        """For a search, of all of it: the wait for a connection and the reading of the body too."""
        if patience is Patience.FIRST_BYTE:
            return _NO_DEADLINE
        return _Deadline(self._peer.search_timeout, self.backend)


class _Course:
    """How a request went, for the metrics.

    Whoever has all that he needs leaves, and that is no failure.
    """

    def __init__(self, metrics: Metrics, backend: str, operation: str) -> None:
        self._metrics = metrics
        self._backend = backend
        self._operation = operation
        self._started = time.monotonic()
        self.response: Response | None = None
        """The answer, if it was a success."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        seconds = time.monotonic() - self._started
        self._metrics.upstream_finished(
            self._backend, self._operation, self._outcome(error), seconds
        )

    def _outcome(self, error: BaseException | None) -> str:
        response = self.response
        if response is not None and response.broken is not None:
            return response.broken.category
        if error is None or (response is not None and response.ended):
            return "ok"
        return error.category if isinstance(error, GatewayError) else "cancelled"


class _Deadline:
    """BackendError 504 for whatever is still under way in the end."""

    def __init__(self, after: timedelta, backend: str) -> None:
        self._clock = asyncio.timeout(after.total_seconds())
        self._backend = backend

    async def __aenter__(self) -> None:
        await self._clock.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self._clock.__aexit__(kind, error, trace)
        except TimeoutError as timeout:
            raise BackendError(
                504, "The archive did not answer in time.", "timeout", backend=self._backend
            ) from timeout


class HttpAnswer:
    """An answer that is no refusal; implements `gateway.backends.transport.Answer`."""

    def __init__(self, response: Response, backend: str) -> None:
        self.status = response.status
        self.headers = response.headers
        self._response = response
        self._coding = response.headers.get("content-encoding", "")
        self._backend = backend

    @property
    def length(self) -> int | None:
        if not content_coding.is_identity(self._coding):
            return None
        return declared_length(self.headers)

    def chunks(self) -> AsyncIterator[bytes]:
        return content_coding.decoded(self._response.chunks(), self._coding)

    async def read(self, limit: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        async for chunk in self.chunks():
            size += len(chunk)
            if size > limit:
                raise BackendError(
                    502, "The archive's answer is too large.", "too_large", backend=self._backend
                )
            pieces.append(chunk)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _fault(response: Response, whole: frozenset[int]) -> str | None:
    """What is wrong with an answer of 2xx or one that was asked for, as the client is told it."""
    if 200 <= response.status < 300:
        if response.status not in whole:
            return "The archive's answer is not the whole of what it was asked for."
        if response.early:
            return "The archive answered before it had the whole request."
    # The HTTP library takes 64 bits, the highest number of which it reads as an empty body.
    if "content-length" in response.headers and declared_length(response.headers) is None:
        return "The archive's answer has no possible length."
    if response.headers.get("transfer-encoding", "chunked").strip().lower() not in _FRAMINGS:
        return "The archive's answer is coded in an unknown way."
    if not content_coding.known(response.headers.get("content-encoding", "")):
        return "The archive's answer is compressed in an unknown way."
    return None


def _operation(method: str, patience: Patience) -> str:
    if method == "POST":
        return "store"
    return "search" if patience is Patience.SEARCH else "retrieve"


def _trace(context: CallContext) -> Mapping[str, str]:
    return {"traceparent": context.trace_parent} if context.trace_parent else _NO_HEADERS


async def _skip(response: Response) -> None:
    """Read a short error to its end, so that the connection can be used again.

    What it says is not logged: it may quote the query, or a patient's data.
    """
    size = 0
    with suppress(StreamBroken, TimeoutError):
        async with asyncio.timeout(_SKIPPED_WITHIN):
            async for chunk in response.chunks():
                size += len(chunk)
                if size > _MAX_SKIPPED:
                    return
