"""The bytes of a file on their way: read ahead and replayed, inflated."""

import asyncio
import zlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator

from gateway.dicom.part10.data_elements import Part10Error
from gateway.dicom.streams import close_source

_INFLATED = 256 * 1024
"""Bytes that are inflated at a time, however much a chunk would become."""

_PIECE = 64 * 1024
"""Bytes that are looked at at a time, however long a chunk is: most need only its beginning."""


class Lookahead:
    """Chunks that can be read ahead and are then all there again."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = aiter(chunks)
        self._seen: list[bytes] = []

    async def read(self, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """The bytes from `offset` in small pieces, which stay there to be read again."""
        number = 0
        while number < len(self._seen) or await self._see_more():
            chunk = self._seen[number]
            for start in range(offset, len(chunk), _PIECE):
                yield chunk[start : start + _PIECE]
            offset = max(offset - len(chunk), 0)
            number += 1

    def rest(self, offset: int = 0) -> "Rest":
        """The bytes from `offset`, which has been seen, for the last time."""
        seen = deque(self._seen)
        self._seen = []
        while seen and offset >= len(seen[0]):
            offset -= len(seen.popleft())
        if seen:
            seen[0] = seen[0][offset:]
        return Rest(seen, self._chunks)

    async def _see_more(self) -> bool:
        chunk = await anext(self._chunks, None)
        if chunk is not None:
            self._seen.append(chunk)
        return chunk is not None


class Rest:
    """What was read ahead and what comes behind it. Closing this closes the source.

    No generator: one that was never started would not close anything.
    """

    def __init__(self, seen: deque[bytes], chunks: AsyncIterator[bytes]) -> None:
        self._seen = seen
        self._chunks = chunks

    def __aiter__(self) -> "Rest":
        return self

    async def __anext__(self) -> bytes:
        return self._seen.popleft() if self._seen else await anext(self._chunks)

    async def aclose(self) -> None:
        self._seen.clear()
        await close_source(self._chunks)


async def inflated(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """A deflated dataset (PS3.5 A.5) as it was before; Part10Error if it is broken or cut.

    What may follow the deflated bytes is a byte of padding: it is dropped.
    """
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    async for chunk in chunks:
        while not stream.eof:
            piece = await asyncio.to_thread(_inflate, stream, chunk)
            if piece:
                yield piece
            chunk = stream.unconsumed_tail
            if len(piece) < _INFLATED and not chunk:
                break
    if not stream.eof:
        raise Part10Error("the deflated dataset is cut")


def _inflate(stream: "zlib._Decompress", data: bytes) -> bytes:
    try:
        return stream.decompress(data, _INFLATED)
    except zlib.error as error:
        raise Part10Error("the dataset cannot be inflated") from error
