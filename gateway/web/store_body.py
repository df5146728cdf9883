"""The body of a Store Transaction as parts: multipart, or one bare instance (PS3.18 10.5.1.4)."""

from collections.abc import AsyncGenerator, AsyncIterator

from aiohttp import hdrs, web

from gateway.dicom.media_types import DICOM, DICOM_JSON, DICOM_XML, MULTIPART, MediaType
from gateway.dicom.multipart import BodyPart, boundary_of, read_parts
from gateway.errors import bad_request, too_large, unsupported_media_type

_WRONG_TYPE = "Instances are stored as application/dicom, or multipart/related of that type."
_METADATA = "Metadata with bulk data apart from it is not taken: send application/dicom."
_CODED = "A body with a content coding is not taken: instances are compressed inside, if at all."
_INSTANCE_TOO_LARGE = "The instance is larger than this gateway takes."
_TOO_LARGE = "The body is larger than this gateway takes in one request."


def parts_of(
    request: web.Request, limit: int, instance_limit: int
) -> AsyncGenerator[BodyPart, None]:
    """The parts as they arrive, of at most `limit` bytes in all; nothing is read yet.

    `instance_limit` is that of one instance, here only of a bare one: others are counted as they
    are read.

    415 for a type or content coding that is not taken, 400 without a body or a boundary, 413 for
    a Content-Length over the limit. While it is read: 413 over the limit, 400 for broken framing.
    """
    media_type = _media_type(request)
    boundary = _boundary(media_type) if media_type.essence == MULTIPART else None
    if not request.body_exists or request.content_length == 0:
        raise bad_request("The request has no body.")
    length = request.content_length or 0
    if length > limit:
        raise too_large(_TOO_LARGE)
    if boundary is None and length > instance_limit:
        raise too_large(_INSTANCE_TOO_LARGE)
    chunks = _received(request, limit)
    return _bare(chunks) if boundary is None else read_parts(chunks, boundary)


def _media_type(request: web.Request) -> MediaType:
    try:
        media_type = MediaType.parse(request.headers.get(hdrs.CONTENT_TYPE, ""))
    except ValueError as error:
        raise unsupported_media_type(_WRONG_TYPE) from error
    if media_type.essence not in (DICOM, MULTIPART):
        raise unsupported_media_type(_WRONG_TYPE)
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower() != "identity":
        # What inflates to a thousand times its size is not for a gateway to inflate.
        raise unsupported_media_type(_CODED)
    return media_type


def _boundary(media_type: MediaType) -> str:
    """Where `type` is missing, the types of the parts say the same."""
    part_type = (media_type.get("type") or DICOM).lower()
    if part_type in (DICOM_JSON, DICOM_XML):
        raise unsupported_media_type(_METADATA)
    if part_type != DICOM:
        raise unsupported_media_type(_WRONG_TYPE)
    try:
        return boundary_of(media_type)
    except ValueError as error:
        raise bad_request("The Content-Type names no boundary that can be used.") from error


async def _received(request: web.Request, limit: int) -> AsyncIterator[bytes]:
    left = limit
    try:
        async for chunk in request.content.iter_any():
            # What lies within the limit counts, however it was cut into chunks.
            yield chunk[:left]
            left -= len(chunk)
            if left < 0:
                raise too_large(_TOO_LARGE)
    except web.RequestPayloadError as error:
        raise bad_request("The body's framing is broken.") from error


async def _bare(chunks: AsyncIterator[bytes]) -> AsyncGenerator[BodyPart, None]:
    yield BodyPart({"content-type": DICOM}, chunks)
