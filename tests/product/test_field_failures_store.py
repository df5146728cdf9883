"""Stores: one bad part spoils no other, and what the archive says is told in the client's form."""

import json
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import pytest

from gateway.dicom.dicom_xml import to_xml
from tests.fakes.gateway import Gateway
from tests.fakes.pacs import Answering, Pacs, Recorded, Reply
from tests.fakes.pacs_answers import DICOM_JSON, ROOT, asked, behind_a_pacs
from tests.fakes.part10_files import explicit
from tests.fakes.store_requests import STUDY, dicom_file, instance_uid, multipart

BOUNDARY = "----a-boundary"
CONTENT_TYPE = f'multipart/related; type="application/dicom"; boundary="{BOUNDARY}"'
JUNK = bytes(range(256)) * 8
REFERENCED, FAILED, OTHER = "00081199", "00081198", "0008119A"
DICOM_XML = "application/dicom+xml"


def item(number: int, **more: Any) -> dict[str, Any]:
    """What an archive says of one instance."""
    return {
        "00081150": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
        "00081155": {"vr": "UI", "Value": [instance_uid(number)]},
    } | {name.removeprefix("x"): value for name, value in more.items()}


def taken(number: int) -> dict[str, Any]:
    url = f"http://archive:8080/dcm4chee-arc/aets/DCM4CHEE/rs/studies/{STUDY}"
    return item(number, x00081190={"vr": "UR", "Value": [url]})


def refused(number: int, reason: int = 0x0122) -> dict[str, Any]:
    return item(number, x00081197={"vr": "US", "Value": [reason]})


def report(stored: list[int], failed: Mapping[int, int]) -> dict[str, Any]:
    """An archive's Store Instances Response Module."""
    dataset: dict[str, Any] = {
        "00081190": {"vr": "UR", "Value": [f"http://archive:8080/rs/studies/{STUDY}"]}
    }
    if failed:
        items = [refused(number, reason) for number, reason in failed.items()]
        dataset[FAILED] = {"vr": "SQ", "Value": items}
    if stored:
        dataset[REFERENCED] = {"vr": "SQ", "Value": [taken(number) for number in stored]}
    return dataset


def numbers_in(request: Recorded) -> list[int]:
    """Which of the instances 1 to 9 a store request holds."""
    body = request.body or b""
    return [number for number in range(1, 10) if instance_uid(number).encode() in body]


def judging(
    failed: Mapping[int, int], write: Callable[[dict[str, Any]], Reply], status: int | None = None
) -> Answering:
    """An archive that refuses some instances, each for its reason, and takes the others."""

    def answer(request: Recorded) -> Reply:
        there = numbers_in(request)
        bad = {number: reason for number, reason in failed.items() if number in there}
        good = [number for number in there if number not in bad]
        reply = write(report(good, bad))
        right = (202 if good else 409) if bad else 200
        return Reply(status or right, reply.headers, reply.body)

    return answer


def as_json(dataset: dict[str, Any]) -> Reply:

    return Reply(headers={"Content-Type": DICOM_JSON}, body=json.dumps(dataset).encode())


def as_list(dataset: dict[str, Any]) -> Reply:

    return Reply(headers={"Content-Type": DICOM_JSON}, body=json.dumps([dataset]).encode())


def as_xml(dataset: dict[str, Any]) -> Reply:
    return Reply(headers={"Content-Type": DICOM_XML}, body=to_xml(dataset))


async def store(
    gateway: Gateway, parts: list[bytes], accept: str = DICOM_JSON, path: str = "/studies"
) -> tuple[int, str, bytes]:
    """Status, media type and body of the gateway's answer."""
    headers = {"Content-Type": CONTENT_TYPE, "Accept": accept}
    async with gateway.post(path, data=multipart(parts), headers=headers) as response:
        return response.status, response.headers["Content-Type"], await response.read()


def read_json(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body)
    assert all(not tag.startswith("0000") for tag in found)
    return found


def outcomes(dataset: Mapping[str, Any], tag: str) -> dict[str, Any]:
    """By instance UID: the reason, or the RetrieveURL where it was stored."""
    what = "00081197" if tag == FAILED else "00081190"
    items = dataset.get(tag, {"Value": []})["Value"]
    return {each["00081155"]["Value"][0]: each[what]["Value"][0] for each in items}


async def behind(answer: Answering, parts: list[bytes], **options: str) -> tuple[int, str, bytes]:
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("POST", f"{ROOT}/studies", answer)
        return await store(gateway, parts, **options)


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_two_good_instances_are_stored_beside_one_part_of_junk(place: int) -> None:
    """https://github.com/dcm4che/dcm4chee-arc-light/issues/3517"""
    parts = [dicom_file(1), dicom_file(2)]
    parts.insert(place, JUNK)
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("POST", f"{ROOT}/studies", judging({}, as_json))
        status, content_type, body = await store(gateway, parts)
        assert [numbers_in(request) for request in asked(pacs)] == [[1, 2]]
        assert JUNK not in (asked(pacs)[0].body or b"")

    dataset = read_json(body)
    assert (status, content_type) == (202, DICOM_JSON)
    assert set(outcomes(dataset, REFERENCED)) == {instance_uid(1), instance_uid(2)}
    assert FAILED not in dataset
    assert dataset[OTHER] == {
        "vr": "SQ",
        "Value": [{"00081197": {"vr": "US", "Value": [0xC000]}}],
    }


