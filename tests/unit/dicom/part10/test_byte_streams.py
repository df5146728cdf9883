"""Streams that are read ahead, replayed and inflated."""

import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dicom.part10.byte_streams import Lookahead, inflated
from gateway.dicom.part10.data_elements import Part10Error
from tests.fakes.part10_files import Chunks, joined


def deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


@given(data=st.binary(max_size=60), size=st.integers(1, 20), numbers=st.data())
async def test_what_was_read_ahead_is_all_there_again(
    data: bytes, size: int, numbers: st.DataObject
) -> None:
    ahead = Lookahead(Chunks(data, size))
    seen = numbers.draw(st.integers(0, len(data)))
    for start in (0, numbers.draw(st.integers(0, seen))):
        read = b""
        async for chunk in ahead.read(start):
            read += chunk
            if len(read) >= seen - start:
                break
        assert data[start:].startswith(read)
    offset = numbers.draw(st.integers(0, seen))
    rest = [chunk async for chunk in ahead.rest(offset)]
    assert b"".join(rest) == data[offset:]
    assert b"" not in rest


@pytest.mark.parametrize("offset", [0, 100, 70_000])
async def test_no_more_than_a_beginning_of_a_long_chunk_is_copied(offset: int) -> None:
    """Most headers are in the first few thousand bytes, and a chunk may be a whole file."""
    ahead = Lookahead(Chunks(bytes(8_000_000), 8_000_000))
    await anext(ahead.read())
    tracemalloc.start()
    try:
        piece = await anext(ahead.read(offset))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(piece) == 64 * 1024
    assert peak < 100_000


async def test_reading_ahead_reads_no_more_than_is_asked_for() -> None:
    source = Chunks(bytes(100), 10)
    ahead = Lookahead(source)
    async for _ in ahead.read():
        break
    assert source.read == 10
    await ahead.rest().aclose()
    assert (source.read, source.closed) == (10, True)


@pytest.mark.parametrize("padding", [b"", b"\0", bytes(100)])
@pytest.mark.parametrize("size", [100, 1 << 16])
@pytest.mark.parametrize("length", [0, 1, 1000, 256 * 1024, 256 * 1024 + 1, 3_000_000])
async def test_a_deflated_stream_is_what_it_was(length: int, size: int, padding: bytes) -> None:
    data = bytes(index % 251 for index in range(length))
    assert await joined(inflated(Chunks(deflate(data) + padding, size))) == data


async def test_little_that_becomes_much_comes_in_pieces() -> None:
    pieces = [len(piece) async for piece in inflated(Chunks(deflate(bytes(10_000_000))))]
    assert sum(pieces) == 10_000_000
    assert max(pieces) <= 256 * 1024


async def test_a_deflated_stream_cut_anywhere_is_broken() -> None:
    data = deflate(b"a dataset of many words" * 3)
    for end in range(len(data)):
        with pytest.raises(Part10Error, match="cut"):
            await joined(inflated(Chunks(data[:end], 5)))


async def test_what_is_not_deflated_is_broken() -> None:
    with pytest.raises(Part10Error, match="cannot be inflated"):
        await joined(inflated(Chunks(b"\xff" * 100)))
