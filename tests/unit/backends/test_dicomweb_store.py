from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import pytest

from gateway.backends.dicomweb_store import StoreBody, store
from gateway.dicom.dicom_xml import to_xml
from gateway.dicom.resources import Dataset, Resource
from gateway.dicom.store_report import (
    FailedInstance,
    StoredInstance,
    StoreReport,
)
from gateway.errors import BackendError, BackendRefused, StreamBroken
from tests.fakes.pacs import Cut, Pacs, Raw, Recorded, Reply
from tests.fakes.transports import ANYBODY, wired

CT = "1.2.840.10008.5.1.4.1.1.2"
STUDIES = "/dicom-web/studies"
CUT_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"
JSON, XML = "application/dicom+json", "application/dicom+xml"


@dataclass(frozen=True)
class File:
    """An instance that is in memory."""

    number: int
    content: bytes = b"DICM"
    sop_class: str = CT
    transfer_syntax: str = "1.2.840.10008.1.2.1"

    @property
    def resource(self) -> Resource:
        return Resource("1.2", "1.3", f"1.4.{self.number}")

    @property
    def length(self) -> int:
        return len(self.content)

    async def chunks(self) -> AsyncIterator[bytes]:
        for start in range(0, self.length, 3):
            yield self.content[start : start + 3]


def files(*numbers: int) -> list[File]:
    return [File(number, b"file %d" % number) for number in numbers]


def stored(*numbers: int) -> tuple[StoredInstance, ...]:
    return tuple(StoredInstance(File(number).resource, CT) for number in numbers)


def failed(number: int, reason: int) -> FailedInstance:
    return FailedInstance(reason, CT, f"1.4.{number}")


def report(stored: Sequence[int] = (), failed: Sequence[int] = (), reason: int = 0x0122) -> Dataset:
    """What an archive answers, with its own URLs in it."""
    dataset: Dataset = {"00081190": {"vr": "UR", "Value": ["http://archive/studies/1.2"]}}
    failures = [_item(number) | {"00081197": {"vr": "US", "Value": [reason]}} for number in failed]
    dataset["00081198"] = {"vr": "SQ", "Value": failures}
    dataset["00081199"] = {"vr": "SQ", "Value": [_item(number) for number in stored]}
    return {tag: attribute for tag, attribute in dataset.items() if attribute["Value"]}


def _item(number: int) -> Dataset:
    return {
        "00081150": {"vr": "UI", "Value": [CT]},
        "00081155": {"vr": "UI", "Value": [f"1.4.{number}"]},
    }


async def send(
    *replies: Any, numbers: Sequence[int] = (1, 2, 3), study: str | None = None
) -> tuple[StoreReport, list[Recorded]]:
    """Store files with these numbers in a PACS that answers so."""
    async with Pacs() as pacs, wired(pacs) as to:
        pacs.on("POST", STUDIES if study is None else f"{STUDIES}/{study}", *replies)
        return await store(to.transport, files(*numbers), study, ANYBODY), pacs.requests


