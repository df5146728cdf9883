"""Every resource of every file that Orthanc takes: bulk data and frames are the source's own bytes.

What Orthanc itself cannot give is refused as that, and never answered with anything else.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import DataElement, Dataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian

from tests.fakes.dicom_files import real_files
from tests.fakes.exact_requests import Answer, exchange
from tests.fakes.gateway import Gateway, gateway_before
from tests.fakes.orthanc import Orthanc
from tests.fakes.viewer_parsing import cornerstone_frame, js_client_parts

ANYTHING = ("Accept", 'multipart/related; type="application/octet-stream"; transfer-syntax=*')
OCTETS = ("Accept", "application/octet-stream")
PIXELS = 0x7FE00010
REFUSED = (404, 502)


@dataclass
class Counts:
    """How much was compared: a run in which Orthanc gives nothing is none."""

    bulk: int = 0
    frames: int = 0
    native: int = 0
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Held:
    """A file that Orthanc has, and how the gateway and Orthanc are asked for it."""

    gateway: Gateway
    orthanc: Orthanc
    source: Dataset
    path: str
    counts: Counts

    @property
    def syntax(self) -> UID:
        """Native datasets without meta information count as explicit little endian."""
        meta = getattr(self.source, "file_meta", Dataset())
        return UID(meta.get("TransferSyntaxUID", ExplicitVRLittleEndian))

    @property
    def is_compressed(self) -> bool:
        return self.syntax.startswith("1.2.840.10008.1.2.4") or self.syntax == "1.2.840.10008.1.2.5"

    @property
    def number_of_frames(self) -> int:
        said = str(self.source.get("NumberOfFrames", 1) or 1)
        return int(said) if said.isdecimal() else 1

    async def ask(self, target: str, accept: tuple[str, str]) -> Answer:
        answer = await exchange(self.gateway.port, "GET", f"/dicom-web{target}", [accept])
        if answer.status >= 400:
            assert answer.content_type == "application/problem+json", target
            assert answer.json["status"] == answer.status
        return answer

    def ask_orthanc(self, target: str) -> tuple[int, bytes]:
        return self.orthanc.request("GET", f"/dicom-web{target}", headers=dict([ANYTHING]))


def with_bulk_data(dataset: dict[str, Any], source: Dataset) -> Iterator[tuple[str, DataElement]]:
    """Each BulkDataURI and the source's own element, at any depth."""
    for tag, element in dataset.items():
        if "BulkDataURI" in element:
            yield element["BulkDataURI"], source[int(tag, 16)]
        for number, item in enumerate(element.get("Value", ()) if element["vr"] == "SQ" else ()):
            yield from with_bulk_data(item, source[int(tag, 16)].value[number])


async def check_bulk_data(held: Held) -> None:
    answer = await held.ask(f"{held.path}/metadata", ("Accept", "application/dicom+json"))
    assert answer.status == 200, answer.body
    (metadata,) = answer.json
    for uri, element in with_bulk_data(metadata, held.source):
        below = uri.removeprefix(held.gateway.base)
        assert below.startswith(f"{held.path}/"), uri
        if element.tag == PIXELS and held.is_compressed:
            await check_compressed_pixels(held, below)
            continue
        found = await held.ask(below, OCTETS)
        if (
            element.tag == PIXELS
            and held.syntax == ExplicitVRBigEndian
            and held.source.BitsAllocated > 16
        ):
            # Orthanc swaps them as words of 16 bits, and nothing in its answer tells.
            assert found.status == 502, uri
            continue
        assert found.status == 200, (uri, found.body)
        check_value(held, element, found.body)
        held.counts.bulk += 1


def check_value(held: Held, element: DataElement, found: bytes) -> None:
    """Equal but for the padding; text and numbers of UN, which pydicom knows better, by value."""
    value = element.value
    if isinstance(value, bytes):
        if held.syntax == ExplicitVRBigEndian and element.VR == "OW":
            value = np.frombuffer(value, ">u2").astype("<u2").tobytes()
        assert found in (value, value + b"\0"), element.tag
    elif element.VR in ("US", "UL"):
        assert int.from_bytes(found, "little") == value, element.tag
    else:
        values = value if element.VM > 1 else [value]
        text = "\\".join(str(getattr(each, "original_string", each)) for each in values)
        assert found.decode("latin-1").rstrip("\0 ") == text.rstrip(), element.tag


