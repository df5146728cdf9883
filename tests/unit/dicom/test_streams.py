"""Async iterators put together, and taken to their end."""

import pytest

from gateway.dicom.streams import alone, close_source, once, prepended
from tests.fakes.backend import each
from tests.fakes.part10_files import Chunks


async def test_the_first_comes_before_the_rest() -> None:
    assert [item async for item in prepended(1, each([2, 3]))] == [1, 2, 3]


async def test_one_is_one() -> None:
    assert [item async for item in once("item")] == ["item"]


@pytest.mark.parametrize("chunks", [[], [b"a"], [b"a", b"b", b"c"]])
async def test_what_nothing_follows_comes_whole(chunks: list[bytes]) -> None:
    assert [chunk async for chunk in alone(each(chunks), each([]), ValueError())] == chunks


@pytest.mark.parametrize("chunks", [[], [b"a"], [b"a", b"b", b"c"]])
async def test_the_last_chunk_never_comes_of_what_something_follows(chunks: list[bytes]) -> None:
    stream = alone(each(chunks), each(["more"]), ValueError("several"))

    assert [await anext(stream) for _ in chunks[:-1]] == chunks[:-1]
    with pytest.raises(ValueError, match="several"):
        await anext(stream)


async def test_a_source_is_closed_if_it_can_be() -> None:
    source = Chunks(b"abc")
    await close_source(source)
    assert source.closed


async def test_a_source_that_cannot_be_closed_is_left_alone() -> None:
    class Plain:
        def __aiter__(self) -> "Plain":
            return self

        async def __anext__(self) -> bytes:
            raise StopAsyncIteration

    await close_source(Plain())
