"""Whether one value of a row matches one value of a key, by VR (PS3.4 C.2.2.2).

Wherever archives differ, the answer is yes: see `gateway.dicom.search.matching`.
"""

import math
import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from gateway.dicom.search.date_spans import range_span, value_span
from gateway.dicom.search.person_names import name_predicate
from gateway.dicom.search.wildcards import has_wildcard, wildcard

Predicate: TypeAlias = Callable[[Any], bool]
"""Says of a row's value, as the DICOM JSON Model has it, whether it matches."""

_FRACTIONS = ("DS", "FD", "FL")
_TOLERANCE = 1e-6
"""Relative: a number of 32 bits, written out, has no more digits than that."""
_LONGEST = 16_384
"""Characters; a longer text is not searched."""


def predicate(vr: str, key: str) -> Predicate | None:
    """The predicate of one value of a key; None for a VR that cannot be matched here."""
    make = _PREDICATES.get(vr)
    return make(vr, key) if make is not None else None


def _text(vr: str, key: str) -> Predicate:
    # Case is not told apart: archives fold it in more VRs than in PN, where the standard lets them.
    folded = _fold(key)
    pattern = wildcard(folded) if has_wildcard(folded) else None

    def matches(value: Any) -> bool:
        text = _fold(str(value))
        if pattern is None:
            return text == folded
        return len(text) > _LONGEST or pattern.fullmatch(text) is not None

    return matches


def _uid(vr: str, key: str) -> Predicate:
    return lambda value: str(value).strip(" \0") == key


def _name(vr: str, key: str) -> Predicate:
    return name_predicate(key)


def _date(vr: str, key: str) -> Predicate:
    asked = range_span(vr, key)
    if asked is None:
        return _text(vr, key)
    if asked.first > asked.last:
        # Past midnight: only together with a range of dates does this say anything.
        return lambda value: True

    def matches(value: Any) -> bool:
        span = value_span(vr, str(value))
        return span is None or asked.meets(span)

    return matches


def _number(vr: str, key: str) -> Predicate:
    asked = _to_number(key)
    if asked is None:
        return _text(vr, key)

    tolerance = _TOLERANCE if vr in _FRACTIONS else 0.0

    def matches(value: Any) -> bool:
        number = _to_number(value)
        return number is None or math.isclose(number, asked, rel_tol=tolerance)

    return matches


def _to_number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip(" \0").casefold()


_PREDICATES: Mapping[str, Callable[[str, str], Predicate]] = MappingProxyType(
    dict.fromkeys(("AE", "AS", "AT", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT"), _text)
    | dict.fromkeys(("DA", "DT", "TM"), _date)
    | dict.fromkeys((*_FRACTIONS, "IS", "SL", "SS", "SV", "UL", "US", "UV"), _number)
    | {"PN": _name, "UI": _uid}
)
