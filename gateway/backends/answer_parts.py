"""Answers read as parts, whichever of the two forms an archive chose (PS3.18 8.6.1)."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from functools import lru_cache

from gateway.backends.base import Part
from gateway.backends.transport import Answer
from gateway.dicom.media_types import MULTIPART, OCTETS, MediaType
from gateway.dicom.multipart import BodyPart, boundary_of, read_parts
from gateway.dicom.multipart_parser import declared_length
from gateway.dicom.streams import alone, close_source
from gateway.dicom.uids import is_uid
from gateway.errors import StreamBroken

_SYNTAX = "transfer-syntax"
_CACHED = 1024
_BOUNDARY = re.compile(r'; *boundary=(?:"([^"\\]+)"|([^\s";,]+))(?= *(?:;|$))', re.IGNORECASE)


def is_multipart(answer: Answer) -> bool:
    return answer.headers.get("content-type", "").lstrip().lower().startswith("multipart/")


def parts_of(answer: Answer) -> AsyncGenerator[Part, None]:
    """Each part as the archive labelled it; a body that is not multipart is one part.

    StreamBroken, from here or from a part's chunks, for a body that is damaged or cut.
    """
    text = answer.headers.get("content-type")
    if not is_multipart(answer):
        return _single(answer, _media_type(text))
    return _parts(answer, *_whole(text or ""))


def _whole(text: str) -> tuple[MediaType, MediaType]:
    """A multipart type, and what of it names the boundary.

    Boundaries are new each time and the rest is not: without them a type is in the cache of those
    that were read before.
    """
    found = _BOUNDARY.search(text)
    if found is None or text.count('"', 0, found.start()) % 2:
        whole = _media_type(text)
        return whole, whole
    boundary = MediaType(MULTIPART, (("boundary", found[1] or found[2]),))
    return _media_type(text[: found.start()] + text[found.end() :]), boundary


async def exactly(
    count: int, parts: AsyncIterator[Part], check: Callable[[int, Part], None] | None = None
) -> AsyncGenerator[Part, None]:
    """The parts, of which there must be `count`: StreamBroken for one too few or too many.

    `check` is given each one's place, from 0, and the part itself, to refuse it by raising.
    Closing this closes `parts`.
    """
    try:
        for number in range(count):
            part = await anext(parts, None)
            if part is None:
                raise _broken("The archive sent too few parts.")
            if check is not None:
                check(number, part)
            if number == count - 1:
                too_many = _broken("The archive sent more parts than were asked for.")
                chunks = alone(part.chunks, parts, too_many)
                part = Part(part.media_type, chunks, part.length, part.location)
            yield part
    finally:
        await close_source(parts)


def label(own: MediaType, whole: MediaType) -> MediaType:
    """A part's media type with its concrete transfer syntax, or without one if none is certain.

    Archives also write it into the head of the whole answer, where it counts if it is the only
    one there; and some say `*`, which is no syntax.
    """
    said = frozenset(whole.get_all(_SYNTAX))
    return _labelled(own, next(iter(said)) if len(said) == 1 else None)


@lru_cache(_CACHED)
def _labelled(own: MediaType, said: str | None) -> MediaType:
    syntax = next((uid for uid in (own.get(_SYNTAX), said) if uid and is_uid(uid)), None)
    bare = own.without(_SYNTAX)
    return MediaType(bare.essence, (*bare.parameters, (_SYNTAX, syntax))) if syntax else bare


async def _single(answer: Answer, whole: MediaType) -> AsyncGenerator[Part, None]:
    if answer.status != 204 and answer.length != 0:
        location = answer.headers.get("content-location")
        yield Part(label(whole, whole), answer.chunks(), answer.length, location)


async def _parts(answer: Answer, whole: MediaType, naming: MediaType) -> AsyncGenerator[Part, None]:
    try:
        boundary = boundary_of(naming)
    except ValueError as error:
        raise _broken("The archive's answer names no boundary.") from error
    async with aclosing(read_parts(answer.chunks(), boundary, broken=_no_multipart)) as parts:
        async for part in parts:
            yield _part(part, whole)


def _part(part: BodyPart, whole: MediaType) -> Part:
    said = part.headers.get("content-type")
    own = _media_type(said) if said else MediaType(whole.get("type") or OCTETS)
    return Part(
        label(own, whole),
        part.chunks,
        declared_length(part.headers),
        part.headers.get("content-location"),
    )


def _media_type(text: str | None) -> MediaType:
    try:
        return MediaType.parse(text or OCTETS)
    except ValueError:
        return MediaType(OCTETS)


def _no_multipart() -> StreamBroken:
    return _broken("The archive's answer is no proper multipart body.")


def _broken(message: str) -> StreamBroken:
    return StreamBroken(502, message, "backend_answer")
