"""Ranges, HEAD, and boundaries: a body of one instance is the same each time, byte for byte."""

import hashlib
from typing import Any

import pydicom
import pytest
from pydantic import SecretStr

from tests.fakes.dicom_files import bundled_files
from tests.fakes.gateway import Gateway
from tests.fakes.pacs import Pacs, Reply
from tests.fakes.pacs_answers import (
    BULKDATA,
    DICOM_JSON,
    EXPLICIT_LE,
    FILES_AS_STORED,
    FRAMES_AS_STORED,
    INSTANCE_PATH,
    ROOT,
    SERIES_PATH,
    STUDY_PATH,
    Part,
    asked,
    behind_a_pacs,
    frames_reply,
    metadata,
    multipart_reply,
    parameter,
    parts_of,
    study_row,
)
from tests.fakes.store_requests import dicom_file

PIXELS = [hashlib.sha512(bytes([number])).digest() * 40 for number in range(3)]
FILE = dicom_file(1)
PDF = "00420011"
BARE_OCTETS = "application/octet-stream; transfer-syntax=*"

# Bodies that are the same each time: path, Accept.
STABLE = {
    "one frame, bare": (f"{INSTANCE_PATH}/frames/1", BARE_OCTETS),
    "one frame in parts": (f"{INSTANCE_PATH}/frames/1", FRAMES_AS_STORED),
    "several frames": (f"{INSTANCE_PATH}/frames/1,2,3", FRAMES_AS_STORED),
    "frames out of order": (f"{INSTANCE_PATH}/frames/3,1", FRAMES_AS_STORED),
    "bulk data in parts": (f"{INSTANCE_PATH}/bulk/{PDF}", BULKDATA),
    "bulk data, bare": (f"{INSTANCE_PATH}/bulk/{PDF}", "application/octet-stream"),
    "an attribute": (f"{INSTANCE_PATH}/attributes/{PDF}", BULKDATA),
    "all bulk data of an instance": (INSTANCE_PATH, BULKDATA),
    "an instance, bare": (INSTANCE_PATH, "application/dicom"),
}
CHANGING = {
    "a study": (STUDY_PATH, FILES_AS_STORED),
    "a series": (SERIES_PATH, FILES_AS_STORED),
    "an instance in parts": (INSTANCE_PATH, FILES_AS_STORED),
    "all bulk data of a series": (SERIES_PATH, BULKDATA),
}
JSON = {
    "metadata of a study": (f"{STUDY_PATH}/metadata", DICOM_JSON),
    "metadata of an instance": (f"{INSTANCE_PATH}/metadata", DICOM_JSON),
    "a search": ("/studies", DICOM_JSON),
}
ALL = STABLE | CHANGING | JSON


def fill(pacs: Pacs) -> None:
    """One instance of three frames and a document, and its study."""
    octets = "application/octet-stream"
    for frames in ("1", "2", "3", "1,2,3"):
        bodies = [PIXELS[int(number) - 1] for number in frames.split(",")]
        pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/frames/{frames}", frames_reply(*bodies))
    document = multipart_reply(Part(PIXELS[0], octets), type_=octets)
    pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/bulk/{PDF}", document)
    dataset: dict[str, Any] = metadata(
        x00280008={"vr": "IS", "Value": [3]},
        **{f"x{PDF}": {"vr": "OB", "BulkDataURI": f"{pacs.base}{INSTANCE_PATH}/bulk/{PDF}"}},
    )
    for path in (STUDY_PATH, SERIES_PATH, INSTANCE_PATH):
        pacs.on("GET", f"{ROOT}{path}/metadata", Reply(json=[dataset]))
        pacs.on("GET", ROOT + path, multipart_reply(Part(FILE)))
    pacs.on("GET", f"{ROOT}/studies", Reply(json=[study_row()]))


async def whole(gateway: Gateway, path: str, accept: str) -> tuple[str, bytes]:
    """The media type and the body without a range."""
    async with gateway.get(path, headers={"Accept": accept}) as response:
        assert response.status == 200, await response.text()
        return response.headers["Content-Type"], await response.read()


@pytest.mark.parametrize("what", STABLE)
async def test_ranges_are_slices_of_the_whole_body(what: str) -> None:
    path, accept = STABLE[what]
    async with behind_a_pacs() as (pacs, gateway):
        fill(pacs)
        content_type, body = await whole(gateway, path, accept)
        length = len(body)
        wanted = {
            "bytes=0-0": (0, 1),
            "bytes=0-999": (0, 1000),
            "bytes=100-1500": (100, 1501),
            f"bytes={length - 5}-": (length - 5, length),
            "bytes=-7": (length - 7, length),
            f"bytes=-{length * 2}": (0, length),
            "bytes=7-99999999": (7, length),
        }
        for header, (start, stop) in wanted.items():
            async with gateway.get(path, headers={"Accept": accept, "Range": header}) as response:
                assert response.status == 206, header
                assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{length}"
                assert response.headers["Content-Length"] == str(stop - start)
                assert response.headers["Content-Type"] == content_type
                assert await response.read() == body[start:stop]
        await pacs.wait_for(lambda pacs: pacs.active == 0)


