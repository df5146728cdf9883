"""A sans-IO parser of multipart bodies (RFC 2046 5.1), tolerant of how archives write them.

Taken although the standard has it otherwise: a lone LF for a line end around the first delimiter
and within heads, blank lines or text before the first delimiter, a body that ends without a line
end behind its closing delimiter.

Never taken: a body that ends before its closing delimiter, and a payload that differs from the
Content-Length of its own part. Where a part tells its length, its payload is counted and not
searched, and its delimiter must follow: no writer is known that counts its payload wrongly, while
pixels can hold any boundary. Where it does not, the delimiter alone decides where it ends.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

_MAX_HEADERS = 100

_BLANK_LINE = re.compile(rb"\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_LINE_END = re.compile(r"\r?\n")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:([^\x00-\x08\x0a-\x1f\x7f]*)")
_LENGTH = re.compile(r"[0-9]{1,18}")
# What may stand behind a boundary (RFC 2046 lets a transport add blanks), how that may begin,
# and what of it is enough for the end of the body.
_REST_OF_LINE = re.compile(rb"(--)?[ \t]{0,128}\r?(?=\n)")
_MAY_BECOME_REST = re.compile(rb"-|(--)?[ \t]{0,128}\r?")
_CLOSED = re.compile(rb"--[ \t]{0,128}\r?")


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
_Step: TypeAlias = Callable[[bytes, int, list[Event]], int | None]


class MultipartParser:
    """Turns the bytes of a body, in pieces of any size, into events.

    A chunk that is nothing but payload is handed on as the object that it is: no copy is made.
    """

    def __init__(self, boundary: str, *, max_header: int = 16 * 1024) -> None:
        """`max_header` bounds the preamble and the head of each part, in bytes."""
        # Nothing of a preamble is kept, so that its delimiter may follow a lone LF. In a payload
        # it may not: the byte before that LF would be lost, or the LF would be.
        self._first_delimiter = b"\n--" + boundary.encode("ascii")
        self._delimiter = b"\r" + self._first_delimiter
        self._max_header = max_header
        self._step: _Step | None = self._preamble
        # What cannot be told yet. The first line of a body begins as if behind a line end.
        self._held = b"\n"
        self._skipped = 0
        self._shared = 0
        self._received = 0
        self._declared: int | None = None
        self._failure: MultipartError | None = None

    @property
    def complete(self) -> bool:
        """True behind the closing delimiter: whatever else comes means nothing."""
        return self._step is None

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes; MultipartError where the body is broken.

        What stands before a fault is answered first, the fault by the next call: it makes no
        difference how the body was cut into chunks.
        """
        self._raise_failure()
        events: list[Event] = []
        try:
            self._advance(self._held + chunk if self._held else chunk, events)
        except MultipartError as failure:
            self._failure = failure
            if not events:
                raise
        return events

    def close(self) -> list[Event]:
        """The last events; MultipartError if the closing delimiter was not seen."""
        self._raise_failure()
        events: list[Event] = []
        if self._step is not None and self._is_closed_by_end():
            self._boundary_seen(closing=True, events=events)
        if not self.complete:
            raise MultipartError("the body ends before its closing delimiter")
        return events

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _advance(self, data: bytes, events: list[Event]) -> None:
        self._held = b""
        position: int | None = 0
        while position is not None and self._step is not None:
            position = self._step(data, position, events)

    # A step takes `data` from `position` on. It answers where the next step goes on, or None
    # once it has put what it cannot tell yet into `_held`.

    def _preamble(self, data: bytes, position: int, events: list[Event]) -> int | None:
        found, rest = _find(self._first_delimiter, data, position)
        self._skipped += found - position
        if self._skipped > self._max_header:
            raise MultipartError("the body does not begin with its delimiter")
        return self._behind(data, found, rest, events)

    def _head(self, data: bytes, position: int, events: list[Event]) -> int | None:
        """`position` is at the LF of the delimiter's line, so that a head may be empty."""
        blank = _BLANK_LINE.search(data, position, position + self._max_header)
        if blank is None:
            if len(data) - position >= self._max_header:
                raise MultipartError("the head of a part is too long")
            self._held = data[position:]
            return None
        headers = _read_headers(data[position + 1 : blank.start() + 1])
        events.append(PartBegin(headers))
        self._declared = declared_length(headers)
        self._received = 0
        if self._declared:
            self._step = self._counted
            return blank.end()
        # The blank line's CRLF is also that of a delimiter which follows it at once.
        self._shared = 2 if blank[0] == b"\n\r\n" else 0
        self._step = self._payload
        return blank.end() - self._shared

    def _counted(self, data: bytes, position: int, events: list[Event]) -> int | None:
        left = (self._declared or 0) - self._received
        piece = data[position : position + left]
        self._received += len(piece)
        if piece:
            events.append(PartData(piece))
        if len(piece) < left:
            return None
        self._step = self._end_of_counted
        return position + left

    def _end_of_counted(self, data: bytes, position: int, events: list[Event]) -> int | None:
        found, rest = _find(self._delimiter, data, position)
        if found > position:
            raise MultipartError("a part is not as long as its Content-Length says")
        return self._behind(data, found, rest, events)

    def _payload(self, data: bytes, position: int, events: list[Event]) -> int | None:
        found, rest = _find(self._delimiter, data, position)
        if found > position:
            piece = data[position + self._shared : found]
            self._shared = 0
            self._received += len(piece)
            if piece:
                events.append(PartData(piece))
        return self._behind(data, found, rest, events)

    def _behind(
        self, data: bytes, found: int, rest: re.Match[bytes] | None, events: list[Event]
    ) -> int | None:
        if rest is None:
            self._held = data[found:]
            return None
        self._boundary_seen(closing=rest[1] is not None, events=events)
        return rest.end()

    def _boundary_seen(self, *, closing: bool, events: list[Event]) -> None:
        if self._step in (self._payload, self._end_of_counted):
            if self._declared not in (None, self._received):
                raise MultipartError("a part is not as long as its Content-Length says")
            events.append(PartEnd())
        self._step = None if closing else self._head

    def _is_closed_by_end(self) -> bool:
        """True if what is held is a closing delimiter that only lacks its line end."""
        behind = self._held.removeprefix(b"\r").removeprefix(self._first_delimiter)
        return self._step != self._head and _CLOSED.fullmatch(behind) is not None


