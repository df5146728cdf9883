"""Frame numbers: each frame its own bytes, lists in the order asked, and what is not there."""

import pytest
from aiohttp import ClientPayloadError

from tests.fakes.pacs import Pacs, Recorded, Reply
from tests.fakes.pacs_answers import (
    FRAMES_AS_STORED,
    INSTANCE_PATH,
    ROOT,
    STUDY_PATH,
    Part,
    asked,
    behind_a_pacs,
    frames_reply,
    metadata,
    multipart_reply,
    parts_of,
)

FRAMES = {number: bytes([number]) * 8 for number in (1, 2, 3)}
ACCEPT = {"Accept": FRAMES_AS_STORED}


def path_of(frames: str) -> str:
    return f"{INSTANCE_PATH}/frames/{frames}"


def with_three_frames(pacs: Pacs, *, lists: str = "right", missing: int = 404) -> None:
    """An instance of three frames at an archive that takes lists as they are, sorts or refuses."""
    three = metadata(x00280008={"vr": "IS", "Value": [3]})
    pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/metadata", Reply(json=[three]))

    def answer(request: Recorded) -> Reply:
        numbers = [int(each) for each in request.path.rpartition("/")[2].split(",")]
        if max(numbers) > 3:
            return Reply(missing)
        if len(numbers) > 1 and lists == "refused":
            return Reply(400)
        if lists == "sorted":
            numbers = sorted(set(numbers))
        return frames_reply(*(FRAMES[number] for number in numbers))

    for frames in ("1", "2", "3", "99", "1,2", "1,3", "2,3", "1,2,3", "3,1", "1,99", "3,3"):
        pacs.on("GET", ROOT + path_of(frames), answer)


@pytest.mark.parametrize("number", FRAMES)
async def test_each_frame_has_its_own_bytes(number: int) -> None:
    """https://github.com/dcm4che/dcm4chee-arc-light/issues/2827"""
    async with behind_a_pacs() as (pacs, gateway):
        with_three_frames(pacs)
        async with gateway.get(path_of(str(number)), headers=ACCEPT) as response:
            (part,) = await parts_of(response)
            assert part.body == FRAMES[number]
            location = dict(part.headers)["Content-Location"]
            assert location == f"{gateway.base}{path_of(str(number))}"


@pytest.mark.parametrize("lists", ["right", "sorted", "refused"])
@pytest.mark.parametrize("frames", ["3,1", "1,3", "1,2,3", "3,2,1", "2,2", "3, 1", "1,2,1"])
async def test_a_list_of_frames_comes_in_the_order_asked(frames: str, lists: str) -> None:
    wanted = [FRAMES[int(number)] for number in frames.split(",")]
    async with behind_a_pacs() as (pacs, gateway):
        with_three_frames(pacs, lists=lists)
        path = path_of(frames.replace(" ", "%20"))
        async with gateway.get(path, headers=ACCEPT) as response:
            assert [part.body for part in await parts_of(response)] == wanted


@pytest.mark.parametrize("missing", [400, 404, 500, 502])
@pytest.mark.parametrize("frames", ["99", "1,99", "99,1"])
async def test_a_frame_that_is_not_there_is_404_whatever_the_archive_says(
    frames: str, missing: int
) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        with_three_frames(pacs, missing=missing)
        async with gateway.get(path_of(frames), headers=ACCEPT) as response:
            # A gateway in between that says 502 says nothing of the frame.
            assert response.status == (502 if missing == 502 and frames != "99,1" else 404)


@pytest.mark.parametrize("suffix", ["", "/rendered"])
@pytest.mark.parametrize(
    "frames", ["0", "x", "-1", "1,0", "1.5", "1,,2", ",1", "1,", "1e2", "%2B1", "%D9%A1", "1;2"]
)
async def test_what_is_no_frame_number_is_400_and_asks_nobody(frames: str, suffix: str) -> None:
    async with behind_a_pacs(capabilities=["rendered"]) as (pacs, gateway):
        with_three_frames(pacs)
        async with gateway.get(path_of(frames) + suffix) as response:
            assert response.status == 400
            assert response.headers["Content-Type"] == "application/problem+json"
        assert asked(pacs) == []


@pytest.mark.parametrize("number", FRAMES)
async def test_a_rendered_frame_is_the_frame_that_was_asked_for(number: int) -> None:
    async with behind_a_pacs(capabilities=["rendered"]) as (pacs, gateway):
        for each, body in FRAMES.items():
            reply = Reply(headers={"Content-Type": "image/jpeg"}, body=b"\xff\xd8" + body)
            pacs.on("GET", f"{ROOT}{path_of(str(each))}/rendered", reply)
        async with gateway.get(f"{path_of(str(number))}/rendered") as response:
            assert response.status == 200
            assert await response.read() == b"\xff\xd8" + FRAMES[number]
        async with gateway.get(f"{path_of('99')}/rendered") as response:
            assert response.status == 404


async def test_without_a_renderer_rendered_frames_are_not_implemented() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        with_three_frames(pacs)
        async with gateway.get(f"{path_of('1')}/rendered") as response:
            assert response.status == 501
        assert asked(pacs) == []


