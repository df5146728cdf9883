"""The real Python dicomweb-client in front, a real Orthanc behind: every resource, as clients do.

What comes back is compared with the very datasets that were stored.
"""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from typing import Any, ParamSpec, TypeVar

import numpy as np
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from requests import Response

from tests.fakes.gateway import Gateway, gateway_before
from tests.fakes.orthanc import Orthanc
from tests.fakes.part10_files import differences
from tests.fakes.sample_studies import (
    CROWD,
    PATIENT_ID,
    PDF,
    PROFILE,
    Sample,
    Samples,
    make_samples,
)

P = ParamSpec("P")
T = TypeVar("T")

ANY_SYNTAX = (("application/dicom", "*"),)
COMPRESSED = ["rle", "jpeg_ls", "jpeg_2000", "jpeg"]
JPEG_TYPES = (
    ("image/jpeg", "1.2.840.10008.1.2.4.50"),
    ("image/jp2", "1.2.840.10008.1.2.4.90"),
    ("image/jls", "1.2.840.10008.1.2.4.80"),
)


@pytest.fixture
async def gateway(orthanc: Orthanc, samples: Samples) -> AsyncIterator[Gateway]:
    async with gateway_before(orthanc.dicom_web) as running:
        yield running


@pytest.fixture
def client(gateway: Gateway) -> DICOMwebClient:
    return DICOMwebClient(gateway.base)


async def call(method: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """The client blocks; the gateway that it talks to is on this loop."""
    return await asyncio.to_thread(functools.partial(method, *arguments, **options))


async def refusal(method: Callable[P, Any], *arguments: P.args, **options: P.kwargs) -> Response:
    """The answer that the client raised as an error."""
    with pytest.raises(requests.HTTPError) as raised:
        await call(method, *arguments, **options)
    assert raised.value.response is not None
    return raised.value.response


def values(rows: list[dict[str, Any]], tag: str) -> list[Any]:
    return [row[tag]["Value"][0] for row in rows]


STUDY_SEARCHES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a whole value": ({"search_filters": {"PatientID": f"{CROWD}-3"}}, ["3"]),
    "a tag": ({"search_filters": {"00100020": f"{CROWD}-3"}}, ["3"]),
    "a star": ({"search_filters": {"PatientID": f"{CROWD}-*"}}, list("1234567")),
    "a question mark": ({"search_filters": {"PatientID": "CRO?D-2"}}, ["2"]),
    "a range of dates": (
        {"search_filters": {"PatientID": "CROWD*", "StudyDate": "20200102-20200104"}},
        list("234"),
    ),
    "a range without an end": (
        {"search_filters": {"PatientID": "CROWD*", "StudyDate": "20200106-"}},
        list("67"),
    ),
    "a modality": (
        {"search_filters": {"PatientID": "CROWD*", "ModalitiesInStudy": "MR"}},
        list("1357"),
    ),
    "a name in the other case": ({"search_filters": {"PatientName": "cRowd^4"}}, ["4"]),
    "a name, fuzzily": (
        {"search_filters": {"PatientName": "CROWD^4"}, "fuzzymatching": True},
        ["4"],
    ),
    "nobody": ({"search_filters": {"PatientID": f"{CROWD}-8"}}, []),
}


@pytest.mark.parametrize(("options", "expected"), STUDY_SEARCHES.values(), ids=list(STUDY_SEARCHES))
async def test_studies_are_found_by(
    client: DICOMwebClient, options: dict[str, Any], expected: list[str]
) -> None:
    rows = await call(client.search_for_studies, **options)
    assert sorted(values(rows, "00100020")) == [f"{CROWD}-{number}" for number in expected]


AWKWARD: dict[str, dict[str, str]] = {
    "a plus, an ampersand and a space": {"AccessionNumber": "A+B&C 1"},
    "a comma and a percent sign": {"StudyDescription": "Thorax, 50% of it"},
    "an apostrophe": {"ReferringPhysicianName": "O'Neil^Grace"},
    "letters beyond ASCII": {"PatientName": "Müster^Änne"},
}


@pytest.mark.parametrize("filters", AWKWARD.values(), ids=list(AWKWARD))
async def test_a_value_reaches_the_archive_with(
    client: DICOMwebClient, samples: Samples, filters: dict[str, str]
) -> None:
    (row,) = await call(
        client.search_for_studies, search_filters={**filters, "PatientID": PATIENT_ID}
    )
    assert row["0020000D"]["Value"] == [samples.document.study]


