"""dcmtk, which shares no code with us or with the archive, reads what came through the gateway."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian

from gateway.dicom.media_types import MediaType
from gateway.dicom.multipart import boundary_of, read_parts
from tests.fakes.gateway import Gateway, gateway_before
from tests.fakes.orthanc import Orthanc
from tests.fakes.sample_studies import PDF, Sample, Samples

pytestmark = pytest.mark.dcmtk

AS_STORED = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
DECODERS = {"rle": "dcmdrle", "jpeg_ls": "dcmdjpls", "jpeg": "dcmdjpeg"}
STORED = [*DECODERS, "jpeg_2000", "colour", "document"]


@pytest.fixture
async def gateway(orthanc: Orthanc, samples: Samples) -> AsyncIterator[Gateway]:
    async with gateway_before(orthanc.dicom_web) as running:
        yield running


async def dcmtk(program: str, *arguments: str | Path) -> bytes:
    """What a tool prints; its warnings are of what the source is like, errors are not allowed."""

    def run() -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([program, *map(str, arguments)], capture_output=True, timeout=60)

    done = await asyncio.to_thread(run)
    assert done.returncode == 0, (program, done.stderr)
    assert all(line.startswith(b"W:") for line in done.stderr.splitlines()), done.stderr
    return done.stdout


async def retrieved(gateway: Gateway, path: str, folder: Path) -> list[Path]:
    """The files of an answer, one a part."""
    async with gateway.get(path, headers=AS_STORED) as answer:
        assert answer.status == 200, await answer.text()
        boundary = boundary_of(MediaType.parse(answer.headers["Content-Type"]))
        parts = [
            b"".join([chunk async for chunk in part.chunks])
            async for part in read_parts(answer.content.iter_any(), boundary)
        ]
    return [written(folder / f"back-{number}.dcm", part) for number, part in enumerate(parts)]


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


async def source_and_copy(gateway: Gateway, sample: Sample, folder: Path) -> tuple[Path, Path]:
    (copy,) = await retrieved(gateway, sample.path, folder)
    return written(folder / "source.dcm", sample.file), copy


async def test_every_file_of_a_study_is_read_and_shows_its_own_values(
    gateway: Gateway, samples: Samples, tmp_path: Path
) -> None:
    copies = await retrieved(gateway, f"/studies/{samples.document.study}", tmp_path)
    shown = {}
    for copy in copies:
        assert (await dcmtk("dcmftest", copy)).startswith(b"yes:")
        lines = await dcmtk("dcmdump", "+P", "0008,0018", "+P", "0010,0010", "+L", copy)
        assert b"PN [M\xc3\xbcster^\xc3\x84nne]" in lines
        shown[lines.partition(b"[")[2].partition(b"]")[0].decode()] = copy
    assert set(shown) == {sample.instance for sample in samples.study}


@pytest.mark.parametrize("kind", STORED)
async def test_dcmdump_shows_the_copy_as_it_shows_the_source(
    gateway: Gateway, samples: Samples, tmp_path: Path, kind: str
) -> None:
    source, copy = await source_and_copy(gateway, getattr(samples, kind), tmp_path)
    shown = await dcmtk("dcmdump", "+L", "-q", copy)
    assert shown == await dcmtk("dcmdump", "+L", "-q", source)
    assert len(shown.splitlines()) > 20


async def test_big_endian_is_re_encoded_as_dcmconv_does_it(
    gateway: Gateway, samples: Samples, tmp_path: Path
) -> None:
    source, copy = await source_and_copy(gateway, samples.big_endian, tmp_path)
    converted = tmp_path / "converted.dcm"
    await dcmtk("dcmconv", "+te", source, converted)
    ours, theirs = dcmread(copy), dcmread(converted)
    assert ours.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert ours == theirs
    assert ours.PixelData == theirs.PixelData


@pytest.mark.parametrize("syntax", ["+ti", "+te", "+tb", "+td"])
async def test_dcmconv_writes_what_came_back_in_every_native_syntax(
    gateway: Gateway, samples: Samples, tmp_path: Path, syntax: str
) -> None:
    sample = samples.slices[1]
    _, copy = await source_and_copy(gateway, sample, tmp_path)
    converted = tmp_path / "converted.dcm"
    await dcmtk("dcmconv", syntax, copy, converted)
    assert (dcmread(converted).pixel_array == sample.pixels).all()


@pytest.mark.parametrize(("kind", "decoder"), DECODERS.items())
async def test_a_decoder_gets_the_same_pixels_of_source_and_copy(
    gateway: Gateway, samples: Samples, tmp_path: Path, kind: str, decoder: str
) -> None:
    sample: Sample = getattr(samples, kind)
    decoded = []
    for file in await source_and_copy(gateway, sample, tmp_path):
        plain = file.with_suffix(".plain")
        await dcmtk(decoder, file, plain)
        decoded.append(dcmread(plain))
    source, copy = decoded
    assert source.PixelData == copy.PixelData
    assert copy.pixel_array.size == len(sample.frames) * copy.Rows * copy.Columns * (
        copy.SamplesPerPixel
    )


async def test_run_lengths_decode_to_the_very_pixels_that_were_stored(
    gateway: Gateway, samples: Samples, tmp_path: Path
) -> None:
    _, copy = await source_and_copy(gateway, samples.rle, tmp_path)
    await dcmtk("dcmdrle", copy, tmp_path / "plain.dcm")
    assert (dcmread(tmp_path / "plain.dcm").pixel_array == samples.rle.pixels).all()


@pytest.mark.parametrize("kind", ["jpeg", "colour", "rle"])
async def test_an_image_is_drawn_alike_of_source_and_copy(
    gateway: Gateway, samples: Samples, tmp_path: Path, kind: str
) -> None:
    drawn = []
    for file in await source_and_copy(gateway, getattr(samples, kind), tmp_path):
        # Not as a bitmap: what the tool pads its rows with is whatever lies in its memory.
        image = file.with_suffix(".pnm")
        await dcmtk("dcmj2pnm", "+op", file, image)
        drawn.append(image.read_bytes())
    assert drawn[0] == drawn[1]
    assert drawn[1].startswith((b"P5", b"P6"))


def comparable(dataset: dict[str, Any]) -> dict[str, Any]:
    """Without file meta, and bulk data known only by its being there."""
    return {
        tag: {"vr": element["vr"], "Value": _value(element)}
        for tag, element in dataset.items()
        if not tag.startswith("0002")
    }


def _value(element: dict[str, Any]) -> Any:
    if "BulkDataURI" in element or "InlineBinary" in element:
        return "binary"
    if element["vr"] == "SQ":
        return [comparable(item) for item in element.get("Value", ())]
    return element.get("Value", [])


@pytest.mark.parametrize("kind", ["colour", "document", "big_endian"])
async def test_metadata_is_what_dcm2json_makes_of_the_file(
    gateway: Gateway, samples: Samples, tmp_path: Path, kind: str
) -> None:
    sample: Sample = getattr(samples, kind)
    source = written(tmp_path / "source.dcm", sample.file)
    theirs = json.loads(await dcmtk("dcm2json", source))
    async with gateway.get(f"{sample.path}/metadata") as answer:
        (ours,) = json.loads(await answer.read())
    assert comparable(ours) == comparable(theirs)


async def test_a_document_that_dcmtk_makes_is_stored_and_read_back(
    empty_orthanc: Orthanc, tmp_path: Path
) -> None:
    pdf = written(tmp_path / "report.pdf", PDF)
    made = tmp_path / "report.dcm"
    await dcmtk("pdf2dcm", "-q", pdf, made)
    uids = dcmread(made)
    path = (
        f"/studies/{uids.StudyInstanceUID}/series/{uids.SeriesInstanceUID}"
        f"/instances/{uids.SOPInstanceUID}"
    )
    async with gateway_before(empty_orthanc.dicom_web) as gateway:
        headers = {"Content-Type": "application/dicom"}
        async with gateway.post("/studies", data=made.read_bytes(), headers=headers) as answer:
            assert answer.status == 200, await answer.text()
        (copy,) = await retrieved(gateway, path, tmp_path)
        assert await dcmtk("dcmdump", "+L", copy) == await dcmtk("dcmdump", "+L", made)
        extracted = dcmread(copy).EncapsulatedDocument
    assert extracted[: len(PDF)] == PDF
