"""What clients really accept, what archives really refuse, and labels that tell the truth."""

from collections.abc import Mapping

import pytest
from multidict import CIMultiDict

from gateway.dicom.codestreams import sniff
from tests.fakes.pacs import Answering, Pacs, Recorded, Reply
from tests.fakes.pacs_answers import (
    DICOM_JSON,
    EXPLICIT_LE,
    FILES,
    FILES_AS_STORED,
    FRAMES,
    FRAMES_AS_STORED,
    INSTANCE_PATH,
    JPEG_2000,
    JPEG_2000_FRAME,
    JPEG_LS,
    JPEG_LS_FRAME,
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
)
from tests.fakes.store_requests import dicom_file

SERIES_LIST = f"{STUDY_PATH}/series"
FRAME = f"{INSTANCE_PATH}/frames/1"
NATIVE = bytes(range(8))
NATIVE_FILE = dicom_file(1)


def jpeg_ls_file() -> bytes:
    """A file whose file meta says JPEG-LS; its pixel data are nobody's to decode here."""
    old = b"\x02\x00\x10\x00UI\x14\x00" + b"1.2.840.10008.1.2.1\0"
    new = b"\x02\x00\x10\x00UI\x16\x00" + b"1.2.840.10008.1.2.4.80"
    whole = dicom_file(2)
    assert old in whole
    length = int.from_bytes(whole[140:144], "little") + 2
    return whole[:140] + length.to_bytes(4, "little") + whole[144:].replace(old, new)


def taking_only(*accepts: str, reply: Reply, refusing: int = 406) -> Answering:
    """An archive that answers only to these very Accept values."""

    def answer(request: Recorded) -> Reply:
        return reply if request.headers.get("Accept") in accepts else Reply(refusing)

    return answer


@pytest.mark.parametrize(
    "accept",
    [
        "application/dicom+json, multipart/related; type=application/octet-stream",
        "application/dicom+json,multipart/related;type=application/octet-stream;transfer-syntax=*",
        'multipart/related; type="application/dicom+xml", application/dicom+json',
        "application/dicom+json, application/json",
        "application/json",
        "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
        "application/dicom+json;charset=utf-8",
        "application/*",
        "text/csv, nonsense, application/dicom+json;q=0.1",
    ],
)
@pytest.mark.parametrize("path", [SERIES_LIST, f"{SERIES_PATH}/metadata", "/studies"])
async def test_any_acceptable_member_is_enough_for_json(accept: str, path: str) -> None:
    """https://github.com/OHIF/Viewers/issues/3726"""
    async with behind_a_pacs() as (pacs, gateway):
        reply = Reply(json=[metadata()])
        pacs.on("GET", ROOT + path, taking_only(DICOM_JSON, reply=reply))
        async with gateway.get(path, headers={"Accept": accept}) as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == DICOM_JSON
            assert [row["00080018"]["Value"] for row in await response.json()] == [
                metadata()["00080018"]["Value"]
            ]
        assert [each.headers["Accept"] for each in asked(pacs)] == [DICOM_JSON]


async def test_several_accept_headers_are_one_list() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", ROOT + SERIES_LIST, Reply(json=[]))
        headers = CIMultiDict([("Accept", "text/csv"), ("Accept", "application/dicom+json")])
        async with gateway.get(SERIES_LIST, headers=headers) as response:
            assert response.status == 200


async def test_an_archive_that_takes_only_plain_json_is_asked_for_that() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        reply = Reply(json=[metadata()])
        for path in (SERIES_LIST, f"{SERIES_PATH}/metadata"):
            pacs.on("GET", ROOT + path, taking_only("application/json", reply=reply))
            async with gateway.get(path, headers={"Accept": DICOM_JSON}) as response:
                assert response.status == 200
                assert response.headers["Content-Type"] == DICOM_JSON


GREY = {
    "00280004": {"vr": "CS", "Value": ["MONOCHROME2"]},
    "00280010": {"vr": "US", "Value": [2]},
}
STORED = pytest.mark.parametrize(
    ("syntax", "frame"),
    [(EXPLICIT_LE, NATIVE), (JPEG_2000, JPEG_2000_FRAME), (JPEG_LS, JPEG_LS_FRAME)],
)


