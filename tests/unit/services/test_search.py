"""The pages of a search over one archive, whatever it cuts, repeats and mixes up."""

import threading
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.principal import ANONYMOUS
from gateway.dicom.links import Links
from gateway.dicom.resources import Dataset, Level
from gateway.services.call import Call
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

MORE = "There are additional results that can be requested"


async def test_a_search_goes_to_the_backend_of_the_call() -> None:
    one, other = RowArchive("one", rows=[study(1)]), RowArchive("other", rows=[study(2)])
    call = Call(ANONYMOUS, "request-1", Links("http://gateway"), backend="other")

    result = await service_of(one, other).search(call, search_for())

    assert numbers_of(result.rows) == [2]
    assert one.calls == []


async def test_a_whole_answer_is_one_request_and_has_no_warning() -> None:
    archive = RowArchive(rows=[study(1, t00100020="A"), study(2, t00100020="B")])

    result = await search_in(archive, "PatientID=B&limit=25&offset=0")

    assert numbers_of(result.rows) == [2]
    assert result.warnings == ()
    assert len(archive.queries) == 1


async def test_one_row_more_than_asked_for_shows_that_the_result_is_cut() -> None:
    archive = RowArchive(rows=studies(8))

    result = await search_in(archive, "limit=3")

    assert numbers_of(result.rows) == [0, 1, 2]
    assert result.warnings == (MORE,)
    assert [query.limit for query in archive.queries] == [4]


async def test_a_result_that_just_fills_its_page_is_not_cut() -> None:
    result = await search_in(RowArchive(rows=studies(3)), "limit=3")

    assert numbers_of(result.rows) == [0, 1, 2]
    assert result.warnings == ()


@pytest.mark.parametrize(("total", "warnings"), [(8, (MORE,)), (3, ())])
async def test_a_search_that_is_repeated_is_not_asked_with_a_row_more(
    total: int, warnings: tuple[str, ...]
) -> None:
    archive = RowArchive(rows=studies(total))
    service = service_of(archive)

    results = [
        await service.search_backend(archive, search_for("limit=3"), CONTEXT) for _ in range(3)
    ]

    assert [query.limit for query in archive.queries] == [4, 3, 3]
    assert [numbers_of(result.rows) for result in results] == [[0, 1, 2]] * 3
    assert [result.warnings for result in results] == [warnings] * 3


async def test_what_a_repeated_search_says_of_its_end_is_what_the_archive_says() -> None:
    archive = RowArchive(rows=studies(8))
    service = service_of(archive)
    await service.search_backend(archive, search_for("limit=3"), CONTEXT)
    archive.rows = studies(2)

    result = await service.search_backend(archive, search_for("limit=3"), CONTEXT)

    assert (numbers_of(result.rows), result.warnings) == ([0, 1], ())


async def test_the_rest_is_counted_where_the_archive_counts_it() -> None:
    result = await search_in(RowArchive(rows=studies(8), says_remaining=True), "limit=3")

    assert result.warnings == ("There are 5 additional results that can be requested",)


@pytest.mark.parametrize("limit", ["", "&limit=12", "&limit=20"])
async def test_a_search_by_uid_ends_where_each_of_them_was_found(limit: str) -> None:
    archive = RowArchive(rows=studies(20))
    uids = ",".join(f"2.25.{number}" for number in range(12))

    result = await search_in(archive, f"StudyInstanceUID={uids}{limit}")

    assert numbers_of(result.rows) == list(range(12))
    assert result.warnings == ()
    assert len(archive.queries) == 1


async def test_one_study_at_two_patients_does_not_end_a_search_for_another() -> None:
    rows = [study(1, t00100020="A"), study(1, t00100020="B"), *map(study, range(2, 13))]
    archive = RowArchive(rows=rows, cap=12)
    uids = ",".join(f"2.25.{number}" for number in range(1, 13))

    result = await search_in(archive, f"StudyInstanceUID={uids}")

    assert numbers_of(result.rows) == [1, 1, *range(2, 13)]
    assert result.warnings == ()


async def test_a_search_by_uid_that_is_cut_is_known_to_be() -> None:
    archive = RowArchive(rows=[study(1, t00100020="A"), study(1, t00100020="B")])

    result = await search_in(archive, "StudyInstanceUID=2.25.1&limit=1")

    assert ([row["00100020"]["Value"] for row in result.rows], result.warnings) == (
        [["A"]],
        (MORE,),
    )


async def test_a_limit_of_nothing_gives_nothing_and_says_what_there_is() -> None:
    archive = RowArchive(rows=studies(3))

    result = await search_in(archive, "limit=0")

    assert (result.rows, result.warnings) == ([], (MORE,))
    assert (await search_in(RowArchive(), "limit=0")).warnings == ()
    assert {query.limit for query in archive.queries} == {1}


