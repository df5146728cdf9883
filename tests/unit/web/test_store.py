"""The whole gateway in front of an archive that answers as it is told."""

import asyncio
import gzip
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from io import BytesIO
from typing import Any

import pytest

from gateway.dicom.dicom_xml import from_xml, to_xml
from gateway.dicom.resources import Dataset
from tests.fakes.gateway import Gateway, gateway_before
from tests.fakes.pacs import Pacs, Recorded, Reply, stay
from tests.fakes.store_requests import (
    BOUNDARY,
    SERIES,
    STUDY,
    dicom_file,
    in_chunks,
    instance_uid,
    multipart,
)

JSON, XML = "application/dicom+json", "application/dicom+xml"
RELATED = f'multipart/related; type="application/dicom"; boundary="{BOUNDARY}"'
STORE = "/dicom-web/studies"
ONE, TWO, THREE = dicom_file(1), dicom_file(2), dicom_file(3)


def report(stored: Sequence[int], failed: Sequence[int] = ()) -> Dataset:
    """An archive's answer, with its own address in it."""
    failures = [_item(number) | {"00081197": {"vr": "US", "Value": [0xA900]}} for number in failed]
    return {
        "00081190": {"vr": "UR", "Value": ["http://archive.internal:8042/studies/null"]},
        "00081198": {"vr": "SQ", "Value": failures},
        "00081199": {"vr": "SQ", "Value": [_item(number) for number in stored]},
    }


def _item(number: int) -> Dataset:
    return {
        "00081155": {"vr": "UI", "Value": [instance_uid(number)]},
        "00081190": {"vr": "UR", "Value": ["http://archive.internal:8042/x"]},
    }


@asynccontextmanager
async def running(
    *replies: Any, path: str = STORE, **limits: Any
) -> AsyncIterator[tuple[Gateway, Pacs]]:
    async with (
        Pacs() as pacs,
        gateway_before(pacs.base, server={"limits": limits}) as gateway,
    ):
        pacs.on("POST", path, *replies)
        yield gateway, pacs


def stores(pacs: Pacs) -> list[Recorded]:
    return [request for request in pacs.requests if request.method == "POST"]


async def post(
    gateway: Gateway, body: Any, path: str = "/studies", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a store; a header is named with _ for -, and "" leaves it out."""
    named = {"Content_Type": RELATED} | headers
    sent = {name.replace("_", "-"): value for name, value in named.items() if value}
    skip = () if "Content-Type" in sent else ("Content-Type",)
    async with gateway.post(path, data=body, headers=sent, skip_auto_headers=skip) as response:
        return response.status, dict(response.headers), await response.read()


@asynccontextmanager
async def wire(
    gateway: Gateway, request: bytes
) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
    """A connection on which `request` has been written, byte for byte."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    try:
        writer.write(request)
        async with asyncio.timeout(10):
            yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def uids(dataset: Dataset, tag: str) -> list[str]:
    items = dataset.get(tag, {}).get("Value", [])
    return [item["00081155"]["Value"][0].rpartition(".")[2] for item in items]


async def test_a_store_is_answered_with_its_report() -> None:
    async with running(Reply(json=report([1, 2]))) as (gateway, pacs):
        status, headers, body = await post(gateway, multipart([ONE, TWO]))
        study = f"{gateway.base}/studies/{STUDY}"
    assert status == 200
    assert headers["Content-Type"] == JSON
    assert headers["Content-Length"] == str(len(body))
    assert headers["Location"] == study
    assert len(stores(pacs)) == 1
    assert ONE in (stores(pacs)[0].body or b"")
    answer = json.loads(body)
    assert list(answer) == ["00081190", "00081199"]
    assert answer["00081190"] == {"vr": "UR", "Value": [study]}
    assert [item["00081190"]["Value"] for item in answer["00081199"]["Value"]] == [
        [f"{study}/series/{SERIES}/instances/{instance_uid(number)}"] for number in (1, 2)
    ]
    assert b"archive.internal" not in body
    assert b"null" not in body


async def test_one_backends_own_address_is_in_the_report_of_a_store_there() -> None:
    async with running(Reply(json=report([1]))) as (gateway, _):
        status, headers, _ = await post(gateway, multipart([ONE]), "/backends/pacs/studies")
    assert status == 200
    assert headers["Location"] == f"{gateway.base}/backends/pacs/studies/{STUDY}"


@pytest.mark.parametrize("archive", [JSON, XML])
@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("", JSON),
        ("*/*", JSON),
        (JSON, JSON),
        ("application/json", JSON),
        (XML, XML),
        ("application/xml, text/html;q=0.2", XML),
        (f"{XML};q=0.5, {JSON};q=0.4", XML),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", JSON),
    ],
)
async def test_the_form_of_the_answer_follows_accept_whatever_the_archives_form_is(
    archive: str, accept: str, answered: str
) -> None:
    dataset = report([2, 5], [1, 3, 4])
    reply = (
        Reply(202, json=dataset)
        if archive == JSON
        else Reply(202, {"Content-Type": XML}, to_xml(dataset))
    )
    five = multipart([dicom_file(number) for number in range(1, 6)])
    async with running(reply) as (gateway, _):
        status, headers, body = await post(gateway, five, Accept=accept)
    assert status == 202
    assert headers["Content-Type"] == answered
    answer = json.loads(body) if answered == JSON else from_xml(body)
    assert uids(answer, "00081199") == ["2", "5"]
    assert uids(answer, "00081198") == ["1", "3", "4"]
    assert [item["00081197"]["Value"] for item in answer["00081198"]["Value"]] == [[0xA900]] * 3
    assert b"archive.internal" not in body


