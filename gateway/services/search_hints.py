"""What one caller's search may go by, of what earlier ones have shown."""

from dataclasses import dataclass
from typing import TypeAlias

from gateway.dicom.search.query import SearchQuery
from gateway.services.page_lengths import PageLengths, Shape
from gateway.services.short_memory import ShortMemory

Asked: TypeAlias = tuple[int, SearchQuery, int | None]
"""By whom, what, and where it was a page that came short: how many rows it had."""


@dataclass(frozen=True, slots=True)
class SearchHints:
    """How long an archive's pages are is true for everybody, what they hold only for who asks."""

    lengths: PageLengths
    recent: ShortMemory[Asked]
    caller: int
    """A number that another caller does not have."""

    def is_cut(self, query: SearchQuery) -> bool | None:
        """Whether there is more behind this page if it is full; None if it is to be found out."""
        return self.recent.recall((self.caller, query, None))

    def was_full(self, query: SearchQuery, *, is_cut: bool) -> None:
        """The page had all rows that it could, and there are more or none."""
        self.recent.note((self.caller, query, None), answer=is_cut)

    def may_be_cut(self, query: SearchQuery, limit: int | None, length: int) -> bool:
        """True unless this query's page, shorter than its limit, is known to be the last."""
        return self.lengths.may_be_cut(_shape(query, limit), length) and (
            self.recent.recall((self.caller, query, length)) is not False
        )

    def saw(self, query: SearchQuery, limit: int | None, length: int) -> None:
        """A page of this length came where the backend was asked for this limit."""
        self.lengths.saw(_shape(query, limit), length)

    def followed(self, query: SearchQuery, length: int, *, by_more: bool) -> None:
        """After this query's page, of this length, came another with rows, or surely none."""
        self.recent.note((self.caller, query, length), answer=by_more)


def _shape(query: SearchQuery, limit: int | None) -> Shape:
    """What a cap may hang on: a bound on the bytes of a page is one on its rows, by their width."""
    return limit, query.include_all, query.include
