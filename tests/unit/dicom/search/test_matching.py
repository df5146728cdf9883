"""What a row says of the keys that it should match."""

from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dicom.dictionary import attribute_name
from gateway.dicom.resources import Dataset, Level
from gateway.dicom.search.matching import RowMatcher, undecided
from gateway.dicom.search.query import SearchQuery, parse_search


def _query(text: str) -> SearchQuery:
    return parse_search(Level.STUDY, None, None, parse_qsl(text, keep_blank_values=True))


def row_matches(query: SearchQuery, row: Dataset) -> bool:
    return not RowMatcher(query).mismatches(row)


def _row(**attributes: Any) -> Dataset:
    """A row from keywords; None is an attribute without a value."""
    row: Dataset = {}
    for keyword, value in attributes.items():
        name = attribute_name(keyword)
        assert name is not None
        values = value if isinstance(value, list) else [value]
        row[name.path[0]] = {"vr": name.vr} | ({"Value": values} if value is not None else {})
    return row


DOE = {"Alphabetic": "Doe^John"}


@pytest.mark.parametrize(
    ("query", "row"),
    [
        ("PatientID=A1", _row(PatientID="A1")),
        ("PatientID=a1", _row(PatientID=" A1 ")),
        ("PatientID=A*", _row(PatientID="A1")),
        ("PatientID=*", _row(PatientID=None)),
        ("PatientID=", _row(PatientID=None)),
        ("PatientID=A1", _row(StudyID="1")),
        ("PatientName=doe^j*", _row(PatientName=DOE)),
        ("PatientName=nobody&fuzzymatching=true", _row(PatientName=DOE)),
        ("StudyInstanceUID=1.2,1.3", _row(StudyInstanceUID="1.3")),
        ("ModalitiesInStudy=CT,MR", _row(ModalitiesInStudy=["SR", "MR"])),
        ("ModalitiesInStudy=C?", _row(ModalitiesInStudy=["SR", "CT"])),
        (
            "multiplevaluematching=true&ModalitiesInStudy=CT,PT",
            _row(ModalitiesInStudy=["PT", "CT"]),
        ),
        ("StudyDate=20200101-20200201", _row(StudyDate="20200115")),
        ("StudyDate=-", _row(StudyDate="20200115")),
        ("StudyDate=20200101-", _row(StudyDate="about Easter")),
        ("StudyTime=10-12", _row(StudyTime="125959")),
        ("StudyTime=2200-0200", _row(StudyTime="1200")),
        ("SeriesNumber=01", _row(SeriesNumber=1)),
        ("SeriesNumber=1", _row(SeriesNumber="1")),
        ("SeriesNumber=1", _row(SeriesNumber="1.0 mm")),
        ("SeriesNumber=1*", _row(SeriesNumber=12)),
        ("SliceThickness=0.1", _row(SliceThickness=0.10000000149011612)),
        ("Rows=512", _row(Rows=512)),
        ("PatientAge=030Y", _row(PatientAge="030Y")),
        ("StudyDescription=50%25, left", _row(StudyDescription="50%, left")),
        ("OffendingElement=00100010", _row(OffendingElement="00100010")),
        ('AccessionNumber=""&emptyvaluematching=true', _row(AccessionNumber=None)),
        ('AccessionNumber=""&emptyvaluematching=true', _row(AccessionNumber=[None, ""])),
        ('AccessionNumber=""&emptyvaluematching=true', _row(StudyID="1")),
        ('PatientName=""&emptyvaluematching=true', _row(PatientName={"Alphabetic": ""})),
        ("PixelData=1", {"7FE00010": {"vr": "OW", "BulkDataURI": "x"}}),
        ("PixelData=1", {"7FE00010": {"vr": "OW", "InlineBinary": "AAAA"}}),
        ("00091001=7", {"00091001": {"vr": "IS", "Value": [7]}}),
        ("00091001=7", {"00091001": {"vr": "OB", "Value": ["?"]}}),
        ("SpecificCharacterSet=ISO_IR 100", _row(SpecificCharacterSet="ISO_IR 192")),
        # A zone of the query's own moves its dates and times.
        ("TimezoneOffsetFromUTC=%2B0100&StudyDate=20200101", _row(StudyDate="20191231")),
        ("RequestAttributesSequence.ScheduledProcedureStepID=7", _row(StudyID="1")),
    ],
)
def test_a_row_that_may_match_is_kept(query: str, row: Dataset) -> None:
    assert row_matches(_query(query), row)


@pytest.mark.parametrize(
    ("query", "row"),
    [
        ("PatientID=A1", _row(PatientID="A2")),
        ("PatientID=A1", _row(PatientID=None)),
        ("PatientID=A?", _row(PatientID="A")),
        ("PatientName=Roe*", _row(PatientName=DOE)),
        ("StudyInstanceUID=1.2,1.3", _row(StudyInstanceUID="1.4")),
        ("ModalitiesInStudy=CT,MR", _row(ModalitiesInStudy=["SR", "US"])),
        ("multiplevaluematching=true&ModalitiesInStudy=CT,PT", _row(ModalitiesInStudy=["CT"])),
        ("StudyDate=20200101-20200201", _row(StudyDate="20200202")),
        ("StudyTime=10-12", _row(StudyTime="130000")),
        ("SeriesNumber=1", _row(SeriesNumber=2)),
        ("SeriesNumber=1*", _row(SeriesNumber=21)),
        ("InstanceNumber=16777217", _row(InstanceNumber=16777216)),
        ("Rows=512", _row(Rows=256)),
        ("StudyDescription=DOE, X", _row(StudyDescription="DOE")),
        ('AccessionNumber=""&emptyvaluematching=true', _row(AccessionNumber="A")),
        ('AccessionNumber=""', _row(AccessionNumber=None)),
        ("00091001=7", {"00091001": {"vr": "IS", "Value": [8]}}),
        ("ImageType=foo", _row(ImageType=["ORIGINAL", "PRIMARY"])),
        ("PatientID=A1&StudyID=2", _row(PatientID="A1", StudyID="1")),
    ],
)
def test_a_row_that_does_not_match_is_dropped(query: str, row: Dataset) -> None:
    assert not row_matches(_query(query), row)


