"""One page of a search, from archives of every kind of manners."""

import asyncio
import gzip
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest

from gateway.backends.base import Capabilities, SearchPage
from gateway.backends.capabilities import Learned, beginner
from gateway.backends.dicomweb_search import search
from gateway.dicom.resources import Dataset, Level
from gateway.dicom.search_query import SearchQuery, parse_search
from gateway.errors import BackendError, BackendNotFound, BackendRefused
from tests.fakes.pacs import Cut, Pacs, Recorded, Reply
from tests.fakes.transports import ANYBODY, Bounds, wired

STUDIES = "/dicom-web/studies"


def _row(number: int) -> Dataset:
    return {"0020000D": {"vr": "UI", "Value": [f"2.25.{number}"]}}


ROWS = [_row(1), _row(2)]


def _query(text: str = "", level: Level = Level.STUDY, study: str | None = None) -> SearchQuery:
    return parse_search(level, study, None, parse_qsl(text, keep_blank_values=True))


async def _search(
    pacs: Pacs, query: SearchQuery, learned: Learned | None = None, bounds: Bounds | None = None
) -> SearchPage:
    async with wired(pacs, bounds) as made:
        return await search(made.transport, query, ANYBODY, learned or Learned())


def _asked(pacs: Pacs) -> list[list[tuple[str, str]]]:
    return [parse_qsl(each.query, keep_blank_values=True) for each in pacs.requests]


def _refuses(status: int, is_refused: Callable[[dict[str, str]], bool]) -> Any:
    """An archive that refuses some queries and answers all others."""

    def answer(request: Recorded) -> Reply:
        parameters = dict(parse_qsl(request.query, keep_blank_values=True))
        return Reply(status) if is_refused(parameters) else Reply(json=ROWS)

    return answer


async def test_rows_come_as_the_archive_has_them() -> None:
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(json=ROWS))

        page = await _search(pacs, _query("PatientID=1&limit=2"))

        assert page == SearchPage(ROWS)
        assert pacs.requests[0].headers["Accept"] == "application/dicom+json"
        assert _asked(pacs) == [[("PatientID", "1"), ("limit", "2")]]


async def test_the_archive_reads_the_values_that_the_client_meant() -> None:
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(json=ROWS))
        text = (
            "PatientName=O%27N*&AccessionNumber=A%2BB%26C&StudyInstanceUID=1.2%2C1.3"
            "&StudyDescription=50%2525&00100020=%C3%A9%20%23"
        )

        await _search(pacs, _query(text))

        assert _asked(pacs) == [
            [
                ("PatientName", "O'N*"),
                ("AccessionNumber", "A+B&C"),
                ("StudyInstanceUID", "1.2,1.3"),
                ("StudyDescription", "50%25"),
                ("00100020", "é #"),
            ]
        ]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(204),
        Reply(json=[]),
        Reply(json=[{}]),
        Reply(body=b""),
        Reply(body=b" \r\n"),
        Reply(json={}),
        Reply(body=b"null"),
        Reply(json=[None, "junk", 1]),
    ],
)
async def test_no_match_has_many_forms(reply: Reply) -> None:
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, reply)

        assert await _search(pacs, _query()) == SearchPage([])


async def test_a_single_object_is_one_row() -> None:
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(json=_row(1)))

        assert (await _search(pacs, _query())).rows == [_row(1)]


async def test_a_compressed_answer_is_read() -> None:
    async with Pacs() as pacs:
        body = gzip.compress(json.dumps(ROWS).encode())
        pacs.on("GET", STUDIES, Reply(headers={"Content-Encoding": "gzip"}, body=body))

        assert (await _search(pacs, _query())).rows == ROWS


async def test_a_study_that_the_archive_lacks_has_no_series() -> None:
    async with Pacs() as pacs:
        assert await _search(pacs, _query(level=Level.SERIES, study="1.2")) == SearchPage(())


