"""An archive in memory that searches its rows, with the faults that a test gives it."""

from dataclasses import dataclass, replace

from gateway.backends.base import CallContext, SearchPage
from gateway.dicom.resources import Dataset
from gateway.dicom.search_query import MatchKey, SearchQuery
from tests.fakes.backend import MemoryBackend


@dataclass
class RowArchive(MemoryBackend):
    """Matches values by equality, and pages; `calls` has each query that it was asked."""

    cap: int | None = None
    """The most rows that it gives at once, without saying so."""
    ignored: frozenset[str] = frozenset()
    """Names of keys that it takes no notice of."""
    refused: frozenset[str] = frozenset()
    """Names of parameters that it was asked again without, by its adapter."""
    ignores_offset: bool = False
    ignores_limit: bool = False
    says_remaining: bool = False

    async def search(self, query: SearchQuery, context: CallContext) -> SearchPage:
        self.calls.append(("search", query))
        found = [row for row in self.rows if self._matches(query, row)]
        begin = 0 if self.ignores_offset else query.offset
        limits = [query.limit if query.limit and not self.ignores_limit else None, self.cap]
        end = min((begin + limit for limit in limits if limit is not None), default=len(found))
        remaining = max(len(found) - end, 0) if self.says_remaining else 0
        page = SearchPage(found[begin:end], unsupported=self.refused)
        return replace(page, more=True, remaining=remaining) if remaining else page

    @property
    def queries(self) -> list[SearchQuery]:
        return [argument for method, argument in self.calls if method == "search"]

    def _matches(self, query: SearchQuery, row: Dataset) -> bool:
        known = [key for key in query.keys if key.name not in self.ignored | self.refused]
        return all(not key.values or _equals(key, row) for key in known)


def _equals(key: MatchKey, row: Dataset) -> bool:
    values = row.get(key.path[0], {}).get("Value", [])
    return any(str(value) in key.values for value in values)


def study(number: int, **attributes: object) -> Dataset:
    """A row of the study 2.25.<number>; attributes are `t` and a tag, None for no value."""
    row: Dataset = {"0020000D": {"vr": "UI", "Value": [f"2.25.{number}"]}}
    for name, value in attributes.items():
        tag = name.removeprefix("t")
        row[tag] = {"vr": "LO"} if value is None else {"vr": "LO", "Value": [value]}
    return row
