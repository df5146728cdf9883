"""A JSON array cut into its elements while it streams in (PS3.18 F.2.1): sans-IO.

Nothing is parsed here: the bytes of an element are found by its brackets and strings alone, and
only one element is held. The work is done by patterns, which take whole attributes at a time;
where a chunk ends inside one, its brackets are counted instead.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterator

MAX_ELEMENT = 64 * 1024 * 1024
"""Bytes of one element, unless told otherwise."""

_MAX_DEPTH = 512
_WHITESPACE = b" \t\r\n"
_LONGEST_HEAD = 64
_QUOTE, _COMMA = b'",'
_OPENING = b"[{"
_CLOSING = b"}]"
"""Of the body: an object's, an array's."""
_NO_ELEMENTS = (b"", b"null")

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
# Only for speed: what most attributes look like, as one step instead of six.
_ATTRIBUTE = (
    rb'"[0-9A-F]{8}"\s*+:\s*+\{\s*+"vr"\s*+:\s*+"[A-Z]{2}"\s*+,\s*+"Value"\s*+:\s*+'
    rb'\[\s*+(?:[^"{}\[\]]++|"[^"\\]*+"\s*+)\]\s*+\}'
)
_LEVELS = 4
"""Brackets within brackets that one step may take."""


def _run(levels: int) -> bytes:
    """What is balanced as it stands: strings, whatever has no brackets, and nested brackets."""
    nested = rb"|[\[{]" + _run(levels - 1) + rb"[\]}]" if levels else b""
    return rb"(?:" + _ATTRIBUTE + rb"|" + _STRING + rb'|[^"{}\[\]]++' + nested + rb")*+"


_INSIDE = re.compile(_run(_LEVELS), re.DOTALL)
_BETWEEN = re.compile(rb"(?:" + _STRING + rb'|[^"{}\[\],]++)*+', re.DOTALL)
_REST_OF_STRING = re.compile(rb"(?:[^\"\\]++|\\.)*+", re.DOTALL)


class JsonArraySplitter:
    """Feed it a body in any pieces; each piece gives the elements that end in it.

    A body that is one object counts as an array of it; an empty body and `null` have no elements.
    Raises ValueError for what is no array, an element longer than `max_element` bytes, and
    brackets that do not match.
    """

    def __init__(self, max_element: int = MAX_ELEMENT) -> None:
        self._max_element = max_element
        self._buffer = bytearray()
        self._started = self._ended = self._in_string = self._in_list = False
        self._element_depth = 0
        """The brackets around an element: none for a body that is a single object."""
        self._depth = 0
        self._start = 0
        """Where the element that is not yet whole begins in the buffer."""
        self._at = 0
        """Up to where the buffer has been looked at."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The elements that became whole, without the whitespace around them."""
        self._buffer += chunk
        if not self._started and not self._begin():
            return []
        elements = list(self._elements())
        if self._ended and self._buffer[self._at :].strip(_WHITESPACE):
            raise ValueError("something follows the JSON array")
        del self._buffer[: self._start]
        self._at -= self._start
        self._start = 0
        self._check_length(len(self._buffer))
        return elements

    def close(self) -> None:
        """Raises ValueError if the body ended before the array did."""
        if not self._ended and (self._started or bytes(self._buffer).strip() not in _NO_ELEMENTS):
            raise ValueError("the JSON array is cut off")

    def _begin(self) -> bool:
        """True once the first character has been seen, and that an element can follow it."""
        self._buffer = self._buffer.lstrip(_WHITESPACE).removeprefix(BOM_UTF8).lstrip(_WHITESPACE)
        head = bytes(self._buffer[:_LONGEST_HEAD]).rstrip(_WHITESPACE)
        if BOM_UTF8.startswith(head) or b"null".startswith(head):
            return False
        if head[0] not in _OPENING:
            raise ValueError("the body is no JSON array")
        self._started = True
        self._at = self._depth = 1
        if head[0] == _OPENING[0]:
            self._element_depth = self._start = 1
        return True

    def _elements(self) -> Iterator[bytes]:
        while not self._ended and self._skip():
            byte = self._buffer[self._at]
            self._at += 1
            if byte == _QUOTE:
                self._in_string = True
            elif byte == _COMMA:
                self._in_list = True
                yield self._element(self._at - 1)
            elif byte in _OPENING:
                self._open()
            else:
                yield from self._close_bracket(byte)

    def _skip(self) -> bool:
        """Go on to what needs a decision; False if the buffer ends before that."""
        if self._in_string:
            self._at = self._matched(_REST_OF_STRING)
            if self._at == len(self._buffer) or self._buffer[self._at] != _QUOTE:
                return False
            self._at += 1
            self._in_string = False
        between = self._depth == self._element_depth
        self._at = self._matched(_BETWEEN if between else _INSIDE)
        return self._at < len(self._buffer)

    def _matched(self, pattern: re.Pattern[bytes]) -> int:
        match = pattern.match(self._buffer, self._at)
        return match.end() if match is not None else self._at

    def _open(self) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ValueError("the JSON is nested too deeply")

    def _close_bracket(self, byte: int) -> Iterator[bytes]:
        self._depth -= 1
        if self._depth:
            return
        if byte != _CLOSING[self._element_depth]:
            raise ValueError("the brackets of the JSON array do not match")
        self._ended = True
        end = self._at - self._element_depth
        is_empty = not self._buffer[self._start : end].strip(_WHITESPACE)
        if not is_empty or self._in_list:
            yield self._element(end)
        self._start = self._at

    def _element(self, end: int) -> bytes:
        element = bytes(self._buffer[self._start : end]).strip(_WHITESPACE)
        self._start = self._at
        if not element:
            raise ValueError("an element of the JSON array is missing")
        self._check_length(len(element))
        return element

    def _check_length(self, length: int) -> None:
        if length > self._max_element:
            raise ValueError("an element of the JSON array is too long")