async def test_a_study_row_has_what_was_stored(
    client: DICOMwebClient, gateway: Gateway, samples: Samples
) -> None:
    (row,) = await call(
        client.search_for_studies,
        search_filters={"StudyInstanceUID": samples.document.study},
        fields=["StudyDescription", "00081080"],
    )
    found = Dataset.from_json(row)
    source = samples.document.dataset
    for keyword in ("PatientID", "PatientName", "StudyDate", "AccessionNumber", "StudyDescription"):
        assert found[keyword].value == source[keyword].value, keyword
    assert row["00201208"]["Value"] == [len(samples.study)]
    assert set(row["00080061"]["Value"]) == {"CT", "SM", "OT", "MR", "DOC"}
    assert row["00081190"]["Value"] == [f"{gateway.base}/studies/{samples.document.study}"]


async def test_pages_are_read_to_their_end(client: DICOMwebClient) -> None:
    rows = await call(
        client.search_for_studies,
        search_filters={"PatientID": f"{CROWD}-*"},
        limit=3,
        get_remaining=True,
    )
    assert sorted(values(rows, "00100020")) == [f"{CROWD}-{number}" for number in range(1, 8)]


async def test_limit_and_offset_cut_one_order(client: DICOMwebClient) -> None:
    filters = {"PatientID": f"{CROWD}-*"}
    whole = await call(client.search_for_studies, search_filters=filters)
    part = await call(client.search_for_studies, search_filters=filters, limit=2, offset=4)
    assert values(part, "0020000D") == values(whole, "0020000D")[4:6]


async def test_series_are_found_in_a_study_and_in_all(
    client: DICOMwebClient, samples: Samples
) -> None:
    rows = await call(client.search_for_series, samples.document.study)
    assert set(values(rows, "0020000E")) == {sample.series for sample in samples.study}
    (within,) = await call(
        client.search_for_series, samples.document.study, search_filters={"Modality": "CT"}, limit=1
    )
    assert within["00080060"]["Value"] == ["CT"]
    (alone,) = await call(
        client.search_for_series, search_filters={"SeriesInstanceUID": samples.colour.series}
    )
    assert alone["0020000D"]["Value"] == [samples.colour.study]
    assert alone["00080060"]["Value"] == ["SM"]


async def test_instances_are_found_at_every_level(client: DICOMwebClient, samples: Samples) -> None:
    first = samples.slices[0]
    search = client.search_for_instances
    in_series = await call(search, first.study, first.series)
    assert set(values(in_series, "00080018")) == {sample.instance for sample in samples.slices}
    assert sorted(values(in_series, "00200013")) == [1, 2, 3, 4, 5]
    in_study = await call(search, first.study, limit=4, get_remaining=True)
    assert {*values(in_study, "00080018")} == {sample.instance for sample in samples.study}
    (alone,) = await call(search, search_filters={"SOPInstanceUID": samples.rle.instance})
    assert alone["0020000E"]["Value"] == [samples.rle.series]


async def test_fields_that_were_asked_for_come_with_the_row(
    client: DICOMwebClient, samples: Samples
) -> None:
    first = samples.slices[0]
    rows = await call(
        client.search_for_instances,
        first.study,
        first.series,
        fields=["RescaleIntercept", "00281051", "SliceThickness"],
        search_filters={"InstanceNumber": 3},
    )
    (row,) = rows
    assert row["00281052"]["Value"] == [-1024]
    assert row["00281051"]["Value"] == [350, 1500]
    assert row["00180050"]["Value"] == [0.625]


def same(copy: Dataset, sample: Sample) -> None:
    """Equal in every element but the pixels of big endian, which are compared as numbers."""
    source = dcmread(BytesIO(sample.file))
    if sample.transfer_syntax == "1.2.840.10008.1.2.2":
        assert copy.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert (copy.pixel_array == sample.pixels).all()
        copy.PixelData = source.PixelData
    else:
        assert copy.file_meta.TransferSyntaxUID == sample.transfer_syntax
    assert differences(source, copy) == []


async def test_every_instance_comes_back_equal(client: DICOMwebClient, samples: Samples) -> None:
    for sample in samples.study:
        same(await call(client.retrieve_instance, *sample.uids), sample)


async def test_a_series_comes_back_whole(client: DICOMwebClient, samples: Samples) -> None:
    first = samples.slices[0]
    copies = await call(client.retrieve_series, first.study, first.series)
    assert len(copies) == len(samples.slices)
    for copy in copies:
        same(copy, samples.slices[copy.InstanceNumber - 1])


@pytest.mark.parametrize("media_types", [None, ANY_SYNTAX], ids=["no syntax named", "any syntax"])
async def test_a_study_comes_back_whole(
    client: DICOMwebClient, samples: Samples, media_types: Any
) -> None:
    def study() -> dict[str, Dataset]:
        copies = client.iter_study(samples.document.study, media_types=media_types)
        return {copy.SOPInstanceUID: copy for copy in copies}

    copies = await call(study)
    assert set(copies) == {sample.instance for sample in samples.study}
    for sample in samples.study:
        same(copies[sample.instance], sample)


