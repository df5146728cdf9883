"""How pixel data is stored is known before it leaves, and said of each part of it."""

from struct import pack
from typing import Any

import pytest
from pydicom.uid import (
    JPEG2000,
    MPEG4HP41,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from gateway.backends.base import Part
from gateway.dicom.resources import Dataset, Resource
from gateway.errors import StreamBroken
from gateway.services.pixel_data import StoredPixels, is_pixel_data, pixel_parts, stored_pixels
from tests.fakes.backend import MemoryBackend, each
from tests.fakes.calls import call, part, read
from tests.fakes.part10_files import explicit, file_of, identified, written

OCTETS = "application/octet-stream"
INSTANCE = Resource("1.2", "1.2.3", "1.2.3.4")
JPEG_LS = bytes.fromhex("ffd8 fff7000b0800020002010111 00 ffda0008010100000000")
JPEG = (
    b"\xff\xd8\xff\xdb\x00\x04\x00\x00\xff\xc0\x00\x0b\x08\x00\x01\x00\x01\x01\x01\x11\x00\xff\xda"
)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("studies/1/series/2/instances/3/bulk/7fe00010", True),
        ("studies/1/series/2/instances/3/bulkdata/00880200/1/7FE00010", True),
        ("x/7fe00008?a=b", True),
        ("x/7fe00009", True),
        ("x/60003000", False),
        ("x/7fe00010/1", False),
        ("x/a7fe00010", False),
        ("x/60003000?of=/7fe00010", False),
    ],
)
def test_archives_keep_pixel_data_under_its_tag(location: str, expected: bool) -> None:
    assert is_pixel_data(location) is expected


async def stored(files: list[Part], *syntaxes: str, **said: Any) -> tuple[StoredPixels, bool]:
    """What is found out, and whether the file was asked for."""
    metadata: Dataset = {f"{tag[1:]}": value for tag, value in said.items()}
    if syntaxes:
        metadata["00083002"] = {"vr": "UI", "Value": list(syntaxes)}
    backend = MemoryBackend(files=files)
    found = await stored_pixels(backend, INSTANCE, metadata, call().context)
    return found, backend.calls == [("instances", INSTANCE)]


async def test_the_metadata_s_one_syntax_is_believed() -> None:
    found = await stored([], JPEG2000, t00280008={"vr": "IS", "Value": [7]})
    assert found == (StoredPixels(7, JPEG2000), False)


@pytest.mark.parametrize("syntaxes", [(), (ExplicitVRLittleEndian, JPEG2000), ("*",), ("",)])
async def test_without_one_the_head_of_the_file_tells(syntaxes: tuple[str, ...]) -> None:
    async def chunks() -> Any:
        file = file_of(ExplicitVRBigEndian, explicit(0x00091001, b"OB", bytes(1000)))
        yield file[:100]
        yield file[100:]
        raise AssertionError("more than the head was read")

    file = part("application/dicom")
    found = await stored([Part(file.media_type, chunks())], *syntaxes)
    assert found == (StoredPixels(1, ExplicitVRBigEndian), True)


async def test_a_dataset_without_file_meta_tells_by_its_first_element() -> None:
    bare = written(identified(), ExplicitVRBigEndian)
    bare = bare[bare.index(b"\0\x08\0\x16UI") :]
    found, _ = await stored([part("application/dicom", bare)])
    assert found.transfer_syntax == ExplicitVRBigEndian


async def test_what_is_no_file_tells_nothing() -> None:
    """Nor need it: a value that is labelled, or a codestream, is given all the same."""
    found, _ = await stored([part("application/dicom", b"<html>" * 100)])
    assert found.transfer_syntax is None


async def test_an_archive_without_files_tells_nothing() -> None:
    assert await stored([]) == (StoredPixels(1, None), True)


@pytest.mark.parametrize("value", [[], [None], ["many"]])
async def test_frames_that_nobody_counted_are_one(value: list[Any]) -> None:
    found, _ = await stored([], JPEG2000, t00280008={"vr": "IS", "Value": value})
    assert found.frames == 1


def item(content: bytes, media_type: str = OCTETS) -> Part:
    return part(media_type, content, length=len(content))


async def labels(
    syntax: str | None, *parts: Part, frames: int = 1, native: frozenset[int] = frozenset()
) -> list[str]:
    found = []
    async for one in pixel_parts(each(parts), StoredPixels(frames, syntax, native)):
        found.append(str(one.media_type))
        await read(one.chunks)
    return found