@pytest.mark.parametrize("junk", [JUNK, b"", b"DICM", bytes(128) + b"DICM", bytes(4096)])
@pytest.mark.parametrize("count", [1, 3])
async def test_nothing_but_junk_is_a_conflict_and_reaches_no_archive(
    junk: bytes, count: int
) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("POST", f"{ROOT}/studies", judging({}, as_json))
        status, content_type, body = await store(gateway, [junk] * count)
        assert asked(pacs) == []

    dataset = read_json(body)
    assert (status, content_type) == (409, DICOM_JSON)
    assert [each["00081197"]["Value"] for each in dataset[OTHER]["Value"]] == [[0xC000]] * count
    assert REFERENCED not in dataset


FIVE = [dicom_file(number) for number in range(1, 6)]
THREE_BAD = {1: 0xA700, 3: 0x0122, 5: 0xC000}
WRITERS = pytest.mark.parametrize("write", [as_json, as_list, as_xml])


@WRITERS
@pytest.mark.parametrize("accept", [DICOM_JSON, "*/*", "application/json", ""])
async def test_each_of_three_refused_instances_is_named_with_its_reason(
    write: Callable[[dict[str, Any]], Reply], accept: str
) -> None:
    """https://github.com/DICOMcloud/DICOMcloud/issues/15"""
    status, content_type, body = await behind(judging(THREE_BAD, write), FIVE, accept=accept)

    dataset = read_json(body)
    assert (status, content_type) == (202, DICOM_JSON)
    assert outcomes(dataset, FAILED) == {
        instance_uid(number): reason for number, reason in THREE_BAD.items()
    }
    assert set(outcomes(dataset, REFERENCED)) == {instance_uid(2), instance_uid(4)}
    assert OTHER not in dataset


@WRITERS
@pytest.mark.parametrize("accept", [DICOM_XML, f"{DICOM_XML}, */*;q=0.1", "application/xml"])
async def test_the_same_is_told_in_xml_to_who_asks_for_it(
    write: Callable[[dict[str, Any]], Reply], accept: str
) -> None:
    status, content_type, body = await behind(judging(THREE_BAD, write), FIVE, accept=accept)

    assert (status, content_type) == (202, DICOM_XML)
    root = ElementTree.fromstring(body)  # noqa: S314 - it is the gateway's own
    found = {
        sequence.get("tag"): [
            {value.get("tag"): value.findtext("{*}Value") for value in each} for each in sequence
        ]
        for sequence in root
        if sequence.get("vr") == "SQ"
    }
    assert {each["00081155"]: each["00081197"] for each in found[FAILED]} == {
        instance_uid(number): str(reason) for number, reason in THREE_BAD.items()
    }
    assert len(found[REFERENCED]) == 2


@WRITERS
async def test_all_refused_is_a_conflict_that_names_each(
    write: Callable[[dict[str, Any]], Reply],
) -> None:
    reasons = dict.fromkeys(range(1, 6), 0x0122)
    status, _, body = await behind(judging(reasons, write), FIVE)

    assert status == 409
    assert outcomes(read_json(body), FAILED) == {instance_uid(number): 0x0122 for number in reasons}


@pytest.mark.parametrize("status", [200, 202, 400, 409])
async def test_the_report_counts_whatever_status_it_comes_with(status: int) -> None:
    answer = judging(THREE_BAD, as_json, status)
    ours, _, body = await behind(answer, FIVE)

    assert ours == 202
    assert len(outcomes(read_json(body), FAILED)) == 3
    assert len(outcomes(read_json(body), REFERENCED)) == 2


@pytest.mark.parametrize("accept", [DICOM_JSON, DICOM_XML, "*/*"])
async def test_a_report_is_never_empty_though_the_archive_says_nothing(accept: str) -> None:
    status, content_type, body = await behind(Reply(200), FIVE, accept=accept)

    assert status == 200
    assert content_type == (DICOM_XML if accept == DICOM_XML else DICOM_JSON)
    for number in range(1, 6):
        assert instance_uid(number).encode() in body


async def test_an_instance_that_the_archive_does_not_mention_has_failed() -> None:
    def forgetful(request: Recorded) -> Reply:
        return as_json(report([1], {}))

    status, _, body = await behind(forgetful, FIVE[:3])

    assert status == 202
    assert set(outcomes(read_json(body), FAILED)) == {instance_uid(2), instance_uid(3)}


