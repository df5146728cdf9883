"""HTTP between an archive and a client: codings, queries, statuses, headers, connections."""

import asyncio
import gzip
import json
import zlib
from urllib.parse import parse_qsl

import pytest
from aiohttp import ClientTimeout

from tests.fakes.pacs import Cut, Pacs, Raw, Reply, stay
from tests.fakes.pacs_answers import (
    DICOM_JSON,
    FILES_AS_STORED,
    FRAMES_AS_STORED,
    INSTANCE_PATH,
    ROOT,
    SERIES_PATH,
    STUDY_PATH,
    Part,
    asked,
    behind_a_pacs,
    counts,
    frames_reply,
    metadata,
    multipart_reply,
    parts_of,
    study_row,
)
from tests.fakes.store_requests import dicom_file

ROWS = [study_row(f"1.2.{number}", x00100010={"vr": "PN"}) for number in range(50)]
TEXT = json.dumps(ROWS).encode()
CODED = {
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "identity": TEXT,
    "GZIP": gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:]),
}


@pytest.mark.parametrize("coding", CODED)
@pytest.mark.parametrize("accepted", ["gzip, deflate, br", "identity", None])
async def test_a_coded_search_arrives_whole_and_as_long_as_it_says(
    coding: str, accepted: str | None
) -> None:
    """https://github.com/dermotduffy/hass-web-proxy-integration/issues/145"""
    headers = {
        "Content-Type": DICOM_JSON,
        "Content-Encoding": coding,
        "ETag": '"of the coded bytes"',
        "Vary": "Accept-Encoding",
    }
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", Reply(headers=headers, body=CODED[coding]))
        asking = {"Accept-Encoding": accepted} if accepted else {}
        async with gateway.get(
            "/studies", headers=asking, skip_auto_headers=("Accept-Encoding",)
        ) as response:
            body = await response.read()
            assert response.status == 200
            assert "Content-Encoding" not in response.headers
            assert int(response.headers["Content-Length"]) == len(body)
            assert "ETag" not in response.headers
            found = json.loads(body)
    assert [row["0020000D"]["Value"] for row in found] == [row["0020000D"]["Value"] for row in ROWS]


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_coded_metadata_and_files_are_inflated_once(coding: str) -> None:
    file = gzip.compress(b"gzip inside of a file")
    packed = gzip.compress if coding == "gzip" else zlib.compress
    reply = multipart_reply(Part(dicom_file(1) + file))
    coded = {**reply.headers, "Content-Encoding": coding}
    async with behind_a_pacs() as (pacs, gateway):
        text = json.dumps([metadata()]).encode()
        pacs.on(
            "GET",
            f"{ROOT}{SERIES_PATH}/metadata",
            Reply(
                headers={"Content-Encoding": coding, "Content-Type": DICOM_JSON},
                body=packed(text),
            ),
        )
        pacs.on("GET", ROOT + SERIES_PATH, Reply(headers=coded, body=packed(reply.body)))
        async with gateway.get(f"{SERIES_PATH}/metadata") as response:
            assert "Content-Encoding" not in response.headers
            assert len(await response.json(content_type=DICOM_JSON)) == 1
        async with gateway.get(SERIES_PATH, headers={"Accept": FILES_AS_STORED}) as response:
            (part,) = await parts_of(response)
            assert part.body == dicom_file(1) + file


async def test_a_coding_that_nobody_asked_for_is_an_error_and_never_garbage() -> None:
    headers = {"Content-Type": DICOM_JSON, "Content-Encoding": "br"}
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", Reply(headers=headers, body=b"\x1b\x00\xf8\x25brotli"))
        async with gateway.get("/studies", headers={"Accept-Encoding": "br"}) as response:
            assert response.status == 502
        (request,) = asked(pacs)
        assert "br" not in request.headers["Accept-Encoding"]


async def test_a_coded_body_that_is_cut_is_an_error_and_never_a_short_list() -> None:
    headers = {"Content-Type": DICOM_JSON, "Content-Encoding": "gzip"}
    body = CODED["gzip"][:-20]
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", Reply(headers=headers, body=body))
        async with gateway.get("/studies") as response:
            assert response.status == 502


QUERIES = [
    "PatientName=O%27N*&AccessionNumber=A%2BB%26C"
    "&StudyInstanceUID=1.2%2C1.3&StudyDescription=50%2525",
    "PatientName=O'N*&StudyDescription=a%20b&AccessionNumber=a%5Cb",
    "StudyDescription=%C3%BC%20%3D%20%23%3F%2F%3B",
    "PatientName=M%C3%BCller%5EJ%C3%BCrgen&StudyDescription=100%25+sure",
    "StudyDescription=%252B&AccessionNumber=%2525",
    "PatientName=%E5%B1%B1%E7%94%B0%5E*",
]


