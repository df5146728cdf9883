"""Whether a search has come to its end, by what an archive answers to a page behind the first."""

from dataclasses import dataclass, replace

import pytest

from gateway.access.principal import Principal
from gateway.backends.base import CallContext, SearchPage
from gateway.dicom.resources import Dataset, Level
from gateway.dicom.search.query import SearchQuery
from gateway.errors import BackendError
from gateway.services.events import Events, StudyChanged
from gateway.services.search import Search
from tests.fakes.clock import Clock
from tests.fakes.row_archive import (
    CONTEXT,
    RowArchive,
    numbers_of,
    search_for,
    search_in,
    service_of,
    studies,
    study,
)

MORE = ("There are additional results that can be requested",)
COUNTED = ("There are 230 additional results that can be requested",)


async def found(
    service: Search, archive: RowArchive, text: str = ""
) -> tuple[int, tuple[str, ...]]:
    """How many rows, and the warnings."""
    result = await service.search_backend(archive, search_for(text), CONTEXT)
    return len(result.rows), result.warnings


@pytest.mark.parametrize("text", ["", "limit=100"])
@pytest.mark.parametrize(
    ("archive", "warnings"),
    [
        (RowArchive(rows=studies(20)), ()),
        (RowArchive(rows=studies(250), cap=20, ignores_offset=True), MORE),
        (RowArchive(rows=studies(250), cap=20, refuses_offset=True), MORE),
        (RowArchive(rows=studies(250), cap=20, ignores_offset=True, says_remaining=True), COUNTED),
        (RowArchive(rows=studies(250), cap=20, refuses_offset=True, says_remaining=True), COUNTED),
        # Nobody can know that these are all.
        (RowArchive(rows=studies(20), ignores_offset=True), MORE),
        (RowArchive(rows=studies(20), refuses_offset=True), MORE),
        # Too few for any archive's cap.
        (RowArchive(rows=studies(9), ignores_offset=True), ()),
        (RowArchive(rows=studies(9), refuses_offset=True), ()),
    ],
)
async def test_a_further_page_proves_the_end_or_that_it_is_not_known(
    archive: RowArchive, warnings: tuple[str, ...], text: str
) -> None:
    archive = replace(archive, calls=[])
    service = service_of(archive)

    results = [await found(service, archive, text) for _ in range(3)]

    assert results == [(min(len(archive.rows), 20), warnings)] * 3


@pytest.mark.parametrize("offsets", ["ignored", "refused"])
async def test_a_longer_page_before_proves_the_end_where_the_offset_does_not(offsets: str) -> None:
    rows = [study(n, t00100020="FEW" if n < 20 else "MANY") for n in range(60)]
    archive = RowArchive(
        rows=rows, ignores_offset=offsets == "ignored", refuses_offset=offsets == "refused"
    )
    service = service_of(archive)
    assert await found(service, archive) == (60, MORE)

    assert await found(service, archive, "PatientID=FEW") == (20, ())
    assert len(archive.queries) == 3


async def test_what_was_whole_a_moment_ago_is_not_when_fewer_rows_come_of_more() -> None:
    archive = RowArchive(rows=studies(20))
    service = service_of(archive)
    assert await found(service, archive, "limit=20") == (20, ())
    archive.rows, archive.cap, archive.ignores_offset = studies(250), 15, True

    assert await found(service, archive, "limit=20") == (15, MORE)


async def test_a_refused_offset_is_counted_into_the_limit_that_a_page_came_of() -> None:
    rows = [study(n, t00100020="FEW" if n < 22 else "MANY") for n in range(60)]
    archive = RowArchive(rows=rows, refuses_offset=True)
    service = service_of(archive)
    assert await found(service, archive, "limit=5&offset=20") == (5, MORE)

    assert await found(service, archive, "PatientID=FEW&limit=5&offset=20") == (2, ())
    assert len(archive.queries) == 2


async def test_a_number_that_the_archive_gave_stands_though_it_gives_nothing_more() -> None:
    class Withholding(RowArchive):
        async def search(self, query: SearchQuery, context: CallContext) -> SearchPage:
            page = await super().search(query, context)
            return page if not query.offset else SearchPage([])

    archive = Withholding(rows=studies(250), cap=20, says_remaining=True)

    result = await search_in(archive)

    assert (numbers_of(result.rows), result.warnings) == (list(range(20)), COUNTED)


