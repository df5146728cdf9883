"""Frames leave in the order asked, each labelled by what its bytes are."""

import pytest
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless

from gateway.backends.base import Part
from gateway.dicom.acceptable import acceptable_frames
from gateway.dicom.media_types import parse_accept
from gateway.dicom.resources import Resource
from gateway.errors import GatewayError, StreamBroken
from gateway.services.frames import RetrieveFrames
from gateway.services.view import IdentityView
from tests.fakes.backend import MemoryBackend
from tests.fakes.calls import BASE, all_of, call, part, planner

INSTANCE = Resource("1.2", "1.2.3", "1.2.3.4")
URL = f"{BASE}/studies/1.2/series/1.2.3/instances/1.2.3.4/frames"
ANY = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
OCTETS = "application/octet-stream"
RLE = (1).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(56) + b"\x01\x02\x03"
J2K = bytes.fromhex(
    "ff4fff51002900000000000800000008000000000000000000000008000000080000000000000000"
    "0001070101ff52000c00000001000104040001ff5c00044048ff93"
)


async def frames(
    parts: list[Part], numbers: tuple[int, ...] = (1,), accept: str = ANY
) -> list[tuple[str, bytes, str | None]]:
    retrieve = RetrieveFrames(planner(MemoryBackend(parts=parts)), IdentityView())
    acceptables = acceptable_frames(parse_accept(accept, None), len(numbers))
    async with retrieve.retrieve(call(), INSTANCE, numbers, acceptables) as retrieved:
        return list(await all_of(retrieved))


async def test_each_frame_is_located_by_its_own_number() -> None:
    parts = [part(OCTETS, b"three", location="http://archive/x"), part(OCTETS, b"one")]
    assert await frames(parts, (3, 1)) == [
        (f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.1", b"three", f"{URL}/3"),
        (f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.1", b"one", f"{URL}/1"),
    ]


async def test_a_label_of_the_archive_is_passed_on() -> None:
    labelled = part(f"image/jls; transfer-syntax={JPEGLSLossless}", b"bytes")
    ((media_type, body, _),) = await frames([labelled])
    assert (media_type, body) == (f"{OCTETS}; transfer-syntax={JPEGLSLossless}", b"bytes")


@pytest.mark.parametrize("syntax", ["", "; transfer-syntax=*"])
@pytest.mark.parametrize("cut", [1, 10, 1000])
async def test_a_frame_without_a_label_is_told_by_its_bytes(syntax: str, cut: int) -> None:
    chunks = [J2K[at : at + cut] for at in range(0, len(J2K), cut)]
    ((media_type, body, _),) = await frames([part(OCTETS + syntax, *chunks)])
    assert media_type == f"{OCTETS}; transfer-syntax={JPEG2000Lossless}"
    assert body == J2K


async def test_a_codestream_that_is_called_native_is_labelled_as_what_it_is() -> None:
    for native in ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2"):
        ((media_type, body, _),) = await frames([part(f"{OCTETS}; transfer-syntax={native}", J2K)])
        assert (media_type, body) == (f"{OCTETS}; transfer-syntax={JPEG2000Lossless}", J2K)


async def test_a_codestream_with_a_long_head_is_labelled_as_what_it_is() -> None:
    """A colour profile stands before what tells the syntax."""
    profile = b"\xff\xe2" + (60_002).to_bytes(2, "big") + bytes(60_000)
    scan = bytes.fromhex("ffc0000b080001000101011100ffda0008010100003f00")
    jpeg = b"\xff\xd8" + profile * 2 + scan + bytes(100)
    for label in ("", "; transfer-syntax=1.2.840.10008.1.2.1"):
        chunks = [jpeg[at : at + 1000] for at in range(0, len(jpeg), 1000)]
        ((media_type, body, _),) = await frames([part(OCTETS + label, *chunks)])
        assert (media_type, body) == (f"{OCTETS}; transfer-syntax={JPEGBaseline8Bit}", jpeg)


async def test_native_pixels_that_begin_like_a_codestream_stay_native() -> None:
    pixels = b"\xff\xd8\xff" + bytes(5000)
    ((media_type, body, _),) = await frames([part(OCTETS, pixels[:700], pixels[700:])])
    assert (media_type, body) == (f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.1", pixels)


async def test_an_rle_frame_is_not_taken_for_raw_pixels() -> None:
    ((media_type, body, _),) = await frames([part(OCTETS, RLE)])
    assert (media_type, body) == (f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.5", RLE)


async def test_implicit_little_endian_pixels_are_explicit_ones() -> None:
    stored = part(f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2", b"\1\2")
    ((media_type, body, _),) = await frames([stored])
    assert (media_type, body) == (f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.1", b"\1\2")


async def test_a_big_endian_frame_is_never_passed_off_as_little_endian() -> None:
    with pytest.raises(StreamBroken):
        await frames([part(f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.2", b"\1\2")])


async def test_a_frame_that_would_have_to_be_decoded_is_not_acceptable() -> None:
    accept = f'multipart/related; type="{OCTETS}"; transfer-syntax=1.2.840.10008.1.2.1'
    with pytest.raises(GatewayError) as caught:
        await frames([part(f"image/jls; transfer-syntax={JPEGLSLossless}", b"x")], accept=accept)
    assert caught.value.status == 406


async def test_a_later_frame_that_cannot_leave_breaks_the_answer() -> None:
    accept = f'multipart/related; type="{OCTETS}"; transfer-syntax=1.2.840.10008.1.2.1'
    parts = [part(OCTETS, b"raw"), part(f"image/jls; transfer-syntax={JPEGLSLossless}", b"x")]
    with pytest.raises(StreamBroken):
        await frames(parts, (1, 2), accept)


async def test_too_few_frames_break_the_answer() -> None:
    with pytest.raises(StreamBroken):
        await frames([part(OCTETS, b"one")], (1, 2))


async def test_no_frame_at_all_is_not_found() -> None:
    with pytest.raises(GatewayError) as caught:
        await frames([])
    assert caught.value.status == 404