async def check_compressed_pixels(held: Held, below: str) -> None:
    """A part a frame, each as the file has it; a video is one stream."""
    answer = await held.ask(below, ANYTHING)
    assert answer.status == 200, answer.body
    found = js_client_parts(answer.body)
    count = held.number_of_frames if len(found) > 1 else 1
    frames = pydicom.encaps.generate_frames(held.source.PixelData, number_of_frames=count)
    assert [each.rstrip(b"\0") for each in found] == [each.rstrip(b"\0") for each in frames]
    held.counts.bulk += 1


async def check_frames(held: Held) -> None:
    last = held.number_of_frames
    for number in sorted({1, 2, last} & set(range(1, last + 1))):
        await check_frame(held, number)
    assert (await held.ask(f"{held.path}/frames/0", ANYTHING)).status == 400
    assert (await held.ask(f"{held.path}/frames/{last + 1}", ANYTHING)).status == 404


async def check_frame(held: Held, number: int) -> None:
    target = f"{held.path}/frames/{number}"
    status, body = held.ask_orthanc(target)
    answer = await held.ask(target, ANYTHING)
    if answer.status != 200:
        assert status != 200
        assert answer.status in REFUSED
        held.counts.refused.append(f"{held.syntax.name} {held.source.get('Modality')}")
        return
    frame = cornerstone_frame(answer.content_type, answer.body)
    if status == 200:
        assert frame.pixels == js_client_parts(body)[0]
        expected = held.syntax if held.is_compressed else ExplicitVRLittleEndian
        assert frame.transfer_syntax == expected
    held.counts.frames += 1
    if frame.transfer_syntax == ExplicitVRLittleEndian:
        assert len(frame.pixels) == native_size(held)
    if not held.is_compressed:
        check_native(held, number, frame.pixels)


def native_size(held: Held) -> int:
    source = held.source
    samples = int(source.Rows) * int(source.Columns) * int(source.SamplesPerPixel)
    if source.PhotometricInterpretation == "YBR_FULL_422":
        samples = samples * 2 // 3
    return -(-samples * int(source.BitsAllocated) // 8)


def check_native(held: Held, number: int, pixels: bytes) -> None:
    """A slice of the pixel data; bits that are packed across frames have no slice."""
    source, size = held.source, native_size(held)
    if source.BitsAllocated == 1:
        return
    value = source.PixelData
    if held.syntax == ExplicitVRBigEndian and source["PixelData"].VR == "OW":
        value = np.frombuffer(value, ">u2").astype("<u2").tobytes()
    assert pixels == value[(number - 1) * size : number * size]
    held.counts.native += 1


def stored(orthanc: Orthanc, file: bytes) -> str | None:
    """The path of the instance, if Orthanc takes the file."""
    status, _ = orthanc.offer(file)
    if status != 200:
        return None
    (held,) = orthanc.instances()
    tags = json.loads(orthanc.request("GET", f"/instances/{held}/simplified-tags")[1])
    study, series = tags["StudyInstanceUID"], tags["SeriesInstanceUID"]
    return f"/studies/{study}/series/{series}/instances/{tags['SOPInstanceUID']}"


async def check_file(gateway: Gateway, orthanc: Orthanc, file: bytes, counts: Counts) -> None:
    path = stored(orthanc, file)
    if path is None:
        return
    source = pydicom.dcmread(io.BytesIO(file), force=True)
    held = Held(gateway, orthanc, source, path, counts)
    await check_bulk_data(held)
    await check_frames(held)


def read_all(paths: tuple[Path, ...]) -> list[tuple[str, bytes]]:
    return [(path.name, path.read_bytes()) for path in paths]


# pydicom warns of what real files hold.
@pytest.mark.filterwarnings("ignore::UserWarning")
async def test_every_resource_of_every_file_is_the_sources_own(empty_orthanc: Orthanc) -> None:
    problems, counts = [], Counts()
    async with gateway_before(empty_orthanc.dicom_web) as gateway:
        for name, file in read_all(real_files()):
            try:
                await check_file(gateway, empty_orthanc, file, counts)
            except AssertionError as problem:
                problems.append(f"{name}: {problem}")
            empty_orthanc.clear()
    assert problems == []
    assert counts.bulk >= 20
    assert counts.frames >= 15
    assert counts.native >= 6
    assert len(counts.refused) <= counts.frames
