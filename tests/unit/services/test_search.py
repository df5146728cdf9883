"""Search over one archive, whatever it ignores, cuts, refuses or gets wrong."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.policy import AllowAll
from gateway.access.principal import ANONYMOUS
from gateway.backends.base import Backend, CallContext
from gateway.dicom.links import Links
from gateway.dicom.resources import Dataset, Level
from gateway.dicom.search_query import SearchQuery, parse_search
from gateway.services.call import Call
from gateway.services.locate import Locate
from gateway.services.plan import Planner
from gateway.services.routing import Routing
from gateway.services.search import Search, SearchResult
from gateway.services.view import IdentityView
from tests.fakes.row_archive import RowArchive, study

CONTEXT = CallContext(ANONYMOUS, "request-1")
MORE = "There are additional results that can be requested"
UNMATCHED = "The archive does not match these parameters, its results were matched afterwards"
UNDECIDED = "Whether the results match these parameters is not known"


def _service(*backends: Backend, most: int = 10_000) -> Search:
    routing = Routing({backend.name: backend for backend in backends})
    return Search(Planner(routing, Locate(routing), AllowAll()), IdentityView(), most)


def _query(text: str = "", level: Level = Level.STUDY, **scope: Any) -> SearchQuery:
    pairs = parse_qsl(text, keep_blank_values=True)
    return parse_search(level, scope.get("study"), scope.get("series"), pairs)


async def _search(archive: RowArchive, text: str = "", most: int = 10_000) -> SearchResult:
    return await _service(archive, most=most).search_backend(archive, _query(text), CONTEXT)


def _numbers(rows: Sequence[Dataset]) -> list[int]:
    return [int(row["0020000D"]["Value"][0].removeprefix("2.25.")) for row in rows]


def _studies(count: int) -> list[Dataset]:
    return [study(number) for number in range(count)]


async def test_a_search_goes_to_the_backend_of_the_call() -> None:
    one, other = RowArchive("one", rows=[study(1)]), RowArchive("other", rows=[study(2)])
    call = Call(ANONYMOUS, "request-1", Links("http://gateway"), backend="other")

    result = await _service(one, other).search(call, _query())

    assert _numbers(result.rows) == [2]
    assert one.calls == []


async def test_a_whole_answer_is_one_request_and_has_no_warning() -> None:
    archive = RowArchive(rows=[study(1, t00100020="A"), study(2, t00100020="B")])

    result = await _search(archive, "PatientID=B&limit=25&offset=0")

    assert _numbers(result.rows) == [2]
    assert result.warnings == ()
    assert len(archive.queries) == 1


async def test_one_row_more_than_asked_for_shows_that_the_result_is_cut() -> None:
    archive = RowArchive(rows=_studies(8))

    result = await _search(archive, "limit=3")

    assert _numbers(result.rows) == [0, 1, 2]
    assert result.warnings == (MORE,)
    assert [query.limit for query in archive.queries] == [4]


async def test_a_result_that_just_fills_its_page_is_not_cut() -> None:
    result = await _search(RowArchive(rows=_studies(3)), "limit=3")

    assert _numbers(result.rows) == [0, 1, 2]
    assert result.warnings == ()


async def test_the_rest_is_counted_where_the_archive_counts_it() -> None:
    result = await _search(RowArchive(rows=_studies(8), says_remaining=True), "limit=3")

    assert result.warnings == ("There are 5 additional results that can be requested",)


async def test_a_search_by_uid_is_asked_with_its_own_limit() -> None:
    archive = RowArchive(rows=_studies(20))

    result = await _search(archive, "StudyInstanceUID=2.25.4,2.25.7&limit=2")

    assert _numbers(result.rows) == [4, 7]
    assert result.warnings == ()
    assert [query.limit for query in archive.queries] == [2]


async def test_a_limit_of_nothing_gives_nothing_and_says_what_there_is() -> None:
    archive = RowArchive(rows=_studies(3))

    result = await _search(archive, "limit=0")

    assert (result.rows, result.warnings) == ([], (MORE,))
    assert (await _search(RowArchive(), "limit=0")).warnings == ()


async def test_an_archive_s_offset_is_used_where_it_matches_everything() -> None:
    archive = RowArchive(rows=_studies(8))
    service = _service(archive)

    pages = [
        await service.search_backend(archive, _query(f"limit=3&offset={offset}"), CONTEXT)
        for offset in (3, 6, 8)
    ]

    assert [_numbers(page.rows) for page in pages] == [[3, 4, 5], [6, 7], []]
    # The one request beside the three finds out, once, whether the offset is honoured.
    assert [query.offset for query in archive.queries] == [3, 0, 6, 8]


async def test_paging_ends_at_an_archive_that_ignores_the_offset() -> None:
    archive = RowArchive(rows=_studies(8), ignores_offset=True)
    service = _service(archive)

    found: list[int] = []
    for _ in range(10):
        query = _query(f"limit=3&offset={len(found)}")
        rows = (await service.search_backend(archive, query, CONTEXT)).rows
        if not rows:
            break
        found += _numbers(rows)

    assert found == list(range(8))


async def test_a_page_that_an_archive_caps_in_silence_is_followed_by_others() -> None:
    archive = RowArchive(rows=_studies(250), cap=100)

    result = await _search(archive, "limit=225")

    assert _numbers(result.rows) == list(range(225))
    assert result.warnings == (MORE,)
    assert [query.offset for query in archive.queries] == [0, 100, 200]


async def test_without_a_limit_all_pages_of_a_capping_archive_are_read() -> None:
    archive = RowArchive(rows=_studies(250), cap=100)

    result = await _search(archive)

    assert _numbers(result.rows) == list(range(250))
    assert result.warnings == ()
    assert {query.limit for query in archive.queries} == {None}


async def test_an_archive_that_was_seen_to_give_more_is_not_asked_twice() -> None:
    archive = RowArchive(rows=_studies(60))
    service = _service(archive)
    await service.search_backend(archive, _query(), CONTEXT)
    before = len(archive.queries)

    for _ in range(3):
        await service.search_backend(archive, _query(), CONTEXT)

    assert (before, len(archive.queries)) == (2, 5)


async def test_the_number_of_results_is_bounded() -> None:
    archive = RowArchive(rows=_studies(50))

    without, above = await _search(archive, most=20), await _search(archive, "limit=99", most=20)

    assert _numbers(without.rows) == _numbers(above.rows) == list(range(20))
    assert without.warnings == above.warnings == (MORE,)


async def test_an_archive_that_ignores_the_limit_does_not_make_the_page_longer() -> None:
    result = await _search(RowArchive(rows=_studies(8), ignores_limit=True), "limit=3")

    assert _numbers(result.rows) == [0, 1, 2]
    assert result.warnings == (MORE,)


async def test_a_key_that_the_archive_ignores_is_matched_and_told_of() -> None:
    rows = [study(number, t00100020="AB"[number % 2]) for number in range(40)]
    archive = RowArchive(rows=rows, ignored=frozenset({"00100020"}))

    result = await _search(archive, "00100020=B&limit=3&offset=4")

    assert _numbers(result.rows) == [9, 11, 13]
    assert result.warnings == (f"{UNMATCHED}: 00100020", MORE)


async def test_a_key_that_the_archive_refuses_is_matched_and_told_of() -> None:
    rows = [study(number, t00101010="AB"[number % 2]) for number in range(40)]
    archive = RowArchive(rows=rows, refused=frozenset({"PatientAge"}))

    result = await _search(archive, "PatientAge=B&limit=3&offset=1")

    assert _numbers(result.rows) == [3, 5, 7]
    assert result.warnings == (f"{UNMATCHED}: PatientAge", MORE)


async def test_a_key_that_was_seen_to_be_ignored_spoils_no_later_page() -> None:
    rows = [study(number, t00100020="BAAAAAAA"[number]) for number in range(8)]
    archive = RowArchive(rows=rows, ignored=frozenset({"PatientID"}))
    service = _service(archive)

    pages = [
        await service.search_backend(archive, _query(f"PatientID=A&limit=3&offset={n}"), CONTEXT)
        for n in (0, 3, 6)
    ]

    assert [_numbers(page.rows) for page in pages] == [[1, 2, 3], [4, 5, 6], [7]]


async def test_a_row_that_lacks_what_others_have_does_not_match_an_ignored_key() -> None:
    rows = [study(1), study(2, t00101010="030Y"), study(3, t00101010="031Y")]
    archive = RowArchive(rows=rows, refused=frozenset({"PatientAge"}))

    assert _numbers((await _search(archive, "PatientAge=030Y")).rows) == [2]


async def test_a_key_that_no_row_tells_of_is_named() -> None:
    archive = RowArchive(rows=_studies(2), ignored=frozenset({"00091001"}))

    result = await _search(archive, "00091001=x")

    assert _numbers(result.rows) == [0, 1]
    assert result.warnings == (f"{UNDECIDED}: 00091001",)


async def test_an_attribute_is_asked_for_only_where_rows_need_not_have_it() -> None:
    archive = RowArchive()

    await _search(archive, "PatientName=a&PatientAge=1&00091001=x&ImageType=")
    await _search(archive, "PatientAge=1&includefield=00101010")
    await _search(archive, "PatientAge=1&includefield=all")
    await _search(archive, "RequestAttributesSequence.ScheduledProcedureStepID=7")

    assert [query.include for query in archive.queries] == [
        (("00101010",), ("00091001",)),
        (("00101010",),),
        (),
        (("00400275",),),
    ]


async def test_what_is_no_parameter_is_named() -> None:
    result = await _search(RowArchive(rows=_studies(1)), "NotAKeyword=1&includefield=Neither")

    assert _numbers(result.rows) == [0]
    assert result.warnings == (
        "These parameters are not supported and were ignored: NotAKeyword, Neither",
    )


async def test_a_warning_does_not_grow_with_the_query() -> None:
    text = "&".join(f"{'x' * 500}{number}=1" for number in range(300))

    (warning,) = (await _search(RowArchive(), text)).warnings

    assert len(warning) < 2000


@pytest.mark.parametrize(
    ("text", "refused", "warnings"),
    [
        (
            "fuzzymatching=true",
            "fuzzymatching",
            (
                "The fuzzymatching parameter is not supported. "
                "Only literal matching has been performed.",
            ),
        ),
        ("fuzzymatching=false", "fuzzymatching", ()),
        (
            "includefield=all",
            "includefield",
            ("The archive does not support this includefield parameter.",),
        ),
        # Only the gateway asked for a field.
        ("PatientAge=1", "includefield", (f"{UNDECIDED}: PatientAge",)),
    ],
)
async def test_what_the_archive_was_asked_again_without_is_told(
    text: str, refused: str, warnings: tuple[str, ...]
) -> None:
    archive = RowArchive(
        rows=_studies(1), refused=frozenset({refused}), ignored=frozenset({"PatientAge"})
    )

    assert (await _search(archive, text)).warnings == warnings


async def test_fuzzy_names_are_the_archive_s_to_match() -> None:
    archive = RowArchive(rows=[study(1, t00100010="Dow")], ignored=frozenset({"PatientName"}))

    assert _numbers((await _search(archive, "PatientName=Doe&fuzzymatching=true")).rows) == [1]
    assert _numbers((await _search(archive, "PatientName=Doe&fuzzymatching=false")).rows) == []


async def test_empty_values_are_found_in_an_archive_that_does_not_look_for_them() -> None:
    rows = [study(1, t00080050="A"), study(2, t00080050=None), study(3), study(4, t00080050="B")]
    archive = RowArchive(rows=rows)

    result = await _search(archive, 'AccessionNumber=""&emptyvaluematching=true&limit=1&offset=1')

    assert _numbers(result.rows) == [3]
    assert archive.queries[-1].parameters()[0] == ("AccessionNumber", "")
    assert archive.queries[-1].empty_value_matching is None


async def test_two_quotation_marks_are_a_value_like_any_other_by_default() -> None:
    archive = RowArchive(rows=[study(1, t00080050=None)])

    assert (await _search(archive, 'AccessionNumber=""')).rows == []
    assert len(archive.queries) == 1


async def test_several_values_must_all_be_there_where_the_client_says_so() -> None:
    rows = [study(number) for number in range(3)]
    for row, modalities in zip(rows, (["CT"], ["CT", "PT"], ["PT"]), strict=True):
        row["00080061"] = {"vr": "CS", "Value": modalities}

    both = await _search(
        RowArchive(rows=rows), "ModalitiesInStudy=CT,PT&multiplevaluematching=true"
    )
    either = await _search(RowArchive(rows=rows), "ModalitiesInStudy=CT,PT")

    assert (_numbers(both.rows), _numbers(either.rows)) == ([1], [0, 1, 2])


async def test_no_row_comes_twice() -> None:
    archive = RowArchive(rows=[study(1), study(2), study(1), study(3)])

    assert _numbers((await _search(archive)).rows) == [1, 2, 3]


async def test_a_study_of_no_modality_does_not_carry_the_bare_attribute() -> None:
    rows = [study(1), study(2), study(3)]
    rows[0]["00080061"] = {"vr": "CS"}
    rows[1]["00080061"] = {"vr": "CS", "Value": []}
    rows[2]["00080061"] = {"vr": "CS", "Value": ["CT"]}

    result = await _search(RowArchive(rows=rows))

    assert ["00080061" in row for row in result.rows] == [False, False, True]


async def test_rows_leave_honest() -> None:
    row = study(1) | {
        "00200010": {"vr": "SH", "Value": [""]},
        "00201206": {"vr": "IS", "Value": ["2"]},
    }

    (found,) = (await _search(RowArchive(rows=[row]))).rows

    assert found["00200010"] == {"vr": "SH"}
    assert found["00201206"] == {"vr": "IS", "Value": [2]}


def _instance(study_uid: str | None, series_uid: str | None, uid: str | None) -> Dataset:
    uids = {"0020000D": study_uid, "0020000E": series_uid, "00080018": uid}
    return {tag: {"vr": "UI", "Value": [text]} for tag, text in uids.items() if text is not None}


async def test_a_row_of_another_study_is_never_shown() -> None:
    rows = [
        _instance("1.1", "1.2", "1.3"),
        _instance("1.9", "1.2", "1.4"),
        _instance("1.1", "1.9", "1.5"),
        _instance(None, None, "1.6"),
        _instance("1.1", "1.2", None),
        {},
    ]
    archive = RowArchive(rows=rows)

    result = await _service(archive).search_backend(
        archive, _query(level=Level.INSTANCE, study="1.1", series="1.2"), CONTEXT
    )

    assert [row["00080018"]["Value"] for row in result.rows] == [["1.3"], ["1.6"]]


async def test_an_archive_with_one_new_row_a_page_is_not_asked_for_ever() -> None:
    archive = RowArchive(rows=_studies(5000), cap=1, says_remaining=True)

    result = await _search(archive, "limit=5000")

    assert len(archive.queries) == 200
    assert _numbers(result.rows) == list(range(200))
    assert result.warnings == ("There are 4800 additional results that can be requested",)


@given(
    total=st.integers(0, 60),
    limit=st.none() | st.integers(0, 40),
    offset=st.integers(0, 70),
    cap=st.none() | st.integers(10, 30),
    ignores_offset=st.booleans(),
    ignores_limit=st.booleans(),
    ignores_key=st.booleans(),
)
async def test_whatever_the_archive_s_manners_a_further_page_is_the_right_one(
    total: int,
    limit: int | None,
    offset: int,
    cap: int | None,
    ignores_offset: bool,
    ignores_limit: bool,
    ignores_key: bool,
) -> None:
    rows = [study(number, t00100020="AB"[number % 3 == 0]) for number in range(total)]
    archive = RowArchive(
        rows=rows,
        # What an archive that ignores the offset caps cannot be had at all.
        cap=None if ignores_offset else cap,
        ignores_offset=ignores_offset,
        ignores_limit=ignores_limit,
        ignored=frozenset({"PatientID"} if ignores_key else ()),
    )
    query = replace(_query("PatientID=A"), limit=limit, offset=offset)

    service = _service(archive, most=50)
    await service.search_backend(archive, replace(query, offset=0), CONTEXT)

    result = await service.search_backend(archive, query, CONTEXT)

    expected = [number for number in range(total) if number % 3][offset:][
        : 50 if limit is None else limit
    ]
    got = _numbers(result.rows)
    if total <= 50:
        assert got == expected
        is_cut = len([n for n in range(total) if n % 3][offset:]) > len(expected)
        assert any(MORE[10:] in text for text in result.warnings) is is_cut
    else:
        assert got == expected[: len(got)]
