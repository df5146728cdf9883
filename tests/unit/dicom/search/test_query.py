"""A search's parameters, read once."""

from dataclasses import replace
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dicom.resources import Level
from gateway.dicom.search.query import (
    MAX_INCLUDED,
    MAX_KEYS,
    MatchKey,
    SearchQuery,
    match_key,
    parse_search,
)
from gateway.errors import GatewayError


def _parse(query: str, level: Level = Level.STUDY) -> SearchQuery:
    return parse_search(level, None, None, parse_qsl(query, keep_blank_values=True))


def _key(query: str) -> MatchKey:
    (key,) = _parse(query).keys
    return key


@pytest.mark.parametrize(
    ("level", "study", "series", "path"),
    [
        (Level.STUDY, None, None, "studies"),
        (Level.SERIES, "1.2", None, "studies/1.2/series"),
        (Level.SERIES, None, None, "series"),
        (Level.INSTANCE, "1.2", "1.3", "studies/1.2/series/1.3/instances"),
        (Level.INSTANCE, "1.2", None, "studies/1.2/instances"),
        (Level.INSTANCE, None, None, "instances"),
    ],
)
def test_the_six_resources_have_their_paths(
    level: Level, study: str | None, series: str | None, path: str
) -> None:
    assert parse_search(level, study, series, ()).path == path


def test_a_query_reaches_the_archive_with_the_same_decoded_values() -> None:
    query = _parse("PatientName=O%27N*&AccessionNumber=A%2BB%26C&StudyDescription=50%2525")

    assert query.parameters() == (
        ("PatientName", "O'N*"),
        ("AccessionNumber", "A+B&C"),
        ("StudyDescription", "50%25"),
    )


def test_names_stay_as_the_client_wrote_them() -> None:
    query = _parse("00100020=1&PatientName=x&0020000d=1.2&00400275.00400009=7", Level.SERIES)

    assert [name for name, _ in query.parameters()] == [
        "00100020",
        "PatientName",
        "0020000d",
        "00400275.00400009",
    ]


@pytest.mark.parametrize("value", ["1.2.3,1.2.4", "1.2.3%2C1.2.4", "1.2.3%5C1.2.4", "1.2.3, 1.2.4"])
def test_a_list_of_uids_is_split_and_sent_with_commas(value: str) -> None:
    query = _parse(f"StudyInstanceUID={value}")

    assert query.keys[0].values == ("1.2.3", "1.2.4")
    assert query.parameters() == (("StudyInstanceUID", "1.2.3,1.2.4"),)


@pytest.mark.parametrize("other", ["StudyInstanceUID", "0020000D"])
def test_a_uid_that_is_asked_for_again_is_an_alternative(other: str) -> None:
    query = _parse(f"StudyInstanceUID=1.2.3&{other}=1.2.4")

    assert query.parameters() == (("StudyInstanceUID", "1.2.3,1.2.4"),)


def test_the_same_pair_twice_is_one() -> None:
    assert _parse("PatientID=A&00100020=A").parameters() == (("PatientID", "A"),)


@pytest.mark.parametrize("value", ["1.2 x", "ju:nk", "1.2 1.3", ",", "1.2.*", "1." * 33])
def test_what_is_no_list_of_uids_is_refused(value: str) -> None:
    _assert_refused(f"StudyInstanceUID={value}")


def test_an_empty_place_in_a_list_is_none_of_its_values() -> None:
    assert _key("StudyInstanceUID=1.2,,1.3,").values == ("1.2", "1.3")


@pytest.mark.parametrize("value", ["CT,MR", "CT%5CMR", "CT, MR"])
def test_code_strings_are_split_and_sent_as_they_are(value: str) -> None:
    key = _key(f"ModalitiesInStudy={value}")

    assert key.values == ("CT", "MR")
    assert key.sent == dict(parse_qsl(f"v={value}"))["v"]


def test_a_repeated_code_string_is_an_alternative() -> None:
    query = _parse("00080061=CT&ModalitiesInStudy=MR")

    assert query.keys[0].values == ("CT", "MR")
    assert query.parameters() == (("00080061", "CT,MR"),)


