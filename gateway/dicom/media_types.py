"""Media types and Accept lists (RFC 9110 8.3 and 12.5.1, PS3.18 8.7): strict out, tolerant in.

What clients and archives really send is taken: unquoted slashes, doubled parameters, a `q`
without its leading digit, and `type="image/jp2; transfer-syntax=..."` with two parameters packed
into one value.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from gateway.errors import bad_request

DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
DICOM_XML = "application/dicom+xml"
OCTETS = "application/octet-stream"
MULTIPART = "multipart/related"

MAX_LENGTH = 16 * 1024
"""Characters of an Accept value; a longer one is refused."""
MAX_MEMBERS = 64
"""Members of an Accept list; those after it are not looked at."""

_CACHED_LENGTH = 1024
_CACHED = 1024

# A value ends at the separator that is outside of quotes; an open quote runs to the end.
_MEMBER = re.compile(r'(?:[^",]++|"(?:[^"\\]|\\.)*+"?)++')
_SECTION = re.compile(r'(?:[^";]++|"(?:[^"\\]|\\.)*+"?)++')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"')
_ESCAPE = re.compile(r"\\(.)")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_ESSENCE = re.compile(r"\*/\*|(?!\*/)[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+")
_PRINTABLE = re.compile(r"[\t\x20-\x7e]*")
_Q = re.compile(r"1(?:\.0*)?|0?(?:\.[0-9]*)?")
# A plus sign in a query that nobody escaped arrives as a space.
_LOST_PLUS = re.compile(r'(/[^\s,;"]+) (json|xml)\b')


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type or range: `type/subtype` in lower case, and parameters without their quotes."""

    essence: str
    parameters: tuple[tuple[str, str], ...] = ()

    @staticmethod
    def parse(text: str) -> "MediaType":
        """Raises ValueError if there is no `type/subtype`, a quote stays open, or a character
        is not printable ASCII. What follows a semicolon and is not `name=value` is dropped.
        """
        return _cached_media_type(text) if len(text) <= _CACHED_LENGTH else _media_type(text)

    def get(self, name: str) -> str | None:
        """The parameter's value, the first one of a doubled parameter; `name` in lower case."""
        for key, value in self.parameters:
            if key == name:
                return value
        return None

    def get_all(self, name: str) -> tuple[str, ...]:
        """Every value of a parameter that may be doubled, in order; `name` in lower case."""
        return tuple(value for key, value in self.parameters if key == name)

    def without(self, name: str) -> "MediaType":
        """The same media type without that parameter."""
        kept = tuple(item for item in self.parameters if item[0] != name)
        return self if len(kept) == len(self.parameters) else MediaType(self.essence, kept)

    def __str__(self) -> str:
        """As it is sent: each parameter once, and quoted unless it is a token."""
        return _cached_text(self)


@dataclass(frozen=True, slots=True)
class MediaRange:
    """A member of an Accept list; `q` is 0 for what the client refuses."""

    media_type: MediaType
    q: float


ANYTHING = (MediaRange(MediaType("*/*"), 1.0),)
"""What a missing or empty Accept means."""


def _media_type(text: str) -> MediaType:
    if not _PRINTABLE.fullmatch(text):
        raise ValueError("a media type holds printable ASCII only")
    essence, *sections = _SECTION.findall(text) or [""]
    essence = essence.strip().lower()
    if text.lstrip().startswith(";") or not _ESSENCE.fullmatch(essence):
        raise ValueError("a media type is written type/subtype")
    return MediaType(essence, tuple(_parameters(sections)))


def _text(media_type: MediaType) -> str:
    once = dict.fromkeys(name for name, _ in media_type.parameters)
    written = (f"; {name}={_written(media_type.get(name))}" for name in once)
    return media_type.essence + "".join(written)


# Nearly every request and every part of an answer names one of a few.
_cached_media_type = lru_cache(_CACHED)(_media_type)
_cached_text = lru_cache(_CACHED)(_text)


def parse_accept(header: str | None, query: str | None) -> tuple[MediaRange, ...]:
    """The members of an Accept list, the best first, equals in the order given.

    The `accept` query parameter (PS3.18 8.3.3.1) wins over the header. Members that do not parse
    are skipped; GatewayError 400 if nothing parses or the value is longer than `MAX_LENGTH`.
    """
    text = (query or "").strip()
    text = _LOST_PLUS.sub(r"\1+\2", text) if text else (header or "").strip()
    if not text:
        return ANYTHING
    if len(text) > MAX_LENGTH:
        raise bad_request("The list of accepted media types is too long.")
    ranges = _cached_ranges(text) if len(text) <= _CACHED_LENGTH else _ranges(text)
    if not ranges:
        raise bad_request("No member of the list of accepted media types can be read.")
    return ranges


def _ranges(text: str) -> tuple[MediaRange, ...]:
    members = (match.group() for match in _MEMBER.finditer(text))
    read = [_range(member) for member, _ in zip(members, range(MAX_MEMBERS), strict=False)]
    return tuple(sorted(filter(None, read), key=lambda member: -member.q))


_cached_ranges = lru_cache(_CACHED)(_ranges)


def _range(text: str) -> MediaRange | None:
    try:
        media_type = MediaType.parse(text)
    except ValueError:
        return None
    q = media_type.get("q") or "1"
    if not _Q.fullmatch(q) or q == ".":
        return None
    return MediaRange(media_type.without("q"), float(q))


def _parameters(sections: list[str]) -> Iterator[tuple[str, str]]:
    """Name and value of each section that has both; a packed `type` gives what it holds."""
    for section in sections:
        name, equals, value = section.partition("=")
        name = name.strip().lower()
        if not equals or not _TOKEN.fullmatch(name):
            continue
        value = _read(value.strip())
        if name == "type" and ";" in value:
            value, *packed = _SECTION.findall(value) or [""]
            yield name, value.strip()
            yield from _parameters(packed)
        else:
            yield name, value


def _read(value: str) -> str:
    if '"' not in value:
        return value
    quoted = _QUOTED.fullmatch(value)
    if quoted is None:
        raise ValueError("a quoted value does not end")
    return _ESCAPE.sub(r"\1", quoted[1])


def _written(value: str | None) -> str:
    if value and _TOKEN.fullmatch(value):
        return value
    return '"' + (value or "").replace("\\", "\\\\").replace('"', '\\"') + '"'