@pytest.mark.parametrize("size", [8, 100_000])
@pytest.mark.parametrize("sent", [2, 4])
async def test_too_few_or_too_many_frames_never_look_whole(sent: int, size: int) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        reply = frames_reply(*[bytes(size)] * sent)
        pacs.on("GET", ROOT + path_of("1,2,3"), reply)
        async with gateway.get(path_of("1,2,3"), headers=ACCEPT) as response:
            assert response.status == 200
            with pytest.raises(ClientPayloadError):
                await response.read()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html; charset=utf-8", b"<html>Please log in</html>"),
        ("text/plain", b"no such frame"),
        ("application/json", b'{"error":"no such frame"}'),
        ("application/problem+json", b'{"status":500}'),
        ("application/dicom+json", b"[]"),
        ("application/dicom+xml", b"<NativeDicomModel/>"),
        ("application/dicom", bytes(128) + b"DICM"),
    ],
)
@pytest.mark.parametrize("parts", [True, False])
async def test_what_says_that_it_is_no_frame_never_passes_for_pixels(
    content_type: str, body: bytes, parts: bool
) -> None:
    bare = Reply(headers={"Content-Type": content_type}, body=body)
    reply = multipart_reply(Part(body, content_type), type_="application/octet-stream")
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", ROOT + path_of("1"), reply if parts else bare)
        async with gateway.get(path_of("1"), headers=ACCEPT) as response:
            assert response.status == 502


async def test_parts_within_a_part_never_pass_for_pixels() -> None:
    inner = Part(b"--inner\r\n\r\npixels\r\n--inner--", 'multipart/mixed; boundary="inner"')
    reply = multipart_reply(inner, type_="application/octet-stream")
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", ROOT + path_of("1"), reply)
        async with gateway.get(path_of("1"), headers=ACCEPT) as response:
            assert response.status == 502


@pytest.mark.parametrize(
    ("location", "status"),
    [
        ("{base}/{instance}/frames/1", 200),
        ("/some/other/base/{instance}/frames/1", 200),
        ("frames/1", 200),
        ("{base}/studies/9.9/series/9.8/instances/9.7/frames/1", 502),
        ("studies/9.9/series/9.8/instances/9.7/frames/1", 502),
        ("{base}/{instance}/frames/2", 502),
    ],
)
async def test_a_frame_that_says_it_is_of_another_instance_is_refused(
    location: str, status: int
) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        named = location.format(base=pacs.base, instance=INSTANCE_PATH.strip("/"))
        part = Part(b"pixels", "application/octet-stream", [("Content-Location", named)])
        pacs.on("GET", ROOT + path_of("1"), multipart_reply(part, type_="application/octet-stream"))
        async with gateway.get(path_of("1"), headers=ACCEPT) as response:
            assert response.status == status


@pytest.mark.parametrize(
    ("type_", "accept", "status"),
    [
        ("text/html", {}, 502),
        ("text/html", {"Accept": "image/jpeg"}, 502),
        ("application/json", {"Accept": "*/*"}, 502),
        ("text/html", {"Accept": "text/html"}, 200),
        ("image/png", {"Accept": "image/jpeg"}, 200),
    ],
)
async def test_a_page_that_nobody_asked_for_never_passes_for_an_image(
    type_: str, accept: dict[str, str], status: int
) -> None:
    path = f"{INSTANCE_PATH}/rendered"
    async with behind_a_pacs(capabilities=["rendered"]) as (pacs, gateway):
        pacs.on("GET", ROOT + path, Reply(headers={"Content-Type": type_}, body=b"<script>"))
        async with gateway.get(path, headers=accept) as response:
            assert response.status == status
            policy = response.headers.get("Content-Security-Policy")
            assert policy == ("sandbox" if (type_, status) == ("text/html", 200) else None)


@pytest.mark.parametrize(
    ("accept", "status", "images"),
    [
        ('multipart/related; type="image/jpeg"', 200, 2),
        ('image/jpeg, multipart/related; type="image/jpeg"', 200, 2),
        ("image/jpeg", 406, 0),
        ("*/*", 406, 0),
    ],
)
@pytest.mark.parametrize("path", [f"{path_of('1,2')}/rendered", f"{STUDY_PATH}/rendered"])
async def test_of_several_rendered_images_none_is_lost_in_silence(
    path: str, accept: str, status: int, images: int
) -> None:
    two = [Part(b"one", "image/jpeg"), Part(b"two", "image/jpeg")]
    async with behind_a_pacs(capabilities=["rendered"]) as (pacs, gateway):
        pacs.on("GET", ROOT + path, multipart_reply(*two, type_="image/jpeg"))
        async with gateway.get(path, headers={"Accept": accept}) as response:
            assert response.status == status
            if images:
                found = [(part.content_type, part.body) for part in await parts_of(response)]
                assert found == [("image/jpeg", b"one"), ("image/jpeg", b"two")]


async def test_a_single_rendered_image_comes_bare_to_who_takes_both_forms() -> None:
    path = f"{INSTANCE_PATH}/rendered"
    async with behind_a_pacs(capabilities=["rendered"]) as (pacs, gateway):
        image = Reply(headers={"Content-Type": "image/jpeg"}, body=b"image")
        pacs.on("GET", ROOT + path, image)
        accept = {"Accept": 'multipart/related; type="image/jpeg", image/jpeg'}
        async with gateway.get(path, headers=accept) as response:
            assert response.headers["Content-Type"] == "image/jpeg"
            assert await response.read() == b"image"