@pytest.mark.parametrize("query", QUERIES)
async def test_the_archive_decodes_the_clients_own_pairs(query: str) -> None:
    """https://github.com/aio-libs/aiohttp/issues/2188

    A space may come as `+`, which a form means; nothing else is decoded twice or not at all.
    """
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", Reply(json=[]))
        async with gateway.get(f"/studies?{query}") as response:
            assert response.status == 200
        sent = dict(parse_qsl(asked(pacs)[0].query))
    for name, value in parse_qsl(query):
        assert sent[name] == value


async def test_a_signed_location_goes_to_the_archive_byte_for_byte() -> None:
    signed = "sig=a%2Bb%2F%3D%3d&X-Amz-Date=20260101T000000Z&raw='(x)'&plus=a+b&e=%252F"
    async with behind_a_pacs() as (pacs, gateway):
        path = f"{ROOT}{INSTANCE_PATH}/bulk/a%20b"
        uri = f"{pacs.origin}{path}?{signed}"
        dataset = metadata(x00420011={"vr": "OB", "BulkDataURI": uri})
        pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/metadata", Reply(json=[dataset]))
        pacs.on("GET", path, multipart_reply(Part(b"%PDF", "application/pdf")))
        async with gateway.get(f"{INSTANCE_PATH}/metadata") as response:
            (found,) = await response.json(content_type=DICOM_JSON)
        async with gateway.client.get(found["00420011"]["BulkDataURI"]) as response:
            assert [part.body for part in await parts_of(response)] == [b"%PDF"]
        (request,) = [each for each in asked(pacs) if each.path == path]
        assert request.query == signed


STATUSES = [
    (404, 404),
    (410, 404),
    (500, 502),
    (503, 503),
    (429, 503),
    (502, 502),
    (504, 504),
    (401, 502),
    (403, 502),
    (400, 502),
    (406, 502),
    (302, 502),
    (501, 501),
]
PATHS = [
    STUDY_PATH,
    INSTANCE_PATH,
    f"{SERIES_PATH}/metadata",
    f"{INSTANCE_PATH}/frames/1",
    f"{INSTANCE_PATH}/bulk/7FE00010",
]


@pytest.mark.parametrize(("theirs", "ours"), STATUSES)
async def test_an_archives_error_is_never_a_success_and_404_stays_404(
    theirs: int, ours: int
) -> None:
    """https://github.com/fli-iam/shanoir-ng/issues/3712"""
    error = Reply(
        theirs, {"Retry-After": "7"}, json={"status": 200, "errorMessage": "at db01.inner"}
    )
    async with behind_a_pacs(breaker={"failures": 1000, "open_for": "1s"}) as (pacs, gateway):
        # The instance and its frame are there: it is no 404 that hides behind the error.
        pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/metadata", Reply(json=[metadata()]))
        for path in PATHS:
            pacs.on("GET", ROOT + path, error)
            async with gateway.get(path) as response:
                assert response.status == ours, path
                assert b"db01.inner" not in await response.read()
                if ours == 503:
                    assert response.headers["Retry-After"] == "7"


async def test_a_search_of_a_study_that_is_not_there_finds_nothing() -> None:
    async with behind_a_pacs() as (_, gateway), gateway.get(f"{STUDY_PATH}/series") as response:
        assert response.status == 200
        assert await response.json(content_type=DICOM_JSON) == []


async def test_what_an_archive_says_of_origins_is_never_passed_on() -> None:
    """https://github.com/motiv-labs/janus/issues/36"""
    cross_origin = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "X-Inner",
        "Access-Control-Max-Age": "600",
        "Set-Cookie": "JSESSIONID=1",
        "X-Powered-By": "Undertow",
        "Server": "WildFly",
    }
    files = multipart_reply(Part(dicom_file(1)))
    replies = {
        "/studies": Reply(headers=cross_origin, json=[study_row()]),
        f"{SERIES_PATH}/metadata": Reply(headers=cross_origin, json=[metadata()]),
        STUDY_PATH: Reply(headers={**files.headers, **cross_origin}, body=files.body),
        INSTANCE_PATH: Reply(404, cross_origin),
    }
    async with behind_a_pacs() as (pacs, gateway):
        for path, reply in replies.items():
            pacs.on("GET", ROOT + path, reply)
            headers = {"Origin": "https://viewer.example", "Accept": "*/*"}
            async with gateway.get(path, headers=headers) as response:
                await response.read()
                assert response.status == reply.status
                names = {name.lower() for name in response.headers}
                assert not [name for name in names if name.startswith("access-control-")]
                assert "set-cookie" not in names
                assert "x-powered-by" not in names
                assert response.headers["Server"] == "dicomweb-gateway"


LEAVING = {
    "a frame": (f"{INSTANCE_PATH}/frames/1", FRAMES_AS_STORED),
    "a study": (STUDY_PATH, FILES_AS_STORED),
    "metadata": (f"{STUDY_PATH}/metadata", DICOM_JSON),
}


