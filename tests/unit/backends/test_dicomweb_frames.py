"""Frames of an archive that misbehaves (field failures 7, 9, 15, 39)."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.backends.capabilities import PROOF, Learned
from gateway.backends.dicomweb_frames import DicomWebFrames, ascending_runs, number_of_frames
from gateway.backends.dicomweb_retrieve import DicomWebRetrieve
from gateway.dicom.resources import Dataset, Resource
from gateway.errors import BackendError, BackendNotFound, BackendRefused, StreamBroken
from tests.fakes.pacs import Cut, Pacs, Raw, Recorded, Reply, Step, stay
from tests.fakes.transports import ANYBODY, Bounds, wired

INSTANCE = Resource("1.2", "1.3", "1.4")
BASE = f"/dicom-web/{INSTANCE.path}"
JPEG_LS = "1.2.840.10008.1.2.4.80"
STARRED = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
OCTETS = "application/octet-stream"


@pytest.fixture
async def pacs() -> AsyncIterator[Pacs]:
    """It has the metadata of a three-frame instance, and no frames until a test gives them."""
    async with Pacs() as pacs:
        pacs.on("GET", f"{BASE}/metadata", Reply(json=[image(3)]))
        yield pacs


@asynccontextmanager
async def archive(pacs: Pacs, learned: Learned | None = None) -> AsyncIterator[DicomWebFrames]:
    learned = learned or Learned()
    async with wired(pacs) as w:
        yield DicomWebFrames(w.transport, learned, DicomWebRetrieve(w.transport, learned))


async def frames(
    pacs: Pacs, *numbers: int, learned: Learned | None = None
) -> list[tuple[str, bytes]]:
    async with archive(pacs, learned) as source, source.frames(INSTANCE, numbers, ANYBODY) as found:
        return [
            (str(part.media_type), b"".join([chunk async for chunk in part.chunks]))
            async for part in found
        ]


async def bodies(pacs: Pacs, *numbers: int, learned: Learned | None = None) -> list[bytes]:
    return [body for _, body in await frames(pacs, *numbers, learned=learned)]


def image(count: int | str | None) -> dict[str, Any]:
    dataset: dict[str, Any] = {"00280010": {"vr": "US", "Value": [512]}}
    if count is not None:
        dataset["00280008"] = {"vr": "IS", "Value": [count]}
    return dataset


def multipart(*payloads: bytes, head: str = f"Content-Type: {OCTETS}", kind: str = OCTETS) -> Reply:
    body = b"".join(f"--b\r\n{head}\r\n\r\n".encode() + payload + b"\r\n" for payload in payloads)
    content_type = f'multipart/related; type="{kind}"; boundary=b'
    return Reply(headers={"Content-Type": content_type}, body=body + b"--b--\r\n")


def located(*numbers: int) -> Reply:
    body = b"".join(
        f"--b\r\nContent-Type: {OCTETS}\r\nContent-Location: http://inner:1{BASE}/frames/{n}"
        f"\r\n\r\nframe {n}\r\n".encode()
        for n in numbers
    )
    content_type = f'multipart/related; type="{OCTETS}"; boundary=b'
    return Reply(headers={"Content-Type": content_type}, body=body + b"--b--\r\n")


def serve(pacs: Pacs, asked: str, reply: Reply | Raw | Callable[[Recorded], Reply | Raw]) -> None:
    pacs.on("GET", f"{BASE}/frames/{asked}", reply)


def asked(pacs: Pacs) -> list[str]:
    return [each.path.removeprefix(f"{BASE}/") for each in pacs.requests]


# -- what is asked, and how it is labelled


async def test_a_frame_is_asked_for_as_it_is_stored(pacs: Pacs) -> None:
    serve(pacs, "1", multipart(b"frame 1"))

    assert await frames(pacs, 1) == [(OCTETS, b"frame 1")]
    (request,) = pacs.requests
    assert request.headers["Accept"] == STARRED
    assert request.headers["Accept-Encoding"] == "identity"


async def test_a_frames_own_label_survives(pacs: Pacs) -> None:
    head = f"Content-Type: image/jls; transfer-syntax={JPEG_LS}"
    serve(pacs, "1", multipart(b"frame 1", head=head, kind="image/jls"))

    assert await frames(pacs, 1) == [(f"image/jls; transfer-syntax={JPEG_LS}", b"frame 1")]


async def test_a_label_that_is_packed_into_the_whole_answers_type_is_read(pacs: Pacs) -> None:
    kind = f"image/jls; transfer-syntax={JPEG_LS}"
    serve(pacs, "1", multipart(b"frame 1", head="Content-Type: image/jls", kind=kind))

    assert await frames(pacs, 1) == [(f"image/jls; transfer-syntax={JPEG_LS}", b"frame 1")]


async def test_a_label_of_any_syntax_is_none(pacs: Pacs) -> None:
    head = f"Content-Type: {OCTETS}; transfer-syntax=*"
    serve(pacs, "1", multipart(b"frame 1", head=head))

    assert await frames(pacs, 1) == [(OCTETS, b"frame 1")]


async def test_a_frame_that_comes_bare_is_one_part(pacs: Pacs) -> None:
    serve(pacs, "1", Reply(headers={"Content-Type": OCTETS}, body=b"frame 1"))

    assert await frames(pacs, 1) == [(OCTETS, b"frame 1")]


@pytest.mark.parametrize("status", [400, 406])
async def test_an_archive_that_refuses_any_syntax_is_asked_without(pacs: Pacs, status: int) -> None:
    def without_parameter(request: Recorded) -> Reply:
        refused = "transfer-syntax" in request.headers["Accept"]
        return Reply(status) if refused else multipart(b"frame 1")

    serve(pacs, "1", without_parameter)

    assert await bodies(pacs, 1) == [b"frame 1"]
    assert asked(pacs) == ["frames/1", "frames/1", "metadata", "frames/1"]


CODESTREAM = bytes.fromhex(
    "ff4fff51002900000000000800000008000000000000000000000008000000080000000000000000"
    "0001070101ff52000c00000001000104040001ff5c00044048ff93"
)


JPEG = bytes.fromhex(
    "ffd8ffc0000b080001000101011100ffc400140001000000000000000000000000000000ffda0008010100003f"
)
_PROFILE = b"\xff\xe2" + (5002).to_bytes(2, "big") + bytes(5000)
LONG_JPEG = JPEG[:2] + _PROFILE + JPEG[2:]
EXPLICIT, JPEG_2000 = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.90"


def described(photometric: str, stored: str = "", bits: int | str = 8) -> list[Dataset]:
    """The metadata of an image, with its stored transfer syntax where the archive says it."""
    dataset = image(3) | {
        "00280004": {"vr": "CS", "Value": [photometric]},
        "00280100": {"vr": "US", "Value": [bits]},
    }
    return [dataset | ({"00083002": {"vr": "UI", "Value": [stored]}} if stored else {})]


def without_any_syntax(reply: Reply, status: int = 406) -> Callable[[Recorded], Reply]:
    """Refuses to be asked for what is stored."""

    def answer(request: Recorded) -> Reply:
        return Reply(status) if "transfer-syntax" in request.headers["Accept"] else reply

    return answer


@pytest.mark.parametrize(
    ("metadata", "frame", "given"),
    [
        (described("MONOCHROME2"), b"pixels", True),
        (described("RGB"), b"pixels", True),
        (described("YBR_FULL_422"), b"pixels", False),
        (described("YBR_FULL_422", JPEG_LS), b"pixels", False),
        (described("YBR_FULL_422", EXPLICIT), b"pixels", True),
        (described("ybr_rct "), b"pixels", False),
        (described("YBR_RCT"), CODESTREAM, True),
        (described("YBR_FULL_422"), JPEG, True),
        (described("YBR_FULL_422"), LONG_JPEG, True),
        (described("YBR_FULL_422", bits="8"), JPEG, True),
        (described("MONOCHROME2", bits=16), JPEG, False),
        (described("MONOCHROME2", bits=16), LONG_JPEG, False),
        (described("MONOCHROME2", EXPLICIT), JPEG, False),
        (described("MONOCHROME2", JPEG_2000), JPEG, False),
        (described("MONOCHROME2", "1.2.840.10008.1.2.4.50"), JPEG, True),
    ],
)
async def test_a_frame_that_may_have_been_made_for_the_answer_is_refused(
    pacs: Pacs, metadata: list[Dataset], frame: bytes, given: bool
) -> None:
    pacs.on("GET", f"{BASE}/metadata", Reply(json=metadata))
    serve(pacs, "1", without_any_syntax(multipart(frame)))

    if given:
        assert await bodies(pacs, 1) == [frame]
    else:
        with pytest.raises(StreamBroken):
            await bodies(pacs, 1)


async def test_a_frame_that_nothing_is_known_of_is_not_given_decoded(pacs: Pacs) -> None:
    pacs.on("GET", f"{BASE}/metadata", Reply(503))
    for number, frame in ((1, b"pixels"), (2, JPEG), (3, CODESTREAM)):
        serve(pacs, str(number), without_any_syntax(multipart(frame)))
    for number in (1, 2):
        with pytest.raises(BackendError) as caught:
            await bodies(pacs, number)
        assert caught.value.status == 503

    assert await bodies(pacs, 3) == [CODESTREAM]


async def test_what_is_known_of_an_instance_is_asked_once_and_with_no_answer_open(
    pacs: Pacs,
) -> None:
    pacs.on("GET", f"{BASE}/metadata", Reply(json=described("RGB")))
    serve(pacs, "1,2,3", Reply(400))
    for number in (1, 2, 3):
        serve(pacs, str(number), without_any_syntax(multipart(b"frame %d" % number)))
    learned = Learned()
    async with wired(pacs, Bounds(connections=1)) as w:
        source = DicomWebFrames(w.transport, learned, DicomWebRetrieve(w.transport, learned))
        async with source.frames(INSTANCE, (1, 2, 3), ANYBODY) as found:
            payloads = [b"".join([chunk async for chunk in part.chunks]) async for part in found]

    assert payloads == [b"frame 1", b"frame 2", b"frame 3"]
    assert asked(pacs).count("metadata") == 1


@pytest.mark.parametrize("kind", ["text/html", "image/png", "application/dicom+json"])
async def test_what_is_no_frame_is_not_taken_for_pixels(pacs: Pacs, kind: str) -> None:
    serve(pacs, "1", Reply(headers={"Content-Type": kind}, body=b"something"))
    with pytest.raises(StreamBroken):
        await bodies(pacs, 1)


# -- lists


async def test_a_list_is_one_request_and_a_part_each_in_its_order(pacs: Pacs) -> None:
    serve(pacs, "1,2,3", located(1, 2, 3))

    assert await bodies(pacs, 1, 2, 3) == [b"frame 1", b"frame 2", b"frame 3"]
    assert asked(pacs) == ["frames/1,2,3"]


async def test_a_list_that_does_not_ascend_is_asked_in_runs(pacs: Pacs) -> None:
    serve(pacs, "3", located(3))
    serve(pacs, "1,2", located(1, 2))

    assert await bodies(pacs, 3, 1, 2) == [b"frame 3", b"frame 1", b"frame 2"]


async def test_a_frame_that_is_asked_for_twice_comes_twice(pacs: Pacs) -> None:
    serve(pacs, "2", located(2))

    assert await bodies(pacs, 2, 2) == [b"frame 2", b"frame 2"]


@pytest.mark.parametrize(
    "refusal",
    [Reply(400), Reply(500), Reply(headers={"Content-Type": OCTETS}, body=b"frame 1frame 2")],
    ids=["400", "500", "not-multipart"],
)
async def test_an_archive_without_lists_is_asked_for_each_frame_and_remembered(
    pacs: Pacs, refusal: Reply
) -> None:
    serve(pacs, "1,2", refusal)
    serve(pacs, "1", multipart(b"frame 1"))
    serve(pacs, "2", multipart(b"frame 2"))
    learned = Learned()

    for _ in range(PROOF + 1):
        before = len(pacs.requests)
        assert await bodies(pacs, 1, 2, learned=learned) == [b"frame 1", b"frame 2"]
    assert asked(pacs)[before:] == ["metadata", "frames/1", "frames/2"]


async def test_an_archive_that_refuses_one_odd_instance_is_still_asked_for_lists(
    pacs: Pacs,
) -> None:
    serve(pacs, "1,2", located(1, 2))
    serve(pacs, "1,3", Reply(500))
    serve(pacs, "1", Reply(500))
    learned = Learned()
    await bodies(pacs, 1, 2, learned=learned)
    for _ in range(2 * PROOF):
        with pytest.raises(BackendError):
            await bodies(pacs, 1, 3, learned=learned)
    before = len(pacs.requests)
    await bodies(pacs, 1, 2, learned=learned)

    assert asked(pacs)[before:] == ["frames/1,2"]


# -- counts and places


@pytest.mark.parametrize("numbers", [(1,), (1, 2)])
async def test_an_archive_that_sends_too_few_frames_is_broken(
    pacs: Pacs, numbers: tuple[int, ...]
) -> None:
    serve(pacs, ",".join(map(str, numbers)), located(*numbers[:-1]))
    with pytest.raises(StreamBroken):
        await bodies(pacs, *numbers)


async def test_an_archive_that_sends_too_many_frames_is_broken(pacs: Pacs) -> None:
    serve(pacs, "1", located(1, 2))
    with pytest.raises(StreamBroken):
        await bodies(pacs, 1)


async def test_an_archive_that_sends_too_many_is_noticed_by_who_reads_only_what_was_asked(
    pacs: Pacs,
) -> None:
    serve(pacs, "1", multipart(b"a", b"b"))
    async with archive(pacs) as source, source.frames(INSTANCE, (1,), ANYBODY) as found:
        part = await anext(found)
        with pytest.raises(StreamBroken):
            await anext(part.chunks)


@pytest.mark.parametrize("wrong", [(1,), (2, 1), (1, 3)])
async def test_a_frame_that_says_it_is_another_is_broken(
    pacs: Pacs, wrong: tuple[int, ...]
) -> None:
    numbers = (2,) if len(wrong) == 1 else (1, 2)
    serve(pacs, ",".join(map(str, numbers)), located(*wrong))
    with pytest.raises(StreamBroken):
        await bodies(pacs, *numbers)


async def test_a_frame_that_is_cut_is_broken(pacs: Pacs) -> None:
    content_type = f'multipart/related; type="{OCTETS}"; boundary=b'
    steps: list[Step] = [b"--b\r\n\r\n" + b"x" * 5000, Cut.CLOSE]
    serve(pacs, "1", Reply(headers={"Content-Type": content_type}, steps=steps))
    with pytest.raises(StreamBroken):
        await bodies(pacs, 1)


# -- frames that are not there


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize("numbers", [(4,), (1, 99), (99, 1)])
async def test_a_frame_beyond_the_last_is_not_found_whatever_the_archive_says(
    pacs: Pacs, status: int, numbers: tuple[int, ...]
) -> None:
    for run in ("4", "1,99", "99", "1"):
        serve(pacs, run, Reply(status))
    with pytest.raises(BackendNotFound) as caught:
        await bodies(pacs, *numbers)

    assert caught.value.status == 404


async def test_an_instance_that_is_not_there_is_not_found(pacs: Pacs) -> None:
    pacs.on("GET", f"{BASE}/metadata", Reply(404))
    serve(pacs, "1", Reply(500))
    with pytest.raises(BackendNotFound):
        await bodies(pacs, 1)


async def test_an_instance_that_is_no_image_has_no_frames(pacs: Pacs) -> None:
    pacs.on("GET", f"{BASE}/metadata", Reply(json=[{"00080060": {"vr": "CS", "Value": ["SR"]}}]))
    serve(pacs, "1", Reply(400))
    with pytest.raises(BackendNotFound):
        await bodies(pacs, 1)


@pytest.mark.parametrize(("status", "kind"), [(400, BackendRefused), (500, BackendError)])
async def test_a_frame_that_is_there_and_is_not_given_is_502(
    pacs: Pacs, status: int, kind: type[BackendError]
) -> None:
    serve(pacs, "3", Reply(status))
    with pytest.raises(kind) as caught:
        await bodies(pacs, 3)

    assert (caught.value.status, caught.value.upstream_status) == (502, status)


@pytest.mark.parametrize("reply", [Reply(500), Reply(body=b"<html>")])
async def test_where_nothing_can_be_found_out_the_error_stays(pacs: Pacs, reply: Reply) -> None:
    pacs.on("GET", f"{BASE}/metadata", reply)
    serve(pacs, "1", Reply(500))
    with pytest.raises(BackendError) as caught:
        await bodies(pacs, 1)

    assert caught.value.status == 502


async def test_404_needs_no_looking_up(pacs: Pacs) -> None:
    with pytest.raises(BackendNotFound):
        await bodies(pacs, 1)

    assert asked(pacs) == ["frames/1"]


async def test_an_error_behind_the_first_frame_is_a_broken_stream(pacs: Pacs) -> None:
    serve(pacs, "3", located(3))
    serve(pacs, "1", Reply(503))
    with pytest.raises(StreamBroken) as caught:
        await bodies(pacs, 3, 1)

    assert caught.value.status == 503


async def test_leaving_closes_the_archives_answer(pacs: Pacs) -> None:
    content_type = f'multipart/related; type="{OCTETS}"; boundary=b'
    steps: list[Step] = [b"--b\r\n\r\n" + b"x" * 100_000, stay()]
    serve(pacs, "1", Reply(headers={"Content-Type": content_type}, steps=steps))
    async with archive(pacs) as source:
        async with source.frames(INSTANCE, (1,), ANYBODY) as found:
            await anext(found)
        await pacs.requests[0].gone.wait()
        await pacs.wait_for(lambda pacs: pacs.open_connections == 0)


# -- pure parts


@pytest.mark.parametrize(
    ("numbers", "runs"),
    [
        ((1,), [(1,)]),
        ((1, 2, 9), [(1, 2, 9)]),
        ((3, 1), [(3,), (1,)]),
        ((1, 2, 5, 3, 4, 4), [(1, 2, 5), (3, 4), (4,)]),
    ],
)
def test_a_list_is_cut_where_it_does_not_ascend(
    numbers: tuple[int, ...], runs: list[tuple[int, ...]]
) -> None:
    assert ascending_runs(numbers) == runs


@pytest.mark.parametrize(
    ("dataset", "count"),
    [
        *((image(3), 3), (image("3"), 3), (image(" 3 "), 3), (image(None), 1), (image("x"), 1)),
        *(({}, 0), ({"00280008": "nonsense", "00280010": {"Value": "x"}}, 0)),
    ],
)
def test_frames_are_counted_whatever_the_dataset_is_like(dataset: Dataset, count: int) -> None:
    assert number_of_frames(dataset) == count
