"""Multipart bodies as PS3.18 8.6.1.2 uses them: a streaming reader, and the pieces of a writer."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.dicom.media_types import MediaType
from gateway.dicom.multipart_parser import MultipartError, MultipartParser

__all__ = [
    "BodyPart",
    "MultipartError",
    "MultipartParser",
    "body_length",
    "boundary_of",
    "closing",
    "part_head",
    "read_parts",
]


@dataclass(frozen=True, slots=True)
class BodyPart:
    """One part of a body; `chunks` end, or fail, with the part.

    Header names are lower case. What of `chunks` was not read when the next part is asked for
    is skipped.
    """

    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


def boundary_of(content_type: MediaType) -> str:
    """The boundary that a multipart Content-Type names; ValueError if it names none that is valid."""
    raise NotImplementedError


def read_parts(
    chunks: AsyncIterator[bytes], boundary: str, *, max_header: int = 16 * 1024
) -> AsyncIterator[BodyPart]:
    """The parts of a body, in order, as they arrive; an async generator, so it can be closed.

    MultipartError, from here or from a part's chunks, when the body is broken or ends before its
    closing delimiter. Closing this closes `chunks`.
    """
    raise NotImplementedError


def part_head(boundary: str, headers: Sequence[tuple[str, str]], *, first: bool) -> bytes:
    """All that stands before a part's payload: the delimiter and the headers."""
    raise NotImplementedError


def closing(boundary: str) -> bytes:
    """All that stands behind the last part's payload."""
    raise NotImplementedError


def body_length(boundary: str, heads: Iterable[bytes], lengths: Iterable[int]) -> int:
    """Bytes of a whole body of parts with these heads (of `part_head`) and payload lengths."""
    raise NotImplementedError