def slow(path: str) -> Reply:
    """An answer that begins and then stays."""
    if path.endswith("metadata"):
        begun = json.dumps([metadata(), metadata()]).encode()[:-1]
        return Reply(headers={"Content-Type": DICOM_JSON}, steps=[begun, stay()])
    if "/frames/" in path:
        reply = frames_reply(bytes(1_000_000))
    else:
        reply = multipart_reply(Part(dicom_file(1, pixels=1_000_000)))
    return Reply(headers=reply.headers, steps=[reply.body[:900_000], stay()])


async def until_asked(pacs: Pacs, count: int) -> None:
    """Until so many requests have reached the PACS."""
    await pacs.wait_for(lambda pacs: len(asked(pacs)) >= count)


@pytest.mark.parametrize("what", LEAVING)
async def test_twenty_clients_that_leave_in_mid_body_keep_no_connection_busy(what: str) -> None:
    """https://github.com/aio-libs/aiohttp/issues/5693"""
    path, accept = LEAVING[what]
    limits = {"connections": 2, "in_flight": 2}
    async with behind_a_pacs(limits=limits) as (pacs, gateway):
        pacs.on("GET", ROOT + path, slow(path))
        pacs.on("GET", f"{ROOT}/studies", Reply(json=[study_row()]))
        for number in range(20):
            async with gateway.get(path, headers={"Accept": accept}) as response:
                assert response.status == 200
                assert await response.content.readany()
                assert pacs.active == 1
                response.close()
            async with asyncio.timeout(5):
                await asked(pacs)[number].gone.wait()
        assert pacs.active == 0
        async with gateway.get("/studies", timeout=ClientTimeout(total=2)) as response:
            assert response.status == 200
        await pacs.wait_for(lambda pacs: pacs.open_connections <= 2)
        assert (await counts(gateway))["gateway_requests_in_flight", ""] == 1


async def test_twenty_clients_that_leave_before_the_first_byte_keep_no_connection_busy() -> None:
    path, accept = LEAVING["a study"]
    async with behind_a_pacs(limits={"connections": 2, "in_flight": 2}) as (pacs, gateway):
        pacs.on("GET", ROOT + path, Reply(steps=[stay(), Cut.CLOSE]))
        for number in range(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(
                f"GET {ROOT}{path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n".encode()
            )
            await until_asked(pacs, number + 1)
            writer.close()
            async with asyncio.timeout(5):
                await asked(pacs)[number].gone.wait()
            assert await reader.read() == b""
        pacs.on("GET", f"{ROOT}/studies", Reply(json=[study_row()]))
        async with gateway.get("/studies", timeout=ClientTimeout(total=2)) as response:
            assert response.status == 200
        assert (await counts(gateway))["gateway_requests_in_flight", ""] == 1


ROW = json.dumps([study_row()]).encode()
OLD_HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: application/dicom+json\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\n"
LENGTH = b"Content-Length: %d\r\n\r\n" % len(ROW)
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(ROW) + ROW
WIRES = {
    "ended by its connection": OLD_HEAD + b"\r\n" + ROW,
    "of HTTP/1.0 with a length": OLD_HEAD + LENGTH + ROW,
    "behind an early hint": b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + HEAD + LENGTH + ROW,
    "behind a 100": b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + LENGTH + ROW,
    "in chunks with trailers": HEAD + CHUNKED + b"\r\n0\r\nX-Checksum: 1\r\n\r\n",
    "in chunks with extensions": HEAD + CHUNKED.replace(b"\r\n[", b";x=y\r\n[") + b"\r\n0\r\n\r\n",
    "without a reason": HEAD.replace(b" OK", b"") + LENGTH + ROW,
    "without a type": b"HTTP/1.1 200 OK\r\n" + LENGTH + ROW,
    "with odd names": HEAD.lower().replace(b"http/1.1", b"HTTP/1.1") + LENGTH.upper() + ROW,
}


@pytest.mark.parametrize("how", WIRES)
async def test_an_answer_is_read_however_it_is_framed(how: str) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", Raw([WIRES[how]]))
        async with gateway.get("/studies") as response:
            assert response.status == 200
            (row,) = await response.json(content_type=DICOM_JSON)
            assert row["0020000D"] == study_row()["0020000D"]


@pytest.mark.parametrize(
    "wire",
    [
        HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]",
        HEAD + b"Content-Length: -2\r\n\r\n[]",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nxx\r\n[]\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 20\r\n\r\n[]",
        HEAD + b"X-Long: " + b"y" * 100_000 + b"\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/9.9 200 OK\r\n\r\n[]",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ],
)
async def test_an_answer_that_is_no_proper_http_is_502(wire: bytes) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", Raw([wire]))
        async with gateway.get("/studies") as response:
            assert response.status == 502