@pytest.mark.parametrize("what", STABLE)
async def test_a_body_in_pieces_is_the_body(what: str) -> None:
    path, accept = STABLE[what]
    async with behind_a_pacs() as (pacs, gateway):
        fill(pacs)
        _, body = await whole(gateway, path, accept)
        pieces = b""
        while len(pieces) < len(body):
            header = f"bytes={len(pieces)}-{len(pieces) + 1023}"
            async with gateway.get(path, headers={"Accept": accept, "Range": header}) as response:
                assert response.status == 206
                pieces += await response.read()
        assert pieces == body


@pytest.mark.parametrize("what", STABLE)
async def test_a_range_outside_of_the_body_is_told_how_long_it_is(what: str) -> None:
    path, accept = STABLE[what]
    async with behind_a_pacs() as (pacs, gateway):
        fill(pacs)
        _, body = await whole(gateway, path, accept)
        for header in (f"bytes={len(body)}-", "bytes=99999999-", "bytes=-0"):
            async with gateway.get(path, headers={"Accept": accept, "Range": header}) as response:
                assert response.status == 416
                assert response.headers["Content-Range"] == f"bytes */{len(body)}"
                assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("what", STABLE)
@pytest.mark.parametrize(
    "headers",
    [
        {"Range": "bytes=0-9", "If-Range": '"an-etag"'},
        {"Range": "bytes=0-9", "If-Range": "Wed, 21 Oct 2015 07:28:00 GMT"},
        {"Range": "bytes=0-1,5-9"},
        {"Range": "bytes=9-1"},
        {"Range": "items=0-9"},
        {"Range": "bytes=a-b"},
        {"Range": "bytes=-"},
        {"Range": ""},
    ],
)
async def test_a_range_that_is_not_served_is_ignored(what: str, headers: dict[str, str]) -> None:
    path, accept = STABLE[what]
    async with behind_a_pacs() as (pacs, gateway):
        fill(pacs)
        content_type, body = await whole(gateway, path, accept)
        async with gateway.get(path, headers={"Accept": accept, **headers}) as response:
            assert response.status == 200
            assert "Content-Range" not in response.headers
            assert response.headers["Content-Type"] == content_type
            assert await response.read() == body


@pytest.mark.parametrize("what", [*CHANGING, *JSON])
async def test_there_is_no_range_of_what_changes_each_time(what: str) -> None:
    path, accept = ALL[what]
    async with behind_a_pacs() as (pacs, gateway):
        fill(pacs)
        headers = {"Accept": accept, "Range": "bytes=0-9"}
        async with gateway.get(path, headers=headers) as response:
            assert response.status == 200
            assert "Accept-Ranges" not in response.headers
            assert len(await response.read()) > 10


@pytest.mark.parametrize("what", ALL)
async def test_head_says_what_get_says_and_nothing_more(what: str) -> None:
    path, accept = ALL[what]
    async with behind_a_pacs(limits={"connections": 2}) as (pacs, gateway):
        fill(pacs)
        headers = {"Accept": accept}
        async with gateway.get(path, headers=headers) as response:
            body = await response.read()
            got = dict(response.headers)
        for _ in range(3):
            async with gateway.request("HEAD", path, headers=headers) as response:
                assert response.status == 200
                assert await response.read() == b""
                said = dict(response.headers)
        for name in ("Cache-Control", "Vary", "Accept-Ranges", "Content-Length"):
            assert said.get(name) == got.get(name), name
        boundary = parameter(got["Content-Type"], "boundary") or "none"
        again = parameter(said["Content-Type"], "boundary") or "none"
        assert said["Content-Type"].replace(again, "") == got["Content-Type"].replace(boundary, "")
        if "Content-Length" in got:
            assert int(got["Content-Length"]) == len(body)
        await pacs.wait_for(lambda pacs: pacs.active == 0)


@pytest.mark.parametrize("path", [f"{INSTANCE_PATH}/frames/9", f"{INSTANCE_PATH}/bulk/none"])
async def test_head_of_what_is_not_there_is_404_without_a_body(path: str) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        fill(pacs)
        async with gateway.request("HEAD", path) as response:
            assert response.status == 404
            assert await response.read() == b""


