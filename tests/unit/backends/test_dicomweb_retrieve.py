"""Metadata, instances, bulk data and renderings of an archive that misbehaves."""

import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import orjson
import pytest

from gateway.backends.base import Part
from gateway.backends.capabilities import Learned
from gateway.backends.dicomweb_retrieve import DicomWebRetrieve
from gateway.dicom.render_options import RenderedRequest
from gateway.dicom.resources import Dataset, Resource
from gateway.errors import BackendError, BackendNotFound, BackendRefused, StreamBroken
from tests.fakes.pacs import Cut, Pacs, Recorded, Reply, Step, stay
from tests.fakes.transports import ANYBODY, wired

STUDY = Resource("1.2")
INSTANCE = Resource("1.2", "1.3", "1.4")
BELOW = "/dicom-web/"
FILES = f"{BELOW}{INSTANCE.path}"
METADATA = f"{FILES}/metadata"
BULK = f"{INSTANCE.path}/bulk/60003000"
DATASET = {"00080018": {"vr": "UI", "Value": ["1.4"]}}
MULTIPART = 'multipart/related; type="application/dicom"; boundary=b'
DICOM_PART = b"--b\r\nContent-Type: application/dicom\r\n\r\n"


@pytest.fixture
async def pacs() -> AsyncIterator[Pacs]:
    async with Pacs() as pacs:
        yield pacs


@asynccontextmanager
async def retrieving(pacs: Pacs, learned: Learned | None = None) -> AsyncIterator[DicomWebRetrieve]:
    async with wired(pacs) as w:
        yield DicomWebRetrieve(w.transport, learned or Learned())


async def parts(
    context: AbstractAsyncContextManager[AsyncIterator[Part]],
) -> list[tuple[str, bytes]]:
    async with context as found:
        return [
            (str(part.media_type), b"".join([chunk async for chunk in part.chunks]))
            async for part in found
        ]


async def metadata_of(pacs: Pacs, resource: Resource = INSTANCE) -> list[Dataset]:
    async with retrieving(pacs) as retrieve, retrieve.metadata(resource, ANYBODY) as datasets:
        return [dataset async for dataset in datasets]


async def files_of(pacs: Pacs, resource: Resource = INSTANCE) -> list[tuple[str, bytes]]:
    async with retrieving(pacs) as retrieve:
        return await parts(retrieve.instances(resource, ANYBODY))


def multipart(*payloads: bytes, content_type: str = MULTIPART) -> Reply:
    body = b"".join(DICOM_PART + payload + b"\r\n" for payload in payloads) + b"--b--"
    return Reply(headers={"Content-Type": content_type}, body=body)


def only_for(accept: str, reply: Reply, status: int = 406) -> Callable[[Recorded], Reply]:
    return lambda request: reply if request.headers["Accept"] == accept else Reply(status)


# -- metadata


async def test_metadata_is_asked_for_compressed_and_read(pacs: Pacs) -> None:
    body = gzip.compress(orjson.dumps([DATASET] * 500))
    pacs.on("GET", METADATA, Reply(headers={"Content-Encoding": "gzip"}, body=body))

    assert await metadata_of(pacs) == [DATASET] * 500
    assert pacs.requests[0].headers["Accept"] == "application/dicom+json"
    assert pacs.requests[0].headers["Accept-Encoding"] == "gzip"


async def test_a_dataset_is_there_before_the_rest_has_come(pacs: Pacs) -> None:
    first = b"[" + orjson.dumps(DATASET) + b","
    pacs.on("GET", METADATA, Reply(steps=[first, stay()]))
    async with retrieving(pacs) as retrieve:
        async with retrieve.metadata(INSTANCE, ANYBODY) as datasets:
            assert await anext(datasets) == DATASET
        await pacs.requests[0].gone.wait()


async def test_metadata_is_asked_for_as_json_where_dicom_json_is_refused(pacs: Pacs) -> None:
    pacs.on("GET", METADATA, only_for("application/json", Reply(json=[DATASET])))

    assert await metadata_of(pacs) == [DATASET]


@pytest.mark.parametrize("reply", [Reply(204), Reply(body=b""), Reply(json=[])])
async def test_no_metadata_is_none(pacs: Pacs, reply: Reply) -> None:
    pacs.on("GET", METADATA, reply)

    assert await metadata_of(pacs) == []


@pytest.mark.parametrize("body", [b"<html>", b'[{"a":', b"[1]", b'{"a":1}x', b"[{}"])
async def test_metadata_that_is_no_json_is_broken(pacs: Pacs, body: bytes) -> None:
    pacs.on("GET", METADATA, Reply(body=body))
    with pytest.raises(StreamBroken) as caught:
        await metadata_of(pacs)

    assert caught.value.status == 502


