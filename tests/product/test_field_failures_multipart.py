"""Multipart as archives really write it, and what must never be in what the gateway writes."""

import re

import pytest

from tests.fakes.pacs import Pacs, Raw, Reply
from tests.fakes.pacs_answers import (
    BULKDATA,
    FILES,
    FILES_AS_STORED,
    INSTANCE_PATH,
    ROOT,
    STUDY_PATH,
    Part,
    asked,
    behind_a_pacs,
    multipart_body,
    multipart_reply,
    parameter,
    parts_in,
    parts_of,
)
from tests.fakes.store_requests import dicom_file

ACCEPT = {"Accept": FILES_AS_STORED}
FIRST, SECOND = dicom_file(1), dicom_file(2)


def written_as(content_type: str, body: bytes) -> Reply:
    return Reply(headers={"Content-Type": content_type}, body=body)


async def read_study(reply: Reply | Raw) -> list[bytes]:
    """The instances of a study through the gateway."""
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", ROOT + STUDY_PATH, reply)
        async with gateway.get(STUDY_PATH, headers=ACCEPT) as response:
            return [part.body for part in await parts_of(response)]


@pytest.mark.parametrize(
    "boundary",
    [
        '"myBoundary:1"',
        "myBoundary:1",
        '"myBoundary\\:1"',
        'myBoundary:1; charset="utf-8"',
        '"myBoundary:1" ; start="<1>"',
    ],
)
async def test_an_archives_boundary_is_read_quoted_and_unquoted(boundary: str) -> None:
    """https://github.com/dcm4che/dcm4che/issues/415"""
    body = multipart_body([Part(FIRST), Part(SECOND)], "myBoundary:1")
    content_type = f'multipart/related; type="application/dicom"; boundary={boundary}'

    assert await read_study(written_as(content_type, body)) == [FIRST, SECOND]


@pytest.mark.parametrize("name", ["Boundary", "BOUNDARY"])
async def test_the_boundary_parameters_name_is_read_in_any_case_and_place(name: str) -> None:
    body = multipart_body([Part(FIRST)], "a b")
    content_type = f'Multipart/Related;{name}="a b";type=application/dicom'

    assert await read_study(written_as(content_type, body)) == [FIRST]


@pytest.mark.parametrize("preamble", [b"", b"\r\n", b"\r\n\r\n", b"This is MIME.\r\n"])
@pytest.mark.parametrize("epilogue", [b"", b"\r\n", b"\r\nbye\r\n", b" \r\n"])
async def test_what_stands_before_and_behind_the_parts_is_no_part(
    preamble: bytes, epilogue: bytes
) -> None:
    """https://github.com/aio-libs/aiohttp/issues/880"""
    whole = multipart_body([Part(FIRST), Part(SECOND)])
    body = preamble + whole.removesuffix(b"\r\n") + epilogue
    content_type = 'multipart/related; type="application/dicom"; boundary=a-boundary'

    assert await read_study(written_as(content_type, body)) == [FIRST, SECOND]


async def test_every_part_loses_its_own_headers_whatever_their_case() -> None:
    """https://github.com/dcmjs-org/dicomweb-client/issues/17"""
    headers = [
        [("Content-Length", str(len(FIRST))), ("MIME-Version", "1.0")],
        [("content-length", str(len(SECOND))), ("mime-version", "1.0"), ("X-Mine", "é")],
    ]
    parts = [Part(FIRST, headers=headers[0]), Part(SECOND, headers=headers[1])]
    body = multipart_body(parts).replace(b"Content-Type", b"cOnTeNt-tYpE")
    content_type = 'multipart/related; type="application/dicom"; boundary=a-boundary'

    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", ROOT + STUDY_PATH, written_as(content_type, body))
        async with gateway.get(STUDY_PATH, headers=ACCEPT) as response:
            found = await parts_of(response)

    assert [part.body for part in found] == [FIRST, SECOND]
    for part in found:
        names = [name for name, _ in part.headers]
        assert names == ["Content-Type"]


async def test_a_body_that_ends_at_its_closing_delimiter_is_whole_however_it_is_cut() -> None:
    body = multipart_body([Part(FIRST), Part(SECOND)]).removesuffix(b"\r\n")
    steps = [body[start : start + 97] for start in range(0, len(body), 97)]
    content_type = 'multipart/related; type="application/dicom"; boundary=a-boundary'

    assert await read_study(Reply(headers={"Content-Type": content_type}, steps=steps)) == [
        FIRST,
        SECOND,
    ]


async def boundary_of_an_answer(path: str, headers: dict[str, str], reply: Reply) -> list[str]:
    """The boundaries of two answers to the same request."""
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", ROOT + path, reply)
        found = []
        for _ in range(2):
            async with gateway.get(path, headers=headers) as response:
                await parts_of(response)
                found.append(parameter(response.headers["Content-Type"], "boundary") or "")
        return found


async def test_two_instances_that_hold_delimiters_arrive_as_two_unchanged_parts() -> None:
    """https://github.com/UMEssen/DICOM-RST/issues/59"""
    hostile = b"\r\n--boundary\r\nContent-Type: application/dicom\r\n\r\nDICM\r\n--boundary--\r\n"
    files = [dicom_file(1) + hostile, dicom_file(2) + hostile * 3]
    reply = multipart_reply(*map(Part, files), boundary="the-archives-own")

    assert await read_study(reply) == files