async def test_an_archive_without_a_search_is_an_error() -> None:
    async with Pacs() as pacs:
        with pytest.raises(BackendNotFound) as error:
            await _search(pacs, _query())

    assert error.value.status == 404


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"<html>Welcome</html>"),
        Reply(body=b"[{"),
        Reply(json="text"),
        Reply(json=5),
        Reply(headers={"Content-Length": "100"}, steps=[b"[{}", Cut.CLOSE]),
        Reply(body=b"[" + b" " * 17_000_000 + b"]"),
        Reply(body=b"x" * 17_000_000),
    ],
)
async def test_what_is_no_list_of_rows_is_a_bad_gateway(reply: Reply) -> None:
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, reply)

        with pytest.raises(BackendError) as error:
            await _search(pacs, _query())

    assert (error.value.status, error.value.category) == (502, "backend_answer")


async def test_a_slow_search_has_a_time_of_its_own() -> None:
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(steps=[b"[", asyncio.Event()]))

        with pytest.raises(BackendError) as error:
            await _search(pacs, _query(), bounds=Bounds(search=timedelta(milliseconds=150)))

    assert error.value.status == 504


async def test_an_answer_without_end_is_cut_after_whole_rows() -> None:
    row = {"00104000": {"vr": "LT", "Value": ["x" * 1_000_000]}}
    piece = json.dumps(row).encode() + b","
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(steps=[b"[", *[piece] * 40, b"{}]"]))

        page = await _search(pacs, _query())

    assert page.more
    assert 15 <= len(page.rows) <= 17
    assert page.rows[-1] == row


@pytest.mark.parametrize(
    ("warning", "more", "remaining", "unsupported"),
    [
        ('299 pacs:8080 "There are 7 additional results that can be requested"', True, 7, ()),
        ("299 http://pacs/rs: There are additional results that can be requested.", True, None, ()),
        (
            "299 pacs: The fuzzymatching parameter is not supported. Only literal matching has "
            "been performed.",
            False,
            None,
            ("fuzzymatching",),
        ),
        ('299 pacs "Something else"', False, None, ()),
    ],
)
async def test_an_archive_s_warnings_are_understood(
    warning: str, more: bool, remaining: int | None, unsupported: tuple[str, ...]
) -> None:
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(json=ROWS, headers={"Warning": warning}))

        page = await _search(pacs, _query())

    assert page == SearchPage(ROWS, more, frozenset(unsupported), remaining)


async def test_another_media_type_is_asked_for_once_and_remembered() -> None:
    def answer(request: Recorded) -> Reply:
        return Reply(json=ROWS) if request.headers["Accept"] == "application/json" else Reply(406)

    learned = Learned()
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, answer)

        pages = [await _search(pacs, _query(), learned) for _ in range(2)]

        assert [page.rows for page in pages] == [ROWS, ROWS]
        assert [each.headers["Accept"] for each in pacs.requests] == [
            "application/dicom+json",
            "application/json",
            "application/json",
        ]


@pytest.mark.parametrize("status", [406, 415])
async def test_an_archive_that_has_no_json_is_not_pressed(status: int) -> None:
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(status))

        with pytest.raises(BackendRefused) as error:
            await _search(pacs, _query("includefield=all&fuzzymatching=true"))

        assert error.value.status == 502
        assert len(pacs.requests) == 2


