"""An archive's fragments become frames; what are no fragments stays as it is."""

from collections.abc import AsyncIterator
from struct import pack
from time import process_time

import pytest

from gateway.backends.base import Part
from gateway.errors import StreamBroken
from gateway.services.pixel_fragments import frames_of_fragments
from tests.fakes.backend import each
from tests.fakes.calls import part, read

OCTETS = "application/octet-stream"
JPEG_LS = bytes.fromhex("ffd8 fff7000b0800020002010111 00 ffda0008010100000000")


def item(*chunks: bytes, media_type: str = OCTETS) -> Part:
    return part(media_type, *chunks, length=sum(map(len, chunks)))


def table(*offsets: int) -> Part:
    return item(pack(f"<{len(offsets)}L", *offsets))


async def frames(*parts: Part, count: int = 1) -> list[tuple[str, bytes]]:
    """What comes of the parts; `count` is how many frames the image has."""
    found: AsyncIterator[Part] = frames_of_fragments(each(parts), count)
    return [(str(frame.media_type), await read(frame.chunks)) async for frame in found]


async def test_a_table_cuts_the_fragments_into_frames() -> None:
    # Each fragment counts with the eight bytes of its item's head.
    parts = [
        table(0, 28, 40),
        item(b"aaaa"),
        item(b"bb", b"bb", b"bbbb"),
        item(b"cccc"),
        item(b"dd"),
    ]
    assert await frames(*parts) == [
        (OCTETS, b"aaaabbbbbbbb"),
        (OCTETS, b"cccc"),
        (OCTETS, b"dd"),
    ]


async def test_all_fragments_are_the_only_frame() -> None:
    parts = [item(b"aa"), item(b"bb"), item(b"cc")]
    assert await frames(table(), *parts, count=1) == [(OCTETS, b"aabbcc")]
    parts = [item(b"aa"), item(b"bb"), item(b"cc")]
    assert await frames(table(0), *parts) == [(OCTETS, b"aabbcc")]


async def test_without_a_table_each_fragment_is_a_frame() -> None:
    assert await frames(table(), item(b"aa"), item(b"bb"), count=2) == [
        (OCTETS, b"aa"),
        (OCTETS, b"bb"),
    ]


async def test_without_a_table_a_frame_begins_where_a_codestream_does() -> None:
    parts = [JPEG_LS, b"more of it", JPEG_LS, b"and", b"more"]
    assert await frames(table(), *(item(each) for each in parts), count=2) == [
        (OCTETS, JPEG_LS + b"more of it"),
        (OCTETS, JPEG_LS + b"andmore"),
    ]


async def test_a_video_is_one_stream_however_many_frames_it_has() -> None:
    assert await frames(table(), item(b"ftyp"), count=25) == [(OCTETS, b"ftyp")]


async def test_fragments_that_make_no_frames_break_the_answer() -> None:
    with pytest.raises(StreamBroken):
        await frames(table(), item(b"aa"), item(b"bb"), item(b"cc"), count=2)
    with pytest.raises(StreamBroken):
        await frames(table(0, 999), item(b"aa"), item(b"bb"))


async def test_a_long_table_makes_no_fragment_slower() -> None:
    offsets = pack("<1000000L", *range(0, 4_000_000, 4))

    async def seconds(fragments: int) -> float:
        parts = [item(offsets), *(item(b"odd") for _ in range(fragments))]
        started = process_time()
        with pytest.raises(StreamBroken):
            await frames(*parts)
        return process_time() - started

    assert await seconds(400) < await seconds(2) + 2


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (b"",),
        (bytes(4),),
        (bytes(8), bytes(8)),
        (b"\1\0\0\0\2\0\0\0", b"\3\0\0\0"),
        (bytes(4) + b"\2\0\0\0" * 600, bytes(4)),
        (JPEG_LS, JPEG_LS),
    ],
)
async def test_what_is_no_offset_table_is_passed_on(parts: tuple[bytes, ...]) -> None:
    expected = [(OCTETS, content) for content in parts]
    assert await frames(*(item(content) for content in parts)) == expected


@pytest.mark.parametrize(
    "media_type", ["image/jpeg", f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.1"]
)
async def test_what_is_labelled_is_no_offset_table(media_type: str) -> None:
    zeros = item(bytes(4), media_type=media_type)
    assert await frames(zeros, item(b"x")) == [(media_type, bytes(4)), (OCTETS, b"x")]
