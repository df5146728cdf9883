"""A search (PS3.18 8.3.4 and 10.6) as one frozen object, whatever form its parameters came in."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from gateway.dicom.dictionary import attribute_name
from gateway.dicom.resources import Level
from gateway.dicom.search.key_values import LIST_VRS, parse_values, takes_multiple
from gateway.errors import bad_request

INCLUDE_FIELD = "includefield"
INCLUDE_ALL = "all"
MAX_KEYS = 100
MAX_INCLUDED = 1000
"""Names in all `includefield` together: a thousand take a tenth of a second to look up."""
_COLLECTIONS = {Level.STUDY: "studies", Level.SERIES: "series", Level.INSTANCE: "instances"}
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_COUNT = re.compile(r"[0-9]{1,18}")
_FLAGS = {"true": True, "false": False}
_FLAG_FIELDS = {
    "fuzzymatching": "fuzzy",
    "emptyvaluematching": "empty_value_matching",
    "multiplevaluematching": "multiple_value_matching",
}


@dataclass(frozen=True, slots=True)
class MatchKey:
    """One attribute that rows must match."""

    name: str
    """As the client wrote it: a keyword, a tag, or a path of them joined by dots."""
    path: tuple[str, ...]
    """Tags of eight upper-case hex digits; more than one leads through sequences."""
    vr: str
    """The VR in the data dictionary, UN where it has none."""
    values: tuple[str, ...]
    """Alternatives, of which one must match; none if every row matches."""
    raw: str
    """The value as the client wrote it, decoded; a repeated list is joined by commas."""
    match_all: bool = False
    """A row must have each of the values (multiple value matching, PS3.4 C.2.2.2.8)."""

    @property
    def sent(self) -> str:
        """The value as an archive understands it: UIDs are joined by commas alone."""
        return ",".join(self.values) if self.vr == "UI" and self.values else self.raw


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is searched for, and which page of it.

    `study` and `series` are the scope that the path named. None for an option means that the
    client did not name it.
    """

    level: Level
    study: str | None = None
    series: str | None = None
    keys: tuple[MatchKey, ...] = ()
    include: tuple[tuple[str, ...], ...] = ()
    """The names of each `includefield`, as the client grouped and wrote them, none twice."""
    include_all: bool = False
    fuzzy: bool | None = None
    empty_value_matching: bool | None = None
    multiple_value_matching: bool | None = None
    limit: int | None = None
    offset: int = 0
    ignored: tuple[str, ...] = ()
    """Parameter names that are no attribute and no parameter of the standard."""

    @property
    def path(self) -> str:
        """The resource below a DICOMweb base (Table 10.6.1-1), without a leading slash."""
        path = _COLLECTIONS[self.level]
        if self.series is not None:
            path = f"series/{self.series}/{path}"
        return path if self.study is None else f"studies/{self.study}/{path}"

    def parameters(self) -> tuple[tuple[str, str], ...]:
        """What an archive is sent: decoded pairs, under the client's names."""
        return tuple(self._pairs())

    def _pairs(self) -> Iterator[tuple[str, str]]:
        for key in self.keys:
            yield key.name, key.sent
        # 8.3.4.3: `all` stands alone.
        for names in ((INCLUDE_ALL,),) if self.include_all else self.include:
            yield INCLUDE_FIELD, ",".join(names)
        for name, field in _FLAG_FIELDS.items():
            flag = getattr(self, field)
            if flag is not None:
                yield name, "true" if flag else "false"
        if self.limit is not None:
            yield "limit", str(self.limit)
        if self.offset:
            yield "offset", str(self.offset)


def match_key(name: str, raw: str, *, multiple: bool = False) -> MatchKey | None:
    """The key that one pair stands for; None if its name is of no attribute.

    `multiple` is true where multiple value matching is asked for. GatewayError 400 as in
    `parse_search`.
    """
    attribute = attribute_name(name)
    if attribute is None:
        return None
    match_all = multiple and takes_multiple(attribute)
    values = parse_values(name, attribute.vr, raw, match_all)
    return MatchKey(name, attribute.path, attribute.vr, values, raw, match_all)


