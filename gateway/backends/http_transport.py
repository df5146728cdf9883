"""The transport of a `dicomweb` backend: admission, breaker, credentials, and the map of errors.

This is the only place where a status, a broken connection or a timeout of an archive becomes one
of the gateway's errors.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from gateway.backends.admission import Admission
from gateway.backends.base import CallContext
from gateway.backends.breaker import Breaker
from gateway.backends.credentials import Credentials, Outgoing
from gateway.backends.health import Vitals
from gateway.backends.status_map import is_away, refusal, silence
from gateway.backends.transport import Answer, Patience
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
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
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
        async with self._counted(_operation(method, patience)), self._within(patience):
            self._breaker.check()
            async with self._admission.slot(), self._exchange(outgoing, headers, body) as response:
                if not (200 <= response.status < 300 or response.status in answers):
                    raise await self._refused(response)
                yield self._answer(response, str(url))

    @asynccontextmanager
    async def _exchange(
        self, outgoing: Outgoing, headers: Mapping[str, str], body: Body | None
    ) -> AsyncIterator[Response]:
        """One request, or two where the first one's token was refused."""
        for may_renew in (True, False):
            signed = await self._credentials.headers(outgoing)
            async with AsyncExitStack() as stack:
                merged = {**self._headers, **_trace(outgoing.context), **headers, **signed}
                response = await self._sent(stack, outgoing, merged, body)
                refused = response.status == _UNAUTHORISED and may_renew
                if refused and await self._credentials.renew(signed):
                    continue
                yield response
                return

    async def _sent(
        self,
        stack: AsyncExitStack,
        outgoing: Outgoing,
        headers: Mapping[str, str],
        body: Body | None,
    ) -> Response:
        passage = self._breaker.enter()
        try:
            response = await stack.enter_async_context(
                self._session.request(outgoing.method, outgoing.url, headers, body)
            )
            if is_away(response.status, response.headers):
                passage.failed()
            else:
                passage.succeeded()
                self._vitals.answered()
        except NoAnswer as failure:
            passage.failed()
            raise silence(failure.trouble, self.backend) from failure
        finally:
            # Whatever else ended it, a cancellation above all, shows nothing of the archive.
            passage.abandoned()
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

    def _answer(self, response: Response, url: str) -> "HttpAnswer":
        coding = response.headers.get("content-encoding", "")
        if not content_coding.known(coding):
            raise BackendError(
                502,
                "The archive's answer is compressed in an unknown way.",
                "backend_answer",
                backend=self.backend,
                upstream_status=response.status,
            )
        return HttpAnswer(response, url, coding, self.backend)

    @asynccontextmanager
    async def _within(self, patience: Patience) -> AsyncIterator[None]:
        """For a search, all of it: the wait for a connection and the reading of the body too."""
        if patience is Patience.FIRST_BYTE:
            yield
            return
        try:
            async with asyncio.timeout(self._peer.search_timeout.total_seconds()) as clock:
                yield
        except TimeoutError as error:
            if not clock.expired():
                raise
            raise BackendError(
                504, "The archive did not answer in time.", "timeout", backend=self.backend
            ) from error

    @asynccontextmanager
    async def _counted(self, operation: str) -> AsyncIterator[None]:
        started, outcome = time.monotonic(), "cancelled"
        try:
            yield
            outcome = "ok"
        except GatewayError as error:
            outcome = error.category
            raise
        finally:
            seconds = time.monotonic() - started
            self._metrics.upstream_finished(self.backend, operation, outcome, seconds)


class HttpAnswer:
    """An answer of 2xx; implements `gateway.backends.transport.Answer`."""

    def __init__(self, response: Response, url: str, coding: str, backend: str) -> None:
        self.status = response.status
        self.headers = response.headers
        self.url = url
        self._response = response
        self._coding = coding
        self._backend = backend

    @property
    def length(self) -> int | None:
        if not content_coding.is_identity(self._coding):
            return None
        text = self.headers.get("content-length", "")
        return int(text) if text.isdecimal() else None

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
