"""The rows of one backend, page by page, filtered on the way."""

import asyncio
import logging
from dataclasses import dataclass, replace

from gateway.backends.base import Backend, CallContext, SearchPage
from gateway.dicom.dicom_json import honest
from gateway.dicom.resources import Dataset, Level
from gateway.dicom.search.attributes import unique_values
from gateway.dicom.search.matching import RowMatcher
from gateway.dicom.search.query import SearchQuery
from gateway.errors import BackendError
from gateway.services.outgoing import is_of, uid_of
from gateway.services.row_identity import Identity, identity_of
from gateway.services.search_hints import SearchHints

_FILTERED_PAGE = 500
"""Rows asked for at once where many of them may not match."""
_MOST_PAGES = 200
_BEHIND_THE_END = frozenset({404, 410, 416})
"""What archives answer to an offset that is greater than the number of results."""
_ROWS_ON_THE_LOOP = 64
"""A longer page is looked through in a thread: each row costs about a tenth of a millisecond."""


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Taken:
    """What of a page's rows was seen before."""

    first: Identity | None
    has_new: bool
    has_old: bool


class SearchWalk:
    """Asks for page after page until there are rows enough.

    `sent` is what the backend is asked, `query` what rows must match; `most` bounds the rows that
    are looked at.
    """

    def __init__(
        self,
        backend: Backend,
        query: SearchQuery,
        sent: SearchQuery,
        context: CallContext,
        hints: SearchHints,
        most: int,
    ) -> None:
        self._backend = backend
        self._query = query
        self._sent = sent
        self._context = context
        self._hints = hints
        self._most = most
        self._matcher = RowMatcher(query)
        self._keys = frozenset(key.name for key in query.keys)
        self._unique = unique_values(query)
        self._seen: set[tuple[Identity, bool]] = set()
        self._first: Identity | None = None
        self._doubtful: tuple[SearchQuery, int] | None = None
        self.start = 0
        self.rows: list[Dataset] = []
        """Those that match, each of them once."""
        self.returned: frozenset[str] = frozenset()
        """The tags that at least one row of the backend had."""
        self.unmatched: frozenset[str] = frozenset()
        """The names of the keys that the backend did not match."""
        self.unsupported: frozenset[str] = frozenset()
        self.repeats = False
        """The backend gave a row twice, so that its offset counts more rows than there are."""
        self.strange = 0
        """Rows that were left out since they belong elsewhere or nowhere."""
        self.honours_offset: bool | None = None
        """None if no page has shown it."""
        self.skips = False
        """The backend refuses the offset: rows before it were given, and left out."""
        self.ended = False
        """There are no further rows."""
        self.stalled = False
        """The last page had no row that those before it had not; there may be more all the same."""
        self.remaining: int | None = None
        """How many further rows the backend says that there are."""
        self.says_more = False
        """The backend says that there are further rows."""

    @property
    def is_filtered(self) -> bool:
        """The backend's own offset counts rows that are left out."""
        return bool(self.unmatched or self.strange or self.repeats)

    async def run(self, start: int, wanted: int) -> None:
        """Collect rows from the backend's row `start` on, until there are `wanted` or no more.

        A walk that does not begin at the first row stops as soon as rows have to be left out,
        since then nobody knows how many were before it.
        """
        self.start = offset = start
        for _ in range(_MOST_PAGES):
            offset += await self._next_page(offset, wanted)
            if self.ended or self.stalled:
                return
            if len(self.rows) >= wanted or len(self._seen) >= self._most:
                return
            if start and self.is_filtered:
                return

    async def _next_page(self, offset: int, wanted: int) -> int:
        limit = self._page_limit(wanted)
        query = self._sent
        if (offset, limit) != (query.offset, query.limit):
            query = replace(query, offset=offset, limit=limit)
        page = await self._page(query)
        if page is None:
            return 0
        is_long = len(page.rows) > _ROWS_ON_THE_LOOP
        taken = await asyncio.to_thread(self._take, page) if is_long else self._take(page)
        self._note_offset(page, query, taken)
        self._judge(page, query, is_new=taken.has_new)
        return len(page.rows)

    async def _page(self, query: SearchQuery) -> SearchPage | None:
        """None if it cannot be had, and was asked for only to find out whether it exists."""
        try:
            return await self._backend.search(query, self._context)
        except BackendError as error:
            if self._doubtful is None:
                raise
            if error.upstream_status in _BEHIND_THE_END:
                return SearchPage(())
            _log.warning("Backend %s: no page behind a short one: %s", error.backend, error)
            self.stalled = True
            return None

    def _page_limit(self, wanted: int) -> int | None:
        """The client's limit and one more, which shows whether the result is cut."""
        if self._sent.limit is None:
            return None
        needed = wanted - len(self.rows)
        return max(needed, _FILTERED_PAGE) if self.is_filtered else needed

    def _take(self, page: SearchPage) -> _Taken:
        """Add what matches."""
        rows = [honest(row) for row in page.rows]
        self.returned = self.returned.union(*rows)
        self.unsupported |= page.unsupported
        self.unmatched |= page.unsupported & self._keys
        before = len(self._seen)
        was_seen = [self._sort(row) for row in rows]
        first = identity_of(rows[0], self._query.level) if rows else None
        return _Taken(first, len(self._seen) > before, any(was_seen))

    def _sort(self, row: Dataset) -> bool:
        """True for a row that was seen before."""
        identity = identity_of(row, self._query.level)
        if identity is None:
            self.strange += 1
            return False
        is_in_scope = self._is_in_scope(row)
        if (identity, is_in_scope) in self._seen:
            return True
        self._seen.add((identity, is_in_scope))
        if not is_in_scope:
            self.strange += 1
            return False
        mismatches = self._matcher.mismatches(row, self.returned)
        if mismatches:
            self.unmatched |= frozenset(mismatches)
        else:
            self.rows.append(row)
        return False

    def _is_in_scope(self, row: Dataset) -> bool:
        """False for a row of another study or series than the path names: never to be shown."""
        scope = ((Level.STUDY, self._query.study), (Level.SERIES, self._query.series))
        return all(uid is None or is_of(row, level, uid) for level, uid in scope)

    def _note_offset(self, page: SearchPage, query: SearchQuery, taken: _Taken) -> None:
        """What the page shows of the backend's offset, if it is not the first page."""
        self.skips = self.skips or page.skipped > 0
        if query.offset == self.start:
            self._first = taken.first
        elif page.rows and taken.first is not None and taken.first == self._first:
            self.honours_offset = False
            return
        elif not page.skipped and (taken.has_new or not page.rows):
            self.honours_offset = True
        self.repeats = self.repeats or taken.has_old

    def _judge(self, page: SearchPage, query: SearchQuery, *, is_new: bool) -> None:
        """Whether this was the last page, or the last one that brings something."""
        length, limit = page.skipped + len(page.rows), query.limit
        if page.skipped and limit is not None:
            limit += query.offset
        if is_new or page.remaining is not None:
            self.remaining = page.remaining
        # A number that the backend gave is not withdrawn by a page without rows.
        self.says_more = page.more or bool(self.remaining)
        is_short = (limit is None or length < limit) and not self.says_more
        self.ended = is_short and (
            self._has_each() or not self._hints.may_be_cut(query, limit, length)
        )
        self.stalled = not is_new
        if self._doubtful is not None and (is_new or self.ended):
            self._hints.followed(*self._doubtful, by_more=is_new)
        self._doubtful = (query, length) if is_short and not self.ended else None
        self._hints.saw(query, limit, length)

    def _has_each(self) -> bool:
        """Every UID that the query names has been found."""
        if self._unique is None:
            return False
        return len({uid_of(row, self._query.level) for row in self.rows}) >= self._unique