def parse_search(
    level: Level,
    study: str | None,
    series: str | None,
    parameters: Sequence[tuple[str, str]],
    *,
    ignore: frozenset[str] = frozenset(),
) -> SearchQuery:
    """The query that decoded pairs stand for, in their order.

    `ignore` holds lower-case names of parameters that belong to no search. GatewayError 400 for
    a malformed tag, UID list, date, time, range, count or flag, for an attribute that is asked
    for twice with values that make no list, and for too many keys or attributes to include.
    """
    options: dict[str, Any] = {}
    keys: list[tuple[str, str]] = []
    included: list[str] = []
    for name, value in parameters:
        _refuse_unprintable(name, value)
        if name.lower() in ignore:
            continue
        if name in _OPTIONS:
            _set_option(options, name, value)
        elif name == INCLUDE_FIELD:
            included.append(value)
        else:
            keys.append((name, value))
    matching, unknown = _match_keys(keys, options.get("multiple_value_matching") is True)
    include, include_all, unknown_fields = _include(included)
    ignored = tuple(dict.fromkeys([*unknown, *unknown_fields]))
    return SearchQuery(
        level, study, series, matching, include, include_all, ignored=ignored, **options
    )


def _refuse_unprintable(*texts: str) -> None:
    if any(map(_UNPRINTABLE.search, texts)):
        raise bad_request("The query holds a character that no parameter may have.")


def _flag(name: str, value: str) -> bool:
    flag = _FLAGS.get(value.lower())
    if flag is None:
        raise bad_request(f"{name} is true or false.")
    return flag


def _count(name: str, value: str) -> int:
    if _COUNT.fullmatch(value) is None:
        raise bad_request(f"{name} is a whole number, not below zero.")
    return int(value)


_OPTIONS: Mapping[str, tuple[str, Callable[[str, str], Any]]] = MappingProxyType(
    {name: (field, _flag) for name, field in _FLAG_FIELDS.items()}
    | {"limit": ("limit", _count), "offset": ("offset", _count)}
)


def _set_option(options: dict[str, Any], name: str, value: str) -> None:
    field, parse = _OPTIONS[name]
    parsed = parse(name, value)
    if options.setdefault(field, parsed) != parsed:
        raise bad_request(f"{name} is given twice.")


def _match_keys(
    pairs: Iterable[tuple[str, str]], multiple: bool
) -> tuple[tuple[MatchKey, ...], list[str]]:
    """A key for each attribute, and the names that are of none."""
    keys: dict[tuple[str, ...], MatchKey] = {}
    unknown: list[str] = []
    for name, raw in pairs:
        key = match_key(name, raw, multiple=multiple)
        if key is None:
            unknown.append(name)
        else:
            keys[key.path] = _merged(keys.get(key.path), key)
    if len(keys) > MAX_KEYS:
        raise bad_request(f"A search takes at most {MAX_KEYS} attributes to match.")
    return tuple(keys.values()), unknown


def _merged(before: MatchKey | None, key: MatchKey) -> MatchKey:
    """One key of two for the same attribute: alternatives, where its values make a list."""
    if before is None or before.raw == key.raw:
        return before or key
    if key.vr not in LIST_VRS and not key.match_all:
        raise bad_request(f"{key.name} is given twice.")
    values = tuple(dict.fromkeys(before.values + key.values))
    raw = ",".join(filter(None, (before.raw, key.raw)))
    return replace(before, values=values, raw=raw)


def _include(fields: Iterable[str]) -> tuple[tuple[tuple[str, ...], ...], bool, list[str]]:
    """The names of each `includefield`, whether one of them was `all`, and what is no attribute.

    8.3.4.3 allows one list or `all`; clients send several of both.
    """
    groups: list[tuple[str, ...]] = []
    seen: set[tuple[str, ...]] = set()
    unknown: list[str] = []
    include_all = False
    count = 0
    for field in fields:
        names = [name for name in map(str.strip, field.split(",")) if name]
        count += len(names)
        if count > MAX_INCLUDED:
            raise bad_request(f"A search asks for at most {MAX_INCLUDED} attributes.")
        include_all = include_all or any(name.lower() == INCLUDE_ALL for name in names)
        groups.append(tuple(name for name in names if _is_new(name, seen, unknown)))
    return tuple(filter(None, groups)), include_all, unknown


def _is_new(name: str, seen: set[tuple[str, ...]], unknown: list[str]) -> bool:
    """True for an attribute that is not yet in `seen`, which it is afterwards."""
    if name.lower() == INCLUDE_ALL:
        return False
    attribute = attribute_name(name)
    if attribute is None:
        unknown.append(name)
    elif attribute.path not in seen:
        seen.add(attribute.path)
        return True
    return False
