"""The attributes that every search has to match, and those that it has to return (PS3.18 10.6)."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.dicom.dictionary import attribute_name
from gateway.dicom.resources import Level
from gateway.dicom.search.query import MatchKey, SearchQuery

UID_TAGS: Mapping[Level, str] = MappingProxyType(
    {Level.STUDY: "0020000D", Level.SERIES: "0020000E", Level.INSTANCE: "00080018"}
)
"""The unique key of each level."""

MODALITIES_IN_STUDY = "00080061"

_STUDY_KEYS = frozenset(
    {
        ("00080020",),
        ("00080030",),
        ("00080050",),
        (MODALITIES_IN_STUDY,),
        ("00080090",),
        ("00100010",),
        ("00100020",),
        ("0020000D",),
        ("00200010",),
    }
)
_SERIES_KEYS = _STUDY_KEYS | {
    ("00080060",),
    ("0020000E",),
    ("00200011",),
    ("00400244",),
    ("00400245",),
    ("00400275", "00400009"),
    ("00400275", "00401001"),
}
REQUIRED_KEYS: Mapping[Level, frozenset[tuple[str, ...]]] = MappingProxyType(
    {
        Level.STUDY: _STUDY_KEYS,
        Level.SERIES: _SERIES_KEYS,
        Level.INSTANCE: _SERIES_KEYS | {("00080016",), ("00080018",), ("00200013",)},
    }
)
"""Table 10.6.1-5, with the attributes of the levels above."""

_STUDY_RETURNS = frozenset(
    {"00080005", "00080020", "00080030", "00080050", "00080056", MODALITIES_IN_STUDY, "00080090"}
    | {"00080201", "00081190", "00100010", "00100020", "00100030", "00100040", "0020000D"}
    | {"00200010", "00201206", "00201208"}
)
_SERIES_RETURNS = _STUDY_RETURNS | {
    *("00080060", "0008103E", "0020000E", "00200011", "00201209", "00400244", "00400245"),
    "00400275",
}
_INSTANCE_RETURNS = _SERIES_RETURNS | {
    *("00080016", "00080018", "00200013", "00280010", "00280011", "00280100", "00280008"),
}
_RETURNS: Mapping[Level, frozenset[str]] = MappingProxyType(
    {
        Level.STUDY: _STUDY_RETURNS,
        Level.SERIES: _SERIES_RETURNS,
        Level.INSTANCE: _INSTANCE_RETURNS,
    }
)
"""Tables 10.6.3-3 to 10.6.3-5, with the attributes of the levels above."""


def unique_values(query: SearchQuery) -> int | None:
    """How many rows there can be at most, where the query names the UIDs of its level."""
    for key in query.keys:
        if key.path == (UID_TAGS[query.level],) and key.values:
            return len(key.values)
    return None


def unreturned_keys(query: SearchQuery) -> tuple[MatchKey, ...]:
    """The keys whose attributes rows need not carry unless they are asked for."""
    if query.include_all:
        return ()
    returned = _RETURNS[query.level]
    candidates = [key for key in query.keys if key.values and key.path[0] not in returned]
    if not candidates:
        return ()
    names = (attribute_name(name) for group in query.include for name in group)
    included = {name.path[0] for name in names if name is not None}
    return tuple(key for key in candidates if key.path[0] not in included)
