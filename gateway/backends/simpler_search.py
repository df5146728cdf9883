"""A search asked again with less, for an archive that refuses it (PS3.18 8.3: what an origin
server does not support it should ignore; many refuse it instead)."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

from gateway.dicom.resources import Level
from gateway.dicom.search.attributes import REQUIRED_KEYS
from gateway.dicom.search.date_spans import DATE_VRS
from gateway.dicom.search.query import INCLUDE_FIELD, MatchKey, SearchQuery
from gateway.dicom.search.wildcards import WILDCARD_VRS, has_wildcard

INCLUDE_ALL_REFUSED = "includefield=all"
FUZZY_REFUSED = "fuzzymatching"


@dataclass(frozen=True, slots=True)
class Simpler:
    """A query without something; `without` are the parameters that its results lack."""

    query: SearchQuery
    refused: Hashable
    """What is remembered if the archive answers this."""
    without: frozenset[str] = frozenset()


def _without_include_all(query: SearchQuery) -> Simpler | None:
    if not query.include_all:
        return None
    simpler = replace(query, include_all=False)
    return Simpler(simpler, INCLUDE_ALL_REFUSED, frozenset({INCLUDE_FIELD}))


def _without_fuzzy(query: SearchQuery) -> Simpler | None:
    if query.fuzzy is None:
        return None
    without = frozenset({"fuzzymatching"}) if query.fuzzy else frozenset[str]()
    return Simpler(replace(query, fuzzy=None), FUZZY_REFUSED, without)


def _without_flags(query: SearchQuery) -> Simpler | None:
    flags = {
        "emptyvaluematching": query.empty_value_matching,
        "multiplevaluematching": query.multiple_value_matching,
    }
    named = frozenset(name for name, flag in flags.items() if flag is not None)
    if not named:
        return None
    simpler = replace(query, empty_value_matching=None, multiple_value_matching=None)
    return Simpler(simpler, named, frozenset(name for name in named if flags[name]))


def _without_offset(query: SearchQuery) -> Simpler | None:
    """All rows up to the page's end: newer versions of Orthanc refuse an offset beside a key that
    their index does not have."""
    if not query.offset:
        return None
    limit = query.limit + query.offset if query.limit is not None else None
    shapes = frozenset((key.path, _shape(key)) for key in query.keys)
    refused = ("offset", query.level, shapes)
    return Simpler(replace(query, offset=0, limit=limit), refused)


def _without_limit(query: SearchQuery) -> Simpler | None:
    """Some refuse a limit above their own. Whoever asked follows with further pages."""
    if query.limit is None:
        return None
    return Simpler(replace(query, limit=None), ("limit", query.limit))


def _without_include(query: SearchQuery) -> Simpler | None:
    if not query.include:
        return None
    names = frozenset(name for group in query.include for name in group)
    return Simpler(replace(query, include=()), ("include", names), frozenset({INCLUDE_FIELD}))


def _without_optional_keys(query: SearchQuery) -> Simpler | None:
    optional = tuple(key for key in query.keys if _is_optional(key, query.level))
    if not optional:
        return None
    kept = tuple(key for key in query.keys if key not in optional)
    # With their values: an archive that refuses one bad value takes others of the same attribute.
    refused = ("keys", query.level, frozenset((key.path, key.sent) for key in optional))
    # What every row matches is lost without harm.
    without = frozenset(key.name for key in optional if key.values)
    return Simpler(replace(query, keys=kept), refused, without)


def _is_optional(key: MatchKey, level: Level) -> bool:
    if key.path not in REQUIRED_KEYS[level] or not key.values:
        return True
    return _shape(key) == "pattern" and key.vr not in WILDCARD_VRS


def _shape(key: MatchKey) -> str:
    """How the key is matched: an archive may take an attribute's values and refuse its patterns."""
    if not key.values:
        return "anything"
    if len(key.values) > 1:
        return "list"
    if has_wildcard(key.values[0]):
        return "pattern"
    return "range" if key.vr in DATE_VRS and "-" in key.values[0] else "value"


STEPS: tuple[Callable[[SearchQuery], Simpler | None], ...] = (
    _without_include_all,
    _without_fuzzy,
    _without_flags,
    _without_offset,
    _without_limit,
    _without_include,
    _without_optional_keys,
)
"""In this order, each on top of those before it; None from one that has nothing to take away."""