async def test_a_refused_offset_is_not_taken_for_an_honoured_one() -> None:
    rows = [study(n, t00100020="AB"[n % 2]) for n in range(12)]
    archive = RowArchive(rows=rows, ignored=frozenset({"PatientID"}), refuses_offset=True)
    service = service_of(archive)
    assert await found(service, archive, "PatientID=A&limit=3") == (
        3,
        (
            "The archive does not match these parameters, its results were matched afterwards: "
            "PatientID",
            *MORE,
        ),
    )
    archive.refuses_offset, archive.ignores_offset = False, True

    result = await service.search_backend(archive, search_for("limit=3&offset=3"), CONTEXT)

    assert numbers_of(result.rows) == [3, 4, 5]


async def test_an_ignored_offset_is_known_by_uids_however_they_are_padded() -> None:
    rows = [{"0020000D": {"vr": "UI", "Value": [f"2.25.{n}\0"]}} for n in range(8)]
    archive = RowArchive(rows=rows, ignores_offset=True)

    result = await search_in(archive, "limit=3&offset=3")

    assert numbers_of(result.rows) == [3, 4, 5]


@dataclass
class Limiting(RowArchive):
    """Says that there are more, and not how many: of a page that is full."""

    async def search(self, query: SearchQuery, context: CallContext) -> SearchPage:
        page = await super().search(query, context)
        return replace(page, more=len(page.rows) == self.cap)


@pytest.mark.parametrize(("total", "count", "queries"), [(40, 40, 3), (50, 50, 3), (15, 15, 1)])
async def test_a_full_page_with_nothing_behind_it_was_the_last_whatever_it_said(
    total: int, count: int, queries: int
) -> None:
    archive = Limiting(rows=studies(total), cap=20)
    service = service_of(archive)
    await found(service, archive)
    archive.calls.clear()

    assert await found(service, archive) == (count, ())
    assert len(archive.queries) == queries


async def test_what_the_archive_says_counts_more_than_what_was_found_out_before() -> None:
    archive = Limiting(rows=studies(15))
    service = service_of(archive)
    assert await found(service, archive, "limit=15") == (15, ())
    archive.rows, archive.cap = studies(250), 15

    assert await found(service, archive, "limit=15") == (15, MORE)


class Shifting(RowArchive):
    """A study is added before all others between two requests."""

    async def search(self, query: SearchQuery, context: CallContext) -> SearchPage:
        page = await super().search(query, context)
        self.rows = [study(100 + len(self.queries)), *self.rows]
        return page


async def test_a_row_that_comes_again_since_others_came_before_it_is_the_end() -> None:
    result = await search_in(Shifting(rows=studies(20)))

    assert (numbers_of(result.rows), result.warnings) == (list(range(20)), ())


async def test_a_page_of_rows_without_uid_is_not_asked_for_again_and_may_not_be_all() -> None:
    archive = RowArchive(rows=[{"00100020": {"vr": "LO", "Value": [str(n)]}} for n in range(30)])

    result = await search_in(archive)

    assert (result.rows, result.warnings) == ([], MORE)
    assert len(archive.queries) == 1


async def test_a_cap_that_was_lowered_is_noticed_within_an_hour() -> None:
    archive, clock = RowArchive(rows=studies(250)), Clock()
    service = service_of(archive, clock=clock)
    assert await found(service, archive) == (250, ())
    archive.cap = 100

    clock.now += 3601
    assert await found(service, archive) == (250, ())


async def test_an_offset_that_is_no_longer_honoured_is_noticed_within_an_hour() -> None:
    archive, clock = RowArchive(rows=studies(8)), Clock()
    service = service_of(archive, clock=clock)
    for _ in range(2):
        await found(service, archive, "limit=3&offset=3")
    # Whether it is honoured was found out once.
    assert [query.offset for query in archive.queries] == [3, 0, 3]
    archive.ignores_offset = True

    clock.now += 3601
    result = await service.search_backend(archive, search_for("limit=3&offset=3"), CONTEXT)
    assert numbers_of(result.rows) == [3, 4, 5]


async def test_a_walk_shows_whether_the_offset_is_honoured() -> None:
    archive = RowArchive(rows=studies(60), cap=25)
    service = service_of(archive)
    await found(service, archive)
    before = len(archive.queries)

    assert await found(service, archive, "limit=5&offset=5") == (5, MORE)
    assert len(archive.queries) == before + 1


