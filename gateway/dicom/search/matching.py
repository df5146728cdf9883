"""Whether a row of a search matches its keys, as far as the row can tell (PS3.4 C.2.2.2).

An archive that does not know a key returns rows as if the key had not been given. This finds
them, and is lenient everywhere else: a row that any right archive returns is never lost, whether
that archive tells case apart or not, reads names by component or as a whole, or matches dates and
times together or each alone. It is therefore no proof that somebody may see a row.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from types import MappingProxyType
from typing import Any

from gateway.dicom.dictionary import UNKNOWN_VR
from gateway.dicom.resources import Attribute, Dataset
from gateway.dicom.search.date_spans import DATE_VRS, Span, range_span, value_span
from gateway.dicom.search.key_values import EMPTY, EMPTY_VRS
from gateway.dicom.search.query import MatchKey, SearchQuery
from gateway.dicom.search.value_matching import Predicate, predicate

_CHARACTER_SET, _TIMEZONE = "00080005", "00080201"
_DATE_OF_TIME: Mapping[str, str] = MappingProxyType(
    {
        "00080030": "00080020",
        "00080031": "00080021",
        "00080032": "00080022",
        "00080033": "00080023",
        "00400003": "00400002",
        "00400005": "00400004",
        "00400245": "00400244",
        "00400251": "00400250",
    }
)
"""The times that are matched as one with a date (combined matching, PS3.18 8.3.4.1.1)."""


class RowMatcher:
    """The keys of one query, made ready for many rows."""

    def __init__(self, query: SearchQuery) -> None:
        self._tests = tuple(_key_tests(query))

    def mismatches(self, row: Dataset, returned: frozenset[str] = frozenset()) -> tuple[str, ...]:
        """The names of the keys that the row does not match.

        `returned` are tags that the archive is known to return: where other rows have one, a row
        without it has no value there. A key whose attribute is missing otherwise is not decided.
        """
        return tuple(test.name for test in self._tests if not test.allows(row, returned))


def undecided(query: SearchQuery, rows: Iterable[Dataset]) -> tuple[str, ...]:
    """The names of the keys whose attribute is in none of the rows, of which there are some."""
    present: set[str] = set()
    for row in rows:
        present |= row.keys()
    if not present:
        return ()
    return tuple(key.name for key in query.keys if key.values and key.path[0] not in present)


class _KeyTest:
    """One key, with the predicates of its values for each VR that rows give the attribute."""

    def __init__(self, key: MatchKey, *, empty: bool) -> None:
        self.name = key.name
        self._key = key
        self._empty = empty
        self._predicates: dict[str, tuple[Predicate, ...] | None] = {}

    def allows(self, row: Dataset, returned: frozenset[str]) -> bool:
        """False if the row shows that it does not match."""
        tag = self._key.path[0]
        if tag not in row:
            return tag not in returned or self._empty
        attributes = _attributes(row, self._key.path)
        return attributes is None or self._matches(attributes)

    def _matches(self, attributes: list[Attribute]) -> bool:
        values = list(_values(attributes))
        if self._empty or not values:
            return self._empty and not values
        tests = self._tests(_vr(self._key, attributes[0]))
        quantifier = all if self._key.match_all else any
        return tests is None or quantifier(any(map(test, values)) for test in tests)

    def _tests(self, vr: str) -> tuple[Predicate, ...] | None:
        """None for a VR that cannot be matched here."""
        if vr not in self._predicates:
            made = [predicate(vr, value) for value in self._key.values]
            self._predicates[vr] = None if None in made else tuple(filter(None, made))
        return self._predicates[vr]


class _MomentTest:
    """A range of times together with a range of dates, as from one moment to another.

    An archive that matches each alone finds less than one that combines them.
    """

    def __init__(self, time: MatchKey, date: MatchKey, span: Span) -> None:
        self.name = time.name
        self._time = time
        self._date = date
        self._span = span

    def allows(self, row: Dataset, returned: frozenset[str]) -> bool:
        """False if the row shows that it does not match."""
        dates = _spans(self._date, row)
        times = _spans(self._time, row)
        if not dates or not times:
            return True
        return any(self._span.meets(date.then(time)) for date, time in product(dates, times))


def _key_tests(query: SearchQuery) -> Iterator[_KeyTest | _MomentTest]:
    dates = {key.path: key for key in query.keys if key.vr == "DA" and key.values}
    zoned = any(key.path == (_TIMEZONE,) and key.values for key in query.keys)
    for key in query.keys:
        if not key.values or not _is_decidable(key, query.fuzzy is True, zoned):
            continue
        date = dates.get((*key.path[:-1], _DATE_OF_TIME.get(key.path[-1], "")))
        moment = _moment(date, key) if date is not None else None
        if date is not None and moment is not None:
            yield _MomentTest(key, date, moment)
        else:
            yield _KeyTest(key, empty=query.empty_value_matching is True and _asks_for_empty(key))


def _is_decidable(key: MatchKey, fuzzy: bool, zoned: bool) -> bool:
    """False for what archives match by rules of their own, and for what describes the query."""
    if key.path in ((_CHARACTER_SET,), (_TIMEZONE,)):
        return False
    return not (fuzzy and key.vr == "PN") and not (zoned and key.vr in DATE_VRS)


def _asks_for_empty(key: MatchKey) -> bool:
    return key.values == (EMPTY,) and key.vr in EMPTY_VRS


def _moment(date: MatchKey, time: MatchKey) -> Span | None:
    days, hours = range_span("DA", date.values[0]), range_span("TM", time.values[0])
    return days.then(hours) if days is not None and hours is not None else None


def _spans(key: MatchKey, row: Dataset) -> list[Span]:
    values = _values(_attributes(row, key.path) or ())
    return list(filter(None, (value_span(key.vr, str(value)) for value in values)))


def _vr(key: MatchKey, attribute: Attribute) -> str:
    return str(attribute.get("vr", UNKNOWN_VR)) if key.vr == UNKNOWN_VR else key.vr


def _attributes(row: Dataset, path: tuple[str, ...]) -> list[Attribute] | None:
    """The attributes at a path, one for each item that has it; None where that cannot be told."""
    holders: list[Any] = [row]
    for depth, tag in enumerate(path):
        found = [holder[tag] for holder in holders if isinstance(holder, dict) and tag in holder]
        if not found and holders:
            return None
        if not all(isinstance(attribute, dict) for attribute in found):
            return None
        if depth == len(path) - 1:
            return None if any(map(_is_elsewhere, found)) else found
        holders = [item for attribute in found for item in _values([attribute])]
    return None


def _is_elsewhere(attribute: Attribute) -> bool:
    return "BulkDataURI" in attribute or "InlineBinary" in attribute


def _values(attributes: Iterable[Attribute]) -> Iterator[Any]:
    for attribute in attributes:
        values = attribute.get("Value")
        yield from filter(_is_value, values if isinstance(values, list) else ())


def _is_value(value: Any) -> bool:
    """False for what stands for an empty value (PS3.18 F.2.5)."""
    if isinstance(value, dict):
        return any(value.values())
    return value is not None and value != ""