@pytest.mark.parametrize("status", [400, 422, 501])
@pytest.mark.parametrize(
    ("text", "culprit", "without", "left"),
    [
        (
            "includefield=all&includefield=00081030&limit=3",
            lambda asked: asked.get("includefield") == "all",
            {"includefield"},
            [("includefield", "00081030"), ("limit", "3")],
        ),
        (
            "fuzzymatching=true&PatientName=a&limit=3",
            lambda asked: "fuzzymatching" in asked,
            {"fuzzymatching"},
            [("PatientName", "a"), ("limit", "3")],
        ),
        ("fuzzymatching=false", lambda asked: "fuzzymatching" in asked, set(), []),
        (
            "emptyvaluematching=true&multiplevaluematching=false&limit=3",
            lambda asked: "emptyvaluematching" in asked,
            {"emptyvaluematching"},
            [("limit", "3")],
        ),
        (
            "includefield=StudyDescription,00091001&limit=3",
            lambda asked: "includefield" in asked,
            {"includefield"},
            [("limit", "3")],
        ),
        (
            "PatientID=1&PatientAge=0*&includefield=PatientAge&limit=3&fuzzymatching=true",
            lambda asked: "PatientAge" in asked,
            {"PatientAge"},
            [
                ("PatientID", "1"),
                ("includefield", "PatientAge"),
                ("fuzzymatching", "true"),
                ("limit", "3"),
            ],
        ),
        (
            "StudyDate=*&PatientID=1",
            lambda asked: asked.get("StudyDate") == "*",
            set(),
            [("PatientID", "1")],
        ),
        (
            "limit=5000&PatientID=1",
            lambda asked: int(asked.get("limit", "0")) > 200,
            set(),
            [("PatientID", "1")],
        ),
    ],
)
async def test_only_what_is_refused_is_left_out_and_the_next_search_does_not_fail_first(
    status: int,
    text: str,
    culprit: Callable[[dict[str, str]], bool],
    without: set[str],
    left: list[tuple[str, str]],
) -> None:
    learned = Learned()
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, _refuses(status, culprit))

        first = await _search(pacs, _query(text), learned)
        asked_first = len(pacs.requests)
        second = await _search(pacs, _query(text), learned)

        assert first == second == SearchPage(ROWS, unsupported=frozenset(without))
        assert 2 <= asked_first <= 7
        assert len(pacs.requests) == asked_first + 1
        assert _asked(pacs)[-1] == left
        assert _asked(pacs)[asked_first - 1] == left


def _reads_literally(request: Recorded) -> Reply:
    """Orthanc, as Debian builds it, with the studies of one patient."""
    patient = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^J\u00f6rg, A"}]}}
    patterns = dict(pair.partition("=")[::2] for pair in request.query.split("&"))
    pattern = patterns.get("PatientName", "*").replace("?", "[^%]").replace("*", "[^%]*")
    is_found = re.fullmatch(pattern, "Doe^J\u00f6rg, A", re.IGNORECASE)
    return Reply(json=[_row(1) | patient] if is_found else [])


async def test_an_archive_that_decodes_no_query_is_asked_with_wildcards() -> None:
    learned = Learned()
    query = _query("PatientName=doe^j\u00f6rg, a&limit=3")
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, _reads_literally)

        first = await _search(pacs, query, learned)
        second = await _search(pacs, query, learned)

        assert len(first.rows) == len(second.rows) == 1
        assert [each.query for each in pacs.requests] == [
            "PatientName=doe%5Ej%C3%B6rg,%20a&limit=3",
            "PatientName=doe?j*rg??a&limit=3",
            "PatientName=doe?j*rg??a&limit=3",
        ]


async def test_an_archive_that_was_seen_to_decode_is_asked_once() -> None:
    learned = Learned()
    row = _row(1) | {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^John"}]}}
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(json=[row]), Reply(json=[]))
        await _search(pacs, _query("PatientName=Doe^John"), learned)

        page = await _search(pacs, _query("PatientName=Roe^Jane"), learned)

        assert page.rows == []
        assert len(pacs.requests) == 2


@pytest.mark.parametrize(
    "text",
    [
        *(
            "PatientName=Doe*",
            "StudyInstanceUID=1.2,1.3",
            "ModalitiesInStudy=CT,MR",
            "PatientName=",
        ),
        *('AccessionNumber=""&emptyvaluematching=true', "00091001=a b", "SeriesNumber=a b"),
    ],
)
async def test_what_needs_no_decoding_or_has_no_pattern_is_asked_once(text: str) -> None:
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(json=[]))

        await _search(pacs, _query(text))

        assert len(pacs.requests) == 1


