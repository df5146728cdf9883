"""SearchForStudies, SearchForSeries, SearchForInstances (PS3.18 10.6): filter first, page after."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from gateway.backends.base import Backend, CallContext
from gateway.dicom.resources import Dataset, Level
from gateway.dicom.search.attributes import MODALITIES_IN_STUDY, unreturned_keys
from gateway.dicom.search.key_values import EMPTY
from gateway.dicom.search.query import SearchQuery
from gateway.services.call import Call
from gateway.services.events import Events, StudyChanged
from gateway.services.plan import Planner
from gateway.services.search_manners import SearchManners
from gateway.services.search_source import SearchSource
from gateway.services.search_walk import SearchWalk
from gateway.services.search_warnings import search_warnings
from gateway.services.view import View

Kind: TypeAlias = tuple[str, Level, bool, bool]
"""A backend and one of the six resources of a search; archives treat each in its own way."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One page of rows, and the texts of its warnings."""

    rows: list[Dataset]
    warnings: tuple[str, ...] = ()


class Search:
    """Usually one request upstream; more where the archive ignores, cuts or refuses something."""

    def __init__(
        self,
        planner: Planner,
        view: View,
        max_results: int,
        events: Events,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._planner = planner
        self._view = view
        self._max_results = max_results
        self._manners = defaultdict[Kind, SearchManners](partial(SearchManners, clock))
        events.subscribe(StudyChanged, self._forget_results)

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
        manners = self._manners[_kind(backend, query)]
        hints = manners.hints(context.caller)
        is_cut = hints.is_cut(query)
        source = SearchSource(backend, context, manners, hints, self._max_results + 1)
        walk = await _walked(source, query, limit + 1 if is_cut is None else limit)
        if walk.strange:
            _log.warning(
                "Backend %s: %d search rows of other resources left out", backend.name, walk.strange
            )
        begin = query.offset - walk.start
        rows = [self._shaped(row) for row in walk.rows[begin : begin + limit]]
        remaining = _remaining(walk, begin, limit, is_cut)
        if is_cut is None and query.limit and len(rows) == limit and not walk.is_filtered:
            hints.was_full(query, is_cut=remaining != 0)
        return SearchResult(rows, search_warnings(query, walk, remaining))

    def _forget_results(self, event: StudyChanged) -> None:
        for manners in self._manners.values():
            manners.forget_results()

    def _shaped(self, row: Dataset) -> Dataset:
        modalities = row.get(MODALITIES_IN_STUDY)
        if modalities is not None and not modalities.get("Value"):
            # A viewer's study list fails as a whole on an attribute without a value.
            del row[MODALITIES_IN_STUDY]
        return self._view.outgoing(row)


def _kind(backend: Backend, query: SearchQuery) -> Kind:
    return backend.name, query.level, query.study is not None, query.series is not None


async def _walked(source: SearchSource, query: SearchQuery, wanted: int) -> SearchWalk:
    """The walk that has the `wanted` rows from `query.offset` on, or all that there are."""
    needed = _needed_to_decide(query)
    sent = replace(query, include=query.include + needed) if needed else query
    walk = await source.walk(query, sent, wanted)
    without_empty = _without_empty_keys(sent)
    if not walk.returned and without_empty != sent:
        walk = await source.walk_from_first(query, without_empty, wanted)
    source.manners.did_not_match(query, walk.unmatched)
    return walk


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


def _remaining(walk: SearchWalk, begin: int, limit: int, is_cut: bool | None) -> int | None:
    """How many results lie behind the `limit` rows from `begin` on; None if there may be some, and
    nobody knows how many."""
    end = begin + limit
    known = max(len(walk.rows) - end, 0)
    if walk.ended:
        return known
    if walk.remaining is not None and not walk.is_filtered:
        return known + walk.remaining
    is_whole = is_cut is False and not walk.says_more and not walk.stalled
    # Behind the last row that is known nothing is promised: a client would ask on for ever.
    is_behind = walk.stalled and walk.start + begin > 0 and len(walk.rows) <= begin
    return 0 if is_whole or is_behind else None