@pytest.mark.parametrize(
    "name", ["PatientName", "StudyDescription", "PatientID", "AccessionNumber"]
)
def test_a_comma_is_part_of_any_other_value(name: str) -> None:
    assert _key(f"{name}=DOE%2C X").values == ("DOE, X",)


def test_multiple_value_matching_splits_what_may_have_several_values() -> None:
    query = _parse(
        "multiplevaluematching=true&ModalitiesInStudy=CT,MR&OtherPatientNames=A,B"
        "&PatientName=DOE, X&Modality=CT,MR"
    )

    assert [(key.values, key.match_all) for key in query.keys] == [
        (("CT", "MR"), True),
        (("A", "B"), True),
        (("DOE, X",), False),
        (("CT", "MR"), False),
    ]
    assert ("multiplevaluematching", "true") in query.parameters()


@pytest.mark.parametrize("value", ["", "*", "%20", "-"])
def test_a_universal_value_matches_everything(value: str) -> None:
    assert _key(f"StudyDate={value}").values == ()


def test_a_universal_key_is_still_sent() -> None:
    assert _parse("0020000E=").parameters() == (("0020000E", ""),)
    assert _parse("PatientName=*").parameters() == (("PatientName", "*"),)


@pytest.mark.parametrize(
    "query",
    [
        *("StudyDate=junk", "StudyDate=2020-01-01", "StudyDate=20201-2", "StudyTime=25"),
        *("StudyDate=20210101-20200101", "AcquisitionDateTime=202013", "StudyDate=202*"),
        "StudyDate=20200101,20200102",
    ],
)
def test_what_is_no_date_time_or_range_is_refused(query: str) -> None:
    _assert_refused(query)


@pytest.mark.parametrize(
    "query",
    [
        *("StudyDate=20200101-", "StudyDate=-20200101", "StudyTime=10-"),
        # February the 30th ends many a lazy range, and times may cross midnight.
        *("StudyDate=20200201-20200230", "StudyTime=2200-0200", "AcquisitionDateTime=2020-2021"),
    ],
)
def test_a_date_time_or_range_is_sent_as_it_is(query: str) -> None:
    assert _parse(query).parameters() == (tuple(query.split("=")),)


@pytest.mark.parametrize(
    "query",
    [
        *("limit=-1", "limit=x", "limit=", "limit=1.5", "limit=+1", "offset=-1", "offset=1e3"),
        *("limit=" + "9" * 19, "limit=1&limit=2", "limit=%D9%A1"),
        *("fuzzymatching=1", "fuzzymatching=", "emptyvaluematching=yes"),
        *("multiplevaluematching=on", "fuzzymatching=true&fuzzymatching=false"),
        *("0010002=1", "00100020.1=1", "includefield=0010002", "includefield=(0010,0010)"),
        *("PatientID=a&PatientID=b", "PatientName=a%00b", "Patient%0AName=x", "a=%7F"),
        "PatientName=" + "*a" * 600,
    ],
)
def test_a_query_that_means_nothing_is_refused(query: str) -> None:
    _assert_refused(query)


def test_half_a_character_is_refused() -> None:
    with pytest.raises(GatewayError):
        parse_search(Level.STUDY, None, None, [("PatientName", "\ud800")])


def test_the_number_of_keys_is_bounded() -> None:
    names = [f"00{group:02X}00{element:02X}" for group in (16, 24) for element in range(16, 80)]
    pairs = [(name.replace("00", "00", 1), "*") for name in names]

    assert len(parse_search(Level.STUDY, None, None, pairs[:MAX_KEYS]).keys) == MAX_KEYS
    with pytest.raises(GatewayError):
        parse_search(Level.STUDY, None, None, pairs[: MAX_KEYS + 1])