async def test_an_archive_s_offset_is_used_where_it_matches_everything() -> None:
    archive = RowArchive(rows=studies(8))
    service = service_of(archive)

    pages = [
        await service.search_backend(archive, search_for(f"limit=3&offset={offset}"), CONTEXT)
        for offset in (3, 6, 8)
    ]

    assert [numbers_of(page.rows) for page in pages] == [[3, 4, 5], [6, 7], []]
    # The one request beside the three finds out, once, whether the offset is honoured.
    assert [query.offset for query in archive.queries] == [3, 0, 6, 8]


async def test_paging_ends_at_an_archive_that_ignores_the_offset() -> None:
    archive = RowArchive(rows=studies(8), ignores_offset=True)
    service = service_of(archive)

    found: list[int] = []
    for _ in range(10):
        query = search_for(f"limit=3&offset={len(found)}")
        rows = (await service.search_backend(archive, query, CONTEXT)).rows
        if not rows:
            break
        found += numbers_of(rows)

    assert found == list(range(8))


async def test_a_page_that_an_archive_caps_in_silence_is_followed_by_others() -> None:
    archive = RowArchive(rows=studies(250), cap=100)

    result = await search_in(archive, "limit=225")

    assert numbers_of(result.rows) == list(range(225))
    assert result.warnings == (MORE,)
    assert [query.offset for query in archive.queries] == [0, 100, 200]


async def test_without_a_limit_all_pages_of_a_capping_archive_are_read() -> None:
    archive = RowArchive(rows=studies(250), cap=100)

    result = await search_in(archive)

    assert numbers_of(result.rows) == list(range(250))
    assert result.warnings == ()
    assert {query.limit for query in archive.queries} == {None}


async def test_an_archive_that_was_seen_to_give_more_is_not_asked_twice() -> None:
    archive = RowArchive(rows=studies(60))
    service = service_of(archive)
    await service.search_backend(archive, search_for(), CONTEXT)
    before = len(archive.queries)

    for _ in range(3):
        await service.search_backend(archive, search_for(), CONTEXT)

    assert (before, len(archive.queries)) == (2, 5)


async def test_the_number_of_results_is_bounded() -> None:
    archive = RowArchive(rows=studies(50))

    without, above = (
        await search_in(archive, most=20),
        await search_in(archive, "limit=99", most=20),
    )

    assert numbers_of(without.rows) == numbers_of(above.rows) == list(range(20))
    assert without.warnings == above.warnings == (MORE,)


async def test_an_archive_that_ignores_the_limit_does_not_make_the_page_longer() -> None:
    result = await search_in(RowArchive(rows=studies(8), ignores_limit=True), "limit=3")

    assert numbers_of(result.rows) == [0, 1, 2]
    assert result.warnings == (MORE,)


async def test_no_row_comes_twice() -> None:
    archive = RowArchive(rows=[study(1), study(2), study(1), study(3)])

    assert numbers_of((await search_in(archive)).rows) == [1, 2, 3]


async def test_a_study_of_no_modality_does_not_carry_the_bare_attribute() -> None:
    rows = [study(1), study(2), study(3)]
    rows[0]["00080061"] = {"vr": "CS"}
    rows[1]["00080061"] = {"vr": "CS", "Value": []}
    rows[2]["00080061"] = {"vr": "CS", "Value": ["CT"]}

    result = await search_in(RowArchive(rows=rows))

    assert ["00080061" in row for row in result.rows] == [False, False, True]


async def test_rows_leave_honest() -> None:
    row = study(1) | {
        "00200010": {"vr": "SH", "Value": [""]},
        "00201206": {"vr": "IS", "Value": ["2"]},
    }

    (found,) = (await search_in(RowArchive(rows=[row]))).rows

    assert found["00200010"] == {"vr": "SH"}
    assert found["00201206"] == {"vr": "IS", "Value": [2]}


def _instance(study_uid: str | None, series_uid: str | None, uid: str | None) -> Dataset:
    uids = {"0020000D": study_uid, "0020000E": series_uid, "00080018": uid}
    return {tag: {"vr": "UI", "Value": [text]} for tag, text in uids.items() if text is not None}


async def test_a_row_of_another_study_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    rows = [
        _instance("1.1", "1.2", "1.3"),
        _instance("1.9", "1.2", "1.4"),
        _instance("1.1", "1.9", "1.5"),
        _instance(None, None, "1.6"),
        _instance("1.1", "1.2", None),
        {},
    ]
    archive = RowArchive(rows=rows)

    result = await service_of(archive).search_backend(
        archive, search_for(level=Level.INSTANCE, study="1.1", series="1.2"), CONTEXT
    )

    assert [row["00080018"]["Value"] for row in result.rows] == [["1.3"], ["1.6"]]
    assert [record.getMessage() for record in caplog.records] == [
        f"Backend {archive.name}: 4 search rows of other resources left out"
    ]


