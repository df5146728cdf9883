"""multipart/related answers, their length known before they are sent wherever it can be."""

from collections.abc import AsyncIterator

from gateway.dicom.media_types import MediaType
from gateway.dicom.multipart import closing, part_head
from gateway.services.representation import Representation, Retrieved, prepended
from gateway.web.writing import Body


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
    # What frames a payload leaves together with it: two writes are two packets.
    held = b""
    first = True
    async for representation in representations:
        head = _head(representation, boundary, first=first)
        first = False
        async for chunk in representation.chunks:
            if held:
                yield held
            held = head + chunk if head else chunk
            head = b""
        held += head
    yield held + closing(boundary)


def _head(representation: Representation, boundary: str, *, first: bool) -> bytes:
    headers = [("Content-Type", str(representation.media_type))]
    if representation.location is not None:
        headers.append(("Content-Location", representation.location))
    return part_head(boundary, headers, first=first)


def _length(only: Representation, boundary: str) -> int | None:
    if only.length is None:
        return None
    return len(_head(only, boundary, first=True)) + only.length + len(closing(boundary))
