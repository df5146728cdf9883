"""One backend as the source of a search's rows: by its own pages, or through all of them."""

from dataclasses import dataclass, replace

from gateway.backends.base import Backend, CallContext
from gateway.dicom.search.query import SearchQuery
from gateway.services.outgoing import uid_of
from gateway.services.search_manners import SearchManners
from gateway.services.search_walk import SearchWalk


@dataclass(frozen=True, slots=True)
class SearchSource:
    """One backend, for one search."""

    backend: Backend
    context: CallContext
    manners: SearchManners
    most: int
    """Rows that are looked at."""

    async def walk(self, query: SearchQuery, sent: SearchQuery, wanted: int) -> SearchWalk:
        """The client's page by the backend's own offset, where that counts the same rows."""
        if not query.offset or not self.manners.pages(query):
            return await self.walk_from_first(query, sent, wanted)
        walk = self._new_walk(query, sent)
        await walk.run(query.offset, wanted)
        if walk.is_filtered or not await self._honours_offset(sent, walk):
            return await self.walk_from_first(query, sent, wanted)
        return walk

    async def walk_from_first(
        self, query: SearchQuery, sent: SearchQuery, wanted: int
    ) -> SearchWalk:
        """All rows up to the end of the client's page."""
        walk = self._new_walk(query, sent)
        await walk.run(0, query.offset + wanted)
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