def test_a_search_takes_a_bounded_number_of_attributes_to_include() -> None:
    half = ",".join(f"{0x00091000 + number:08X}" for number in range(MAX_INCLUDED // 2))
    other = half.replace("0009", "000B")

    (first, second) = _parse(f"includefield={half}&includefield={other}").include
    assert len(first) + len(second) == MAX_INCLUDED
    with pytest.raises(GatewayError) as refused:
        _parse(f"includefield={half}&includefield={other},PatientID")
    assert refused.value.status == 400


def test_options_are_read_and_sent() -> None:
    query = _parse("limit=101&offset=7&fuzzymatching=TRUE&emptyvaluematching=false")

    assert (query.limit, query.offset, query.fuzzy) == (101, 7, True)
    assert query.empty_value_matching is False
    assert query.multiple_value_matching is None
    assert query.parameters() == (
        ("fuzzymatching", "true"),
        ("emptyvaluematching", "false"),
        ("limit", "101"),
        ("offset", "7"),
    )


def test_fields_keep_their_form_and_are_named_once() -> None:
    query = _parse(
        "includefield=StudyDescription,00081030&includefield=00081030"
        "&includefield=PatientAge, 00100030"
    )

    assert query.include == (("StudyDescription",), ("PatientAge", "00100030"))
    assert query.parameters() == (
        ("includefield", "StudyDescription"),
        ("includefield", "PatientAge,00100030"),
    )


@pytest.mark.parametrize(
    "query", ["includefield=all&includefield=00081030", "includefield=all,PatientAge"]
)
def test_all_fields_are_asked_for_alone(query: str) -> None:
    assert _parse(query).parameters() == (("includefield", "all"),)


def test_named_fields_are_asked_for_where_all_are_refused() -> None:
    query = replace(_parse("includefield=all&includefield=00081030"), include_all=False)

    assert query.parameters() == (("includefield", "00081030"),)


def test_an_empty_field_asks_for_nothing() -> None:
    assert _parse("includefield=&includefield=,").parameters() == ()


def test_what_is_no_attribute_is_ignored_and_named() -> None:
    query = _parse("NotAKeyword=1&patientid=2&includefield=AlsoNone,PatientAge&NotAKeyword=3")

    assert query.ignored == ("NotAKeyword", "patientid", "AlsoNone")
    assert query.parameters() == (("includefield", "PatientAge"),)


def test_unknown_and_private_tags_are_passed_on() -> None:
    query = _parse("00091001=x, y&00990010=z")

    assert [(key.vr, key.values) for key in query.keys] == [("UN", ("x, y",)), ("UN", ("z",))]
    assert query.parameters() == (("00091001", "x, y"), ("00990010", "z"))


def test_a_parameter_of_another_layer_is_left_alone() -> None:
    query = parse_search(
        Level.STUDY, None, None, [("Accept", "application/json")], ignore=frozenset({"accept"})
    )

    assert query == SearchQuery(Level.STUDY)


def test_one_pair_makes_one_key_or_none() -> None:
    assert match_key("PatientID", " A ") == MatchKey(
        "PatientID", ("00100020",), "LO", ("A",), " A "
    )
    assert match_key("Nothing", "A") is None


_NAMES = st.sampled_from(
    [
        *("StudyInstanceUID", "0020000D", "ModalitiesInStudy", "PatientName", "StudyDate"),
        *("00080030", "includefield", "limit", "offset", "multiplevaluematching", "0010", "Foo"),
    ]
)
_VALUES = st.one_of(
    st.text("0123456789.-,\\*?^= ", max_size=12),
    st.sampled_from(["1.2,1.3", "CT,MR", "true", "20200101-", "PatientAge,all", "1030", ""]),
    st.text(max_size=12),
)


@given(st.lists(st.tuples(_NAMES | st.text(max_size=12), _VALUES), max_size=6))
def test_whatever_is_asked_is_a_bad_request_or_sent_so_that_it_means_the_same(
    pairs: list[tuple[str, str]],
) -> None:
    refused: list[int] = []
    try:
        query = parse_search(Level.STUDY, None, None, pairs)
    except GatewayError as error:
        refused.append(error.status)
    else:
        again = parse_search(Level.STUDY, None, None, query.parameters())
        assert again.parameters() == query.parameters()
        assert [key.values for key in again.keys] == [key.values for key in query.keys]
    assert refused in ([], [400])


def test_an_error_does_not_repeat_what_was_searched_for() -> None:
    with pytest.raises(GatewayError) as error:
        _parse("StudyDate=Secret^Name")

    assert "Secret" not in error.value.public_message


def _assert_refused(query: str) -> None:
    with pytest.raises(GatewayError) as error:
        _parse(query)
    assert error.value.status == 400
