"""A sans-IO parser of multipart bodies (RFC 2046 5.1), tolerant of how archives write them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias


class MultipartError(ValueError):
    """A body that is not multipart as its boundary says, or that ends before its end."""


@dataclass(frozen=True, slots=True)
class PartBegin:
    """The head of a part has been read; header names are lower case, the first of two wins."""

    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PartData:
    """A piece of the payload of the part that began last; never empty."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The part that began last is complete: its delimiter was seen."""


Event: TypeAlias = PartBegin | PartData | PartEnd


class MultipartParser:
    """Turns the bytes of a body, in pieces of any size, into events."""

    def __init__(self, boundary: str, *, max_header: int = 16 * 1024) -> None:
        raise NotImplementedError

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes; MultipartError where the body is broken."""
        raise NotImplementedError

    def close(self) -> list[Event]:
        """The last events; MultipartError if the closing delimiter was not seen."""
        raise NotImplementedError