def bulk_uris(dataset: dict[str, Any]) -> dict[str, str]:
    """The BulkDataURI of each tag that has one, at any depth."""
    found = {}
    for tag, element in dataset.items():
        if "BulkDataURI" in element:
            found[tag] = element["BulkDataURI"]
        if element["vr"] == "SQ":
            for item in element.get("Value", ()):
                found |= bulk_uris(item)
    return found


async def test_metadata_of_an_instance_is_that_of_its_dataset(
    client: DICOMwebClient, gateway: Gateway, samples: Samples
) -> None:
    for sample in samples.study:
        metadata = await call(client.retrieve_instance_metadata, *sample.uids)
        for uri in bulk_uris(metadata).values():
            assert uri.startswith(f"{gateway.base}{sample.path}/"), uri
        found = Dataset.from_json(metadata, lambda *_: None)
        for keyword in ("PatientName", "Modality", "InstanceNumber", "SOPClassUID", "StudyDate"):
            assert found[keyword].value == sample.dataset[keyword].value, keyword
        if "PixelData" in sample.dataset:
            assert found.Rows == sample.dataset.Rows
            assert "InlineBinary" not in metadata.get("7FE00010", {})


async def test_metadata_of_series_and_study_has_every_instance(
    client: DICOMwebClient, samples: Samples
) -> None:
    first = samples.slices[0]
    series = await call(client.retrieve_series_metadata, first.study, first.series)
    by_number = {row["00200013"]["Value"][0]: row for row in series}
    assert sorted(by_number) == [1, 2, 3, 4, 5]
    assert by_number[4]["00080018"]["Value"] == [samples.slices[3].instance]
    assert by_number[4]["00281050"]["Value"] == [40, 400]
    study = await call(client.retrieve_study_metadata, first.study)
    assert set(values(study, "00080018")) == {sample.instance for sample in samples.study}


@pytest.mark.parametrize("numbers", [[1], [2, 4], [3, 1], [1, 2, 3, 4], [2, 2]], ids=str)
async def test_frames_come_in_the_order_asked(
    client: DICOMwebClient, samples: Samples, numbers: list[int]
) -> None:
    colour = samples.colour
    frames = await call(client.retrieve_instance_frames, *colour.uids, numbers)
    assert frames == [colour.frames[number - 1] for number in numbers]


async def test_native_frames_are_the_pixels(client: DICOMwebClient, samples: Samples) -> None:
    for sample in samples.slices:
        (frame,) = await call(
            client.retrieve_instance_frames,
            *sample.uids,
            [1],
            media_types=(("application/octet-stream", "1.2.840.10008.1.2.1"),),
        )
        assert (np.frombuffer(frame, "<i2").reshape(sample.pixels.shape) == sample.pixels).all()


@pytest.mark.parametrize("kind", COMPRESSED)
async def test_compressed_frames_are_those_of_the_file(
    client: DICOMwebClient, samples: Samples, kind: str
) -> None:
    sample: Sample = getattr(samples, kind)
    numbers = list(range(1, len(sample.frames) + 1))
    frames = await call(client.retrieve_instance_frames, *sample.uids, numbers)
    assert [frame.rstrip(b"\0") for frame in frames] == [
        frame.rstrip(b"\0") for frame in sample.frames
    ]


@pytest.mark.parametrize("kind", ["jpeg_ls", "jpeg_2000", "jpeg"])
async def test_frames_come_in_the_one_type_of_a_list_that_is_stored(
    client: DICOMwebClient, samples: Samples, kind: str
) -> None:
    sample: Sample = getattr(samples, kind)
    (frame,) = await call(
        client.retrieve_instance_frames, *sample.uids, [1], media_types=JPEG_TYPES
    )
    assert frame.rstrip(b"\0") == sample.frames[0].rstrip(b"\0")


async def test_bulk_data_is_found_by_the_uri_of_the_metadata(
    client: DICOMwebClient, samples: Samples
) -> None:
    metadata = await call(client.retrieve_instance_metadata, *samples.document.uids)
    (document,) = await call(client.retrieve_bulkdata, bulk_uris(metadata)["00420011"])
    assert document[: len(PDF)] == PDF
    metadata = await call(client.retrieve_instance_metadata, *samples.colour.uids)
    (profile,) = await call(client.retrieve_bulkdata, bulk_uris(metadata)["00282000"])
    assert profile == PROFILE