def parts_of(request: Recorded) -> list[bytes]:
    """The parts as another implementation of multipart reads them."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    parsed = BytesParser(policy=HTTP).parsebytes(head + (request.body or b""))
    parts = list(parsed.iter_parts())
    assert {part.get_content_type() for part in parts} == {"application/dicom"}
    return [part.get_content() for part in parts]


async def test_all_instances_go_in_one_request_whose_length_is_known() -> None:
    result, requests = await send(Reply(json=report([1, 2, 3])))
    assert result == StoreReport(stored(1, 2, 3))
    assert len(requests) == 1
    assert requests[0].headers["Content-Length"] == str(len(requests[0].body or b""))
    assert requests[0].headers["Accept"] == JSON
    assert parts_of(requests[0]) == [b"file 1", b"file 2", b"file 3"]


async def test_the_content_type_is_written_as_archives_read_it() -> None:
    _, requests = await send(Reply(json=report([1])), numbers=[1])
    start, _, boundary = requests[0].headers["Content-Type"].rpartition("=")
    assert start == 'multipart/related; type="application/dicom"; boundary'
    assert (requests[0].body or b"").startswith(
        f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\nfile 1\r\n--{boundary}--".encode()
    )


async def test_every_request_has_a_boundary_of_its_own() -> None:
    refusal = Reply(400, json={"HttpError": "Bad Request"})
    replies = refusal, Reply(json=report([1])), Reply(json=report([2]))
    _, requests = await send(*replies, numbers=[1, 2])
    assert len({request.headers["Content-Type"] for request in requests}) == 3


async def test_a_body_can_be_read_again() -> None:
    body = StoreBody(files(1, 2), "boundary")
    first = b"".join([chunk async for chunk in body.open()])
    assert first == b"".join([chunk async for chunk in body.open()])
    assert len(first) == body.length


async def test_a_study_that_was_named_is_named_to_the_archive() -> None:
    _, requests = await send(Reply(json=report([1])), numbers=[1], study="1.2")
    assert requests[0].path == "/dicom-web/studies/1.2"


async def test_successes_warnings_and_failures_are_kept_apart() -> None:
    answer = report([1, 2], [3], 0xA900)
    answer["00081199"]["Value"][1]["00081196"] = {"vr": "US", "Value": [0xB000]}
    result, _ = await send(Reply(202, json=answer))
    warned = StoredInstance(File(2).resource, CT, 0xB000)
    assert result == StoreReport((*stored(1), warned), (failed(3, 0xA900),))


@pytest.mark.parametrize("status", [200, 202, 400, 409])
@pytest.mark.parametrize("content_type", [XML, "application/xml; charset=utf-8", "text/plain"])
async def test_an_answer_in_xml_is_read(status: int, content_type: str) -> None:
    body = to_xml(report([1, 3], [2]))
    result, requests = await send(Reply(status, {"Content-Type": content_type}, body))
    assert result == StoreReport(stored(1, 3), (failed(2, 0x0122),))
    assert len(requests) == 1


async def test_a_bad_request_that_stored_some_is_read_as_the_report_that_it_is() -> None:
    result, requests = await send(Reply(400, json=report([1, 3])))
    assert result == StoreReport(stored(1, 3), (failed(2, 0x0110),))
    assert len(requests) == 1


async def test_a_success_that_names_nothing_stored_nothing() -> None:
    empty = {"00081198": {"vr": "SQ"}, "00081199": {"vr": "SQ"}}
    result, _ = await send(Reply(json=empty), numbers=[1])
    assert result == StoreReport((), (failed(1, 0x0110),))


@pytest.mark.parametrize("body", [b"", b"\r\n"])
async def test_a_success_without_a_body_is_believed(body: bytes) -> None:
    result, _ = await send(Reply(200, body=body))
    assert result == StoreReport(stored(1, 2, 3))


async def test_an_accepted_without_a_body_is_not_believed() -> None:
    result, _ = await send(Reply(202))
    assert result == StoreReport((), tuple(failed(number, 0x0110) for number in (1, 2, 3)))


@pytest.mark.parametrize(
    "body",
    [b"<html><body>Please log in</body></html>", b"stored", b'{"00081199": ', b"<a><!DOCTYPE"],
)
async def test_a_success_that_cannot_be_understood_is_an_error(body: bytes) -> None:
    with pytest.raises(BackendError) as problem:
        await send(Reply(200, body=body), numbers=[1])
    assert (problem.value.status, problem.value.backend) == (502, "pacs")


async def test_an_archive_that_gives_no_json_is_asked_for_xml() -> None:
    def by_accept(request: Recorded) -> Reply:
        if request.headers["Accept"] != XML:
            return Reply(406)
        return Reply(200, {"Content-Type": XML}, to_xml(report([1, 2, 3])))

    result, requests = await send(by_accept)
    assert result == StoreReport(stored(1, 2, 3))
    assert [request.headers["Accept"] for request in requests] == [JSON, XML]
    assert parts_of(requests[1]) == [b"file 1", b"file 2", b"file 3"]


@pytest.mark.parametrize("status", [400, 409, 413, 415, 422, 500])
async def test_a_batch_that_is_refused_is_tried_instance_by_instance(status: int) -> None:
    refused, first, third = Reply(status, body=b"No."), report([1]), report([3])
    result, requests = await send(refused, Reply(json=first), refused, Reply(json=third))
    assert result.stored == stored(1, 3)
    assert [failure.instance for failure in result.failed] == ["1.4.2"]
    assert [parts_of(request) for request in requests] == [
        [b"file 1", b"file 2", b"file 3"],
        [b"file 1"],
        [b"file 2"],
        [b"file 3"],
    ]


@pytest.mark.parametrize(
    ("status", "reason"), [(413, 0xA700), (400, 0x0110), (500, 0x0110), (422, 0x0110)]
)
async def test_the_reason_of_a_refused_instance_follows_the_status(
    status: int, reason: int
) -> None:
    replies = Reply(status), Reply(json=report([1])), Reply(status)
    result, _ = await send(*replies, numbers=[1, 2])
    assert result == StoreReport(stored(1), (failed(2, reason),))


@pytest.mark.parametrize("status", [400, 409])
async def test_one_instance_that_is_refused_is_an_error_with_its_status(status: int) -> None:
    with pytest.raises(BackendRefused) as problem:
        await send(Reply(status, json={"HttpError": "Bad Request"}), numbers=[1])
    assert problem.value.upstream_status == status


@pytest.mark.parametrize("status", [401, 403, 404, 502, 503, 504, 507])
async def test_an_archive_that_is_away_is_not_asked_for_each_instance(status: int) -> None:
    async with Pacs() as pacs, wired(pacs) as to:
        pacs.on("POST", STUDIES, Reply(status))
        with pytest.raises(BackendError) as problem:
            await store(to.transport, files(1, 2, 3), None, ANYBODY)
        assert problem.value.upstream_status == status
        assert len(pacs.requests) == 1


async def test_what_was_stored_before_the_archive_went_away_is_reported() -> None:
    replies = Reply(500), Reply(json=report([1])), Reply(503)
    result, requests = await send(*replies, numbers=[1, 2, 3])
    assert result == StoreReport(stored(1), (failed(2, 0xA700), failed(3, 0xA700)))
    assert len(requests) == 3


async def test_what_was_stored_before_an_answer_was_cut_is_reported() -> None:
    replies = Reply(500), Reply(json=report([1])), Raw([CUT_ANSWER, Cut.CLOSE])
    result, requests = await send(*replies, numbers=[1, 2, 3])
    assert result == StoreReport(stored(1), (failed(2, 0x0110), failed(3, 0x0110)))
    assert len(requests) == 3


async def test_an_instance_that_was_not_taken_whole_is_not_stored() -> None:
    class Large(File):
        async def chunks(self) -> AsyncIterator[bytes]:
            yield self.content

    batch = [File(1), Large(2, bytes(20_000_000))]
    early = Reply(json=report([2]), read_body=False)
    async with Pacs() as pacs, wired(pacs) as to:
        pacs.on("POST", STUDIES, Reply(500), Reply(json=report([1])), early)
        result = await store(to.transport, batch, None, ANYBODY)

    assert result == StoreReport(stored(1), (failed(2, 0x0110),))


async def test_an_answer_that_is_cut_is_not_taken_for_a_whole_one() -> None:
    with pytest.raises(StreamBroken):
        await send(Raw([CUT_ANSWER, Cut.CLOSE]), numbers=[1])


async def test_an_archive_that_breaks_off_is_an_error() -> None:
    with pytest.raises(BackendError) as problem:
        await send(Raw([Cut.RESET]), numbers=[1, 2])
    assert problem.value.status == 502


async def test_an_endless_answer_is_cut() -> None:
    with pytest.raises(BackendError) as problem:
        await send(Reply(200, steps=[b" " * 1_000_000] * 20), numbers=[1])
    assert problem.value.category == "too_large"
