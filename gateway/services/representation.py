"""What a retrieval answers with: one or many representations, the first already in hand."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from gateway.backends.base import Part
from gateway.dicom import codestreams
from gateway.dicom.media_types import MediaType
from gateway.dicom.streams import peeked


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


async def first_bytes(part: Part, size: int = codestreams.ENOUGH) -> tuple[bytes, Part]:
    """The beginning of a part, and the part with all of its bytes still to be read.

    As many bytes as tell a part's own transfer syntax, of a Part 10 file by its meta information.
    """
    start, chunks = await peeked(part.chunks, size)
    return start, Part(part.media_type, chunks, part.length, part.location)
