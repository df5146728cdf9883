"""A search that an archive refuses, asked again with less."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest

from gateway.backends.base import Capabilities, SearchPage
from gateway.backends.capabilities import Learned, beginner
from gateway.errors import BackendError, BackendRefused
from tests.fakes.pacs import Pacs, Recorded, Reply
from tests.fakes.searches import ROWS, STUDIES, asked, search_for, search_in, study


def _refuses(status: int, is_refused: Callable[[dict[str, str]], bool]) -> Any:
    """An archive that refuses some queries and answers all others."""

    def answer(request: Recorded) -> Reply:
        parameters = dict(parse_qsl(request.query, keep_blank_values=True))
        return Reply(status) if is_refused(parameters) else Reply(json=ROWS)

    return answer


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

        first = await search_in(pacs, search_for(text), learned)
        asked_first = len(pacs.requests)
        second = await search_in(pacs, search_for(text), learned)

        assert first == second == SearchPage(ROWS, unsupported=frozenset(without))
        assert 2 <= asked_first <= 7
        assert len(pacs.requests) == asked_first + 1
        assert asked(pacs)[-1] == left
        assert asked(pacs)[asked_first - 1] == left


async def test_a_value_that_is_refused_spoils_no_other_search() -> None:
    learned = Learned()
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, _refuses(400, lambda asked: "!" in asked.get("PatientAge", "")))

        refused = await search_in(pacs, search_for("PatientAge=bad!"), learned)
        other = await search_in(pacs, search_for("PatientAge=030Y"), learned)

        assert refused.unsupported == {"PatientAge"}
        assert other == SearchPage(ROWS)
        assert asked(pacs)[-1] == [("PatientAge", "030Y")]


async def test_an_offset_that_is_refused_beside_a_key_is_counted_here() -> None:
    learned = Learned()

    def answer(request: Recorded) -> Reply:
        asked = dict(parse_qsl(request.query))
        if "offset" in asked:
            return Reply(400)
        return Reply(json=[study(number) for number in range(9)][: int(asked["limit"])])

    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, answer)

        pages = [
            await search_in(pacs, search_for(f"PatientAge=030Y&limit=3&offset={offset}"), learned)
            for offset in (3, 6, 9)
        ]

        assert [page.rows for page in pages] == [
            [study(3), study(4), study(5)],
            [study(6), study(7), study(8)],
            [],
        ]
        assert [page.skipped for page in pages] == [3, 6, 9]
        assert [dict(pairs)["limit"] for pairs in asked(pacs)] == ["3", "6", "9", "12"]


async def test_an_archive_that_refuses_two_things_is_soon_known() -> None:
    learned = Learned()
    query = search_for("includefield=all&fuzzymatching=true&limit=3&PatientName=a")

    def primitive(asked: dict[str, str]) -> bool:
        return "fuzzymatching" in asked or asked.get("includefield") == "all"

    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, _refuses(400, primitive))
        await search_in(pacs, query, learned)
        await search_in(pacs, query, learned)
        known = len(pacs.requests)

        page = await search_in(pacs, query, learned)

        assert page.unsupported == {"includefield", "fuzzymatching"}
        assert len(pacs.requests) == known + 1
        assert asked(pacs)[-1] == [("PatientName", "a"), ("limit", "3")]


async def test_a_key_is_refused_in_one_form_and_taken_in_another() -> None:
    learned = Learned()
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, _refuses(400, lambda asked: "*" in asked.get("PatientAge", "")))
        await search_in(pacs, search_for("PatientAge=0*"), learned)

        page = await search_in(pacs, search_for("PatientAge=030Y"), learned)

        assert page.unsupported == frozenset()
        assert asked(pacs)[-1] == [("PatientAge", "030Y")]


async def test_what_the_operator_says_an_archive_lacks_is_never_asked_for() -> None:
    learned = beginner(Capabilities(includefield_all=False, fuzzymatching=False))
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(json=ROWS))

        page = await search_in(pacs, search_for("includefield=all&fuzzymatching=true"), learned)

        assert asked(pacs) == [[]]
        assert page.unsupported == {"includefield", "fuzzymatching"}


async def test_what_an_archive_took_and_refused_is_told_of_it() -> None:
    took, refused = Learned(), Learned()
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(json=ROWS))
        await search_in(pacs, search_for("includefield=all"), took)
        pacs.on("GET", STUDIES, _refuses(400, bool))
        await search_in(pacs, search_for("includefield=all"), refused)
        await search_in(pacs, search_for("fuzzymatching=true"), refused)

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
            await search_in(pacs, search_for(text), learned)

        assert error.value.status == status
        assert "detail" not in error.value.public_message
        assert len(pacs.requests) == 8
        assert asked(pacs)[-1] == [("PatientID", "1")]
        assert not learned.refusals.holds("fuzzymatching")


@pytest.mark.parametrize(("upstream", "status"), [(500, 502), (503, 503), (401, 502), (302, 502)])
async def test_an_error_is_no_refusal(upstream: int, status: int) -> None:
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, Reply(upstream))

        with pytest.raises(BackendError) as error:
            await search_in(pacs, search_for("includefield=all&fuzzymatching=true"))

        assert error.value.status == status
        assert len(pacs.requests) == 1


async def test_uids_and_required_keys_are_never_left_out() -> None:
    text = "StudyInstanceUID=1.2&PatientID=A&ModalitiesInStudy=CT&StudyDate=20200101-"
    async with Pacs() as pacs:
        pacs.on("GET", STUDIES, _refuses(400, lambda asked: "PatientID" in asked))

        with pytest.raises(BackendRefused):
            await search_in(pacs, search_for(text))

        assert len(pacs.requests) == 1