STEPS = {
    "00400275": {
        "vr": "SQ",
        "Value": [
            {"00400009": {"vr": "SH", "Value": ["S1"]}},
            {"00400009": {"vr": "SH", "Value": ["S2"]}, "00401001": {"vr": "SH"}},
        ],
    }
}


@pytest.mark.parametrize(
    ("value", "row", "kept"),
    [
        ("S2", STEPS, True),
        ("S3", STEPS, False),
        ("S3", {"00400275": {"vr": "SQ"}}, False),
        ("S3", {"00400275": {"vr": "SQ", "Value": [{"00400007": {"vr": "LO"}}]}}, True),
        ("S3", {"00400275": {"vr": "UN", "InlineBinary": "AAAA"}}, False),
    ],
)
def test_a_key_leads_into_every_item_of_a_sequence(value: str, row: Dataset, kept: bool) -> None:
    assert row_matches(_query(f"RequestAttributesSequence.00400009={value}"), row) is kept


@pytest.mark.parametrize(
    ("day", "hour", "kept"),
    [
        ("20060705", "100000", True),
        ("20060705", "095959", False),
        ("20060706", "030000", True),
        ("20060707", "190000", False),
        ("20060708", "120000", False),
    ],
)
def test_a_range_of_dates_and_one_of_times_are_one(day: str, hour: str, kept: bool) -> None:
    query = _query("StudyDate=20060705-20060707&StudyTime=1000-1800")

    assert row_matches(query, _row(StudyDate=day, StudyTime=hour)) is kept


def test_times_across_midnight_are_matched_with_their_dates() -> None:
    query = _query("StudyDate=20060705-20060706&StudyTime=2200-0200")

    assert row_matches(query, _row(StudyDate="20060705", StudyTime="2300"))
    assert row_matches(query, _row(StudyDate="20060706", StudyTime="0100"))
    assert not row_matches(query, _row(StudyDate="20060705", StudyTime="2100"))


def test_a_time_alone_says_nothing_of_a_row_without_its_date() -> None:
    query = _query("StudyDate=20060705-20060707&StudyTime=1000-1800")

    assert row_matches(query, _row(StudyTime="0100"))
    assert not row_matches(query, _row(StudyDate="20200101", StudyTime=None))


def test_the_keys_that_fail_are_named_as_the_client_wrote_them() -> None:
    matcher = RowMatcher(_query("00100020=A1&StudyID=1&PatientName=Doe*"))

    assert matcher.mismatches(_row(PatientID="B", StudyID="1", PatientName="Roe")) == (
        "00100020",
        "PatientName",
    )


def test_a_missing_attribute_that_other_rows_have_is_empty() -> None:
    matcher = RowMatcher(_query("PatientAge=030Y"))
    row = _row(PatientID="A")

    assert matcher.mismatches(row) == ()
    assert matcher.mismatches(row, frozenset({"00101010"})) == ("PatientAge",)


def test_an_empty_value_is_found_in_a_row_without_the_attribute() -> None:
    matcher = RowMatcher(_query('AccessionNumber=""&emptyvaluematching=true'))

    assert matcher.mismatches(_row(PatientID="A"), frozenset({"00080050"})) == ()


def test_a_key_whose_attribute_no_row_has_is_undecided() -> None:
    rows = [_row(PatientID="A"), _row(PatientID="B", StudyID="1")]

    assert undecided(_query("PatientID=A&StudyID=1&PatientAge=1&00091001=x&PatientSex="), rows) == (
        "PatientAge",
        "00091001",
    )
    assert undecided(_query("PatientAge=1"), []) == ()


_WORDS = st.text("ab ", max_size=3)


@given(
    st.lists(_WORDS, max_size=3),
    st.lists(_WORDS.filter(str.strip), min_size=1, max_size=3),
    st.booleans(),
)
def test_several_values_match_as_sets_do(have: list[str], asked: list[str], every: bool) -> None:
    query = _query(
        f"ModalitiesInStudy={','.join(asked)}&multiplevaluematching={str(every).lower()}"
    )
    present = {word.strip() for word in have}
    wanted = {word.strip() for word in asked}

    expected = wanted <= present if every else bool(wanted & present)
    assert row_matches(query, _row(ModalitiesInStudy=list(have))) is expected


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(_JSON, st.sampled_from(["PN", "DA", "TM", "DT", "IS", "DS", "UI", "LO", "SQ", "OB", "XX"]))
def test_no_row_is_so_odd_that_matching_fails(value: Any, vr: str) -> None:
    row = {
        tag: {"vr": vr, "Value": value if isinstance(value, list) else [value]}
        for tag in ("00100010", "00080020", "00080030", "00200011", "00400275", "00091001")
    }
    query = _query(
        "PatientName=a*&StudyDate=20200101-20200102&StudyTime=10-11&SeriesNumber=1"
        "&RequestAttributesSequence.00400009=1&00091001=7"
    )

    assert row_matches(query, row) in (True, False)