@WRITERS
@pytest.mark.parametrize("prefix", ["", "/backends/pacs"])
async def test_every_url_of_the_answer_is_the_gateways_own(
    write: Callable[[dict[str, Any]], Reply], prefix: str
) -> None:
    """https://github.com/dcm4che/dcm4chee-arc-light/issues/488"""
    server = {"public_url": "https://pacs.example/gw"}
    async with behind_a_pacs(server=server) as (pacs, gateway):
        pacs.on("POST", f"{ROOT}/studies", judging({}, write))
        headers = {"Content-Type": CONTENT_TYPE, "Accept": DICOM_JSON, "Host": "pacs.example"}
        async with gateway.post(
            f"{prefix}/studies", data=multipart(FIVE[:2]), headers=headers
        ) as response:
            assert response.status == 200
            body = await response.read()
            base = f"https://pacs.example/gw/dicom-web{prefix}"
            assert response.headers["Location"] == f"{base}/studies/{STUDY}"

    dataset = read_json(body)
    assert b"archive" not in body
    assert dataset["00081190"]["Value"] == [f"{base}/studies/{STUDY}"]
    assert outcomes(dataset, REFERENCED) == {
        instance_uid(number): f"{base}/studies/{STUDY}/series/{STUDY}.2"
        f"/instances/{instance_uid(number)}"
        for number in (1, 2)
    }


async def stored_under(pacs: Pacs, gateway: Gateway, study: str) -> tuple[int, bytes]:
    pacs.on("POST", f"{ROOT}/studies/{study}", judging({}, as_json))
    status, _, body = await store(gateway, FIVE[:1], path=f"/studies/{study}")
    return status, body


async def test_an_instance_of_another_study_than_the_paths_is_refused_alone() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        assert (await stored_under(pacs, gateway, STUDY))[0] == 200
        before = len(asked(pacs))
        status, body = await stored_under(pacs, gateway, "1.2.3")
        assert status == 409
        assert outcomes(read_json(body), FAILED) == {instance_uid(1): 0xC409}
        assert len(asked(pacs)) == before


async def test_an_instance_of_two_studies_is_refused_alone() -> None:
    """Archives file it by either one, and the policy was asked for the first."""
    second = explicit(0x00280010, b"US", b"\1\0") + explicit(0x0020000D, b"UI", b"1.2.3\0")
    pixels = explicit(0x7FE00010, b"OW", b"", length=2000)
    start, _, value = dicom_file(1).partition(pixels)
    files = [start + second + pixels + value, dicom_file(2)]
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("POST", f"{ROOT}/studies", judging({}, as_json))
        status, _, body = await store(gateway, files)
        assert status == 202
        assert read_json(body)[OTHER]["Value"] == [{"00081197": {"vr": "US", "Value": [0xC000]}}]
        assert [numbers_in(request) for request in asked(pacs)] == [[2]]


@pytest.mark.parametrize("taken_study", [STUDY, "1.2.3"])
async def test_of_one_uid_in_two_studies_each_has_its_own_outcome(taken_study: str) -> None:
    """An archive keeps one of the two, and its report names both by the same UID."""

    def answer(request: Recorded) -> Reply:
        elements = {
            uid: explicit(0x0020000D, b"UI", uid.encode() + b"\0") for uid in (STUDY, "1.2.3")
        }
        studies = [uid for uid, element in elements.items() if element in (request.body or b"")]
        dataset = {}
        if taken_study in studies:
            dataset[REFERENCED] = {"vr": "SQ", "Value": [taken(1)]}
        if set(studies) != {taken_study}:
            dataset[FAILED] = {"vr": "SQ", "Value": [refused(1, 0x0111)]}
        return as_json(dataset)

    parts = [dicom_file(1), dicom_file(1, study="1.2.3")]
    status, _, body = await behind(answer, parts)
    dataset = read_json(body)
    assert status == 202
    (url,) = outcomes(dataset, REFERENCED).values()
    assert f"/studies/{taken_study}/series/" in url
    assert outcomes(dataset, FAILED) == {instance_uid(1): 0x0111}


async def test_a_body_that_is_cut_between_instances_stores_and_names_what_was_whole() -> None:
    whole = multipart(FIVE[:2], closed=False)
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("POST", f"{ROOT}/studies", judging({}, as_json))
        headers = {"Content-Type": CONTENT_TYPE, "Accept": DICOM_JSON}
        async with gateway.post("/studies", data=whole[:-700], headers=headers) as response:
            assert response.status == 202
            dataset = read_json(await response.read())
    assert set(outcomes(dataset, REFERENCED)) == {instance_uid(1)}
    assert set(outcomes(dataset, FAILED)) == {instance_uid(2)}


async def test_an_archive_that_says_stored_before_it_has_all_is_not_believed() -> None:
    said = report([1], {})
    body = multipart([dicom_file(1, pixels=30_000_000)])
    headers = {"Content-Type": CONTENT_TYPE, "Accept": DICOM_JSON}
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("POST", f"{ROOT}/studies", Reply(json=said, read_body=False), Reply(json=said))
        for status in (502, 200):
            async with gateway.post("/studies", data=BytesIO(body), headers=headers) as response:
                assert response.status == status
