"""What earlier searches have shown of one backend, at one level."""

from collections.abc import Collection

from gateway.dicom.search.query import SearchQuery
from gateway.services.full_pages import FullPages
from gateway.services.page_lengths import PageLengths

_MOST_KEYS = 256


class SearchManners:
    """Only hints: what is forgotten, or no longer true, costs a request and no row."""

    def __init__(self) -> None:
        self.lengths = PageLengths()
        self.full_pages = FullPages[SearchQuery]()
        self.honours_offset = False
        """True once it has been seen to."""
        self._repeats = False
        self._unmatched: set[tuple[str, ...]] = set()

    def pages(self, query: SearchQuery) -> bool:
        """False if the backend's offset is known to count other rows than the client's."""
        return not (self._repeats or any(key.path in self._unmatched for key in query.keys))

    def did_repeat(self) -> None:
        """The backend gave a row twice: pages by its own offset would show some rows again."""
        self._repeats = True

    def did_not_match(self, query: SearchQuery, names: Collection[str]) -> None:
        """The backend took no notice of these keys, so that its next pages are not the client's."""
        if len(self._unmatched) > _MOST_KEYS:
            self._unmatched.clear()
        self._unmatched.update(key.path for key in query.keys if key.name in names)
