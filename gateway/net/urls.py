"""URLs that go out, written so that no library encodes them again (RFC 3986, PS3.18 8.3)."""

import re
from collections.abc import Sequence
from urllib.parse import quote

from yarl import URL

_PLAIN = "!$'()*,/:?@"
"""Beside the unreserved ones: what RFC 3986 3.4 lets a query hold as it is, but for `+` and `;`,
which some servers read otherwise. Orthanc as Debian builds it decodes no query: `PatientName=A%2A`
finds nothing there, `viewport=64%2C64` is an error."""

_NOTHING_TO_ESCAPE = re.compile(r"[A-Za-z0-9_.~!$'()*,/:?@-]*")


def join(
    base: str,
    path: str,
    parameters: Sequence[tuple[str, str]] = (),
    raw_query: str | None = None,
) -> URL:
    """The URL of `path`, already percent-encoded, below `base`.

    `parameters` are decoded pairs; `raw_query` is an encoded query that goes first and untouched.
    """
    queries = [text for text in (raw_query, encode(parameters)) if text]
    url = f"{base.rstrip('/')}/{path.lstrip('/')}"
    return URL(f"{url}?{'&'.join(queries)}" if queries else url, encoded=True)


def encode(parameters: Sequence[tuple[str, str]]) -> str:
    """A query that every server decodes to the same pairs.

    A bare `+` would arrive as a space at some servers. Bytes that were no UTF-8 when they came
    leave as they came.
    """
    return "&".join(f"{_escaped(name)}={_escaped(value)}" for name, value in parameters)


def is_plain(text: str) -> bool:
    """True for a value that is sent as it is, so that a server need not decode it."""
    return _NOTHING_TO_ESCAPE.fullmatch(text) is not None


def strictly_encoded(url: URL) -> str:
    """The same URL with all but unreserved characters escaped in its query, as signatures need it.

    What was escaped stays as it is.
    """
    resource, mark, query = str(url).partition("?")
    return resource + mark + quote(query, safe="%&=")


def _escaped(text: str) -> str:
    if _NOTHING_TO_ESCAPE.fullmatch(text):
        return text
    return quote(text, safe=_PLAIN, errors="surrogateescape")
