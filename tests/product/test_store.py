"""Store transactions as real clients send them, through the gateway into a real Orthanc."""

import asyncio
import json
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import pydicom
import pytest
from dicomweb_client import DICOMwebClient
from pydicom.uid import generate_uid

from tests.fakes.gateway import Gateway, gateway_before
from tests.fakes.orthanc import Orthanc
from tests.fakes.store_requests import BOUNDARY, SERIES, dicom_file, multipart

JSON, XML = "application/dicom+json", "application/dicom+xml"
RELATED = f'multipart/related; type="application/dicom"; boundary="{BOUNDARY}"'


@pytest.fixture
async def gateway(orthanc: Orthanc) -> AsyncIterator[Gateway]:
    async with gateway_before(orthanc.dicom_web) as running:
        yield running


class Study:
    """A study of files that no other test has."""

    def __init__(self, count: int, pixels: int = 2000) -> None:
        self.uid = str(generate_uid())
        self.instances = [f"{self.uid[:55]}.{number}" for number in range(count)]
        self.files = [
            dicom_file(number, study=self.uid, pixels=pixels, changes={"SOPInstanceUID": instance})
            for number, instance in enumerate(self.instances)
        ]


def held_by(orthanc: Orthanc, study: str) -> dict[str, bytes]:
    """What Orthanc has of a study, past the gateway: SOP Instance UID -> file."""
    query = {"Level": "Instance", "Query": {"StudyInstanceUID": study}}
    _, found = orthanc.request("POST", "/tools/find", json.dumps(query).encode())
    files = [orthanc.file(each) for each in json.loads(found)]
    return {str(pydicom.dcmread(BytesIO(file)).SOPInstanceUID): file for file in files}


async def post(
    gateway: Gateway, body: bytes, path: str = "/studies", **headers: str
) -> tuple[int, str, bytes]:
    named = {"Content_Type": RELATED} | headers
    sent = {name.replace("_", "-"): value for name, value in named.items()}
    async with gateway.post(path, data=BytesIO(body), headers=sent) as answer:
        return answer.status, answer.headers["Content-Type"], await answer.read()


def uids(report: Any, tag: str) -> list[str]:
    return [item["00081155"]["Value"][0] for item in report.get(tag, {}).get("Value", [])]


async def test_more_than_a_batch_is_stored_byte_for_byte(
    gateway: Gateway, orthanc: Orthanc
) -> None:
    study = Study(25)
    status, _, body = await post(gateway, multipart(study.files), Accept=JSON)
    report = json.loads(body)
    assert status == 200
    assert uids(report, "00081199") == study.instances
    assert held_by(orthanc, study.uid) == dict(zip(study.instances, study.files, strict=True))
    url = report["00081199"]["Value"][3]["00081190"]["Value"][0]
    assert url == (
        f"{gateway.base}/studies/{study.uid}/series/{SERIES}/instances/{study.instances[3]}"
    )
    accept = {"Accept": "application/dicom; transfer-syntax=*"}
    async with gateway.client.get(url, headers=accept) as answer:
        assert await answer.read() == study.files[3]


@pytest.mark.parametrize("pixels", [2000, 1_500_000])
async def test_the_python_client_stores(orthanc: Orthanc, pixels: int) -> None:
    """Beyond 1 MB it sends chunks; it reads JSON of exactly this type, and its Host has no port."""
    study = Study(2, pixels)
    datasets = [pydicom.dcmread(BytesIO(file)) for file in study.files]
    settings = {"public_url": "https://pacs.example.org"}
    async with gateway_before(orthanc.dicom_web, server=settings) as gateway:
        store = DICOMwebClient(gateway.base).store_instances
        report = await asyncio.to_thread(store, datasets)
        assert await asyncio.to_thread(store, datasets, study.uid) == report
    assert report.RetrieveURL == f"https://pacs.example.org/dicom-web/studies/{study.uid}"
    stored = [item.ReferencedSOPInstanceUID for item in report.ReferencedSOPSequence]
    assert stored == study.instances
    assert sorted(held_by(orthanc, study.uid)) == sorted(study.instances)


async def test_a_viewer_that_begins_with_a_line_end_and_accepts_anything_stores(
    gateway: Gateway, orthanc: Orthanc
) -> None:
    study = Study(1)
    status, content_type, _ = await post(gateway, b"\r\n" + multipart(study.files), Accept="*/*")
    assert (status, content_type) == (200, JSON)
    assert held_by(orthanc, study.uid) == {study.instances[0]: study.files[0]}