@STORED
@pytest.mark.parametrize("refusing", [400, 406, 415, 501])
@pytest.mark.parametrize(
    "accept",
    [
        FRAMES_AS_STORED,
        'multipart/related; type="application/octet-stream"; transfer-syntax="*"',
        "multipart/related; type=application/octet-stream; transfer-syntax=*",
        'multipart/related; type="*/*"; transfer-syntax=*',
        'multipart/related; transfer-syntax=*; type="application/octet-stream"',
    ],
)
async def test_any_transfer_syntax_is_never_refused_and_the_label_is_the_frames_own(
    syntax: str, frame: bytes, refusing: int, accept: str
) -> None:
    """https://github.com/OHIF/Viewers/issues/2591"""
    async with behind_a_pacs() as (pacs, gateway):
        reply = frames_reply(frame, syntax=syntax)
        pacs.on("GET", ROOT + FRAME, taking_only(FRAMES, reply=reply, refusing=refusing))
        # Uncompressed pixels are taken where it is certain that they are those that are stored.
        pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/metadata", Reply(json=[GREY]))
        async with gateway.get(FRAME, headers={"Accept": accept}) as response:
            (part,) = await parts_of(response)

    assert part.body == frame
    assert parameter(part.content_type, "transfer-syntax") == syntax


@STORED
@pytest.mark.parametrize("label", ["", "; transfer-syntax=*", '; transfer-syntax="*"'])
async def test_a_frame_that_comes_unlabelled_leaves_with_the_label_of_its_bytes(
    syntax: str, frame: bytes, label: str
) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        part = Part(frame, f"application/octet-stream{label}")
        pacs.on("GET", ROOT + FRAME, multipart_reply(part, type_="application/octet-stream"))
        async with gateway.get(FRAME, headers={"Accept": FRAMES_AS_STORED}) as response:
            (found,) = await parts_of(response)

    named = parameter(found.content_type, "transfer-syntax")
    assert named == (sniff(frame) or EXPLICIT_LE)
    assert found.body == frame


async def test_a_bare_frame_is_single_part_for_who_asks_for_it() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", ROOT + FRAME, frames_reply(JPEG_2000_FRAME, syntax=JPEG_2000))
        accept = {"Accept": "application/octet-stream; transfer-syntax=*"}
        async with gateway.get(FRAME, headers=accept) as response:
            assert response.status == 200
            assert await response.read() == JPEG_2000_FRAME
            label = response.headers["Content-Type"]
            assert parameter(label, "transfer-syntax") == JPEG_2000


RESOURCES = {
    "instance": (INSTANCE_PATH, multipart_reply(Part(NATIVE_FILE))),
    "series": (SERIES_PATH, multipart_reply(Part(NATIVE_FILE))),
    "study": (STUDY_PATH, multipart_reply(Part(NATIVE_FILE))),
    "metadata": (f"{INSTANCE_PATH}/metadata", Reply(json=[metadata()])),
    "search": ("/studies", Reply(json=[metadata()])),
    "frame": (FRAME, frames_reply(NATIVE)),
    "bulk data": (f"{INSTANCE_PATH}/bulk/7FE00010", frames_reply(NATIVE)),
}


def with_everything(pacs: Pacs) -> None:
    for path, reply in RESOURCES.values():
        pacs.on("GET", ROOT + path, reply)


@pytest.mark.parametrize("resource", RESOURCES)
async def test_what_nothing_accepted_can_be_made_of_is_406(resource: str) -> None:
    """https://github.com/UMEssen/DICOM-RST/issues/60"""
    path, _ = RESOURCES[resource]
    async with behind_a_pacs() as (pacs, gateway):
        with_everything(pacs)
        async with gateway.get(path, headers={"Accept": "text/csv"}) as response:
            assert response.status == 406
            assert (await response.json(content_type=None))["status"] == 406


@pytest.mark.parametrize("path", [INSTANCE_PATH, SERIES_PATH, STUDY_PATH])
@pytest.mark.parametrize(
    "rendered", ["image/jpeg", "image/png", "text/html", "application/pdf", "video/mp4"]
)
async def test_dicom_and_rendered_types_named_together_are_400(path: str, rendered: str) -> None:
    accept = f'multipart/related; type="application/dicom", {rendered}'
    async with behind_a_pacs() as (pacs, gateway):
        with_everything(pacs)
        async with gateway.get(path, headers={"Accept": accept}) as response:
            assert response.status == 400
        assert asked(pacs) == []


