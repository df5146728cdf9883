"""Instances leave as stored, or re-encoded to explicit little endian, and truly labelled."""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pydicom
import pydicom.data
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
)

from gateway.backends.base import Part
from gateway.dicom.acceptable import acceptable_instances
from gateway.dicom.media_types import MediaType, parse_accept
from gateway.dicom.resources import Resource
from gateway.errors import GatewayError, StreamBroken
from gateway.services.instances import RetrieveInstances
from gateway.services.representation import Representation
from gateway.services.view import IdentityView
from tests.fakes.backend import MemoryBackend
from tests.fakes.calls import all_of, call, part, planner, read
from tests.fakes.part10_files import Chunks, explicit, file_of, identified, implicit, written

ANY = 'multipart/related; type="application/dicom"; transfer-syntax=*'
DEFAULT = 'multipart/related; type="application/dicom"'
SERIES, INSTANCE = Resource("1.2.3.1", "1.2.3.1.1"), Resource("1.2.3.1", "1.2.3.1.1", "1.2.3")


async def instances(
    *files: bytes, accept: str = ANY, resource: Resource = SERIES
) -> tuple[bool, list[tuple[str, bytes]]]:
    parts = [part("application/dicom", file, length=len(file)) for file in files]
    retrieve = RetrieveInstances(planner(MemoryBackend(parts=parts)), IdentityView())
    acceptables = acceptable_instances(parse_accept(accept, None), resource.level)
    async with retrieve.retrieve(call(), resource, acceptables) as answer:
        found = [(label, body) for label, body, _ in await all_of(answer)]
        return answer.multipart, found


@asynccontextmanager
async def retrieved(parts: Sequence[Part], resource: Resource) -> AsyncIterator[Representation]:
    """The first representation of what is retrieved, still unread."""
    retrieve = RetrieveInstances(planner(MemoryBackend(parts=parts)), IdentityView())
    acceptables = acceptable_instances(parse_accept(ANY, None), resource.level)
    async with retrieve.retrieve(call(), resource, acceptables) as answer:
        yield answer.first


def label(syntax: str) -> str:
    return f"application/dicom; transfer-syntax={syntax}"


COMPRESSED = file_of(JPEGLSLossless, b"\x08\x00\x16\x00UI\x04\x001.2\0")
EXPLICIT = written(identified(), ExplicitVRLittleEndian)


@pytest.mark.parametrize("accept", [ANY, DEFAULT, "*/*"])
async def test_each_part_names_its_own_syntax(accept: str) -> None:
    assert await instances(COMPRESSED, EXPLICIT, accept=accept) == (
        True,
        [(label(JPEGLSLossless), COMPRESSED), (label(ExplicitVRLittleEndian), EXPLICIT)],
    )


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
async def test_no_other_native_syntax_goes_over_the_web(syntax: str) -> None:
    _, ((media_type, body),) = await instances(written(identified(), syntax))
    assert media_type == label(ExplicitVRLittleEndian)
    copy = pydicom.dcmread(io.BytesIO(body))
    assert copy == identified()
    assert copy.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


async def test_one_instance_may_leave_bare() -> None:
    multipart, found = await instances(
        EXPLICIT, accept="application/dicom; transfer-syntax=*", resource=INSTANCE
    )
    assert (multipart, found) == (False, [(label(ExplicitVRLittleEndian), EXPLICIT)])


@pytest.mark.parametrize("asked", [ExplicitVRLittleEndian, "1.2.840.10008.1.2.4.90"])
async def test_what_would_need_a_codec_is_not_acceptable(asked: str) -> None:
    with pytest.raises(GatewayError) as caught:
        await instances(COMPRESSED, accept=f"{DEFAULT}; transfer-syntax={asked}")
    assert caught.value.status == 406


async def test_an_answer_is_never_short_of_an_instance_that_cannot_leave() -> None:
    accept = f"{DEFAULT}; transfer-syntax={ExplicitVRLittleEndian}"
    with pytest.raises(StreamBroken):
        await instances(EXPLICIT, COMPRESSED, accept=accept)


@pytest.mark.parametrize("junk", [b"", b"<html>", bytes(200)])
async def test_what_is_no_dicom_file_does_not_leave(junk: bytes) -> None:
    with pytest.raises(StreamBroken):
        await instances(junk)


async def test_a_big_endian_dose_is_refused_before_anything_of_it_leaves() -> None:
    """Its 32-bit pixels may be in either order, and a wrong one is a wrong dose."""
    path = pydicom.data.get_testdata_file("rtdose_expb.dcm", download=False)
    assert isinstance(path, str)
    study = Resource(pydicom.dcmread(path).StudyInstanceUID)
    async with retrieved([part("application/dicom", Path(path).read_bytes())], study) as dose:
        with pytest.raises(StreamBroken) as caught:
            await anext(dose.chunks)
    assert caught.value.status == 502


async def test_a_file_whose_uid_is_no_ascii_does_not_leave() -> None:
    uid = "1.ü2".encode("latin-1")
    with pytest.raises(StreamBroken) as caught:
        await instances(explicit(0x00080018, b"UI", uid) + explicit(0x00100020, b"LO", bytes(200)))
    assert caught.value.status == 502