async def test_an_offset_that_is_refused_beside_a_key_is_counted_here() -> None:
    learned = Learned()

    def answer(request: Recorded) -> Reply:
        asked = dict(parse_qsl(request.query))
        if "offset" in asked:
            return Reply(400)
        return Reply(json=[_row(number) for number in range(9)][: int(asked["limit"])])

    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, answer)

        pages = [
            await _search(pacs, _query(f"PatientAge=030Y&limit=3&offset={offset}"), learned)
            for offset in (3, 6, 9)
        ]

        assert [page.rows for page in pages] == [
            [_row(3), _row(4), _row(5)],
            [_row(6), _row(7), _row(8)],
            [],
        ]
        assert [dict(pairs)["limit"] for pairs in _asked(pacs)] == ["3", "6", "9", "12"]


async def test_an_archive_that_refuses_two_things_is_soon_known() -> None:
    learned = Learned()
    query = _query("includefield=all&fuzzymatching=true&limit=3&PatientName=a")

    def primitive(asked: dict[str, str]) -> bool:
        return "fuzzymatching" in asked or asked.get("includefield") == "all"

    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, _refuses(400, primitive))
        await _search(pacs, query, learned)
        await _search(pacs, query, learned)
        known = len(pacs.requests)

        page = await _search(pacs, query, learned)

        assert page.unsupported == {"includefield", "fuzzymatching"}
        assert len(pacs.requests) == known + 1
        assert _asked(pacs)[-1] == [("PatientName", "a"), ("limit", "3")]


async def test_a_key_is_refused_in_one_form_and_taken_in_another() -> None:
    learned = Learned()
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, _refuses(400, lambda asked: "*" in asked.get("PatientAge", "")))
        await _search(pacs, _query("PatientAge=0*"), learned)

        page = await _search(pacs, _query("PatientAge=030Y"), learned)

        assert page.unsupported == frozenset()
        assert _asked(pacs)[-1] == [("PatientAge", "030Y")]


async def test_what_the_operator_says_an_archive_lacks_is_never_asked_for() -> None:
    learned = beginner(Capabilities(includefield_all=False, fuzzymatching=False))
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(json=ROWS))

        page = await _search(pacs, _query("includefield=all&fuzzymatching=true"), learned)

        assert _asked(pacs) == [[]]
        assert page.unsupported == {"includefield", "fuzzymatching"}


async def test_what_an_archive_took_and_refused_is_told_of_it() -> None:
    took, refused = Learned(), Learned()
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(json=ROWS))
        await _search(pacs, _query("includefield=all"), took)
        pacs.on("GET", STUDIES, _refuses(400, bool))
        await _search(pacs, _query("includefield=all"), refused)
        await _search(pacs, _query("fuzzymatching=true"), refused)

    assert took.includefield_all is True
    assert (refused.includefield_all, refused.fuzzymatching) == (False, False)


@pytest.mark.parametrize(("upstream", "status"), [(400, 400), (422, 400), (501, 501)])
async def test_a_search_that_is_refused_whatever_is_left_out_ends(
    upstream: int, status: int
) -> None:
    learned = Learned()
    text = (
        "PatientID=1&PatientAge=2&includefield=all&includefield=00081030&fuzzymatching=true"
        "&emptyvaluematching=true&limit=3&offset=1"
    )
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(upstream, json={"secret": "detail"}))

        with pytest.raises(BackendRefused) as error:
            await _search(pacs, _query(text), learned)

        assert error.value.status == status
        assert "detail" not in error.value.public_message
        assert len(pacs.requests) == 8
        assert _asked(pacs)[-1] == [("PatientID", "1")]
        assert not learned.refusals.holds("fuzzymatching")


@pytest.mark.parametrize(("upstream", "status"), [(500, 502), (503, 503), (401, 502), (302, 502)])
async def test_an_error_is_no_refusal(upstream: int, status: int) -> None:
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(upstream))

        with pytest.raises(BackendError) as error:
            await _search(pacs, _query("includefield=all&fuzzymatching=true"))

        assert error.value.status == status
        assert len(pacs.requests) == 1


async def test_uids_and_required_keys_are_never_left_out() -> None:
    text = "StudyInstanceUID=1.2&PatientID=A&ModalitiesInStudy=CT&StudyDate=20200101-"
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, _refuses(400, lambda asked: "PatientID" in asked))

        with pytest.raises(BackendRefused):
            await _search(pacs, _query(text))

        assert len(pacs.requests) == 1