@pytest.mark.parametrize("ranges", ["*/*", "*/*;q=0.1", "image/*;q=0"])
async def test_a_range_beside_dicom_is_no_contradiction(ranges: str) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        with_everything(pacs)
        async with gateway.get(INSTANCE_PATH, headers={"Accept": f"{FILES}, {ranges}"}) as response:
            (part,) = await parts_of(response)
            assert part.body == NATIVE_FILE


async def test_a_pdf_beside_octets_is_no_contradiction_on_bulk_data() -> None:
    accept = 'multipart/related; type="application/pdf", ' + FRAMES
    path, _ = RESOURCES["bulk data"]
    async with behind_a_pacs() as (pacs, gateway):
        with_everything(pacs)
        async with gateway.get(path, headers={"Accept": accept}) as response:
            (part,) = await parts_of(response)
            assert part.body == NATIVE


DEFAULTS = {
    "instance": "multipart/related",
    "series": "multipart/related",
    "study": "multipart/related",
    "metadata": DICOM_JSON,
    "search": DICOM_JSON,
    "frame": "multipart/related",
    "bulk data": "multipart/related",
}


@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize("headers", [{"Accept": "*/*"}, {"Accept": ""}, {}])
async def test_without_an_accept_the_documented_default_leaves(
    resource: str, headers: Mapping[str, str]
) -> None:
    path, _ = RESOURCES[resource]
    async with behind_a_pacs() as (pacs, gateway):
        with_everything(pacs)
        options = {} if headers else {"skip_auto_headers": ("Accept",)}
        async with gateway.get(path, headers=headers, **options) as response:
            assert response.status == 200
            assert response.content_type == DEFAULTS[resource]


async def test_the_accept_parameter_wins_over_the_header() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        with_everything(pacs)
        path = f"{INSTANCE_PATH}?accept=application%2Fdicom"
        async with gateway.get(path, headers={"Accept": "text/csv"}) as response:
            assert response.status == 200
            assert response.content_type == "application/dicom"


@pytest.mark.parametrize("label", ["", "; transfer-syntax=*", f"; transfer-syntax={EXPLICIT_LE}"])
@pytest.mark.parametrize("whole", ["", "; transfer-syntax=*"])
async def test_each_part_carries_its_own_concrete_transfer_syntax(label: str, whole: str) -> None:
    """https://github.com/dcm4che/dcm4chee-arc-light/issues/2813

    Whatever the archive wrote into its headers, the file's own meta information counts.
    """
    compressed = jpeg_ls_file()
    content_type = f'multipart/related; type="application/dicom"{whole}; boundary=a-boundary'
    parts = [Part(compressed, f"application/dicom{label}"), Part(NATIVE_FILE)]
    reply = multipart_reply(*parts)
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on(
            "GET",
            ROOT + SERIES_PATH,
            Reply(headers={"Content-Type": content_type}, body=reply.body),
        )
        async with gateway.get(SERIES_PATH, headers={"Accept": FILES_AS_STORED}) as response:
            top = response.headers["Content-Type"]
            found = await parts_of(response)

    assert [part.body for part in found] == [compressed, NATIVE_FILE]
    labels = [parameter(part.content_type, "transfer-syntax") for part in found]
    assert labels == [JPEG_LS, EXPLICIT_LE]
    assert parameter(top, "transfer-syntax") is None
    assert "*" not in top
    assert parameter(top, "type") == "application/dicom"


@pytest.mark.parametrize("type_", ["image/jls", "image/x-jls", "application/octet-stream"])
async def test_a_compressed_frames_label_survives(type_: str) -> None:
    """https://github.com/fli-iam/shanoir-ng/issues/3712"""
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", ROOT + FRAME, frames_reply(JPEG_LS_FRAME, syntax=JPEG_LS, type_=type_))
        accept = f'multipart/related; type="image/jls"; transfer-syntax={JPEG_LS}'
        async with gateway.get(FRAME, headers={"Accept": accept}) as response:
            (part,) = await parts_of(response)
            assert parameter(response.headers["Content-Type"], "type") == "image/jls"

    assert part.content_type == f"image/jls; transfer-syntax={JPEG_LS}"
    assert part.body == JPEG_LS_FRAME