async def test_metadata_that_is_cut_is_broken(pacs: Pacs) -> None:
    pacs.on("GET", METADATA, Reply(steps=[orjson.dumps([DATASET])[:-1], Cut.CLOSE]))
    with pytest.raises(StreamBroken):
        await metadata_of(pacs)


async def test_metadata_that_is_not_there_is_not_found(pacs: Pacs) -> None:
    with pytest.raises(BackendNotFound):
        await metadata_of(pacs)

    assert len(pacs.requests) == 1


# -- instances


@pytest.mark.parametrize("resource", [STUDY, INSTANCE])
async def test_files_are_asked_for_as_they_are_stored(pacs: Pacs, resource: Resource) -> None:
    pacs.on("GET", BELOW + resource.path, multipart(b"DICM"))

    assert await files_of(pacs, resource) == [("application/dicom", b"DICM")]
    (request,) = pacs.requests
    assert request.headers["Accept"] == (
        'multipart/related; type="application/dicom"; transfer-syntax=*'
    )
    assert request.headers["Accept-Encoding"] == "identity"


async def test_each_file_of_a_study_is_a_part(pacs: Pacs) -> None:
    pacs.on("GET", BELOW + STUDY.path, multipart(b"one", b"two", b"three"))

    assert [body for _, body in await files_of(pacs, STUDY)] == [b"one", b"two", b"three"]


@pytest.mark.parametrize("resource", [STUDY, INSTANCE])
async def test_a_bare_file_is_one_part(pacs: Pacs, resource: Resource) -> None:
    bare = Reply(headers={"Content-Type": "application/dicom"}, body=b"DICM")
    pacs.on("GET", BELOW + resource.path, bare)

    assert await files_of(pacs, resource) == [("application/dicom", b"DICM")]


@pytest.mark.parametrize("status", [400, 406])
async def test_a_parameter_that_is_refused_is_left_out_and_still_asked_first(
    pacs: Pacs, status: int
) -> None:
    plain = 'multipart/related; type="application/dicom"'
    pacs.on("GET", FILES, only_for(plain, multipart(b"DICM"), status))
    learned = Learned()
    for _ in range(4):
        async with retrieving(pacs, learned) as retrieve:
            assert await parts(retrieve.instances(INSTANCE, ANYBODY))

    starred = [f"{plain}; transfer-syntax=*", "application/dicom; transfer-syntax=*"]
    assert [each.headers["Accept"] for each in pacs.requests] == [*starred, plain] * 4


async def test_an_archive_that_has_only_bare_files_is_asked_for_one(pacs: Pacs) -> None:
    bare = Reply(headers={"Content-Type": "application/dicom"}, body=b"DICM")
    pacs.on("GET", FILES, only_for("application/dicom; transfer-syntax=*", bare))

    assert await files_of(pacs) == [("application/dicom", b"DICM")]


async def test_an_archive_that_refuses_everything_is_502(pacs: Pacs) -> None:
    pacs.on("GET", FILES, Reply(406))
    with pytest.raises(BackendRefused) as caught:
        await files_of(pacs)

    assert (caught.value.status, caught.value.upstream_status) == (502, 406)


async def test_octets_are_taken_for_a_file(pacs: Pacs) -> None:
    octets = Reply(headers={"Content-Type": "application/octet-stream"}, body=b"DICM")
    pacs.on("GET", FILES, octets)

    assert await files_of(pacs) == [("application/dicom", b"DICM")]


@pytest.mark.parametrize("content_type", ["text/html", "application/json", "application/zip"])
async def test_what_is_no_file_is_502(pacs: Pacs, content_type: str) -> None:
    pacs.on("GET", FILES, Reply(headers={"Content-Type": content_type}, body=b"{}"))
    with pytest.raises(BackendError) as caught:
        await files_of(pacs)

    assert caught.value.status == 502


async def test_an_instance_that_comes_as_several_is_broken(pacs: Pacs) -> None:
    pacs.on("GET", FILES, multipart(b"one", b"two"))
    with pytest.raises(StreamBroken):
        await files_of(pacs)


async def test_an_instance_that_comes_as_none_is_not_found(pacs: Pacs) -> None:
    pacs.on("GET", FILES, multipart())
    with pytest.raises(BackendNotFound):
        await files_of(pacs)


@pytest.mark.parametrize("status", [404, 503])
async def test_an_error_of_the_archive_stays_an_error(pacs: Pacs, status: int) -> None:
    pacs.on("GET", FILES, Reply(status, body=b'{"Message": "200 OK"}'))
    with pytest.raises(BackendError) as caught:
        await files_of(pacs)

    assert caught.value.status == status


