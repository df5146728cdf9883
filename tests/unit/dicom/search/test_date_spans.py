"""Dates, times and ranges as spans, against the standard library's own comparison."""

from datetime import date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dicom.search.date_spans import range_span, value_span


def _meets(vr: str, asked: str, value: str) -> bool:
    span, have = range_span(vr, asked), value_span(vr, value)
    assert span is not None
    assert have is not None
    return span.meets(have)


@pytest.mark.parametrize(
    ("vr", "asked", "value", "meets"),
    [
        ("DA", "20200101-20201231", "20200101", True),
        ("DA", "20200101-20201231", "20201231", True),
        ("DA", "20200101-20201231", "20210101", False),
        ("DA", "20200101-20201231", "19991231", False),
        ("DA", "20200101 - 20201231", "20200615", True),
        ("DA", "-20201231", "19000101", True),
        ("DA", "-20201231", "20210101", False),
        ("DA", "20200101-", "99991231", True),
        ("DA", "20200101-", "20191231", False),
        ("DA", "-", "20191231", True),
        ("DA", "20200101", "20200101", True),
        ("DA", "20200101", "20200102", False),
        ("DA", "20200101-20201231", "2020.06.15", True),
        ("DA", "2020.01.01-2020.12.31", "20200615", True),
        ("TM", "10-12", "125959.999999", True),
        ("TM", "10-12", "130000", False),
        ("TM", "10-12", "0959", False),
        ("TM", "1200", "120000", True),
        ("TM", "120000", "1200", True),
        ("TM", "120000", "120000.000", True),
        ("TM", "120000.5", "120000.4", False),
        ("TM", "12:00:00", "120000", True),
        ("TM", "-1200", "120100", False),
        ("DT", "2020-2021", "20210630120000", True),
        ("DT", "2020-2021", "2022", False),
        ("DT", "202006151200-", "20200615115959.9", False),
        # An offset from UTC is not computed with.
        ("DT", "20200615120000+0100-", "20200615115959", True),
        ("DT", "20200615120000-", "20200615115959-0500", True),
    ],
)
def test_a_value_is_within_a_range(vr: str, asked: str, value: str, meets: bool) -> None:
    assert _meets(vr, asked, value) is meets


@pytest.mark.parametrize(
    ("vr", "text"),
    [
        ("DA", "2020-01-01"),
        ("DA", "2020"),
        ("DA", "20201301"),
        ("DA", "20200132"),
        ("DA", "junk"),
        ("DA", "20200101-20200102-20200103"),
        ("DA", "20200101--20200102"),
        ("TM", "2400"),
        ("TM", "1"),
        ("TM", "12:60"),
        ("TM", "120000.1234567"),
        ("DT", "202013"),
        ("DT", "20200101120000+2500"),
        ("DA", "٢٠٢٠٠١٠١"),
    ],
)
def test_what_is_no_date_is_no_span(vr: str, text: str) -> None:
    assert range_span(vr, text) is None


def test_a_leap_second_is_a_time() -> None:
    assert value_span("TM", "235960") is not None


@given(st.dates(), st.dates(), st.dates())
def test_dates_compare_as_dates(one: date, other: date, value: date) -> None:
    first, last = sorted((one, other))
    asked = f"{first:%Y%m%d}-{last:%Y%m%d}".replace(" ", "0")

    assert _meets("DA", _padded(asked), _padded(f"{value:%Y%m%d}")) is (first <= value <= last)


@given(st.times(), st.times(), st.times())
def test_times_compare_as_times(one: time, other: time, value: time) -> None:
    first, last = sorted((one, other))
    asked = f"{first:%H%M%S.%f}-{last:%H%M%S.%f}"

    assert _meets("TM", asked, f"{value:%H%M%S.%f}") is (first <= value <= last)


@given(st.datetimes(min_value=datetime(1000, 1, 1)), st.datetimes(min_value=datetime(1000, 1, 1)))  # noqa: DTZ001
def test_date_times_compare_as_date_times(first: datetime, value: datetime) -> None:
    assert _meets("DT", f"{first:%Y%m%d%H%M%S.%f}-", f"{value:%Y%m%d%H%M%S.%f}") is (first <= value)


def test_a_range_of_dates_and_one_of_times_are_matched_as_one() -> None:
    days, hours = range_span("DA", "20060705-20060707"), range_span("TM", "1000-1800")
    assert days is not None
    assert hours is not None
    span = days.then(hours)

    def meets(day: str, hour: str) -> bool:
        one, other = value_span("DA", day), value_span("TM", hour)
        assert one is not None
        assert other is not None
        return span.meets(one.then(other))

    assert meets("20060705", "1000")
    assert not meets("20060705", "0959")
    # PS3.4 C.2.2.2.5: at night in between, which each range alone would leave out.
    assert meets("20060706", "0300")
    assert meets("20060707", "1800")
    assert not meets("20060707", "1801")


def _padded(text: str) -> str:
    """Years below 1000, which `strftime` writes short, in four digits."""
    return "-".join(part.rjust(8, "0") for part in text.split("-"))
