"""A token that many requests share: fetched by one for all that wait, and again before it ends."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from gateway.backends.credentials import Outgoing, no_credentials_to_be_had
from gateway.errors import BackendError

_LONGEST_MARGIN = timedelta(minutes=1)
_PAUSE_AFTER_FAILURE = 1.0
_PAUSE_AFTER_RENEWAL = 2.0


@dataclass(frozen=True, slots=True)
class Token:
    """What a token endpoint gave, and for how long it said that it holds."""

    value: str = field(repr=False)
    lifetime: timedelta


class TokenSource:
    """Keeps the newest token of `fetch`, which raises BackendError; `clock` is in seconds.

    After a failure nobody asks for a moment, so that requests which wait do not each wait for an
    endpoint that is down; a token that still holds is used meanwhile.
    """

    def __init__(
        self, backend: str, fetch: Callable[[], Awaitable[Token]], clock: Callable[[], float]
    ) -> None:
        self._backend = backend
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._value: str | None = None
        self._fetched_at = self._renew_at = self._ends_at = self._retry_at = clock()
        self._is_renewal = False

    async def get(self) -> str:
        """A token that holds. BackendError if none can be had."""
        if self._value is not None and self._clock() < self._renew_at:
            return self._value
        async with self._lock:
            if self._value is None or self._clock() >= self._renew_at:
                await self._replace()
            return self._value or ""

    def refused(self, value: str) -> bool:
        """The token was answered with 401; True if another may be had.

        One that was fetched after a refusal and is refused at once says that tokens are not what
        is wrong: the endpoint is then left alone for a moment.
        """
        if value != self._value:
            return True
        if self._is_renewal and self._clock() < self._fetched_at + _PAUSE_AFTER_RENEWAL:
            return False
        self._value = None
        self._is_renewal = True
        return True

    async def _replace(self) -> None:
        now = self._clock()
        holds = self._value is not None and now < self._ends_at
        if now < self._retry_at and not holds:
            raise no_credentials_to_be_had(self._backend)
        if now < self._retry_at:
            return
        try:
            self._keep(await self._fetch())
        except BackendError:
            self._retry_at = self._clock() + _PAUSE_AFTER_FAILURE
            if not holds:
                raise

    def _keep(self, token: Token) -> None:
        self._is_renewal = self._is_renewal and self._value is None
        self._value = token.value
        now = self._fetched_at = self._clock()
        self._ends_at = now + token.lifetime.total_seconds()
        margin = min(_LONGEST_MARGIN, token.lifetime / 5)
        self._renew_at = self._ends_at - margin.total_seconds()


class TokenCredentials:
    """A bearer token of a source that gives a new one for a refused one."""

    forwards = False

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    async def headers(self, request: Outgoing) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {await self._source.get()}"}

    def renew(self, sent: Mapping[str, str]) -> bool:
        return self._source.refused(sent["Authorization"].removeprefix("Bearer "))
