"""SearchForStudies, SearchForSeries, SearchForInstances (PS3.18 10.6): filter first, page after."""

import logging
from dataclasses import dataclass, replace

from gateway.backends.base import Backend, CallContext
from gateway.dicom.key_values import EMPTY
from gateway.dicom.resources import Dataset, Level
from gateway.dicom.search_attributes import MODALITIES_IN_STUDY, unreturned_keys
from gateway.dicom.search_query import SearchQuery
from gateway.services.call import Call
from gateway.services.outgoing import uid_of
from gateway.services.plan import Planner
from gateway.services.search_manners import SearchManners
from gateway.services.search_walk import SearchWalk
from gateway.services.search_warnings import search_warnings
from gateway.services.view import View

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One page of rows, and the texts of its warnings."""

    rows: list[Dataset]
    warnings: tuple[str, ...] = ()


class Search:
    """Usually one request upstream; more where the archive ignores, cuts or refuses something."""

    def __init__(self, planner: Planner, view: View, max_results: int) -> None:
        self._planner = planner
        self._view = view
        self._max_results = max_results
        self._manners: dict[tuple[str, Level], SearchManners] = {}

    async def search(self, call: Call, query: SearchQuery) -> SearchResult:
        """The rows that the caller may see, without links."""
        backend, query = await self._planner.search(call, query)
        return await self.search_backend(backend, query, call.context)

    async def search_backend(
        self, backend: Backend, query: SearchQuery, context: CallContext
    ) -> SearchResult:
        """The rows of one backend. Errors: BackendError."""
        limit = self._max_results
        if query.limit is not None:
            limit = min(limit, query.limit)
            query = replace(query, limit=limit)
        walk = await self._walked(backend, query, context, limit)
        if walk.strange:
            left_out = {"backend": backend.name, "rows": walk.strange}
            _log.warning("search rows of other resources left out", extra=left_out)
        begin = query.offset - walk.start
        rows = [self._shaped(row) for row in walk.rows[begin : begin + limit]]
        return SearchResult(rows, search_warnings(query, walk, _remaining(walk, begin + limit)))

    async def _walked(
        self, backend: Backend, query: SearchQuery, context: CallContext, limit: int
    ) -> SearchWalk:
        """The walk whose rows, from `query.offset` on, answer the query."""
        manners = self._manners.setdefault((backend.name, query.level), SearchManners())
        sent = replace(query, include=query.include + _needed_to_decide(query))
        source = _Source(backend, context, manners, self._max_results + 1)
        walk = await source.walk(query, sent, limit)
        without_empty = _without_empty_keys(sent)
        if not walk.returned and without_empty != sent:
            walk = await source.walk_from_first(query, without_empty, limit)
        manners.did_not_match(query, walk.unmatched)
        return walk

    def _shaped(self, row: Dataset) -> Dataset:
        modalities = row.get(MODALITIES_IN_STUDY)
        if modalities is not None and not modalities.get("Value"):
            # A viewer's study list fails as a whole on an attribute without a value.
            del row[MODALITIES_IN_STUDY]
        return self._view.outgoing(row)


@dataclass(frozen=True, slots=True)
class _Source:
    """One backend, for one search."""

    backend: Backend
    context: CallContext
    manners: SearchManners
    most: int
    """Rows that are looked at."""

    async def walk(self, query: SearchQuery, sent: SearchQuery, limit: int) -> SearchWalk:
        """The client's page by the backend's own offset, where that counts the same rows."""
        if not query.offset or not self.manners.pages(query):
            return await self.walk_from_first(query, sent, limit)
        walk = self._new_walk(query, sent)
        await walk.run(query.offset, limit + 1)
        if walk.is_filtered or not await self._honours_offset(sent, walk):
            return await self.walk_from_first(query, sent, limit)
        return walk

    async def walk_from_first(
        self, query: SearchQuery, sent: SearchQuery, limit: int
    ) -> SearchWalk:
        """All rows up to the end of the client's page."""
        walk = self._new_walk(query, sent)
        await walk.run(0, query.offset + limit + 1)
        return walk

    def _new_walk(self, query: SearchQuery, sent: SearchQuery) -> SearchWalk:
        lengths = self.manners.lengths
        return SearchWalk(self.backend, query, sent, self.context, lengths, self.most)

    async def _honours_offset(self, sent: SearchQuery, walk: SearchWalk) -> bool:
        """False if the backend gives the same rows whatever the offset: its pages never end.

        Found out once, by comparing with the first row of all.
        """
        if not walk.rows or self.manners.honours_offset:
            return True
        page = await self.backend.search(replace(sent, offset=0, limit=1), self.context)
        uid = uid_of(walk.rows[0], sent.level)
        self.manners.honours_offset = all(uid_of(row, sent.level) != uid for row in page.rows[:1])
        return self.manners.honours_offset


def _needed_to_decide(query: SearchQuery) -> tuple[tuple[str, ...], ...]:
    """The attributes to ask for beside the client's, so that rows tell whether they match."""
    return tuple((tag,) for tag in dict.fromkeys(k.path[0] for k in unreturned_keys(query)))


def _without_empty_keys(sent: SearchQuery) -> SearchQuery:
    """For an archive that takes two quotation marks for a value: matched here instead."""
    if not sent.empty_value_matching:
        return sent
    keys = tuple(
        replace(key, values=(), raw="") if key.values == (EMPTY,) else key for key in sent.keys
    )
    return sent if keys == sent.keys else replace(sent, keys=keys, empty_value_matching=None)


def _remaining(walk: SearchWalk, end: int) -> int | None:
    """How many results lie behind `end`; None if there are some, and nobody knows how many."""
    known = max(len(walk.rows) - end, 0)
    if walk.ended:
        return known
    if walk.remaining is not None and not walk.is_filtered:
        return known + walk.remaining
    return None
