"""Multipart bodies as PS3.18 8.6.1.2 uses them: a streaming reader, and the pieces of a writer.

A body that is written here starts with its delimiter, without the line end that may stand
before it: some viewers take the boundary from the body's first line, and look for it and for the
end of a part's head within the first 1000 bytes only. They also look for `Content-Type:` in
exactly this case.
"""

import re
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.dicom.media_types import MediaType
from gateway.dicom.multipart_parser import (
    Event,
    MultipartError,
    MultipartParser,
    PartBegin,
    PartData,
)
from gateway.dicom.streams import close_source

_MAX_HEAD = 999
_MAX_EPILOGUE = 64 * 1024
"""Bytes that are read and dropped behind the closing delimiter, so that a connection which
delivers a few more can be used again."""

# RFC 2046 has fewer characters; archives use others, and nothing hangs on it.
_BOUNDARY = re.compile(r"[\x20-\x7e]{0,69}[\x21-\x7e]")
_HEADER_TEXT = re.compile(r"[\x20-\x7e]+")


@dataclass(frozen=True, slots=True)
class BodyPart:
    """One part of a body; `chunks` end, or fail, with the part.

    Header names are lower case. What of `chunks` was not read when the next part is asked for
    is skipped.
    """

    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


def boundary_of(content_type: MediaType) -> str:
    """The boundary that a multipart Content-Type names.

    ValueError if it names none, a longer one than the 70 characters of RFC 2046 5.1.1, or one
    that is not printable ASCII. Blanks at its end are not part of it.
    """
    boundary = (content_type.get("boundary") or "").rstrip(" ")
    if not _BOUNDARY.fullmatch(boundary):
        raise ValueError("a multipart Content-Type names a boundary of 1 to 70 characters")
    return boundary


async def read_parts(
    chunks: AsyncIterator[bytes],
    boundary: str,
    *,
    max_header: int = 16 * 1024,
    broken: Callable[[], Exception] | None = None,
) -> AsyncGenerator[BodyPart, None]:
    """The parts of a body, in order, as they arrive.

    MultipartError, or what `broken` makes of it, from here or from a part's chunks, when the body
    is broken or ends before its closing delimiter. Closing this closes `chunks`.
    """
    events = _Events(chunks, MultipartParser(boundary, max_header=max_header), broken)
    try:
        while isinstance(begin := await events.next(), PartBegin):
            payload = _Payload(events)
            yield BodyPart(begin.headers, payload)
            await payload.skip()
    finally:
        await close_source(chunks)


def part_head(boundary: str, headers: Sequence[tuple[str, str]], *, first: bool) -> bytes:
    """All that stands before a part's payload: the delimiter and the headers.

    Names are written in title case, Content-Type first. Other headers are left out where they
    would make the head longer than viewers read it. ValueError if a header is not ASCII text.
    """
    delimiter = f"--{boundary}\r\n"
    lines = [delimiter if first else "\r\n" + delimiter]
    room = _MAX_HEAD - len(lines[0]) - len("\r\n")
    for name, value in sorted(headers, key=lambda header: header[0].lower() != "content-type"):
        if not _HEADER_TEXT.fullmatch(name) or not _HEADER_TEXT.fullmatch(value):
            raise ValueError("a header of a part is ASCII text")
        line = f"{name.title()}: {value}\r\n"
        if len(line) <= room or name.lower() == "content-type":
            lines.append(line)
            room -= len(line)
    return "".join([*lines, "\r\n"]).encode("ascii")


def closing(boundary: str) -> bytes:
    """All that stands behind the last part's payload."""
    return f"\r\n--{boundary}--\r\n".encode("ascii")


def body_length(boundary: str, heads: Iterable[bytes], lengths: Iterable[int]) -> int:
    """Bytes of a whole body of parts with these heads (of `part_head`) and payload lengths."""
    return sum(map(len, heads)) + sum(lengths) + len(closing(boundary))


class _Events:
    """The events of a body, one at a time, however they come in chunks."""

    def __init__(
        self,
        chunks: AsyncIterator[bytes],
        parser: MultipartParser,
        broken: Callable[[], Exception] | None,
    ) -> None:
        self._chunks = chunks
        self._parser = parser
        self._broken = broken
        self._pending: deque[Event] = deque()
        self._epilogue = 0

    async def next(self) -> Event | None:
        """None at the end of a complete body."""
        while not self._pending:
            chunk = await anext(self._chunks, None)
            if chunk is not None and self._parser.complete:
                self._epilogue += len(chunk)
                if self._epilogue > _MAX_EPILOGUE:
                    return None
            try:
                events = self._parser.close() if chunk is None else self._parser.feed(chunk)
            except MultipartError as error:
                if self._broken is None:
                    raise
                raise self._broken() from error
            if chunk is None and not events:
                return None
            self._pending.extend(events)
        return self._pending.popleft()


class _Payload:
    """The chunks of one part. A class, so that a part which nobody reads leaves nothing open."""

    def __init__(self, events: _Events) -> None:
        self._events = events
        self._ended = False

    def __aiter__(self) -> "_Payload":
        return self

    async def __anext__(self) -> bytes:
        if not self._ended:
            event = await self._events.next()
            if isinstance(event, PartData):
                return event.data
            self._ended = True
        raise StopAsyncIteration

    async def skip(self) -> None:
        """Read what is left, and be empty from then on."""
        async for _ in self:
            pass