@pytest.mark.parametrize(("scope", "length"), [({}, 100), ({"study": "1.1"}, 60)])
async def test_what_one_resource_brings_says_nothing_of_another(
    scope: dict[str, str], length: int
) -> None:
    def instances(count: int) -> list[Dataset]:
        tags = {"0020000D": "1.1", "0020000E": "1.2"}
        fixed = {tag: {"vr": "UI", "Value": [uid]} for tag, uid in tags.items()}
        return [fixed | {"00080018": {"vr": "UI", "Value": [f"1.3.{n}"]}} for n in range(count)]

    archive = RowArchive(rows=instances(200))
    service = service_of(archive)
    in_series = search_for(level=Level.INSTANCE, study="1.1", series="1.2")
    assert len((await service.search_backend(archive, in_series, CONTEXT)).rows) == 200
    archive.rows, archive.cap = instances(150), length

    elsewhere = search_for(level=Level.INSTANCE, **scope)
    result = await service.search_backend(archive, elsewhere, CONTEXT)

    assert (len(result.rows), result.warnings) == (150, ())


async def test_callers_who_see_other_rows_are_told_of_their_own() -> None:
    archive = RowArchive(rows=studies(10))
    service = service_of(archive)
    told = []
    for token, count in (("few", 10), ("many", 50), ("few", 10), ("many", 50)):
        archive.rows = studies(count)
        context = replace(CONTEXT, caller=Principal("anybody", bearer_token=token))
        told.append(
            (await service.search_backend(archive, search_for("limit=10"), context)).warnings
        )

    assert told == [(), MORE, (), MORE]


async def test_a_study_that_changed_through_the_gateway_is_found_out_about_again() -> None:
    archive, events = RowArchive(rows=studies(10)), Events()
    service = service_of(archive, events=events)
    assert await found(service, archive, "limit=10") == (10, ())
    archive.rows = studies(11)

    events.publish(StudyChanged("2.25.10"))

    assert await found(service, archive, "limit=10") == (10, MORE)


async def test_one_uid_in_two_studies_is_two_rows_on_every_page() -> None:
    rows: list[Dataset] = [
        {"0020000D": {"vr": "UI", "Value": [uid]}, "0020000E": {"vr": "UI", "Value": ["1.5"]}}
        for uid in ("1.1", "1.2")
    ]
    archive = RowArchive(rows=rows)
    service = service_of(archive)

    pages = [
        await service.search_backend(archive, search_for(text, level=Level.SERIES), CONTEXT)
        for text in ("", "limit=1&offset=1", "limit=1&offset=1")
    ]

    assert [len(page.rows) for page in pages] == [2, 1, 1]
    # Nothing came twice, so the archive's own offset is used.
    assert [query.offset for query in archive.queries] == [0, 1, 0, 1]


@dataclass
class FailingBehind(RowArchive):
    """It fails where it is asked for what lies behind its last row."""

    status: int = 404

    async def search(self, query: SearchQuery, context: CallContext) -> SearchPage:
        page = await super().search(query, context)
        if query.offset and not page.rows:
            raise BackendError(502, "no", "backend", backend=self.name, upstream_status=self.status)
        return page


@pytest.mark.parametrize("text", ["", "limit=100", "limit=10&offset=10"])
@pytest.mark.parametrize(
    ("status", "warnings"), [(404, ()), (416, ()), (400, MORE), (500, MORE), (503, MORE)]
)
async def test_a_page_that_only_tells_the_end_cannot_fail_the_search(
    status: int, warnings: tuple[str, ...], text: str
) -> None:
    archive = FailingBehind(rows=studies(20), status=status)
    expected = 10 if "offset" in text else 20
    service = service_of(archive)
    assert await found(service, archive, text) == (expected, warnings)


async def test_a_page_that_is_asked_for_may_fail() -> None:
    archive = FailingBehind(rows=studies(20), status=503)
    with pytest.raises(BackendError):
        await search_in(archive, "limit=10&offset=20")


async def test_a_page_behind_all_that_is_known_promises_no_more() -> None:
    archive = RowArchive(rows=studies(30), refuses_offset=True)
    service = service_of(archive)
    assert await found(service, archive, "limit=10&offset=20") == (10, MORE)
    for offset in (30, 40):
        assert await found(service, archive, f"limit=10&offset={offset}") == (0, ())


@dataclass
class FewerOfWideRows(RowArchive):
    """It bounds the bytes of a page."""

    async def search(self, query: SearchQuery, context: CallContext) -> SearchPage:
        self.cap = 20 if query.include_all else 50
        return await super().search(query, context)


async def test_a_cap_that_hangs_on_the_width_of_rows_is_found() -> None:
    archive = FewerOfWideRows(rows=studies(200))
    service = service_of(archive)
    for text in ("limit=100", "limit=100&includefield=all"):
        assert (await found(service, archive, text))[0] == 100