async def test_an_earlier_answers_boundary_in_a_stored_instance_forges_nothing() -> None:
    reply = multipart_reply(Part(FIRST))
    known = await boundary_of_an_answer(STUDY_PATH, ACCEPT, reply)
    hostile = b"".join(
        f"\r\n--{each}\r\nContent-Type: application/dicom\r\n\r\nforged\r\n--{each}--\r\n".encode()
        for each in known
    )
    files = [FIRST + hostile, SECOND + hostile]

    assert await read_study(multipart_reply(*map(Part, files))) == files


async def test_a_studys_boundary_is_another_each_time_and_long_enough() -> None:
    first, second = await boundary_of_an_answer(
        STUDY_PATH, ACCEPT, multipart_reply(Part(FIRST), Part(SECOND))
    )

    assert first != second
    assert re.fullmatch(r"[0-9a-f]{32,70}", first)


async def bare_instance(pacs: Pacs) -> None:
    headers = {"Content-Type": "application/dicom"}
    pacs.on("GET", ROOT + INSTANCE_PATH, Reply(headers=headers, body=FIRST))


async def test_a_bare_file_is_wrapped_for_who_asks_for_parts() -> None:
    """https://github.com/ImagingDataCommons/dicomweb-client/issues/41"""
    async with behind_a_pacs() as (pacs, gateway):
        await bare_instance(pacs)
        async with gateway.get(INSTANCE_PATH, headers={"Accept": FILES}) as response:
            (part,) = await parts_of(response)

    assert part.body == FIRST
    assert part.content_type == "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"


async def test_a_part_is_unwrapped_for_who_asks_for_a_bare_file() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", ROOT + INSTANCE_PATH, multipart_reply(Part(FIRST)))
        accept = {"Accept": "application/dicom"}
        async with gateway.get(INSTANCE_PATH, headers=accept) as response:
            assert response.status == 200
            assert response.headers["Content-Type"].startswith("application/dicom;")
            assert await response.read() == FIRST


async def test_a_bare_file_stays_bare_for_who_asks_for_one() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        await bare_instance(pacs)
        accept = {"Accept": "application/dicom"}
        async with gateway.get(INSTANCE_PATH, headers=accept) as response:
            assert response.headers["Content-Length"] == str(len(FIRST))
            assert await response.read() == FIRST


async def test_the_bare_form_is_of_one_instance_only() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", ROOT + STUDY_PATH, multipart_reply(Part(FIRST)))
        async with gateway.get(STUDY_PATH, headers={"Accept": "application/dicom"}) as response:
            assert response.status == 406
        assert asked(pacs) == []


async def test_a_study_of_one_instance_that_comes_bare_leaves_as_a_part() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        headers = {"Content-Type": "application/dicom"}
        pacs.on("GET", ROOT + STUDY_PATH, Reply(headers=headers, body=FIRST))
        async with gateway.get(STUDY_PATH, headers=ACCEPT) as response:
            assert [part.body for part in await parts_of(response)] == [FIRST]


@pytest.mark.parametrize(
    ("what", "content_type", "body"),
    [
        ("no boundary", 'multipart/related; type="application/dicom"', multipart_body([])),
        ("another boundary", "multipart/related; boundary=x", multipart_body([Part(FIRST)])),
        ("an empty body", "multipart/related; boundary=a-boundary", b""),
        ("no file", "application/dicom", b"<html>sorry</html>"),
    ],
)
async def test_what_is_no_multipart_body_is_an_error_and_not_an_empty_study(
    what: str, content_type: str, body: bytes
) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", ROOT + STUDY_PATH, written_as(content_type, body))
        async with gateway.get(STUDY_PATH, headers=ACCEPT) as response:
            assert response.status == 502, what
            assert response.headers["Content-Type"] == "application/problem+json"
            assert b"sorry" not in await response.read()


@pytest.mark.parametrize("length", ["0" * 30 + "64", "9" * 20, "9" * 5000, "-1", "many"])
async def test_a_length_that_cannot_be_meant_is_not_believed(length: str) -> None:
    path, payload = f"{INSTANCE_PATH}/bulk/1", bytes(32)
    part = Part(payload, "application/octet-stream", [("Content-Length", length)])
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", ROOT + path, multipart_reply(part, type_="application/octet-stream"))
        for accept in ("application/octet-stream", BULKDATA):
            async with gateway.get(path, headers={"Accept": accept}) as response:
                assert response.status == 200
                assert payload in await response.read()


@pytest.mark.parametrize(
    ("type_", "policy"),
    [
        *(("text/html", "sandbox"), ("image/svg+xml", "sandbox")),
        *(("application/atom+xml", "sandbox"), ("application/pdf", None)),
    ],
)
async def test_a_stored_page_runs_no_script_as_one_of_ours(type_: str, policy: str | None) -> None:
    path = f"{INSTANCE_PATH}/bulk/1"
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", ROOT + path, Reply(headers={"Content-Type": type_}, body=b"<script>"))
        async with gateway.get(path, headers={"Accept": type_}) as response:
            assert (response.status, response.content_type) == (200, type_)
            assert response.headers.get("Content-Security-Policy") == policy


def test_the_reader_of_these_tests_sees_each_part() -> None:
    body = multipart_body([Part(b"one"), Part(b"", "text/plain")])
    found = parts_in("multipart/related; boundary=a-boundary", body)

    assert [(part.body, part.content_type) for part in found] == [
        (b"one", "application/dicom"),
        (b"", "text/plain"),
    ]
