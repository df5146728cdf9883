"""What a retrieval answers with: one or many representations, the first already in hand."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from gateway.backends.base import Part
from gateway.dicom.codestreams import sniffed
from gateway.dicom.media_types import MediaType
from gateway.dicom.streams import peeked

_PEEKED = 2048
"""Bytes in which a Part 10 file tells its transfer syntax."""


@dataclass(frozen=True, slots=True)
class Representation:
    """One body as it leaves; `chunks` is read before the next representation is asked for."""

    media_type: MediaType
    chunks: AsyncIterator[bytes]
    length: int | None = None
    location: str | None = None
    """Content-Location: a URL of the gateway's."""


@dataclass(frozen=True, slots=True)
class Retrieved:
    """An answer whose status is certain: the first representation could be made."""

    multipart: bool
    first: Representation
    others: AsyncIterator[Representation] | None = None
    """None if there are none for certain: a known length is then that of the whole body."""


async def first_bytes(part: Part) -> tuple[bytes, Part]:
    """The first 2 KiB of a part, and the part with all of its bytes still to be read."""
    start, chunks = await peeked(part.chunks, _PEEKED)
    return start, Part(part.media_type, chunks, part.length, part.location)


async def sniffed_part(part: Part) -> tuple[str | None, Part]:
    """The transfer syntax of the codestream that a part is, and the part still to be read."""
    found, chunks = await sniffed(part.chunks)
    return found, Part(part.media_type, chunks, part.length, part.location)
