"""Async iterators put together and taken to their end; pure, over whatever they are given."""

from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

T = TypeVar("T")


async def once(item: T) -> AsyncIterator[T]:
    """The item and nothing else."""
    yield item


def prepended(first: T, rest: AsyncIterator[T]) -> AsyncIterator[T]:
    """The first item and the rest."""
    return _Prepended(first, rest)


class _Prepended(AsyncIterator[T]):
    """A class, since a generator would be one more step for each item of the rest."""

    def __init__(self, first: T, rest: AsyncIterator[T]) -> None:
        self._first: list[T] = [first]
        self._rest = rest

    def __anext__(self) -> Awaitable[T]:
        return self._given() if self._first else anext(self._rest)

    async def _given(self) -> T:
        return self._first.pop()


async def peeked(chunks: AsyncIterator[bytes], size: int) -> tuple[bytes, AsyncIterator[bytes]]:
    """The first `size` bytes, fewer only where there are no more, and all chunks still to read."""
    rest = aiter(chunks)
    held: list[bytes] = []
    length = 0
    while length < size and (chunk := await anext(rest, None)) is not None:
        held.append(chunk)
        length += len(chunk)
    start = held[0] if len(held) == 1 else b"".join(held)
    return start[:size], prepended(start, rest) if start else rest


async def alone(
    chunks: AsyncIterator[T], following: AsyncIterator[object], error: Exception
) -> AsyncIterator[T]:
    """The chunks, if nothing is `following` them; else `error`.

    The last chunk is held back until that is certain, so that nobody takes a part for the whole.
    """
    held: T | None = None
    async for chunk in chunks:
        if held is not None:
            yield held
        held = chunk
    if await anext(following, None) is not None:
        raise error
    if held is not None:
        yield held


async def close_source(items: AsyncIterator[object]) -> None:
    """Close what items come from, if it can be closed."""
    close = getattr(items, "aclose", None)
    if close is not None:
        await close()