async def test_a_viewer_that_sends_one_bare_instance_stores(
    gateway: Gateway, orthanc: Orthanc
) -> None:
    study = Study(1)
    status, _, _ = await post(gateway, study.files[0], Content_Type="application/dicom")
    assert status == 200
    assert held_by(orthanc, study.uid) == {study.instances[0]: study.files[0]}


@pytest.mark.parametrize("named", [True, False])
async def test_a_workstation_that_reads_xml_learns_what_failed_and_why(
    gateway: Gateway, orthanc: Orthanc, named: bool
) -> None:
    """It parses the body of 202 and 409 as XML, whatever its Content-Type."""
    study, cut = Study(2), Study(1, 50_000)
    parts = [study.files[0], cut.files[0][:-20_000], study.files[1], b"junk"]
    content_type = f'multipart/related;type="application/dicom";boundary={BOUNDARY}'
    path = f"/studies/{study.uid}" if named else "/studies"
    status, answered, body = await post(
        gateway, multipart(parts), path, Content_Type=content_type, Accept=XML
    )
    assert (status, answered) == (202, XML)
    root = ElementTree.fromstring(body)  # noqa: S314
    assert _values(root, "00081199", "00081155") == study.instances
    assert _values(root, "00081198", "00081155") == cut.instances
    assert _values(root, "00081198", "00081197") == ["50185" if named else "272"]
    assert _values(root, "0008119A", "00081197") == ["49152"]
    assert sorted(held_by(orthanc, study.uid)) == study.instances
    assert held_by(orthanc, cut.uid) == {}


def _values(root: ElementTree.Element, sequence: str, tag: str) -> list[str]:
    """The values of an attribute in a sequence's items, by a reader that knows no DICOM."""
    space = {"n": "http://dicom.nema.org/PS3.19/models/NativeDICOM"}
    path = f"n:DicomAttribute[@tag='{sequence}']/n:Item/n:DicomAttribute[@tag='{tag}']/n:Value"
    return [element.text or "" for element in root.findall(path, space)]


async def test_parts_labelled_with_their_transfer_syntax_are_stored(
    gateway: Gateway, orthanc: Orthanc
) -> None:
    """An older Orthanc itself ignores such parts, and answers 200 nevertheless."""
    study, other = Study(2), Study(2)
    label = "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    labelled = multipart(other.files, part_type=label)
    assert await asyncio.to_thread(_stored_directly, orthanc, labelled) in ([], other.instances)
    labelled = multipart(study.files, part_type=label)
    status, _, body = await post(gateway, labelled)
    assert status == 200
    assert uids(json.loads(body), "00081199") == study.instances
    assert sorted(held_by(orthanc, study.uid)) == study.instances


def _stored_directly(orthanc: Orthanc, body: bytes) -> list[str]:
    headers = {"Content-Type": RELATED, "Accept": JSON}
    status, answer = orthanc.request("POST", "/dicom-web/studies", body, headers)
    assert status == 200
    return uids(json.loads(answer), "00081199")


async def test_only_the_instances_of_the_named_study_are_stored(
    gateway: Gateway, orthanc: Orthanc
) -> None:
    right, wrong = Study(2), Study(1)
    body = multipart([right.files[0], wrong.files[0], right.files[1]])
    status, _, answer = await post(gateway, body, f"/studies/{right.uid}")
    report = json.loads(answer)
    assert status == 202
    assert uids(report, "00081199") == right.instances
    assert uids(report, "00081198") == wrong.instances
    assert sorted(held_by(orthanc, right.uid)) == right.instances
    assert held_by(orthanc, wrong.uid) == {}


async def test_a_body_that_is_cut_stores_whole_instances_only(
    gateway: Gateway, orthanc: Orthanc
) -> None:
    for cut in range(4):
        study = Study(3, 20_000)
        body = multipart(study.files)
        status, _, answer = await post(gateway, body[: len(body) * (cut + 1) // 5])
        held = held_by(orthanc, study.uid)
        whole = study.instances[: [0, 1, 1, 2][cut]]
        assert held == {uid: file for uid, file in held.items() if file in study.files}
        assert sorted(held) == whole
        assert status == (202 if whole else 400)
        assert uids(json.loads(answer), "00081199") == whole


async def test_nothing_is_stored_twice_under_another_name(
    gateway: Gateway, orthanc: Orthanc
) -> None:
    study = Study(1)
    status, _, answer = await post(gateway, multipart([study.files[0], study.files[0]]))
    assert status == 200
    assert uids(json.loads(answer), "00081199") == study.instances * 2
    assert held_by(orthanc, study.uid) == {study.instances[0]: study.files[0]}
