"""The alternatives that the value of a matching key stands for (PS3.18 8.3.4.1, PS3.4 C.2.2.2)."""

import re

from gateway.dicom.dictionary import AttributeName
from gateway.dicom.search.date_spans import DATE_VRS, range_span
from gateway.dicom.search.wildcards import has_wildcard
from gateway.dicom.uids import identifies
from gateway.errors import bad_request

_ANYTHING = frozenset({"", "*"})
"""Values that every row matches (PS3.4 C.2.2.2.3)."""
_ANY_DATE = "-"
"""A range without ends, as forms send it whose two fields are empty."""
EMPTY = '""'
"""The value that stands for an empty one (C.2.2.2.7)."""
EMPTY_VRS = frozenset(
    {"AE", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UR", "UT"}
)
"""The VRs that can be searched for an empty value (C.2.2.2.7)."""
LIST_VRS = frozenset({"UI", "CS"})
"""What a comma separates unasked: UIDs by the standard, code strings because viewers write
`ModalitiesInStudy=CT,MR`."""
_MULTIPLE_VRS = frozenset({"AE", "AS", "AT", "CS", "LO", "PN", "SH", "UC"})
"""The VRs whose keys may hold several values that a row must all have (C.2.2.2.8)."""
_SEPARATOR = re.compile(r"[,\\]")
_MAX_PATTERN = 1024
_EXPECTED = {
    "DA": "a date is YYYYMMDD",
    "TM": "a time is HHMMSS.FFFFFF or the beginning of it",
    "DT": "a date-time is YYYYMMDDHHMMSS.FFFFFF or the beginning of it",
}


def takes_multiple(attribute: AttributeName) -> bool:
    """True for a key that `multiplevaluematching` speaks of (PS3.4 C.2.2.2.8)."""
    return attribute.multi_valued and attribute.vr in _MULTIPLE_VRS


def parse_values(name: str, vr: str, raw: str, multiple: bool) -> tuple[str, ...]:
    """A key's values without padding; none if everything matches.

    A comma separates UIDs and code strings, and other values only where `multiple` is true, so
    that the name `DOE, X` stays whole; a backslash, as in a C-FIND, separates as a comma does.
    GatewayError 400 for a list of what are no UIDs, and for what is no date, time or range.
    """
    if raw.strip() in _ANYTHING or (vr in DATE_VRS and raw.strip() == _ANY_DATE):
        return ()
    pieces = _SEPARATOR.split(raw) if multiple or vr in LIST_VRS else [raw]
    values = tuple(dict.fromkeys(filter(None, (piece.strip() for piece in pieces))))
    if vr == "UI" and not (values and all(map(identifies, values))):
        raise bad_request(f"{name} takes UIDs joined by commas.")
    for value in values:
        _check(name, vr, value)
    return values


def _check(name: str, vr: str, value: str) -> None:
    if has_wildcard(value) and len(value) > _MAX_PATTERN:
        raise bad_request(f"{name} has too long a pattern.")
    if vr not in DATE_VRS or value == EMPTY:
        return
    span = range_span(vr, value)
    if span is None:
        raise bad_request(f"{name}: {_EXPECTED[vr]}, and a range joins two of them by a dash.")
    # Times may cross midnight where a range of dates is matched with them.
    if vr == "DA" and span.first > span.last:
        raise bad_request(f"{name} has a range that ends before it begins.")