async def test_a_study_that_is_cut_between_two_files_is_broken(pacs: Pacs) -> None:
    pacs.on(
        "GET",
        BELOW + STUDY.path,
        Reply(headers={"Content-Type": MULTIPART}, body=DICOM_PART + b"one\r\n"),
    )
    with pytest.raises(StreamBroken):
        await files_of(pacs, STUDY)


async def test_leaving_in_the_middle_of_a_file_leaves_the_archive(pacs: Pacs) -> None:
    steps: list[Step] = [DICOM_PART + b"x" * 100_000, stay()]
    pacs.on("GET", FILES, Reply(headers={"Content-Type": MULTIPART}, steps=steps))
    async with retrieving(pacs) as retrieve:
        async with retrieve.instances(INSTANCE, ANYBODY) as found:
            part = await anext(found)
            assert part.length is None
        await pacs.requests[0].gone.wait()


async def test_after_a_whole_answer_the_connection_is_used_again(pacs: Pacs) -> None:
    pacs.on("GET", FILES, multipart(b"DICM"))
    async with retrieving(pacs) as retrieve:
        for _ in range(3):
            await parts(retrieve.instances(INSTANCE, ANYBODY))

    assert [each.connection for each in pacs.requests] == [1, 1, 1]


# -- bulk data


async def bulk_of(pacs: Pacs, location: str = BULK) -> list[tuple[str, bytes]]:
    async with retrieving(pacs) as retrieve:
        return await parts(retrieve.bulkdata(location, ANYBODY))


async def test_bulk_data_is_fetched_from_below_the_base(pacs: Pacs) -> None:
    body = b"--b\r\nContent-Type: application/octet-stream\r\n\r\nabc\r\n--b--"
    content_type = 'multipart/related; type="application/octet-stream"; boundary=b'
    pacs.on("GET", BELOW + BULK, Reply(headers={"Content-Type": content_type}, body=body))

    assert await bulk_of(pacs) == [("application/octet-stream", b"abc")]


async def test_the_path_and_query_of_bulk_data_go_untouched(pacs: Pacs) -> None:
    pacs.on("GET", BELOW + "bulk/a%27b", Reply(body=b"abc"))

    await bulk_of(pacs, "bulk/a%27b?sig=%2b%2F'x'&o=132")
    assert pacs.requests[0].query == "sig=%2b%2F'x'&o=132"


async def test_bulk_data_of_an_archive_without_multipart_is_one_part(pacs: Pacs) -> None:
    pdf = Reply(headers={"Content-Type": "application/pdf"}, body=b"%PDF")
    pacs.on("GET", BELOW + BULK, only_for("*/*", pdf))

    assert await bulk_of(pacs) == [("application/pdf", b"%PDF")]


@pytest.mark.parametrize("location", ["../admin", "http://elsewhere/x", "/x", "a/%2e%2e/b"])
async def test_bulk_data_outside_of_the_archive_is_not_asked_for(pacs: Pacs, location: str) -> None:
    with pytest.raises(BackendNotFound):
        await bulk_of(pacs, location)

    assert pacs.requests == []


# -- rendered


async def test_a_rendering_is_passed_through_with_the_clients_options(pacs: Pacs) -> None:
    path = f"{FILES}/frames/3/rendered"
    pacs.on("GET", path, Reply(headers={"Content-Type": "image/png"}, body=b"PNG"))
    request = RenderedRequest(
        INSTANCE,
        "rendered",
        "image/png, image/jpeg;q=0.5",
        (3,),
        (("viewport", "256,256"), ("annotation", "a+b")),
    )
    async with retrieving(pacs) as retrieve:
        assert await parts(retrieve.rendered(request, ANYBODY)) == [("image/png", b"PNG")]

    (asked,) = pacs.requests
    assert asked.query == "viewport=256,256&annotation=a%2Bb"
    assert asked.headers["Accept"] == "image/png, image/jpeg;q=0.5"


async def test_a_rendering_that_is_refused_is_asked_for_once(pacs: Pacs) -> None:
    pacs.on("GET", f"{BELOW}{STUDY.path}/thumbnail", Reply(406))
    request = RenderedRequest(STUDY, "thumbnail", "image/jpeg")
    async with retrieving(pacs) as retrieve:
        with pytest.raises(BackendRefused) as caught:
            await parts(retrieve.rendered(request, ANYBODY))

    assert (caught.value.status, len(pacs.requests)) == (406, 1)
