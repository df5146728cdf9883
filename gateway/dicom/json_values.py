"""Single values in the DICOM JSON Model (PS3.18 F.2.3 to F.2.5), made right for their VR.

A function takes any JSON value and gives the right one; None is an empty value, and also what
cannot be a value of that VR at all.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from math import isfinite, isnan
from types import MappingProxyType
from typing import Any

EXACT_INTEGER = 2**53
"""Beyond it a number is not exact in every reader: IS, DS, SV and UV become strings (F.2.3)."""

PERSON_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")

_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_TAG = re.compile(r"\(?([0-9A-Fa-f]{4}),?([0-9A-Fa-f]{4})\)?")
_NON_FINITE: Mapping[str, str] = {
    "nan": "NaN",
    "1.#qnan": "NaN",
    "1.#ind": "NaN",
    "-1.#ind": "NaN",
    "inf": "Infinity",
    "infinity": "Infinity",
    "1.#inf": "Infinity",
    "-inf": "-Infinity",
    "-infinity": "-Infinity",
    "-1.#inf": "-Infinity",
}
_LONGEST_NUMBER = 64
_ALWAYS_EXACT = 16
"""So many characters with a point hold 15 digits at most, and a double keeps those."""


def text(value: Any) -> str | None:
    """Any text VR. A surrogate that stands alone becomes U+FFFD: it has no place in UTF-8."""
    if type(value) is str:
        return (value if value.isascii() else _well_formed(value)) or None
    return str(value) if type(value) in (int, float) else None


def uid(value: Any) -> str | None:
    """UI, without the padding that is part of its binary form only."""
    return _stripped(value)


def person_name(value: Any) -> dict[str, str] | None:
    """PN: an object of component groups; plain text is split at its equals signs (F.2.2)."""
    if not isinstance(value, dict):
        groups = (text(value) or "").split("=")
        value = dict(zip(PERSON_NAME_GROUPS, groups, strict=False))
    found = {name: text(value[name]) for name in PERSON_NAME_GROUPS if name in value}
    return {name: group for name, group in found.items() if group} or None


def integer(value: Any) -> int | None:
    """US, SS, UL, SL."""
    if type(value) is str:
        number = int(value) if _WHOLE.fullmatch(value := value.strip()) else None
    elif type(value) is float:
        number = int(value) if value.is_integer() else None
    else:
        number = value if type(value) is int else None
    return number if number is not None and -(2**63) <= number < 2**64 else None


def long_integer(value: Any) -> int | str | None:
    """SV, UV."""
    number = integer(value)
    return number if number is None or abs(number) <= EXACT_INTEGER else str(number)


def integer_string(value: Any) -> int | str | None:
    """IS: a number; what is no integer stays text, so that nothing is lost or invented."""
    number = long_integer(value)
    return _stripped(value) if number is None else number


def decimal_string(value: Any) -> int | float | str | None:
    """DS: a number, but text where a double would round it or it is none."""
    if type(value) is int:
        return value if abs(value) <= EXACT_INTEGER else str(value)
    if type(value) is float:
        return value if isfinite(value) else _name(value)
    written = _stripped(value)
    return _exact_number(written) if written and _is_number(written) else written


def floating(value: Any) -> int | float | str | None:
    """FL, FD: a number; "NaN", "Infinity" or "-Infinity" where JSON has no number for it."""
    if type(value) is str:
        written = value.strip(" \0")
        if not _is_number(written):
            return _NON_FINITE.get(written.lower().lstrip("+").replace("-nan", "nan"))
        value = float(written)
    elif type(value) is int:
        return value if integer(value) is not None else floating(str(value))
    elif type(value) is not float:
        return None
    return value if isfinite(value) else _name(value)


def tag(value: Any) -> str | None:
    """AT: eight upper-case hexadecimal digits."""
    if type(value) is int and 0 <= value < 2**32:
        return f"{value:08X}"
    found = _TAG.fullmatch(value.strip()) if type(value) is str else None
    return (found[1] + found[2]).upper() if found else None


VALUE_OF_VR: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    dict.fromkeys(("AE", "AS", "CS", "DA", "DT", "LO", "LT", "SH", "ST", "TM"), text)
    | dict.fromkeys(("UC", "UR", "UT"), text)
    | dict.fromkeys(("US", "SS", "UL", "SL"), integer)
    | dict.fromkeys(("SV", "UV"), long_integer)
    | dict.fromkeys(("FL", "FD"), floating)
    | {"UI": uid, "PN": person_name, "IS": integer_string, "DS": decimal_string, "AT": tag}
)
"""Every VR whose attributes have values, but for SQ."""

NOT_SPLIT = frozenset({"LT", "ST", "UR", "UT"})
"""VRs of one value always, in which a backslash is a character and not a delimiter (F.2.4)."""


def _stripped(value: Any) -> str | None:
    found = text(value)
    return found.strip(" \0") or None if found else None


def _well_formed(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


def _is_number(written: str) -> bool:
    return len(written) <= _LONGEST_NUMBER and _DECIMAL.fullmatch(written) is not None


def _exact_number(written: str) -> int | float | str:
    if _WHOLE.fullmatch(written):
        whole = int(written)
        return whole if abs(whole) <= EXACT_INTEGER else written
    number = float(written)
    if len(written) <= _ALWAYS_EXACT and written[-1].isdigit() and "e" not in written.lower():
        return number
    exact = isfinite(number) and Decimal(written) == Decimal(repr(number))
    return number if exact else written


def _name(value: float) -> str:
    if isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
