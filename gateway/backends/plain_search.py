"""A search in which nothing has to be decoded, for an archive that decodes no query.

Orthanc as Debian builds it takes `DOE%5EJOHN` literally and finds nobody; a bare comma it takes
for the end of a value. Such characters become wildcards instead, and whoever asked drops the rows
that match only those.
"""

from collections.abc import Iterable
from dataclasses import replace

from gateway.dicom.resources import Dataset
from gateway.dicom.search.date_spans import DATE_VRS
from gateway.dicom.search.key_values import EMPTY
from gateway.dicom.search.matching import RowMatcher
from gateway.dicom.search.query import MatchKey, SearchQuery
from gateway.dicom.search.wildcards import WILDCARD_VRS
from gateway.net.urls import is_plain


def plain_search(query: SearchQuery) -> SearchQuery | None:
    """The search that finds as much or more; None if it would be the same."""
    keys = tuple(_plain(key) for key in query.keys)
    return replace(query, keys=keys) if keys != query.keys else None


def shows_match(query: SearchQuery, rows: Iterable[Dataset]) -> bool:
    """True if a row proves that the archive understood what had to be escaped in the query."""
    tags = {key.path[0] for key in query.keys if _plain(key) is not key}
    matcher = RowMatcher(query)
    return any(tags <= row.keys() and not matcher.mismatches(row) for row in rows)


def _plain(key: MatchKey) -> MatchKey:
    value = _plain_value(key)
    if value is None or value == key.sent or not is_plain(value):
        return key
    return replace(key, raw=value, values=(value,))


def _plain_value(key: MatchKey) -> str | None:
    """None where a wildcard is no way out."""
    if len(key.values) != 1 or key.values == (EMPTY,):
        return None
    (value,) = key.values
    if is_plain(value) and "," not in value:
        return value
    if key.vr in DATE_VRS:
        return value.replace(" ", "")
    if key.vr not in WILDCARD_VRS:
        return None
    return "".join(map(_wildcard, value.rstrip("^") if key.vr == "PN" else value))


def _wildcard(character: str) -> str:
    if is_plain(character) and character != ",":
        return character
    # A character beyond ASCII may be several to an archive that compares bytes.
    return "?" if character.isascii() else "*"