async def test_the_accept_parameter_wins_over_the_header() -> None:
    async with running(Reply(json=report([1]))) as (gateway, _):
        path = "/studies?accept=application/dicom%2Bxml"
        _, headers, _ = await post(gateway, multipart([ONE]), path, Accept=JSON)
    assert headers["Content-Type"] == XML


async def test_one_junk_part_does_not_fail_the_others() -> None:
    async with running(Reply(json=report([1, 2]))) as (gateway, _):
        status, _, body = await post(gateway, multipart([ONE, bytes(5000), TWO]))
    answer = json.loads(body)
    assert status == 202
    assert uids(answer, "00081199") == ["1", "2"]
    assert "00081198" not in answer
    assert answer["0008119A"]["Value"] == [{"00081197": {"vr": "US", "Value": [0xC000]}}]


@pytest.mark.parametrize("accept", [JSON, XML])
async def test_only_junk_is_a_conflict_with_a_report(accept: str) -> None:
    async with running() as (gateway, pacs):
        status, headers, body = await post(gateway, multipart([b"junk"]), Accept=accept)
    answer = json.loads(body) if accept == JSON else from_xml(body)
    assert status == 409
    assert headers["Content-Type"] == accept
    assert "Location" not in headers
    assert answer == {
        "00081190": {"vr": "UR"},
        "0008119A": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [0xC000]}}]},
    }
    assert stores(pacs) == []


async def test_a_wrong_study_is_a_conflict_and_never_reaches_the_archive() -> None:
    async with running(path=f"{STORE}/1.2.3") as (gateway, pacs):
        status, _, body = await post(gateway, multipart([ONE]), "/studies/1.2.3")
    assert status == 409
    assert json.loads(body)["00081198"]["Value"][0]["00081197"]["Value"] == [0xC409]
    assert stores(pacs) == []


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


@pytest.mark.parametrize(("archive", "status"), [(500, 502), (503, 503), (504, 504), (401, 502)])
async def test_an_archive_that_is_away_is_a_problem_that_says_so(archive: int, status: int) -> None:
    async with running(Reply(archive, body=b"Traceback: secret.internal")) as (gateway, _):
        answer = await post(gateway, multipart([ONE]))
    assert answer[0] == status
    assert answer[1]["Content-Type"] == "application/problem+json"
    assert ("Retry-After" in answer[1]) == (status == 503)
    assert b"internal" not in answer[2]


