"""An archive in memory that searches its rows, with the faults that a test gives it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from gateway.access.policy import AllowAll
from gateway.access.principal import ANONYMOUS
from gateway.backends.base import Backend, CallContext, SearchPage
from gateway.dicom.resources import Dataset, Level
from gateway.dicom.search.query import MatchKey, SearchQuery, parse_search
from gateway.services.events import Events
from gateway.services.locate import Locate
from gateway.services.plan import Planner
from gateway.services.routing import Routing
from gateway.services.search import Search, SearchResult
from gateway.services.view import IdentityView
from tests.fakes.backend import MemoryBackend

CONTEXT = CallContext(ANONYMOUS, "request-1")


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
    refuses_offset: bool = False
    """Its adapter asks it from the first row on."""
    ignores_limit: bool = False
    says_remaining: bool = False

    async def search(self, query: SearchQuery, context: CallContext) -> SearchPage:
        self.calls.append(("search", query))
        found = [row for row in self.rows if self._matches(query, row)]
        skipped = query.offset if self.refuses_offset else 0
        begin = 0 if self.ignores_offset or skipped else query.offset
        limit = query.limit + skipped if query.limit and not self.ignores_limit else None
        limits = [each for each in (limit, self.cap) if each is not None]
        end = min((begin + limit for limit in limits), default=len(found))
        remaining = max(len(found) - end, 0) if self.says_remaining else 0
        rows = found[begin:end]
        given = rows[skipped:]
        page = SearchPage(given, unsupported=self.refused, skipped=len(rows) - len(given))
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


def service_of(
    *backends: Backend,
    most: int = 10_000,
    events: Events | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Search:
    """The search over some backends, of which the first is asked unless a call names another."""
    routing = Routing({backend.name: backend for backend in backends})
    planner = Planner(routing, Locate(routing), AllowAll())
    return Search(planner, IdentityView(), most, events or Events(), clock)


def search_for(text: str = "", level: Level = Level.STUDY, **scope: str) -> SearchQuery:
    """The query of an encoded text."""
    pairs = parse_qsl(text, keep_blank_values=True)
    return parse_search(level, scope.get("study"), scope.get("series"), pairs)


async def search_in(archive: RowArchive, text: str = "", most: int = 10_000) -> SearchResult:
    """A search of nobody in particular."""
    return await service_of(archive, most=most).search_backend(archive, search_for(text), CONTEXT)


def numbers_of(rows: Sequence[Dataset]) -> list[int]:
    """The numbers that `study` was given."""
    return [int(row["0020000D"]["Value"][0].removeprefix("2.25.")) for row in rows]


def studies(count: int) -> list[Dataset]:
    """That many studies, numbered from 0."""
    return [study(number) for number in range(count)]
