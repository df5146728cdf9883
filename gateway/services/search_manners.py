"""What earlier searches have shown of one backend, for one kind of resource."""

import time
from collections.abc import Callable, Collection
from datetime import timedelta

from gateway.backends.base import Caller
from gateway.dicom.search.query import SearchQuery
from gateway.services.page_lengths import PageLengths
from gateway.services.search_hints import Asked, SearchHints
from gateway.services.short_memory import ShortMemory

_MOST_KEYS = 256
_LIFETIME = timedelta(hours=1)
"""An archive may be mended or replaced, or a row that came twice be gone."""


class SearchManners:
    """All of it is forgotten within an hour, since what is no longer true may cost rows."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lengths = PageLengths(clock)
        self._recent = ShortMemory[Asked](clock)
        self._honours_until = 0.0
        self._miscounts_until = 0.0
        self._unmatched_until: dict[tuple[str, ...], float] = {}

    def hints(self, caller: Caller) -> SearchHints:
        """For one search. A caller's token is not kept: a hash, keyed by the process, will do."""
        number = hash((caller.subject, caller.bearer_token))
        return SearchHints(self._lengths, self._recent, number)

    def forget_results(self) -> None:
        """The archive holds other rows now. What searches under way still note is forgotten too."""
        self._recent = ShortMemory[Asked](self._clock)

    @property
    def honours_offset(self) -> bool:
        """True if the backend has been seen to."""
        return self._honours_until > self._clock()

    def did_see_offset(self, *, honoured: bool) -> None:
        """Another offset brought other rows, or the same."""
        if honoured:
            self._honours_until = self._in_an_hour()
        else:
            self._honours_until = 0.0
            self._miscounts_until = self._in_an_hour()

    def did_repeat(self) -> None:
        """The backend gave a row twice: pages by its own offset would show some rows again."""
        self._miscounts_until = self._in_an_hour()

    def did_not_match(self, query: SearchQuery, names: Collection[str]) -> None:
        """The backend took no notice of these keys, so that its next pages are not the client's."""
        if len(self._unmatched_until) > _MOST_KEYS:
            self._unmatched_until.clear()
        until = self._in_an_hour()
        self._unmatched_until.update({key.path: until for key in query.keys if key.name in names})

    def pages(self, query: SearchQuery) -> bool:
        """False if the backend's offset is known to count other rows than the client's."""
        now = self._clock()
        unmatched = self._unmatched_until
        return self._miscounts_until <= now and not any(
            unmatched.get(key.path, 0.0) > now for key in query.keys
        )

    def _in_an_hour(self) -> float:
        return self._clock() + _LIFETIME.total_seconds()
