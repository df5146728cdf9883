"""One backend as the source of a search's rows: by its own pages, or through all of them."""

from dataclasses import dataclass, replace

from gateway.backends.base import Backend, CallContext
from gateway.dicom.dicom_json import honest
from gateway.dicom.search.query import SearchQuery
from gateway.services.row_identity import identity_of
from gateway.services.search_hints import SearchHints
from gateway.services.search_manners import SearchManners
from gateway.services.search_walk import SearchWalk


@dataclass(frozen=True, slots=True)
class SearchSource:
    """One backend, for one search."""

    backend: Backend
    context: CallContext
    manners: SearchManners
    hints: SearchHints
    most: int
    """Rows that are looked at."""

    async def walk(self, query: SearchQuery, sent: SearchQuery, wanted: int) -> SearchWalk:
        """The client's page by the backend's own offset, where that counts the same rows."""
        if not query.offset or not self.manners.pages(query):
            return await self.walk_from_first(query, sent, wanted)
        walk = await self._walked(query, sent, query.offset, wanted)
        if walk.is_filtered or not await self._begins_at_offset(sent, walk):
            return await self.walk_from_first(query, sent, wanted)
        return walk

    async def walk_from_first(
        self, query: SearchQuery, sent: SearchQuery, wanted: int
    ) -> SearchWalk:
        """All rows up to the end of the client's page."""
        return await self._walked(query, sent, 0, query.offset + wanted)

    async def _walked(
        self, query: SearchQuery, sent: SearchQuery, start: int, wanted: int
    ) -> SearchWalk:
        """The walk, from which the manners are learnt."""
        walk = SearchWalk(self.backend, query, sent, self.context, self.hints, self.most)
        await walk.run(start, wanted)
        if walk.repeats:
            self.manners.did_repeat()
        if walk.honours_offset is not None:
            self.manners.did_see_offset(honoured=walk.honours_offset)
        return walk

    async def _begins_at_offset(self, sent: SearchQuery, walk: SearchWalk) -> bool:
        """False if the backend gives the same rows whatever the offset: its pages never end.

        Found out once an hour, by comparing with the first row of all.
        """
        if not walk.rows or walk.skips or self.manners.honours_offset:
            return True
        page = await self.backend.search(replace(sent, offset=0, limit=1), self.context)
        first = [identity_of(honest(row), sent.level) for row in page.rows[:1]]
        honoured = identity_of(walk.rows[0], sent.level) not in first
        self.manners.did_see_offset(honoured=honoured)
        return honoured