@pytest.mark.parametrize(
    "what", ["one frame, bare", "one frame in parts", "bulk data, bare", "an instance, bare"]
)
@pytest.mark.parametrize("known", [True, False])
async def test_a_length_is_told_wherever_the_archive_tells_it(what: str, known: bool) -> None:
    path, accept = STABLE[what]
    body = FILE if path == INSTANCE_PATH else PIXELS[0]
    essence = "application/dicom" if path == INSTANCE_PATH else "application/octet-stream"
    content_type = f"{essence}; transfer-syntax={EXPLICIT_LE}"
    async with behind_a_pacs() as (pacs, gateway):
        headers = {"Content-Type": content_type}
        bare = Reply(headers=headers, body=body) if known else Reply(headers=headers, steps=[body])
        pacs.on("GET", ROOT + path, bare)
        async with gateway.get(path, headers={"Accept": accept}) as response:
            whole_body = await response.read()
            said = response.headers.get("Content-Length")
            assert said == (str(len(whole_body)) if known else None)
            assert body in whole_body


async def boundaries(what: str, secret: str | None, count: int = 2) -> list[str]:
    """The boundaries of answers to one request at one gateway."""
    path, accept = ALL[what]
    async with behind_a_pacs({"secret": SecretStr(secret)} if secret else None) as (pacs, gateway):
        fill(pacs)
        found = [await whole(gateway, path, accept) for _ in range(count)]
        return [parameter(content_type, "boundary") or "" for content_type, _ in found]


IN_PARTS = [what for what, (_, accept) in STABLE.items() if accept.startswith("multipart/")]
SECRETS = ["a-secret-of-thirty-two-characters!", "another-secret-of-thirty-two-chars"]


@pytest.mark.parametrize("what", IN_PARTS)
async def test_one_instances_boundary_is_stable_for_one_secret_only(what: str) -> None:
    first = await boundaries(what, SECRETS[0])
    replica = await boundaries(what, SECRETS[0])
    other = await boundaries(what, SECRETS[1])
    drawn = await boundaries(what, None)

    assert len({*first, *replica}) == 1
    assert len({*first, *other, *drawn}) == 3
    assert len(first[0]) == 40


async def test_other_frames_and_other_forms_have_boundaries_of_their_own() -> None:
    found = [(await boundaries(what, SECRETS[0], 1))[0] for what in IN_PARTS]
    assert len(set(found)) == len(IN_PARTS)


@pytest.mark.parametrize("what", CHANGING)
async def test_the_boundary_of_what_changes_is_another_each_time(what: str) -> None:
    assert len(set(await boundaries(what, SECRETS[0], 3))) == 3


async def test_a_range_reads_no_more_of_the_archive_than_up_to_its_end() -> None:
    path, accept = STABLE["one frame, bare"]
    async with behind_a_pacs() as (pacs, gateway):
        content_type = f"application/octet-stream; transfer-syntax={EXPLICIT_LE}"
        length = 64 * 1024 * 1024
        pieces = [bytes(1024 * 1024)] * 64
        headers = {"Content-Type": content_type, "Content-Length": str(length)}
        pacs.on("GET", ROOT + path, Reply(headers=headers, steps=pieces))
        async with gateway.get(path, headers={"Accept": accept, "Range": "bytes=0-99"}) as response:
            assert response.status == 206
            assert await response.read() == bytes(100)
        (request,) = asked(pacs)
        await request.gone.wait()
        await pacs.wait_for(lambda pacs: pacs.active == 0)


async def test_the_parts_of_these_tests_are_what_they_should_be() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        fill(pacs)
        for what, frames in (("several frames", (1, 2, 3)), ("frames out of order", (3, 1))):
            path, accept = STABLE[what]
            async with gateway.get(path, headers={"Accept": accept}) as response:
                found = [part.body for part in await parts_of(response)]
            assert found == [PIXELS[number - 1] for number in frames]


async def test_ranges_hold_for_a_file_that_is_encoded_anew() -> None:
    """Its length is not known before it is done, and its bytes are the same each time."""
    (implicit,) = [path for path in bundled_files() if path.name == "MR_small_implicit.dcm"]
    stored = implicit.read_bytes()
    held = pydicom.dcmread(implicit)
    series = f"/studies/{held.StudyInstanceUID}/series/{held.SeriesInstanceUID}"
    path = f"{series}/instances/{held.SOPInstanceUID}"
    accept = {"Accept": "application/dicom"}
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", ROOT + path, multipart_reply(Part(stored)))
        content_type, body = await whole(gateway, path, accept["Accept"])
        assert parameter(content_type, "transfer-syntax") == EXPLICIT_LE
        assert body != stored
        for header, (start, stop) in {
            "bytes=0-131": (0, 132),
            "bytes=1000-2999": (1000, 3000),
            "bytes=-10": (len(body) - 10, len(body)),
        }.items():
            async with gateway.get(path, headers=accept | {"Range": header}) as response:
                assert response.status == 206
                ends = f"bytes {start}-{stop - 1}/{len(body)}"
                assert response.headers["Content-Range"] == ends
                assert await response.read() == body[start:stop]
        outside = {"Range": f"bytes={len(body)}-"}
        async with gateway.get(path, headers=accept | outside) as response:
            assert response.status == 416
            assert response.headers["Content-Range"] == f"bytes */{len(body)}"
