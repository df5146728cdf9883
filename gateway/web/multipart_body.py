"""multipart/related answers, their length known before they are sent wherever it can be."""

from collections.abc import AsyncIterator

from gateway.dicom.media_types import MediaType
from gateway.dicom.multipart import closing, part_head
from gateway.dicom.streams import prepended
from gateway.services.representation import Representation, Retrieved
from gateway.web.writing import Body

_JOINED = 64 * 1024


async def retrieved_body(retrieved: Retrieved, boundary: str) -> Body:
    """The answer as single part or multipart, as was negotiated."""
    first = await anext(retrieved.representations)
    if not retrieved.multipart:
        headers = {} if first.location is None else {"Content-Location": first.location}
        return Body(str(first.media_type), first.chunks, first.length, headers=headers)
    media_type = MediaType(
        "multipart/related", (("type", first.media_type.essence), ("boundary", boundary))
    )
    return Body(
        str(media_type),
        _framed(prepended(first, retrieved.representations), boundary),
        _length(first, boundary) if retrieved.only_one else None,
    )


async def _framed(
    representations: AsyncIterator[Representation], boundary: str
) -> AsyncIterator[bytes]:
    behind = b""
    first = True
    async for representation in representations:
        before = behind + _head(representation, boundary, first=first)
        first = False
        async for chunk in representation.chunks:
            # Only with its first byte in hand; together where joining costs less than a packet.
            if before and len(chunk) > _JOINED:
                yield before
                yield chunk
            else:
                yield before + chunk
            before = b""
        behind = before
    yield behind + closing(boundary)


def _head(representation: Representation, boundary: str, *, first: bool) -> bytes:
    headers = [("Content-Type", str(representation.media_type))]
    if representation.location is not None:
        headers.append(("Content-Location", representation.location))
    return part_head(boundary, headers, first=first)


def _length(only: Representation, boundary: str) -> int | None:
    if only.length is None:
        return None
    return len(_head(only, boundary, first=True)) + only.length + len(closing(boundary))
