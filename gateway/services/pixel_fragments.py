"""Compressed pixel data as bulk data: frames out of the fragments that an archive sends.

Orthanc answers for the bulk data of PixelData with a part for each item of the encapsulated value
(PS3.5 A.4): the offset table first, then the fragments. A client means frames, a part each.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from itertools import pairwise
from struct import iter_unpack

from gateway.backends.base import Part
from gateway.dicom.media_types import OCTETS
from gateway.dicom.streams import once
from gateway.errors import StreamBroken
from gateway.services.representation import first_bytes, sniffed_part

_ITEM_HEAD = 8
"""Bytes of an item's tag and length, which the offsets count."""
_MAX_TABLE = 4 * 1024 * 1024

_TABLE_ON_THE_LOOP = 64 * 1024
"""Bytes of a table; a longer one is read in a thread."""


async def frames_of_fragments(
    parts: AsyncIterator[Part], number_of_frames: int
) -> AsyncIterator[Part]:
    """The parts as they are, or a part a frame where the first of them is an offset table.

    `number_of_frames` counts only where the table is empty. Then a frame begins where a
    codestream does, or there is a fragment a frame, or one stream of video. Each part is read
    before the next.
    """
    first = await anext(parts, None)
    if first is None:
        return
    table, first = await _offset_table(first)
    second = None if table is None else await anext(parts, None)
    if table is None or second is None:
        yield first
        async for part in parts:
            yield part
        return
    expected = len(table) or number_of_frames
    syntax, second = await sniffed_part(second)
    fragments = _Fragments(second, parts, table, expected == 1, syntax is not None)
    frames = 0
    while fragments.following is not None:
        frames += 1
        yield replace(first, chunks=fragments.frame(), length=None)
    if frames != expected and fragments.count > 1:
        raise StreamBroken(502, "The archive's fragments make no frames.", "backend_answer")


@dataclass(slots=True)
class _Fragments:
    """The fragments in their order, cut into frames."""

    following: Part | None
    parts: AsyncIterator[Part]
    table: frozenset[int]
    """Where frames begin; empty if the archive does not say."""
    whole: bool
    """All fragments are one frame."""
    signed: bool = False
    """The frames begin as codestreams do, which tells them from what continues one."""
    count: int = 0
    position: int = 0

    async def frame(self) -> AsyncIterator[bytes]:
        """One frame's bytes, up to where the next one starts."""
        while self.following is not None:
            async for chunk in self.following.chunks:
                self.position += len(chunk)
                yield chunk
            self.position += _ITEM_HEAD
            self.count += 1
            self.following = await anext(self.parts, None)
            if await self._is_start():
                return

    async def _is_start(self) -> bool:
        """True if the following fragment is the first one of another frame."""
        if self.table:
            return self.position in self.table
        if self.whole or self.following is None:
            return False
        syntax, self.following = await sniffed_part(self.following)
        return not self.signed or syntax is not None


async def _offset_table(part: Part) -> tuple[frozenset[int] | None, Part]:
    """The table that a part holds, if it looks like one, and the part still to be read.

    Pixels do not: their first numbers would have to be zero and then grow from one to the next.
    """
    length = part.length
    bare = part.media_type.essence == OCTETS and part.media_type.get("transfer-syntax") is None
    if not bare or length is None or length % 4 or length > _MAX_TABLE:
        return None, part
    start, part = await first_bytes(part)
    if _table(start[: len(start) // 4 * 4]) is None:
        return None, part
    data = b"".join([chunk async for chunk in part.chunks])
    part = replace(part, chunks=once(data))
    if len(data) != length:
        return None, part
    is_long = length > _TABLE_ON_THE_LOOP
    return await asyncio.to_thread(_table, data) if is_long else _table(data), part


def _table(data: bytes) -> frozenset[int] | None:
    """The offsets, which are looked up once a fragment; None where they do not ascend from 0."""
    offsets = [offset for (offset,) in iter_unpack("<L", data)]
    is_table = offsets[:1] in ([], [0]) and all(a < b for a, b in pairwise(offsets))
    return frozenset(offsets) if is_table else None
