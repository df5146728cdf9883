"""One page of a search, from archives of every kind of manners."""

import asyncio
import gzip
import json
import re
from datetime import timedelta

import pytest

from gateway.backends.base import SearchPage
from gateway.backends.capabilities import Learned
from gateway.dicom.resources import Level
from gateway.errors import BackendError, BackendNotFound, BackendRefused
from tests.fakes.pacs import Cut, Pacs, Recorded, Reply
from tests.fakes.searches import ROWS, STUDIES, asked, search_for, search_in, study
from tests.fakes.transports import Bounds


async def test_rows_come_as_the_archive_has_them() -> None:
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(json=ROWS))

        page = await search_in(pacs, search_for("PatientID=1&limit=2"))

        assert page == SearchPage(ROWS)
        assert pacs.requests[0].headers["Accept"] == "application/dicom+json"
        assert asked(pacs) == [[("PatientID", "1"), ("limit", "2")]]


async def test_the_archive_reads_the_values_that_the_client_meant() -> None:
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(json=ROWS))
        text = (
            "PatientName=O%27N*&AccessionNumber=A%2BB%26C&StudyInstanceUID=1.2%2C1.3"
            "&StudyDescription=50%2525&00100020=%C3%A9%20%23"
        )

        await search_in(pacs, search_for(text))

        assert asked(pacs) == [
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

        assert await search_in(pacs, search_for()) == SearchPage([])


async def test_a_single_object_is_one_row() -> None:
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(json=study(1)))

        assert (await search_in(pacs, search_for())).rows == [study(1)]


async def test_a_compressed_answer_is_read() -> None:
    async with Pacs() as pacs:
        body = gzip.compress(json.dumps(ROWS).encode())
        pacs.on("GET", STUDIES, Reply(headers={"Content-Encoding": "gzip"}, body=body))

        assert (await search_in(pacs, search_for())).rows == ROWS


async def test_a_study_that_the_archive_lacks_has_no_series() -> None:
    async with Pacs() as pacs:
        assert await search_in(pacs, search_for(level=Level.SERIES, scope="1.2")) == SearchPage(())


async def test_an_archive_without_a_search_is_an_error() -> None:
    async with Pacs() as pacs:
        with pytest.raises(BackendNotFound) as error:
            await search_in(pacs, search_for())

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
            await search_in(pacs, search_for())

    assert (error.value.status, error.value.category) == (502, "backend_answer")


LONG_ROW = {"00104000": {"vr": "LT", "Value": ["\u00e9" * 400_000]}}


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (json.dumps([LONG_ROW, {}, 5, {"00100010": {}}, [{"1": {}}]]).encode(), 2),
        (json.dumps(LONG_ROW).encode(), 1),
        (json.dumps([LONG_ROW], ensure_ascii=False).encode("latin-1"), 1),
        (json.dumps([LONG_ROW], ensure_ascii=False).encode("utf-16"), 1),
        (b"[" + b" " * 400_000 + b"]", 0),
    ],
    ids=["rows", "one object", "latin-1", "utf-16", "blanks"],
)
async def test_a_long_answer_is_read_as_a_short_one_is(body: bytes, rows: int) -> None:
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(body=body))

        page = await search_in(pacs, search_for())

    assert len(page.rows) == rows
    assert page.rows[:1] == [LONG_ROW][:rows]
    assert not page.more


async def test_a_long_answer_that_is_cut_is_a_bad_gateway() -> None:
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(body=json.dumps([LONG_ROW]).encode()[:-1]))

        with pytest.raises(BackendError) as error:
            await search_in(pacs, search_for())

    assert error.value.status == 502


async def test_a_slow_search_has_a_time_of_its_own() -> None:
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(steps=[b"[", asyncio.Event()]))

        with pytest.raises(BackendError) as error:
            await search_in(pacs, search_for(), bounds=Bounds(search=timedelta(milliseconds=150)))

    assert error.value.status == 504


async def test_an_answer_without_end_is_cut_after_whole_rows() -> None:
    row = {"00104000": {"vr": "LT", "Value": ["x" * 1_000_000]}}
    piece = json.dumps(row).encode() + b","
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(steps=[b"[", *[piece] * 40, b"{}]"]))

        page = await search_in(pacs, search_for())

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

        page = await search_in(pacs, search_for())

    assert page == SearchPage(ROWS, more, frozenset(unsupported), remaining)


async def test_a_limited_answer_is_a_page_with_more_behind_it() -> None:
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(206, json=ROWS))

        assert await search_in(pacs, search_for()) == SearchPage(ROWS, more=True)


async def test_another_media_type_is_asked_for_once_and_remembered() -> None:
    def answer(request: Recorded) -> Reply:
        return Reply(json=ROWS) if request.headers["Accept"] == "application/json" else Reply(406)

    learned = Learned()
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, answer)

        pages = [await search_in(pacs, search_for(), learned) for _ in range(2)]

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
            await search_in(pacs, search_for("includefield=all&fuzzymatching=true"))

        assert error.value.status == 502
        assert len(pacs.requests) == 2


def _reads_literally(request: Recorded) -> Reply:
    """Orthanc, as Debian builds it, with the studies of one patient."""
    patient = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^J\u00f6rg, A"}]}}
    patterns = dict(pair.partition("=")[::2] for pair in request.query.split("&"))
    pattern = patterns.get("PatientName", "*").replace("?", "[^%]").replace("*", "[^%]*")
    is_found = re.fullmatch(pattern, "Doe^J\u00f6rg, A", re.IGNORECASE)
    return Reply(json=[study(1) | patient] if is_found else [])


async def test_an_archive_that_decodes_no_query_is_asked_with_wildcards() -> None:
    learned = Learned()
    query = search_for("PatientName=doe^j\u00f6rg, a&limit=3")
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, _reads_literally)

        first = await search_in(pacs, query, learned)
        second = await search_in(pacs, query, learned)

        assert len(first.rows) == len(second.rows) == 1
        assert [each.query for each in pacs.requests] == [
            "PatientName=doe%5Ej%C3%B6rg,%20a&limit=3",
            "PatientName=doe?j*rg??a&limit=3",
            "PatientName=doe?j*rg??a&limit=3",
        ]


async def test_an_archive_that_was_seen_to_decode_is_asked_once() -> None:
    learned = Learned()
    row = study(1) | {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^John"}]}}
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(json=[row]), Reply(json=[]))
        await search_in(pacs, search_for("PatientName=Doe^John"), learned)

        page = await search_in(pacs, search_for("PatientName=Roe^Jane"), learned)

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

        await search_in(pacs, search_for(text))

        assert len(pacs.requests) == 1
