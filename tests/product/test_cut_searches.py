"""Searches that an archive cuts: its client gets all of them, or is told that there are more."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.fakes.gateway import Gateway
from tests.fakes.pacs import Answering, Recorded, Reply
from tests.fakes.pacs_answers import (
    DICOM_JSON,
    ROOT,
    STUDY,
    STUDY_PATH,
    asked,
    behind_a_pacs,
    study_row,
)
from tests.fakes.store_requests import dicom_file

TOTAL = 350
ROWS = [study_row(f"2.25.{number}") for number in range(TOTAL)]
MORE = ['299 dicomweb-gateway "There are additional results that can be requested"']


@dataclass
class Paging:
    """An archive of many studies, and what it makes of `limit` and `offset`."""

    default: int = 10_000
    """Rows that it gives where it is asked for no limit."""
    most: int = 10_000
    """Rows that it gives at most, whatever the limit."""
    greatest_limit: int | None = None
    """Above it, it refuses a limit."""
    ignores_offset: bool = False
    refuses_offset: bool = False
    tells: Callable[[int], Reply] = lambda left: Reply()
    """Status and headers of an answer behind which there are so many rows."""

    def __call__(self, request: Recorded) -> Reply:
        query = dict(parse_qsl(request.query))
        limit, offset = int(query.get("limit", self.default)), int(query.get("offset", 0))
        if (offset and self.refuses_offset) or limit > (self.greatest_limit or limit):
            return Reply(400)
        begin = 0 if self.ignores_offset else offset
        end = begin + min(limit, self.most)
        told = self.tells(max(TOTAL - end, 0))
        return Reply(told.status, told.headers, json=ROWS[begin:end])


def counting(left: int) -> Reply:
    text = f'299 pacs "There are {left} additional results that can be requested"'
    return Reply(headers={"Warning": text} if left else {})


def partial(left: int) -> Reply:
    return Reply(206 if left else 200)


async def found(gateway: Gateway, path: str) -> tuple[int, list[str]]:
    """How many rows, and the warnings."""
    async with gateway.get(path) as response:
        assert response.status == 200, await response.text()
        rows = await response.json(content_type=DICOM_JSON)
        return len(rows), response.headers.getall("Warning", [])


async def test_a_large_limit_that_was_honoured_cuts_no_search_without_one() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", Paging(default=100))

        assert await found(gateway, "/studies?limit=300") == (300, MORE)
        assert await found(gateway, "/studies") == (TOTAL, [])


async def test_a_limit_that_is_refused_is_made_up_for_by_further_pages() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", Paging(default=100, greatest_limit=200))

        assert await found(gateway, "/studies?limit=150") == (150, MORE)
        assert await found(gateway, "/studies?limit=250") == (250, MORE)
        assert await found(gateway, "/studies") == (TOTAL, [])


async def test_the_long_page_of_one_study_cuts_no_search_through_all() -> None:
    def row(number: int) -> dict[str, Any]:
        uids = {"0020000D": STUDY, "0020000E": f"{STUDY}.2", "00080018": f"{STUDY}.3.{number}"}
        return {tag: {"vr": "UI", "Value": [uid]} for tag, uid in uids.items()}

    rows = [row(number) for number in range(250)]

    def most(count: int) -> Answering:
        def answer(request: Recorded) -> Reply:
            offset = int(dict(parse_qsl(request.query)).get("offset", 0))
            return Reply(json=rows[offset : offset + count])

        return answer

    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}{STUDY_PATH}/instances", most(1000))
        pacs.on("GET", f"{ROOT}/instances", most(100))

        assert await found(gateway, f"{STUDY_PATH}/instances") == (250, [])
        assert await found(gateway, "/instances") == (250, [])


@pytest.mark.parametrize("path", ["/studies", "/studies?limit=300"])
@pytest.mark.parametrize(
    "archive",
    [
        Paging(default=100, most=100, ignores_offset=True),
        Paging(default=100, most=100, refuses_offset=True),
    ],
)
async def test_who_cannot_be_given_the_rest_is_told_that_there_may_be_more(
    archive: Paging, path: str
) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", archive)

        assert await found(gateway, path) == (100, MORE)
        assert await found(gateway, path) == (100, MORE)


@pytest.mark.parametrize("path", ["/studies", "/studies?limit=300"])
@pytest.mark.parametrize(
    "archive",
    [
        Paging(default=100, most=100, ignores_offset=True, tells=counting),
        Paging(default=100, most=100, refuses_offset=True, tells=counting),
    ],
)
async def test_what_the_archive_itself_says_of_the_rest_is_handed_on(
    archive: Paging, path: str
) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", archive)

        count, warnings = await found(gateway, path)

        assert count == 100
        assert [f"There are {TOTAL - 100} additional" in text for text in warnings] == [True]


async def test_a_whole_answer_has_no_warning_once_its_archive_has_given_as_much_in_a_page() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", Paging())

        assert await found(gateway, "/studies") == (TOTAL, [])
        assert await found(gateway, "/studies?limit=400") == (TOTAL, [])
        # The end of each was found out by a page behind it, which had nothing.
        assert [request.query for request in asked(pacs)] == [
            *("", f"offset={TOTAL}", "limit=401", f"limit={401 - TOTAL}&offset={TOTAL}"),
        ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/studies", (TOTAL, [])),
        ("/studies?limit=120", (120, MORE)),
        ("/studies?limit=20", (20, MORE)),
        ("/studies?limit=20&offset=340", (10, [])),
    ],
)
async def test_an_answer_of_206_is_a_page_behind_which_there_are_more(
    path: str, expected: tuple[int, list[str]]
) -> None:
    """PS3.18 6.7.1.2 up to 2016: 206 where the result is limited."""
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", Paging(default=100, most=100, tells=partial))

        assert await found(gateway, path) == expected
        # Within seconds too, when what is known of the search decides how it is asked.
        assert await found(gateway, path) == expected


async def test_a_part_of_anything_but_a_search_is_no_answer() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}{STUDY_PATH}/metadata", Reply(206, json=[study_row()]))
        async with gateway.get(f"{STUDY_PATH}/metadata") as response:
            assert response.status == 502


async def test_one_study_uid_at_two_patients_is_two_studies() -> None:
    rows = [study_row(x00100020={"vr": "LO", "Value": [patient]}) for patient in ("A", "B")]

    def answer(request: Recorded) -> Reply:
        query = dict(parse_qsl(request.query))
        begin = int(query.get("offset", 0))
        return Reply(json=rows[begin : begin + int(query.get("limit", 10))])

    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", answer)
        search = f"/studies?StudyInstanceUID={STUDY}"
        shown = []
        for page in ("&limit=1", "&limit=1&offset=1", "&limit=1&offset=2"):
            async with gateway.get(search + page) as response:
                shown += [
                    row["00100020"]["Value"] for row in await response.json(content_type=DICOM_JSON)
                ]

        assert await found(gateway, search) == (2, [])
        assert await found(gateway, f"{search}&limit=1") == (1, MORE)
        assert shown == [["A"], ["B"]]


async def test_callers_whose_rows_differ_are_told_what_is_true_of_their_own() -> None:
    def answer(request: Recorded) -> Reply:
        query = dict(parse_qsl(request.query))
        visible = ROWS if request.headers["Authorization"] == "Bearer many" else ROWS[:20]
        begin = int(query.get("offset", 0))
        return Reply(json=visible[begin : begin + int(query["limit"])])

    async def warnings(gateway: Gateway, token: str) -> list[str]:
        headers = {"Authorization": f"Bearer {token}"}
        async with gateway.get("/studies?limit=20", headers=headers) as response:
            assert len(await response.json(content_type=DICOM_JSON)) == 20
            return response.headers.getall("Warning", [])

    async with behind_a_pacs(auth={"type": "forward"}) as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", answer)

        assert [await warnings(gateway, token) for token in ("few", "many", "few", "many")] == [
            *([], MORE, [], MORE),
        ]


async def test_a_search_after_a_store_is_told_of_what_was_stored() -> None:
    rows = ROWS[:20]

    def answer(request: Recorded) -> Reply:
        query = dict(parse_qsl(request.query))
        begin = int(query.get("offset", 0))
        return Reply(json=rows[begin : begin + int(query["limit"])])

    report = {
        "00081199": {
            "vr": "SQ",
            "Value": [
                {
                    "00081150": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.7"]},
                    "00081155": {"vr": "UI", "Value": [f"{STUDY}.2.1"]},
                }
            ],
        }
    }
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", answer)
        pacs.on("POST", f"{ROOT}/studies", Reply(json=report))
        assert await found(gateway, "/studies?limit=20") == (20, [])

        rows.append(study_row())
        headers = {"Content-Type": "application/dicom"}
        async with gateway.post("/studies", data=dicom_file(1), headers=headers) as response:
            assert response.status == 200, await response.text()

        assert await found(gateway, "/studies?limit=20") == (20, MORE)