async def test_a_cut_file_breaks_the_answer() -> None:
    cut = written(identified(), ImplicitVRLittleEndian)[:-3]
    with pytest.raises(StreamBroken):
        await instances(cut)


async def test_no_instance_at_all_is_not_found() -> None:
    with pytest.raises(GatewayError) as caught:
        await instances()
    assert caught.value.status == 404


# What an archive sends under the URL of another resource.


@pytest.mark.parametrize(
    "resource",
    [
        Resource("1.2.9"),
        Resource("1.2.9", "1.2.3.1.1"),
        Resource("1.2.3.1", "1.2.9"),
        Resource("1.2.3.1", "1.2.3.1.1", "1.2.9"),
    ],
)
@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian]
)
async def test_an_object_of_another_resource_does_not_leave(
    resource: Resource, syntax: str
) -> None:
    with pytest.raises(StreamBroken, match="another resource") as caught:
        await instances(written(identified(), syntax), resource=resource)
    assert caught.value.status == 502


OTHER_INSTANCE = explicit(0x00080018, b"UI", b"1.2.9\0")
OTHER_STUDY = explicit(0x0020000D, b"UI", b"1.2.9\0")


@pytest.mark.parametrize(
    "stored",
    [
        OTHER_INSTANCE + explicit(0x00091001, b"OB", bytes(300_000)),
        OTHER_INSTANCE + explicit(0x00091001, b"OB", b"", length=1 << 31) + bytes(1000),
        OTHER_INSTANCE + implicit(0xFFFEE00D, b""),
        OTHER_INSTANCE + explicit(0x00100010, b"PN", b"", length=100),
        OTHER_STUDY + explicit(0x0020000D, b"UI", b"1.3.9\0"),
        OTHER_STUDY + explicit(0x0020000D, b"UI", b"1.2.3.1\0"),
        explicit(0x0020000D, b"UI", b"1.2.3.1\0") + OTHER_STUDY,
    ],
    ids=["long", "too long", "broken", "cut", "two others", "the second", "the first"],
)
async def test_what_an_object_told_before_it_broke_or_told_twice_counts(stored: bytes) -> None:
    file = file_of(ExplicitVRLittleEndian, stored + EXPLICIT[300:])
    with pytest.raises(StreamBroken, match="another resource") as caught:
        await instances(file, resource=INSTANCE)
    assert caught.value.status == 502


@pytest.mark.parametrize("level", ["series", "instance"])
async def test_two_uids_below_what_was_asked_for_are_another_resource(level: str) -> None:
    """Each reader would see another object, and one of them may not be of the series."""
    tag = 0x0020000E if level == "series" else 0x00080018
    uids = b"".join(explicit(tag, b"UI", uid) for uid in (b"1.2.4\0", b"1.2.5\0"))
    with pytest.raises(StreamBroken, match="another resource"):
        await instances(file_of(ExplicitVRLittleEndian, uids), resource=Resource("1.2.3.1"))


@pytest.mark.parametrize(
    "end",
    [b"", implicit(0xFFFEE00D, b""), explicit(0x00091001, b"OB", bytes(300_000))],
    ids=["no more", "broken", "long"],
)
async def test_uids_that_were_not_reached_are_not_held_against_an_object(end: bytes) -> None:
    own = explicit(0x00080018, b"UI", b"1.2.3\0")
    for start in (own, own * 2, explicit(0x00080018, b"UI", b"")):
        file = file_of(ExplicitVRLittleEndian, start + end)
        _, found = await instances(file, resource=INSTANCE)
        assert found == [(label(ExplicitVRLittleEndian), file)]


async def test_an_object_of_another_series_among_others_breaks_the_answer() -> None:
    other = identified()
    other.SeriesInstanceUID = "1.2.9"
    with pytest.raises(StreamBroken, match="another resource"):
        await instances(EXPLICIT, written(other))
    assert len((await instances(EXPLICIT, written(other), resource=Resource("1.2.3.1")))[1]) == 2


@pytest.mark.parametrize("size", [400_000, 100_000])
async def test_what_does_not_tell_its_uids_soon_is_not_waited_for(size: int) -> None:
    """A header that is longer than is looked into leaves as it is, and in its own chunks."""
    late = file_of(ExplicitVRLittleEndian, explicit(0x00091001, b"UN", bytes(size)) * 4)
    source = Chunks(late + EXPLICIT[300:], 50_000)
    async with retrieved([Part(MediaType.parse("application/dicom"), source)], SERIES) as found:
        assert source.read <= 300_000
        assert await read(found.chunks) == late + EXPLICIT[300:]


async def test_an_archive_that_pauses_behind_the_uids_does_not_hold_its_chunks_back() -> None:
    pixels = explicit(0x7FE00010, b"OW", b"", length=1 << 20)
    chunks = [EXPLICIT + pixels + bytes(4000), bytes(5000)]

    async def source() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk
        await asyncio.Event().wait()

    stalled = Part(MediaType.parse("application/dicom"), source())
    async with asyncio.timeout(5), retrieved([stalled], INSTANCE) as found:
        for chunk in chunks:
            assert await anext(found.chunks) is chunk