async def test_a_row_of_several_studies_is_never_shown() -> None:
    both = _instance("1.1", "1.2", "1.3")
    both["0020000D"]["Value"] = ["9.9", "1.1"]
    archive = RowArchive(rows=[both])

    result = await service_of(archive).search_backend(
        archive, search_for(level=Level.INSTANCE, study="1.1"), CONTEXT
    )

    assert result.rows == []


async def test_a_row_of_another_study_does_not_hide_the_right_one_of_the_same_uid() -> None:
    archive = RowArchive(rows=[_instance("1.9", "1.2", "1.3"), _instance("1.1", "1.2", "1.3")])

    result = await service_of(archive).search_backend(
        archive, search_for(level=Level.INSTANCE, study="1.1"), CONTEXT
    )

    assert [row["0020000D"]["Value"] for row in result.rows] == [["1.1"]]


async def test_a_result_of_just_as_many_rows_as_the_cap_cuts_no_other_search() -> None:
    rows = [study(n, t00100020="FEW" if n < 100 else "MANY") for n in range(350)]
    archive = RowArchive(rows=rows, cap=100)
    search = service_of(archive)

    for patient, count in (("FEW", 100), ("MANY", 250), ("FEW", 100)):
        for limit in (None, 1000):
            query = search_for(f"PatientID={patient}" + (f"&limit={limit}" if limit else ""))
            result = await search.search_backend(archive, query, CONTEXT)
            assert (len(result.rows), result.warnings) == (count, ())


async def test_an_archive_with_one_new_row_a_page_is_not_asked_for_ever() -> None:
    archive = RowArchive(rows=studies(5000), cap=1, says_remaining=True)

    result = await search_in(archive, "limit=5000")

    assert len(archive.queries) == 200
    assert numbers_of(result.rows) == list(range(200))
    assert result.warnings == ("There are 4800 additional results that can be requested",)


@given(
    total=st.integers(0, 60),
    limit=st.none() | st.integers(0, 40),
    offset=st.integers(0, 70),
    cap=st.none() | st.integers(10, 30),
    offsets=st.sampled_from(["honoured", "ignored", "refused"]),
    ignores_limit=st.booleans(),
    ignores_key=st.booleans(),
    says_remaining=st.booleans(),
)
async def test_whatever_the_archive_s_manners_a_further_page_is_the_right_one(
    total: int,
    limit: int | None,
    offset: int,
    cap: int | None,
    offsets: str,
    ignores_limit: bool,
    ignores_key: bool,
    says_remaining: bool,
) -> None:
    rows = [study(number, t00100020="AB"[number % 3 == 0]) for number in range(total)]
    archive = RowArchive(
        rows=rows,
        cap=cap,
        ignores_offset=offsets == "ignored",
        refuses_offset=offsets == "refused",
        ignores_limit=ignores_limit,
        says_remaining=says_remaining,
        ignored=frozenset({"PatientID"} if ignores_key else ()),
    )
    query = replace(search_for("PatientID=A"), limit=limit, offset=offset)

    service = service_of(archive, most=50)
    await service.search_backend(archive, replace(query, offset=0), CONTEXT)

    result = await service.search_backend(archive, query, CONTEXT)

    rest = [number for number in range(total) if number % 3][offset:]
    expected = rest[: 50 if limit is None else limit]
    got = numbers_of(result.rows)
    is_told = any("additional results" in text for text in result.warnings)
    assert got == expected[: len(got)]
    # A page behind all that is known promises nothing: a client would ask on for ever.
    assert is_told or got == rest or (offset > 0 and not got)
    # What an archive caps whose offset is of no use cannot be had, nor be known to be there.
    if total <= 50 and (offsets == "honoured" or (cap is None and total < 10)):
        assert got == expected
        assert is_told is (got != rest)


class WatchedRow(dict[str, Any]):
    """A row that keeps who looked at it."""

    def __init__(self, row: Dataset) -> None:
        super().__init__(row)
        self.threads: set[int] = set()

    def items(self) -> Any:
        self.threads.add(threading.get_ident())
        return super().items()


@pytest.mark.parametrize(("count", "on_the_loop"), [(10, True), (1000, False)])
async def test_a_long_page_is_not_looked_through_on_the_event_loop(
    count: int, on_the_loop: bool
) -> None:
    rows = [WatchedRow(row) for row in studies(count)]

    result = await search_in(RowArchive(rows=rows), "PatientName=*")

    assert len(result.rows) == count
    assert (threading.get_ident() in rows[0].threads) is on_the_loop


async def test_no_page_shows_a_row_again_where_an_archive_lists_one_twice() -> None:
    archive = RowArchive(rows=[study(1), study(2), study(2), *map(study, range(3, 9))])
    search = service_of(archive)
    shown: list[int] = []
    while True:
        query = search_for(f"limit=3&offset={len(shown)}")
        rows = (await search.search_backend(archive, query, CONTEXT)).rows
        if not rows:
            break
        shown += numbers_of(rows)
    assert shown == [1, 2, 3, 4, 5, 6, 7, 8]