async def test_nothing_listens_where_the_archive_should_be() -> None:
    async with Pacs() as pacs:
        base = pacs.base
    async with gateway_before(base) as gateway:
        status, _, _ = await post(gateway, multipart([ONE]))
    assert status == 502


def head(method: str, path: str, **headers: str) -> bytes:
    """The head of a request that waits to be asked for its body."""
    named = {
        "Host": "localhost",
        "Content-Type": RELATED,
        "Content-Length": "5000",
        "Expect": "100-continue",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} /dicom-web{path} HTTP/1.1", *(f"{n}: {v}" for n, v in named.items() if v)]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (head("POST", "/studies", Content_Length="20000"), 413),
        (head("POST", "/studies", Content_Type="text/plain"), 415),
        (head("POST", "/studies", Content_Encoding="gzip"), 415),
        (head("POST", "/studies", Accept="text/csv"), 406),
        (head("POST", "/studies", Content_Type="multipart/related"), 400),
        (head("POST", "/studies/not;a;uid"), 400),
        (head("POST", "/backends/unknown/studies"), 404),
        (head("POST", "/no/such/thing"), 404),
        (head("POST", "/series"), 405),
        (head("PUT", "/studies"), 405),
        (head("POST", "/studies", Host="evil.example.org"), 421),
        (head("POST", "/studies", Expect="200-ok"), 417),
    ],
)
async def test_a_refusal_comes_before_100_continue_and_ends_the_connection(
    request_head: bytes, status: int
) -> None:
    async with (
        running(store_request="10KiB") as (gateway, _),
        wire(gateway, request_head) as (reader, _),
    ):
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert "\r\nConnection: close\r\n" in answer


async def test_a_store_to_a_backend_that_takes_none_is_405_before_100_continue() -> None:
    async with (
        Pacs() as pacs,
        gateway_before(pacs.base, services=["search"]) as gateway,
        wire(gateway, head("POST", "/studies")) as (reader, _),
    ):
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert answer.startswith("HTTP/1.1 405 ")
    assert "\r\nAllow: GET, HEAD\r\n" in answer


async def test_a_store_that_is_taken_is_asked_for_its_body() -> None:
    body = multipart([ONE])
    async with running(Reply(json=report([1]))) as (gateway, _):
        asked = head("POST", "/studies", Content_Length=str(len(body)))
        async with wire(gateway, asked) as (reader, writer):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(body)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_client_that_sends_on_after_a_refusal_still_reads_it() -> None:
    async with running(store_request="1MiB") as (gateway, _):
        status, headers, _ = await post(gateway, BytesIO(bytes(8_000_000)))
    assert status == 413
    assert headers["Connection"] == "close"


async def test_a_body_with_broken_framing_is_not_waited_for() -> None:
    chunked = head("POST", "/studies", Content_Length="", Transfer_Encoding="chunked")
    async with running() as (gateway, pacs), wire(gateway, chunked) as (reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"%x\r\n" % len(ONE) + ONE + b"\r\nno length\r\n")
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"framing" in answer
        assert stores(pacs) == []


async def test_an_instance_that_was_whole_is_stored_although_the_client_left() -> None:
    sent = multipart([ONE, TWO])[:-100]
    asked = head("POST", "/studies", Expect="", Content_Length="100000")
    async with running(Reply(json=report([1]))) as (gateway, pacs):
        async with wire(gateway, asked + sent) as (_, writer):
            await writer.drain()
        await pacs.wait_for(lambda pacs: len(stores(pacs)) == 1 and not pacs.active)
    body = stores(pacs)[0].body or b""
    assert ONE in body
    assert body.count(b"DICM") == 1


async def test_a_client_that_leaves_while_the_archive_thinks_costs_nothing() -> None:
    async with running(Reply(steps=[stay()])) as (gateway, pacs):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await post(gateway, multipart([ONE]))
        await pacs.wait_for(lambda pacs: pacs.active == 1)
        pacs.on("POST", STORE, Reply(json=report([2])))
        status, _, _ = await post(gateway, multipart([TWO]))
    assert status == 200
