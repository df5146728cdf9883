"""Each viewer's uploads, as it sends them, and the reports that it can read.

In front of a real Orthanc, which is asked past the gateway what it has.
"""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

import pytest
from pydicom import Dataset

from tests.fakes.exact_requests import Answer, Headers, exchange
from tests.fakes.gateway import Gateway, gateway_before
from tests.fakes.orthanc import Orthanc
from tests.fakes.sample_studies import Sample, make_samples
from tests.fakes.viewer_headers import BROWSER, PYTHON

STUDIES = "/dicom-web/studies"
PART = b"Content-Type: application/dicom\r\n\r\n"
ANY = ("Accept", "*/*")
JSON = ("Accept", "application/dicom+json")
XML = ("Accept", "application/dicom+xml")
NATIVE_MODEL = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"


@dataclass(frozen=True)
class Upload:
    """How a client posts: its headers without the type, the boundary, what is before the first."""

    client: str
    headers: Headers
    content_type: str
    boundary: bytes = b""
    before: bytes = b""
    end: bytes = b"--"

    def body(self, files: Sequence[bytes]) -> bytes:
        if not self.boundary:
            return files[0]
        delimiter = b"--" + self.boundary
        parts = b"".join(delimiter + b"\r\n" + PART + file + b"\r\n" for file in files)
        return self.before + parts + delimiter + self.end


GUID = "3a3a2e7f-8bd6-8a0c-1d5f-8a2d8b5a0f5e"
PYTHON_BOUNDARY = "0f3cf5c0-70e0-41ef-baef-c6f9f65ec3e1"
OHIF = Upload(
    "OHIF, and the JavaScript dicomweb-client",
    (*BROWSER, ANY),
    f'multipart/related; type="application/dicom"; boundary="{GUID}"',
    GUID.encode(),
    b"\r\n",
)
WEASIS = Upload(
    "Weasis",
    (("User-Agent", "Weasis/4.6.1"), XML),
    'multipart/related;type="application/dicom";boundary=mimeTypeBoundary-1',
    b"mimeTypeBoundary-1",
    b"",
    b"--\r\n",
)
UPLOADS = [
    OHIF,
    Upload(
        "dicomweb-client in Python",
        (*PYTHON[:2], ANY),
        f'multipart/related; type="application/dicom"; boundary="{PYTHON_BOUNDARY}"',
        PYTHON_BOUNDARY.encode(),
        b"\r\n",
    ),
    Upload("dwv, a file as it is", (*BROWSER, JSON), "application/dicom"),
    Upload(
        "dwv, in parts",
        (*BROWSER, JSON),
        "multipart/related; type=application/dicom; boundary=dwv-boundary",
        b"dwv-boundary",
    ),
    Upload(
        "Microsoft's client",
        (JSON,),
        'multipart/related; type="application/dicom"; boundary="f8e1"; x=y',
        b"f8e1",
    ),
    WEASIS,
]


@pytest.fixture
async def gateway(orthanc: Orthanc) -> AsyncIterator[Gateway]:
    async with gateway_before(orthanc.dicom_web) as running:
        yield running


async def posted(
    gateway: Gateway, upload: Upload, samples: Sequence[Sample], target: str = STUDIES
) -> Answer:
    body = upload.body([sample.file for sample in samples])
    headers = (
        *upload.headers,
        ("Content-Type", upload.content_type),
        ("Content-Length", str(len(body))),
    )
    return await exchange(gateway.port, "POST", target, headers, body)


def held(orthanc: Orthanc, sample: Sample) -> bool:
    """True if Orthanc has the instance, byte for byte."""
    _, found = orthanc.request("POST", "/tools/lookup", sample.instance.encode())
    return [orthanc.file(each["ID"]) for each in json.loads(found)] == [sample.file]


def sequence(report: Dataset, keyword: str) -> list[str]:
    items = report.get(keyword) or []
    return [str(item.ReferencedSOPInstanceUID) for item in items]