def label(syntax: str, essence: str = OCTETS) -> str:
    return f"{essence}; transfer-syntax={syntax}"


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ],
)
async def test_native_pixels_are_what_the_instance_is(syntax: str) -> None:
    assert await labels(syntax, item(b"\1\0\2\0"), item(b"\3\0\4\0")) == [label(syntax)] * 2


@pytest.mark.parametrize("syntax", [None, ExplicitVRBigEndian, JPEG2000])
async def test_a_label_is_believed(syntax: str | None) -> None:
    said = label(JPEGLSLossless, "image/jls")
    assert await labels(syntax, item(b"\1\0\2\0", said)) == [said]


async def test_pixels_of_which_nothing_tells_break_the_answer() -> None:
    with pytest.raises(StreamBroken) as caught:
        await labels(None, item(b"\1\0\2\0"))
    assert caught.value.status == 502


@pytest.mark.parametrize("syntax", [None, ExplicitVRBigEndian, RLELossless])
@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (JPEG_LS, label(JPEGLSLossless, "image/jls")),
        (JPEG, label(JPEGBaseline8Bit, "image/jpeg")),
    ],
)
async def test_a_codestream_is_labelled_by_its_own_bytes(
    frame: bytes, expected: str, syntax: str | None
) -> None:
    assert await labels(syntax, item(frame)) == [expected]
    assert await labels(syntax, item(pack("<L", 0)), item(frame)) == [expected]


async def test_what_of_a_codestream_is_not_told_early_the_instance_tells() -> None:
    lossless = JPEG.replace(b"\xff\xc0", b"\xff\xc3")
    for syntax in (JPEGLossless, JPEGLosslessSV1):
        assert await labels(syntax, item(lossless)) == [label(syntax, "image/jpeg")]
    # A lossy stream is never called lossless, whatever the instance is said to be.
    assert await labels(JPEGLosslessSV1, item(JPEG)) == [label(JPEGBaseline8Bit, "image/jpeg")]


async def test_a_codestream_that_is_called_native_is_labelled_as_what_it_is() -> None:
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
        called = part(f"{OCTETS}; transfer-syntax={syntax}", JPEG_LS)
        assert await labels(syntax, called) == [label(JPEGLSLossless, "image/jls")]
        native = part(f"{OCTETS}; transfer-syntax={syntax}", b"\1\0\2\0")
        assert await labels(None, native) == [label(syntax)]


async def test_pixels_in_a_private_syntax_do_not_leave_as_others() -> None:
    with pytest.raises(StreamBroken):
        await labels("1.2.840.113619.5.2", item(b"\1\0\2\0"))


@pytest.mark.parametrize(
    ("syntax", "essence"), [(JPEG2000Lossless, "image/jp2"), (RLELossless, "image/dicom-rle")]
)
async def test_what_was_decoded_for_the_answer_is_told_by_its_length(
    syntax: str, essence: str
) -> None:
    frame = item(b"\1\0\2\0")
    assert await labels(syntax, frame, native=frozenset({4})) == [OCTETS]
    # Called what it is stored in it fails in a viewer; called uncompressed it would be shown.
    assert await labels(syntax, frame, native=frozenset({6})) == [label(syntax, essence)]
    assert await labels(syntax, frame) == [label(syntax, essence)]


async def test_the_length_of_native_pixels_is_known_by_the_metadata() -> None:
    size = {"t00280010": 3, "t00280011": 5, "t00280002": 1, "t00280100": 8, "t00280008": 3}
    said = {name: {"vr": "US", "Value": [number]} for name, number in size.items()}
    found, _ = await stored([], JPEG2000, **said)
    assert found == StoredPixels(3, JPEG2000, frozenset({15, 16, 45, 46}))


async def test_a_codestream_with_a_long_head_is_told_from_pixels() -> None:
    profile = b"\xff\xe2" + (5002).to_bytes(2, "big") + bytes(5000)
    long = JPEG[:2] + profile + JPEG[2:]
    assert await labels(None, item(long)) == [label(JPEGBaseline8Bit, "image/jpeg")]
    two = (item(b""), item(long), item(b"rest"), item(long), item(b"rest"))
    expected = [label(JPEGBaseline8Bit, "image/jpeg")] * 2
    assert await labels(JPEGBaseline8Bit, *two, frames=2) == expected


async def test_a_video_in_one_fragment_is_a_video() -> None:
    parts = (item(b""), item(b"ftyp"))
    assert await labels(MPEG4HP41, *parts, frames=25) == [label(MPEG4HP41, "video/mp4")]
