"""The rows of one backend, page by page, filtered on the way."""

import asyncio
from dataclasses import replace

from gateway.backends.base import Backend, CallContext, SearchPage
from gateway.dicom.dicom_json import honest
from gateway.dicom.resources import Dataset, Level
from gateway.dicom.search.attributes import unique_values
from gateway.dicom.search.matching import RowMatcher
from gateway.dicom.search.query import SearchQuery
from gateway.services.outgoing import is_of, uid_of
from gateway.services.page_lengths import PageLengths

_FILTERED_PAGE = 500
"""Rows asked for at once where many of them may not match."""
_MOST_PAGES = 200
_ROWS_ON_THE_LOOP = 64
"""A longer page is looked through in a thread: each row costs about a tenth of a millisecond."""


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
        lengths: PageLengths,
        most: int,
    ) -> None:
        self._backend = backend
        self._query = query
        self._sent = sent
        self._context = context
        self._lengths = lengths
        self._most = most
        self._matcher = RowMatcher(query)
        self._keys = frozenset(key.name for key in query.keys)
        self._unique = unique_values(query)
        self._seen: set[tuple[str, bool]] = set()
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
        self.ended = False
        """There are no further rows."""
        self.remaining: int | None = None
        """How many further rows the backend says that there are."""

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
            if self.ended or len(self.rows) >= wanted or len(self._seen) >= self._most:
                return
            if start and self.is_filtered:
                return

    async def _next_page(self, offset: int, wanted: int) -> int:
        limit = self._page_limit(wanted)
        query = self._sent
        if (offset, limit) != (query.offset, query.limit):
            query = replace(query, offset=offset, limit=limit)
        page = await self._backend.search(query, self._context)
        is_long = len(page.rows) > _ROWS_ON_THE_LOOP
        is_new = await asyncio.to_thread(self._take, page) if is_long else self._take(page)
        self._judge(page, query, is_new=is_new)
        return len(page.rows)

    def _page_limit(self, wanted: int) -> int | None:
        """The client's limit and one more, which shows whether the result is cut."""
        limit = self._sent.limit
        if limit is None or (self._unique is not None and self._unique <= limit):
            return limit
        needed = wanted - len(self.rows)
        return max(needed, _FILTERED_PAGE) if self.is_filtered else needed

    def _take(self, page: SearchPage) -> bool:
        """Add what matches; True if there was a row that no page before had."""
        rows = [honest(row) for row in page.rows]
        self.returned = self.returned.union(*rows)
        self.unsupported |= page.unsupported
        self.unmatched |= page.unsupported & self._keys
        before = len(self._seen)
        for row in rows:
            self._sort(row)
        return len(self._seen) > before

    def _sort(self, row: Dataset) -> None:
        uid = uid_of(row, self._query.level)
        if uid is None:
            self.strange += 1
            return
        is_in_scope = self._is_in_scope(row)
        if (uid, is_in_scope) in self._seen:
            self.repeats = True
            return
        self._seen.add((uid, is_in_scope))
        if not is_in_scope:
            self.strange += 1
            return
        mismatches = self._matcher.mismatches(row, self.returned)
        if mismatches:
            self.unmatched |= frozenset(mismatches)
        else:
            self.rows.append(row)

    def _is_in_scope(self, row: Dataset) -> bool:
        """False for a row of another study or series than the path names: never to be shown."""
        scope = ((Level.STUDY, self._query.study), (Level.SERIES, self._query.series))
        return all(uid is None or is_of(row, level, uid) for level, uid in scope)

    def _judge(self, page: SearchPage, query: SearchQuery, *, is_new: bool) -> None:
        """Whether this was the last page."""
        length = len(page.rows)
        if self._doubtful is not None:
            self._lengths.followed(*self._doubtful, by_more=is_new)
        self._doubtful = None
        self.remaining = page.remaining
        if not is_new or (self._unique is not None and len(self.rows) >= self._unique):
            # Nothing new, however much of it: the backend ignores the offset.
            self.ended = True
        elif (query.limit is None or length < query.limit) and not page.more:
            self.ended = not self._lengths.may_be_cut(query, length)
            self._doubtful = None if self.ended else (query, length)
        self._lengths.saw(length)
