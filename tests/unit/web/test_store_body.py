"""Which bodies of a store are taken, by the whole gateway."""

import gzip
import json

import pytest

from tests.fakes.pacs import Reply
from tests.fakes.store_gateway import (
    JSON,
    ONE,
    THREE,
    TWO,
    XML,
    post,
    report,
    running,
    stores,
    uids,
)
from tests.fakes.store_requests import (
    BOUNDARY,
    dicom_file,
    in_chunks,
    multipart,
)


async def test_a_bare_instance_is_stored() -> None:
    async with running(Reply(json=report([1]))) as (gateway, pacs):
        status, _, body = await post(gateway, ONE, Content_Type="application/dicom")
    assert status == 200
    assert uids(json.loads(body), "00081199") == ["1"]
    assert ONE in (stores(pacs)[0].body or b"")


async def test_a_body_of_unknown_length_is_stored() -> None:
    async with running(Reply(json=report([1, 2]))) as (gateway, pacs):
        status, _, _ = await post(gateway, in_chunks(multipart([ONE, TWO]), 777))
    assert status == 200
    assert "Content-Length" in stores(pacs)[0].headers


@pytest.mark.parametrize(
    "content_type",
    [
        f"multipart/related; type=application/dicom; boundary={BOUNDARY}",
        f'multipart/related;type="application/dicom";boundary={BOUNDARY}',
        f"multipart/related; boundary={BOUNDARY}",
        f'Multipart/Related; Boundary="{BOUNDARY}"; Type="Application/DICOM"',
    ],
)
@pytest.mark.parametrize("preamble", [b"", b"\r\n", b"Hello\r\n"])
async def test_the_content_types_that_clients_write_are_understood(
    content_type: str, preamble: bytes
) -> None:
    async with running(Reply(json=report([1]))) as (gateway, _):
        body = preamble + multipart([ONE])
        status, _, _ = await post(gateway, body, Content_Type=content_type)
    assert status == 200


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("", 415),
        ("nonsense", 415),
        ("application/octet-stream", 415),
        ("application/dicom+json", 415),
        (f"multipart/form-data; boundary={BOUNDARY}", 415),
        (f'multipart/related; type="{JSON}"; boundary={BOUNDARY}', 415),
        (f'multipart/related; type="{XML}"; boundary={BOUNDARY}', 415),
        (f'multipart/related; type="image/jpeg"; boundary={BOUNDARY}', 415),
        ('multipart/related; type="application/dicom"', 400),
        ('multipart/related; type="application/dicom"; boundary=""', 400),
        (f'multipart/related; type="application/dicom"; boundary="{"b" * 71}"', 400),
        ('multipart/related; type="application/dicom"; boundary="another"', 400),
    ],
)
async def test_another_content_type_is_refused(content_type: str, status: int) -> None:
    async with running() as (gateway, pacs):
        answer = await post(gateway, multipart([ONE]), Content_Type=content_type)
    assert answer[0] == status
    assert answer[1]["Content-Type"] == "application/problem+json"
    assert stores(pacs) == []


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "GZIP", "x"])
async def test_a_body_with_a_content_coding_is_not_inflated(coding: str) -> None:
    async with running() as (gateway, pacs):
        bomb = gzip.compress(bytes(50_000_000))
        status, _, _ = await post(gateway, bomb, Content_Encoding=coding)
    assert status == 415
    assert stores(pacs) == []


@pytest.mark.parametrize("body", [b"", multipart([])])
async def test_nothing_to_store_is_400(body: bytes) -> None:
    async with running() as (gateway, _):
        status, _, _ = await post(gateway, body)
    assert status == 400


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: application/dicom\r\n" + b"X: y\r\n" * 101,
        b"X: " + b"y" * 100_000 + b"\r\n",
        b"no colon\r\n",
        b"X\0: y\r\n",
    ],
)
async def test_a_part_with_a_hostile_head_is_400(head: bytes) -> None:
    body = f"--{BOUNDARY}\r\n".encode() + head + b"\r\n" + multipart([ONE])
    async with running() as (gateway, pacs):
        status, _, _ = await post(gateway, body)
    assert status == 400
    assert stores(pacs) == []


async def test_a_hostile_head_names_what_was_stored_before_it() -> None:
    hostile = f"--{BOUNDARY}\r\nno colon\r\n\r\nx".encode()
    async with running(Reply(json=report([1]))) as (gateway, _):
        status, _, body = await post(gateway, multipart([ONE], closed=False) + hostile)
    assert status == 202
    assert uids(json.loads(body), "00081199") == ["1"]
    assert len(json.loads(body)["0008119A"]["Value"]) == 1


@pytest.mark.parametrize("chunked", [False, True])
async def test_wherever_a_body_is_cut_the_archive_gets_whole_instances_only(chunked: bool) -> None:
    whole = multipart([ONE, TWO])
    ends = [whole.index(file) + len(file) + len(f"\r\n--{BOUNDARY}\r\n") for file in (ONE, TWO)]
    async with running(Reply(json=report([1, 2]))) as (gateway, pacs):
        for cut in range(0, len(whole) - 4, 1000):
            before = len(stores(pacs))
            body = whole[:cut]
            answer = await post(gateway, in_chunks(body) if chunked else body)
            complete = sum(cut >= end for end in ends)
            assert answer[0] == (202 if complete else 400)
            sent = stores(pacs)[before:]
            assert len(sent) == min(complete, 1)
            assert all((request.body or b"").count(b"DICM") == complete for request in sent)


async def test_a_request_over_the_limit_is_413() -> None:
    async with running(store_request="5KiB") as (gateway, pacs):
        known = await post(gateway, multipart([ONE, TWO, THREE]))
        unknown = await post(gateway, in_chunks(multipart([dicom_file(1, pixels=9000)])))
    assert (known[0], unknown[0]) == (413, 413)
    assert stores(pacs) == []


async def test_what_was_stored_before_the_limit_is_named() -> None:
    async with running(Reply(json=report([1])), store_request="5KiB") as (gateway, _):
        status, _, body = await post(gateway, in_chunks(multipart([ONE, TWO, THREE])))
    answer = json.loads(body)
    assert status == 202
    assert uids(answer, "00081199") == ["1"]
    assert uids(answer, "00081198") == ["2"]
    assert answer["00081198"]["Value"][0]["00081197"]["Value"] == [0xA700]


async def test_an_instance_over_the_limit_fails_alone() -> None:
    body = multipart([ONE, dicom_file(2, pixels=9000), THREE])
    async with running(Reply(json=report([1, 3])), store_instance="5KiB") as (gateway, _):
        status, _, body = await post(gateway, body)
    answer = json.loads(body)
    assert status == 202
    assert uids(answer, "00081199") == ["1", "3"]
    assert answer["00081198"]["Value"][0]["00081197"]["Value"] == [0xA700]
