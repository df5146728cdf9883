"""URLs that go out, written so that no library encodes them again (RFC 3986, PS3.18 8.3)."""

from collections.abc import Sequence
from urllib.parse import quote

from yarl import URL


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

    Everything but unreserved characters is escaped: a bare `+` would arrive as a space at some
    servers, and a signature over the query needs its strictest form. Bytes that were no UTF-8
    when they came leave as they came.
    """
    return "&".join(f"{_escaped(name)}={_escaped(value)}" for name, value in parameters)


def _escaped(text: str) -> str:
    return quote(text, safe="", errors="surrogateescape")
