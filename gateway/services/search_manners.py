"""What earlier searches have shown of one backend, at one level."""

import time
from collections.abc import Callable, Collection
from datetime import timedelta

from gateway.dicom.search.query import SearchQuery
from gateway.services.full_pages import FullPages
from gateway.services.page_lengths import PageLengths

_MOST_KEYS = 256
_LIFETIME = timedelta(hours=1)
"""An archive may be mended, or a row that came twice be gone."""


class SearchManners:
    """Only hints: what is forgotten, or no longer true, costs a request and no row."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.lengths = PageLengths()
        self.full_pages = FullPages[SearchQuery]()
        self.honours_offset = False
        """True once it has been seen to."""
        self._repeats_until = 0.0
        self._unmatched_until: dict[tuple[str, ...], float] = {}

    def pages(self, query: SearchQuery) -> bool:
        """False if the backend's offset is known to count other rows than the client's."""
        now = self._clock()
        unmatched = self._unmatched_until
        return self._repeats_until <= now and not any(
            unmatched.get(key.path, 0.0) > now for key in query.keys
        )

    def did_repeat(self) -> None:
        """The backend gave a row twice: pages by its own offset would show some rows again."""
        self._repeats_until = self._clock() + _LIFETIME.total_seconds()

    def did_not_match(self, query: SearchQuery, names: Collection[str]) -> None:
        """The backend took no notice of these keys, so that its next pages are not the client's."""
        if len(self._unmatched_until) > _MOST_KEYS:
            self._unmatched_until.clear()
        until = self._clock() + _LIFETIME.total_seconds()
        self._unmatched_until.update({key.path: until for key in query.keys if key.name in names})
