"""Range headers (RFC 9110 14) and the slices that they ask for."""

from collections.abc import AsyncGenerator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dicom.byte_range import parse_range, slice_chunks
from gateway.errors import GatewayError


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-9", (0, 10)),
        ("bytes=5-", (5, 10)),
        ("bytes=0-131071", (0, 10)),
        ("bytes=9-9", (9, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-10", (0, 10)),
        ("bytes=-11", (0, 10)),
        ("BYTES=1-2", (1, 3)),
        ("bytes= 1-2 ", (1, 3)),
        ("bytes=1-2,", (1, 3)),
        ("bytes=007-08", (7, 9)),
        ("bytes=0-" + "9" * 10_000, (0, 10)),
        ("bytes=-" + "9" * 10_000, (0, 10)),
        ("bytes=" + "0" * 10_000 + "7-", (7, 10)),
    ],
)
def test_a_single_range_is_read(header: str, expected: tuple[int, int]) -> None:
    assert parse_range(header, 10) == expected


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=--1",
        "bytes=2-1",
        "bytes=a-b",
        "bytes=1",
        "bytes=1 - 2",
        "bytes=+1-2",
        "bytes=1.0-2",
        "bytes=\u0661-\u0662",
        "bytes=0-1,3-4",
        "bytes=0-0,-1",
        "items=0-1",
        "0-1",
    ],
)
def test_what_is_no_single_range_asks_for_the_whole_body(header: str | None) -> None:
    assert parse_range(header, 10) is None


@pytest.mark.parametrize(
    ("header", "length"),
    [("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-5", 0)],
)
def test_a_range_outside_of_the_body_is_416_with_the_length(header: str, length: int) -> None:
    with pytest.raises(GatewayError) as caught:
        parse_range(header, length)
    assert caught.value.status == 416
    assert caught.value.headers == {"Content-Range": f"bytes */{length}"}


@given(header=st.text(alphabet="bytes=0123456789-, \t", max_size=20), length=st.integers(0, 50))
def test_any_header_gives_a_range_within_the_body_or_none(header: str, length: int) -> None:
    found: tuple[int, int] | None = None
    with suppress(GatewayError):
        found = parse_range("bytes=" + header, length)
    assert found is None or 0 <= found[0] < found[1] <= length


@given(length=st.integers(1, 1000), data=st.data())
def test_the_range_of_its_own_content_range_is_read_back(length: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, length - 1))
    stop = data.draw(st.integers(start + 1, length))
    assert parse_range(f"bytes={start}-{stop - 1}", length) == (start, stop)
    assert parse_range(f"bytes=-{length - start}", length) == (start, length)


async def _counted(pieces: list[bytes], asked: list[int]) -> AsyncGenerator[bytes, None]:
    for number, piece in enumerate(pieces):
        asked.append(number)
        yield piece


@given(pieces=st.lists(st.binary(max_size=5), max_size=8), data=st.data())
async def test_a_slice_is_just_the_bytes_asked_for(
    pieces: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(pieces)
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(0, len(whole)))
    chunks = [chunk async for chunk in slice_chunks(_counted(pieces, []), start, stop)]
    assert b"".join(chunks) == whole[start:stop]
    assert b"" not in chunks


async def test_nothing_is_read_behind_the_slice() -> None:
    asked: list[int] = []
    chunks = slice_chunks(_counted([b"0123", b"4567", b"89"], asked), 2, 8)
    assert [chunk async for chunk in chunks] == [b"23", b"4567"]
    assert asked == [0, 1]


async def test_an_empty_slice_reads_nothing() -> None:
    asked: list[int] = []
    assert [chunk async for chunk in slice_chunks(_counted([b"0123"], asked), 2, 2)] == []
    assert asked == []


async def test_a_chunk_that_is_wholly_asked_for_is_not_copied() -> None:
    piece = bytes(100)
    (chunk,) = [each async for each in slice_chunks(_counted([b"x", piece], []), 1, 101)]
    assert chunk is piece


def test_a_number_too_long_to_be_a_length_lies_behind_the_end() -> None:
    with pytest.raises(GatewayError) as caught:
        parse_range("bytes=" + "9" * 10_000 + "-", 10)
    assert caught.value.status == 416
