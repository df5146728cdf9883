"""Dates, times and ranges of them, as spans that can be compared (PS3.4 C.2.2.2.5).

Every value is a span, since one of less precision stands for all that it leaves open: the time
`10` begins at 100000.000000 and ends at 105959.999999.
"""

import re
from dataclasses import dataclass

_DATE = r"[0-9]{4}\.?(?:0[1-9]|1[0-2])\.?(?:0[1-9]|[12][0-9]|3[01])"
_MINUTES = r"(?::?[0-5][0-9](?::?(?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?)?)?"
_TIME = r"(?:[01][0-9]|2[0-3])" + _MINUTES
_OFFSET = r"(?:[+-](?:0[0-9]|1[0-4])[0-5][0-9])?"
_DATE_TIME = (
    r"[0-9]{4}(?:(?:0[1-9]|1[0-2])(?:(?:0[1-9]|[12][0-9]|3[01])(?:" + _TIME + r")?)?)?" + _OFFSET
)
_SYNTAX = {"DA": _DATE, "TM": _TIME, "DT": _DATE_TIME}
_WIDTH = {"DA": 8, "TM": 12, "DT": 20}
"""Digits of the most precise value; the fraction of a second has six."""
_VALUES = {vr: re.compile(syntax) for vr, syntax in _SYNTAX.items()}
_RANGES = {vr: re.compile(rf"({syntax})?\s*-\s*({syntax})?") for vr, syntax in _SYNTAX.items()}
_PUNCTUATION = re.compile(r"[.:]|[+-][0-9]{4}$")
_ZONED = re.compile(r"[+-]")

DATE_VRS = frozenset(_SYNTAX)


@dataclass(frozen=True, slots=True)
class Span:
    """First and last moment, both within it, as digits of the VR's full width.

    `first` lies behind `last` in a range of times that crosses midnight. A `zoned` date-time
    has an offset from UTC, which is not compared.
    """

    first: str
    last: str
    zoned: bool = False

    def meets(self, other: "Span") -> bool:
        """True unless the two have no moment in common."""
        if self.zoned or other.zoned:
            return True
        return self.first <= other.last and other.first <= self.last

    def then(self, time: "Span") -> "Span":
        """The span of a range of dates and one of times matched as one (combined matching)."""
        return Span(self.first + time.first, self.last + time.last)


def value_span(vr: str, text: str) -> Span | None:
    """The span of one date (DA), time (TM) or date-time (DT); None if the text is none."""
    text = text.strip()
    if _VALUES[vr].fullmatch(text) is None:
        return None
    digits = _PUNCTUATION.sub("", text)
    width = _WIDTH[vr]
    return Span(digits.ljust(width, "0"), digits.ljust(width, "9"), _ZONED.search(text) is not None)


def range_span(vr: str, text: str) -> Span | None:
    """The span of a value or of a range `a-b`, `a-` or `-b`; None if the text is neither.

    A lone dash leaves both ends open.
    """
    single = value_span(vr, text)
    if single is not None:
        return single
    match = _RANGES[vr].fullmatch(text.strip())
    if match is None:
        return None
    first = value_span(vr, match[1]) if match[1] else None
    last = value_span(vr, match[2]) if match[2] else None
    return Span(
        first.first if first else "0" * _WIDTH[vr],
        last.last if last else "9" * _WIDTH[vr],
        any(end is not None and end.zoned for end in (first, last)),
    )