async def test_a_range_of_bulk_data_is_that_part_of_the_whole_answer(
    client: DICOMwebClient, gateway: Gateway, samples: Samples
) -> None:
    metadata = await call(client.retrieve_instance_metadata, *samples.document.uids)
    uri = bulk_uris(metadata)["00420011"]
    accept = {"Accept": 'multipart/related; type="*/*"'}
    whole = await call(requests.get, uri, headers=accept, timeout=10)
    part = await call(requests.get, uri, headers=accept | {"Range": "bytes=300-999"}, timeout=10)
    assert (whole.status_code, part.status_code) == (200, 206)
    assert part.headers["Content-Range"] == f"bytes 300-999/{len(whole.content)}"
    assert part.content == whole.content[300:1000]
    (first,) = await call(client.retrieve_bulkdata, uri, byte_range=(0, 999))
    assert whole.content.startswith(first) or PDF.startswith(first)


async def test_what_does_not_exist_is_a_404_for_the_client(
    client: DICOMwebClient, samples: Samples
) -> None:
    study, series, instance = samples.rle.uids
    for method, arguments in (
        (client.retrieve_study, (generate_uid(),)),
        (client.retrieve_series_metadata, (study, generate_uid())),
        (client.retrieve_instance, (study, series, generate_uid())),
        (client.retrieve_instance_frames, (study, series, instance, [4])),
    ):
        assert (await refusal(method, *arguments)).status_code == 404


@pytest.fixture
async def store(empty_orthanc: Orthanc) -> AsyncIterator[tuple[DICOMwebClient, Orthanc]]:
    async with gateway_before(empty_orthanc.dicom_web) as gateway:
        yield DICOMwebClient(gateway.base), empty_orthanc


def held(orthanc: Orthanc) -> dict[str, Dataset]:
    """What Orthanc itself has, past the gateway."""
    files = [dcmread(BytesIO(orthanc.file(name))) for name in orthanc.instances()]
    return {dataset.SOPInstanceUID: dataset for dataset in files}


async def test_instances_are_stored_as_they_are(store: tuple[DICOMwebClient, Orthanc]) -> None:
    client, orthanc = store
    study = make_samples().study
    report = await call(client.store_instances, [sample.dataset for sample in study])
    assert "FailedSOPSequence" not in report
    assert {item.ReferencedSOPInstanceUID for item in report.ReferencedSOPSequence} == {
        sample.instance for sample in study
    }
    for item in report.ReferencedSOPSequence:
        assert item.RetrieveURL.startswith(f"{client.base_url}/studies/{study[0].study}/series/")
    there = held(orthanc)
    assert len(there) == len(study)
    for sample in study:
        assert differences(dcmread(BytesIO(sample.file)), there[sample.instance]) == []


async def test_a_large_instance_is_stored_in_chunks(store: tuple[DICOMwebClient, Orthanc]) -> None:
    client, orthanc = store
    dataset = make_samples().slices[0].dataset
    dataset.Rows = dataset.Columns = 1024
    dataset.PixelData = np.random.default_rng(1).bytes(1024 * 1024 * 2)
    report = await call(client.store_instances, [dataset])
    assert len(report.ReferencedSOPSequence) == 1
    assert held(orthanc)[dataset.SOPInstanceUID].PixelData == dataset.PixelData


async def test_only_instances_of_the_study_named_are_stored(
    store: tuple[DICOMwebClient, Orthanc],
) -> None:
    client, orthanc = store
    ours, other = make_samples().rle, make_samples().rle
    report = await call(client.store_instances, [ours.dataset], study_instance_uid=ours.study)
    assert report.RetrieveURL == f"{client.base_url}/studies/{ours.study}"
    answer = await refusal(client.store_instances, [other.dataset], study_instance_uid=ours.study)
    assert answer.status_code == 409
    failed = Dataset.from_json(answer.text).FailedSOPSequence
    assert [item.ReferencedSOPInstanceUID for item in failed] == [other.instance]
    assert set(held(orthanc)) == {ours.instance}


async def test_an_instance_without_a_preamble_is_stored_and_read_back(
    store: tuple[DICOMwebClient, Orthanc],
) -> None:
    client, _ = store
    sample = make_samples().slices[0]
    sample.dataset.preamble = None
    await call(client.store_instances, [sample.dataset])
    same(await call(client.retrieve_instance, *sample.uids), sample)


async def test_what_was_stored_is_read_back_by_the_same_client(
    store: tuple[DICOMwebClient, Orthanc],
) -> None:
    client, _ = store
    sample = make_samples().jpeg_ls
    await call(client.store_instances, [sample.dataset])
    (row,) = await call(
        client.search_for_instances, search_filters={"SOPInstanceUID": sample.instance}
    )
    assert row["0020000E"]["Value"] == [sample.series]
    same(await call(client.retrieve_instance, *sample.uids), sample)
