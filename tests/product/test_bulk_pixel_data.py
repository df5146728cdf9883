"""Bulk data of pixels is never wrong in silence, and never waits for itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests.fakes.gateway import Gateway, gateway_before
from tests.fakes.orthanc import Orthanc
from tests.fakes.pacs import Pacs, Reply
from tests.fakes.pacs_answers import (
    BULKDATA,
    EXPLICIT_LE,
    INSTANCE,
    INSTANCE_PATH,
    JPEG_LS,
    JPEG_LS_FRAME,
    ROOT,
    SERIES_PATH,
    STUDY_PATH,
    Part,
    asked,
    behind_a_pacs,
    metadata,
    multipart_reply,
    parts_of,
)
from tests.fakes.part10_files import file_of

IMPLICIT, BIG_ENDIAN = str(ImplicitVRLittleEndian), str(ExplicitVRBigEndian)
DEFLATED = "1.2.840.10008.1.2.1.99"
OCTETS = "application/octet-stream"
AS_EXPLICIT = f"{BULKDATA}; transfer-syntax={EXPLICIT_LE}"
AS_STORED = f"{BULKDATA}; transfer-syntax=*"
IN_PARTS = [BULKDATA, AS_STORED, AS_EXPLICIT]
ACCEPTS = ["*/*", OCTETS, *IN_PARTS]
LOCATION = f"{INSTANCE_PATH}/bulk/7fe00010"
OVERLAY = f"{INSTANCE_PATH}/bulk/60003000"
PATHS = [LOCATION, f"{INSTANCE_PATH}/attributes/7FE00010", INSTANCE_PATH]
# A whole instance is asked for its bulk data in parts only (10.4.4).
ASKED = [
    (path, accept) for path in PATHS for accept in (IN_PARTS if path == INSTANCE_PATH else ACCEPTS)
]
PIXELS = b"\1\0\2\0"


def labelled(syntax: str = "") -> str:
    return f"{OCTETS}; transfer-syntax={syntax}" if syntax else OCTETS


def with_pixels(pacs: Pacs, *parts: Part, **attributes: Any) -> None:
    """The PACS has one instance with pixel data, given as these parts."""
    location = {"vr": "OW", "BulkDataURI": pacs.base + LOCATION}
    dataset = metadata(x7FE00010=location, **attributes)
    for path in (INSTANCE_PATH, SERIES_PATH, STUDY_PATH):
        pacs.on("GET", f"{ROOT}{path}/metadata", Reply(json=[dataset]))
    pacs.on("GET", ROOT + LOCATION, multipart_reply(*parts, type_=OCTETS))


def file_in(syntax: str) -> Reply:
    return multipart_reply(Part(file_of(syntax, b"\x08\0\x18\0UI\0\0" + bytes(200_000))))


async def read(gateway: Gateway, path: str, accept: str) -> tuple[int, list[tuple[str, bytes]]]:
    """The status, and (media type, body) of each part."""
    async with gateway.get(path, headers={"Accept": accept}) as response:
        if response.status != 200:
            return response.status, []
        if not response.headers["Content-Type"].startswith("multipart/"):
            return 200, [(response.headers["Content-Type"], await response.read())]
        return 200, [(part.content_type, part.body) for part in await parts_of(response)]


@pytest.mark.parametrize(("path", "accept"), [*ASKED, (OVERLAY, BULKDATA)])
async def test_big_endian_values_do_not_leave(path: str, accept: str) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        part = Part(PIXELS, labelled(BIG_ENDIAN))
        with_pixels(pacs, part, x00083002={"vr": "UI", "Value": [EXPLICIT_LE]})
        pacs.on("GET", ROOT + OVERLAY, multipart_reply(part, type_=OCTETS))
        assert await read(gateway, path, accept) == (502, [])


@pytest.mark.parametrize(("path", "accept"), [*ASKED, (OVERLAY, BULKDATA)])
@pytest.mark.parametrize("syntax", [IMPLICIT, DEFLATED, EXPLICIT_LE])
async def test_little_endian_values_leave_as_explicit_ones(
    syntax: str, path: str, accept: str
) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        part = Part(PIXELS, labelled(syntax))
        with_pixels(pacs, part, x00083002={"vr": "UI", "Value": [syntax]})
        pacs.on("GET", ROOT + OVERLAY, multipart_reply(part, type_=OCTETS))
        assert await read(gateway, path, accept) == (200, [(labelled(EXPLICIT_LE), PIXELS)])


@pytest.mark.parametrize(("path", "accept"), ASKED)
@pytest.mark.parametrize("told_by", ["metadata", "file"])
@pytest.mark.parametrize(
    ("syntax", "bits", "status"),
    [
        *((BIG_ENDIAN, None, 502), (BIG_ENDIAN, 32, 502), (BIG_ENDIAN, 64, 502)),
        *((BIG_ENDIAN, 16, 200), (BIG_ENDIAN, 8, 200)),
        *((IMPLICIT, 32, 200), (EXPLICIT_LE, 32, 200), (DEFLATED, None, 200)),
    ],
)
async def test_what_is_not_labelled_is_judged_by_how_the_instance_is_stored(
    syntax: str, bits: int | None, status: int, told_by: str, path: str, accept: str
) -> None:
    expected = [(labelled(EXPLICIT_LE), PIXELS)] if status == 200 else []
    said: dict[str, Any] = {}
    if told_by == "metadata":
        said["x00083002"] = {"vr": "UI", "Value": [syntax]}
    if bits is not None:
        said["x00280100"] = {"vr": "US", "Value": [bits]}
    async with behind_a_pacs(limits={"connections": 1}) as (pacs, gateway):
        with_pixels(pacs, Part(PIXELS, OCTETS), **said)
        if told_by == "file":
            pacs.on("GET", ROOT + INSTANCE_PATH, file_in(syntax))
        assert await read(gateway, path, accept) == (status, expected)
        files = [each for each in asked(pacs) if each.path == ROOT + INSTANCE_PATH]
        assert len(files) == (told_by == "file")


@pytest.mark.parametrize("path", PATHS)
async def test_several_syntaxes_tell_nothing(path: str) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        several = {"vr": "UI", "Value": [EXPLICIT_LE, BIG_ENDIAN]}
        with_pixels(pacs, Part(PIXELS, OCTETS), x00083002=several)
        pacs.on("GET", ROOT + INSTANCE_PATH, file_in(BIG_ENDIAN))
        assert await read(gateway, path, BULKDATA) == (502, [])


@pytest.mark.parametrize("path", PATHS)
async def test_pixels_of_which_nothing_tells_do_not_leave(path: str) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        with_pixels(pacs, Part(PIXELS, OCTETS))
        assert await read(gateway, path, BULKDATA) == (502, [])
        # A label does.
        with_pixels(pacs, Part(PIXELS, labelled(EXPLICIT_LE)))
        assert await read(gateway, path, BULKDATA) == (200, [(labelled(EXPLICIT_LE), PIXELS)])
        pacs.on(
            "GET", ROOT + INSTANCE_PATH, Reply(body=b"<html>", headers={"Content-Type": OCTETS})
        )
        with_pixels(pacs, Part(PIXELS, OCTETS))
        assert await read(gateway, path, BULKDATA) == (502, [])


@pytest.mark.parametrize("path", PATHS)
async def test_a_codestream_tells_by_its_own_bytes(path: str) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        with_pixels(pacs, Part(JPEG_LS_FRAME, OCTETS))
        # Its scan header, which would tell whether it is lossless, is not there.
        label = labelled("1.2.840.10008.1.2.4.81")
        assert await read(gateway, path, AS_STORED) == (200, [(label, JPEG_LS_FRAME)])
        assert await read(gateway, path, AS_EXPLICIT) == (406, [])


@pytest.mark.parametrize("path", PATHS)
async def test_fragments_are_counted_over_one_connection(path: str) -> None:
    """Without an offset table the metadata tells how many frames there are."""
    fragments = [Part(body, OCTETS) for body in (JPEG_LS_FRAME, b"more", JPEG_LS_FRAME)]
    with_lengths = [
        Part(each.body, OCTETS, [("Content-Length", str(len(each.body)))])
        for each in (Part(b""), *fragments)
    ]
    async with behind_a_pacs(limits={"connections": 1}) as (pacs, gateway):
        two = {"vr": "IS", "Value": ["2"]}
        stored = {"vr": "UI", "Value": [JPEG_LS]}
        with_pixels(pacs, *with_lengths, x00280008=two, x00083002=stored)
        assert await read(gateway, path, AS_STORED) == (
            200,
            [(labelled(JPEG_LS), JPEG_LS_FRAME + b"more"), (labelled(JPEG_LS), JPEG_LS_FRAME)],
        )


@pytest.mark.parametrize("path", [STUDY_PATH, SERIES_PATH])
async def test_all_bulk_data_of_a_study_is_read_over_one_connection(path: str) -> None:
    numbers = range(1, 41)
    uid = f"{INSTANCE}.{{}}"
    below = f"{SERIES_PATH}/instances/{uid}"
    async with behind_a_pacs(limits={"connections": 1}) as (pacs, gateway):
        datasets = []
        for number in numbers:
            location = f"{below.format(number)}/bulk/42"
            dataset = metadata(
                x00080018={"vr": "UI", "Value": [uid.format(number)]},
                x00420011={"vr": "OB", "BulkDataURI": pacs.base + location},
                # Enough that not all of it is read before the first value is asked for.
                x00204000={"vr": "LT", "Value": ["comment" * 2000]},
            )
            datasets.append(dataset)
            pacs.on("GET", f"{ROOT}{below.format(number)}/metadata", Reply(json=[dataset]))
            pacs.on("GET", ROOT + location, multipart_reply(Part(b"%d" % number, OCTETS)))
        pacs.on("GET", f"{ROOT}{path}/metadata", Reply(json=datasets))
        found = await read(gateway, path, BULKDATA)
        assert found == (200, [(OCTETS, b"%d" % number) for number in numbers])
        assert pacs.most_active == 1


@pytest.mark.parametrize(("path", "accept"), ASKED)
async def test_a_real_dose_of_big_endian_numbers_does_not_leave(
    orthanc: Orthanc, path: str, accept: str
) -> None:
    """An archive that gives its 32-bit numbers with their halves swapped, and says nothing."""
    location = await _loaded(orthanc, "rtdose_expb.dcm")
    async with gateway_before(orthanc.dicom_web, limits={"connections": 1}) as gateway:
        path = path.replace(INSTANCE_PATH, location)
        assert await read(gateway, path, accept) == (502, [])


@pytest.mark.parametrize(
    "name", ["MR_small.dcm", "MR_small_implicit.dcm", "rtdose.dcm", "image_dfl.dcm"]
)
async def test_real_little_endian_numbers_leave_as_they_are(orthanc: Orthanc, name: str) -> None:
    location = await _loaded(orthanc, name)
    source = pydicom.dcmread(_file(name))
    async with gateway_before(orthanc.dicom_web, limits={"connections": 1}) as gateway:
        found = await read(gateway, f"{location}/bulk/7fe00010", AS_EXPLICIT)
    assert found == (200, [(labelled(str(ExplicitVRLittleEndian)), source.PixelData)])
    assert np.frombuffer(found[1][0][1], "u1").any()


def _file(name: str) -> str:
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    return path


async def _loaded(orthanc: Orthanc, name: str) -> str:
    """The path of the instance that a file of pydicom's is."""
    orthanc.load(Path(_file(name)))
    dataset = pydicom.dcmread(_file(name), stop_before_pixels=True)
    return (
        f"/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
        f"/instances/{dataset.SOPInstanceUID}"
    )
