"""multipart/related answers, their length known before they are sent wherever it can be."""

from collections.abc import AsyncIterator

from gateway.dicom.media_types import MULTIPART, MediaType
from gateway.dicom.multipart import body_length, closing, part_head
from gateway.services.representation import Representation, Retrieved
from gateway.web.writing import Body

_JOINED = 64 * 1024
"""Bytes up to which joining costs less than a packet."""


def retrieved_body(retrieved: Retrieved, boundary: str) -> Body:
    """The answer as single part or multipart, as was negotiated."""
    first = retrieved.first
    if not retrieved.multipart:
        headers = {} if first.location is None else {"Content-Location": first.location}
        return Body(str(first.media_type), first.chunks, first.length, headers=headers)
    media_type = MediaType(MULTIPART, (("type", first.media_type.essence),))
    head = _head(first, boundary, first=True)
    length = None
    if retrieved.others is None and first.length is not None:
        length = body_length(boundary, (head,), (first.length,))
    # Put together here, since the rest is written once for all answers, and a boundary never twice.
    chunks = _framed(head, retrieved, boundary, length)
    return Body(f"{media_type}; boundary={boundary}", chunks, length)


async def _framed(
    waiting: bytes, retrieved: Retrieved, boundary: str, length: int | None
) -> AsyncIterator[bytes]:
    """`waiting` is the first one's head, `length` that of the whole body where it is known.

    A head waits for the bytes that follow it, and the last bytes for the end of the body: one
    packet for two. Nothing else waits: the archive may take its time with what comes next.
    """
    end = closing(boundary)
    sent = 0
    representation: Representation | None = retrieved.first
    while representation is not None:
        async for chunk in representation.chunks:
            if waiting and len(chunk) > _JOINED:
                yield waiting
                sent += len(waiting)
                waiting = b""
            piece = waiting + chunk if waiting else chunk
            if len(piece) <= _JOINED and sent + len(piece) + len(end) == length:
                waiting = piece
            else:
                yield piece
                sent += len(piece)
                waiting = b""
        representation = await anext(retrieved.others, None) if retrieved.others else None
        if representation is not None:
            waiting += _head(representation, boundary, first=False)
    yield waiting + end


def _head(representation: Representation, boundary: str, *, first: bool) -> bytes:
    headers = [("Content-Type", str(representation.media_type))]
    if representation.location is not None:
        headers.append(("Content-Location", representation.location))
    return part_head(boundary, headers, first=first)