def _find(delimiter: bytes, data: bytes, position: int) -> tuple[int, re.Match[bytes] | None]:
    """Where the next delimiter begins, and the rest of its line up to its LF.

    No rest: what begins there may become a delimiter once more bytes are known; that is the end
    of `data` at the latest. A boundary that other characters follow is none.
    """
    found = data.find(delimiter, position)
    while found >= 0:
        behind = found + len(delimiter)
        rest = _REST_OF_LINE.match(data, behind)
        if rest is not None or _MAY_BECOME_REST.fullmatch(data, behind):
            return found, rest
        found = data.find(delimiter, behind)
    return _find_cut(delimiter, data, position), None


def _find_cut(delimiter: bytes, data: bytes, position: int) -> int:
    """Where a delimiter begins that the end of `data` cuts; the end itself if there is none."""
    first = delimiter[:1]
    found = data.find(first, max(position, len(data) - len(delimiter) + 1))
    while found >= 0 and not delimiter.startswith(data[found:]):
        found = data.find(first, found + 1)
    return len(data) if found < 0 else found


def _read_headers(head: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    lines = _LINE_END.split(_FOLD.sub(b" ", head).decode("latin-1"))
    if len(lines) > _MAX_HEADERS:
        raise MultipartError("a part has too many headers")
    for line in filter(None, lines):
        match = _HEADER.fullmatch(line)
        if match is None:
            raise MultipartError("a header of a part cannot be read")
        headers.setdefault(match[1].lower(), match[2].strip(" \t"))
    return headers


def declared_length(headers: Mapping[str, str]) -> int | None:
    """The Content-Length that headers tell; None for none, and for one that cannot be meant."""
    declared = headers.get("content-length", "")
    return int(declared) if _LENGTH.fullmatch(declared) else None