@pytest.mark.parametrize("upload", UPLOADS, ids=[upload.client for upload in UPLOADS])
async def test_an_upload_is_stored_and_answered(
    gateway: Gateway, orthanc: Orthanc, upload: Upload
) -> None:
    sample = make_samples().jpeg_ls
    answer = await posted(gateway, upload, [sample])

    assert answer.status == 200, answer.body
    assert held(orthanc, sample)
    if XML in upload.headers:
        assert answer.content_type == "application/dicom+xml"
        assert xml_values(answer.body, "00081155") == [sample.instance]
        return
    assert answer.content_type == "application/dicom+json"
    report = Dataset.from_json(answer.body.decode())
    assert sequence(report, "ReferencedSOPSequence") == [sample.instance]
    assert report.RetrieveURL == f"{gateway.base}/studies/{sample.study}"
    assert report.ReferencedSOPSequence[0].RetrieveURL == f"{gateway.base}{sample.path}"


def xml_values(body: bytes, tag: str) -> list[str]:
    """The values of an attribute wherever it stands in a native DICOM model (PS3.19 A.1)."""
    root = ElementTree.fromstring(body)  # noqa: S314
    assert root.tag in (f"{NATIVE_MODEL}NativeDicomModel", "NativeDicomModel")
    return [
        value.text or ""
        for attribute in root.iter()
        if attribute.get("tag") == tag
        for value in attribute
        if value.tag.endswith("Value")
    ]


@pytest.mark.parametrize("upload", [OHIF, WEASIS], ids=["JSON", "XML"])
async def test_a_part_that_is_of_another_study_makes_it_202_and_is_named(
    gateway: Gateway, orthanc: Orthanc, upload: Upload
) -> None:
    ours, other = make_samples().rle, make_samples().rle
    answer = await posted(gateway, upload, [ours, other], f"{STUDIES}/{ours.study}")

    assert answer.status == 202
    assert held(orthanc, ours)
    assert not held(orthanc, other)
    if upload is WEASIS:
        assert answer.content_type == "application/dicom+xml"
        assert set(xml_values(answer.body, "00081155")) == {ours.instance, other.instance}
        assert len(xml_values(answer.body, "00081197")) == 1
        return
    report = Dataset.from_json(answer.body.decode())
    assert sequence(report, "ReferencedSOPSequence") == [ours.instance]
    assert sequence(report, "FailedSOPSequence") == [other.instance]


@pytest.mark.parametrize("upload", [OHIF, WEASIS], ids=["JSON", "XML"])
async def test_an_upload_of_which_nothing_is_stored_is_409_with_a_reason(
    gateway: Gateway, orthanc: Orthanc, upload: Upload
) -> None:
    other = make_samples().rle
    answer = await posted(gateway, upload, [other], f"{STUDIES}/1.2.3")

    assert answer.status == 409
    assert not held(orthanc, other)
    if upload is WEASIS:
        assert answer.content_type == "application/dicom+xml"
        assert xml_values(answer.body, "00081155") == [other.instance]
        assert int(xml_values(answer.body, "00081197")[0]) > 0
        return
    assert answer.content_type == "application/dicom+json"
    (failed,) = Dataset.from_json(answer.body.decode()).FailedSOPSequence
    assert failed.ReferencedSOPInstanceUID == other.instance
    assert failed.ReferencedSOPClassUID == other.dataset.SOPClassUID
    assert failed.FailureReason > 0


async def test_several_instances_are_stored_at_once(gateway: Gateway, orthanc: Orthanc) -> None:
    study = make_samples().study
    answer = await posted(gateway, OHIF, study)
    assert answer.status == 200
    report = Dataset.from_json(answer.body.decode())
    assert set(sequence(report, "ReferencedSOPSequence")) == {sample.instance for sample in study}
    assert all(held(orthanc, sample) for sample in study)


async def test_what_the_python_client_sends_in_chunks_is_stored(
    gateway: Gateway, orthanc: Orthanc
) -> None:
    upload, sample = UPLOADS[1], make_samples().jpeg_2000
    body = upload.body([sample.file])
    chunks = [body[at : at + 1000] for at in range(0, len(body), 1000)]
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    headers = (
        *upload.headers,
        ("Content-Type", upload.content_type),
        ("Transfer-Encoding", "chunked"),
        ("Cache-Control", "no-cache"),
        ("Connection", "Keep-Alive"),
    )
    answer = await exchange(gateway.port, "POST", STUDIES, headers, framed)
    assert answer.status == 200, answer.body
    assert held(orthanc, sample)
