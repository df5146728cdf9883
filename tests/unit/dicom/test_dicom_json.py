"""Backend JSON made strictly valid: one bad value never costs the rest."""

import base64
import json
import time
from decimal import Decimal
from math import inf, nan
from pathlib import Path
from typing import Any

import orjson
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.errors import InvalidDicomError

from gateway.dicom.dicom_json import MAX_DEPTH, dump_json, honest
from gateway.dicom.json_values import VALUE_OF_VR
from gateway.dicom.lenient_json import parse_json

_PRIVATE = "00091010"
_UTF_8 = {"vr": "CS", "Value": ["ISO_IR 192"]}


def _one(vr: str, *values: Any, **others: Any) -> Any:
    """A private attribute of that VR, after it was made honest."""
    given: dict[str, Any] = {"vr": vr, **others}
    if values:
        given["Value"] = list(values)
    found = honest({_PRIVATE: given})
    found.pop("00080005", None)
    return found.get(_PRIVATE)


def _value(vr: str, value: Any) -> Any:
    """One value; what is no value at all leaves its place to the neighbour that is right."""
    right: Any = {"AT": "00100010", "PN": {"Alphabetic": "Z"}}.get(vr, "1")
    found = _one(vr, value, right)
    assert len(found["Value"]) == 2
    return found["Value"][0]


@pytest.mark.parametrize(
    ("vr", "given", "right"),
    [
        *(("IS", 5, 5), ("IS", "5", 5), ("IS", " +007 ", 7), ("IS", 5.0, 5), ("IS", "-3", -3)),
        *(("IS", "1.0", "1.0"), ("IS", 2.5, "2.5"), ("IS", "abc", "abc"), ("IS", True, None)),
        *(("IS", 2**53, 2**53), ("IS", 2**53 + 1, str(2**53 + 1))),
        *(("DS", 1.5, 1.5), ("DS", "1.5", 1.5), ("DS", "64", 64), ("DS", " -.5 ", -0.5)),
        *(("DS", "1e3", 1000.0), ("DS", "0.1", 0.1), ("DS", "1.50", 1.5), ("DS", "5.", 5.0)),
        *(
            ("DS", "abc", "abc"),
            ("DS", "1,5", "1,5"),
            ("DS", nan, "NaN"),
            ("DS", -inf, "-Infinity"),
        ),
        *(("DS", "1e400", "1e400"), ("DS", "1e-400", "1e-400"), ("DS", "1e99999", "1e99999")),
        *(("US", 7, 7), ("US", "7", 7), ("US", 7.0, 7), ("SS", "-7", -7), ("UL", "x", None)),
        *(("SL", 1.5, None), ("US", [1], None), ("US", {}, None), ("US", False, None)),
        *(("FL", 1.5, 1.5), ("FD", "1.5", 1.5), ("FD", 3, 3), ("FL", "abc", None)),
        *(("FD", nan, "NaN"), ("FD", inf, "Infinity"), ("FD", -inf, "-Infinity")),
        *(("FD", "nan", "NaN"), ("FL", "inf", "Infinity"), ("FL", "-inf", "-Infinity")),
        *(("FL", "Infinity", "Infinity"), ("FL", "+INF", "Infinity"), ("FD", "-nan", "NaN")),
        *(("FD", "1.#QNAN", "NaN"), ("FD", "-1.#INF", "-Infinity"), ("FD", "1e999", "Infinity")),
        *(("FD", 10**70, None), ("FD", 2**70, float(2**70)), ("FD", "1_0", None)),
        *(("UV", 5, 5), ("UV", "5", 5), ("UV", 2**64 - 1, str(2**64 - 1)), ("SV", "x", None)),
        *(("AT", "0010,0010", "00100010"), ("AT", "(7fe0,0010)", "7FE00010")),
        *(("AT", 0x00100010, "00100010"), ("AT", "x", None), ("AT", -1, None)),
        *(("UI", "1.2.3\0", "1.2.3"), ("UI", " 1.2 ", "1.2"), ("DA", 20200101, "20200101")),
        *(("LO", 1.5, "1.5"), ("LO", "a\x00\nb", "a\x00\nb"), ("LO", {"a": 1}, None)),
        *(
            ("ST", "C:\\temp", "C:\\temp"),
            ("LO", "\ud800x", "\ufffdx"),
            ("LO", "\ud834\udd1e", "𝄞"),
        ),
        *(
            ("PN", "A^B", {"Alphabetic": "A^B"}),
            ("PN", {"Alphabetic": "A", "x": 1}, {"Alphabetic": "A"}),
        ),
        ("PN", "A^B=C=D", {"Alphabetic": "A^B", "Ideographic": "C", "Phonetic": "D"}),
        ("PN", "=C", {"Ideographic": "C"}),
        *(("PN", {}, None), ("PN", "", None), ("PN", {"Alphabetic": ""}, None), ("PN", [], None)),
        *(("LO", "", None), ("LO", None, None), ("DS", "", None), ("IS", " ", None)),
    ],
)
def test_a_value_is_made_right_for_its_vr(vr: str, given: Any, right: Any) -> None:
    found = _value(vr, given)
    assert found == right
    assert type(found) is type(right)


@pytest.mark.parametrize(
    "written",
    ["0.12345678901234567891", "1234567890.12345678", "12345678901234567890", "9007199254740993"],
)
def test_a_decimal_string_that_a_double_would_round_stays_text(written: str) -> None:
    assert _value("DS", written) == written


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=6)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
)
def test_no_decimal_string_changes_its_value(number: Any) -> None:
    written = str(number)
    found = _value("DS", written)
    if isinstance(found, str):
        assert found == written
    else:
        assert Decimal(orjson.dumps(found).decode()) == Decimal(written)


@pytest.mark.parametrize("value", [[""], [None], [], "", None, ["", ""], [{}]])
@pytest.mark.parametrize("vr", ["DS", "ST", "DA", "PN", "LO", "UI", "US", "FD"])
def test_an_empty_value_leaves_the_vr_alone(vr: str, value: Any) -> None:
    assert honest({_PRIVATE: {"vr": vr, "Value": value}}) == {_PRIVATE: {"vr": vr}}


@pytest.mark.parametrize("vr", ["DS", "IS", "US", "FD", "UI", "AT"])
def test_padding_alone_is_no_number_and_no_uid(vr: str) -> None:
    assert _one(vr, "  ") == {"vr": vr}


def test_an_empty_sequence_has_no_value_and_an_empty_item_keeps_its_place() -> None:
    assert _one("SQ", Value=[]) == {"vr": "SQ"}
    assert _one("SQ", None, {}, {"00100020": {"vr": "LO", "Value": ["a"]}}, 5) == {
        "vr": "SQ",
        "Value": [{}, {}, {"00100020": {"vr": "LO", "Value": ["a"]}}, {}],
    }


def test_empty_values_between_others_keep_their_positions() -> None:
    assert _one("DS", "1", "", "3")["Value"] == [1, None, 3]
    assert _one("FD", nan, -inf, 1.0)["Value"] == ["NaN", "-Infinity", 1.0]
    assert _one("LO", "a", None, "c", "")["Value"] == ["a", None, "c", None]


def test_values_that_are_still_joined_by_backslashes_are_divided() -> None:
    assert _one("CS", "ORIGINAL\\PRIMARY\\\\X")["Value"] == ["ORIGINAL", "PRIMARY", None, "X"]
    assert _one("DS", "1\\2.5")["Value"] == [1, 2.5]
    assert _one("PN", "A\\B")["Value"] == [{"Alphabetic": "A"}, {"Alphabetic": "B"}]
    assert _one("UT", "a\\b")["Value"] == ["a\\b"]


def test_a_value_that_is_no_list_is_its_only_one() -> None:
    assert _one("LO", Value="a") == {"vr": "LO", "Value": ["a"]}
    assert _one("SQ", Value={"00100020": {"vr": "LO"}})["Value"] == [{"00100020": {"vr": "LO"}}]


def test_an_attribute_whose_every_value_is_wrong_is_not_called_empty() -> None:
    assert _one("US", "abc") is None
    assert _one("FD", {}, "abc") is None
    assert _one("OW", 1, 2) is None


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("00080060", "00080060"),
        ("7fe00010", "7FE00010"),
        ("0008,0060", "00080060"),
        ("(0008,0060)", "00080060"),
        ("Modality", "00080060"),
        ("0009100a", "0009100A"),
    ],
)
def test_a_tag_is_eight_upper_case_hexadecimal_digits(name: str, tag: str) -> None:
    assert list(honest({name: {"vr": "UN"}})) == [tag]


@pytest.mark.parametrize(
    "name",
    [
        *("", "NotAKeyword", "0008006", "000800600", "0008006g", "x" * 10_000),
        *("00080000", "00020010", "00000100", "FFFEE000", "TransferSyntaxUID"),
    ],
)
def test_junk_and_what_is_no_part_of_a_dataset_is_left_out(name: str) -> None:
    assert honest({name: {"vr": "UI", "Value": ["1.2"]}, _PRIVATE: {"vr": "UN"}}) == {
        _PRIVATE: {"vr": "UN"}
    }


def test_attributes_come_in_ascending_order() -> None:
    found = honest({"PatientID": {}, "7fe00010": {}, "00080060": {}, "0008103E": {}})
    assert list(found) == ["00080060", "0008103E", "00100020", "7FE00010"]


@pytest.mark.parametrize("junk", [None, [], "x", 5, True])
def test_what_is_no_dataset_is_an_empty_one_and_what_is_no_attribute_is_left_out(junk: Any) -> None:
    assert honest(junk) == {}
    assert honest({"00080060": junk, "00100020": {"vr": "LO"}}) == {"00100020": {"vr": "LO"}}


@pytest.mark.parametrize(
    ("tag", "attribute", "vr"),
    [
        ("00100020", {"Value": ["a"]}, "LO"),
        ("00100020", {"vr": "XX", "Value": ["a"]}, "LO"),
        ("00100020", {"vr": None, "Value": ["a"]}, "LO"),
        ("00100020", {"vr": ["LO"], "Value": ["a"]}, "LO"),
        ("00100020", {"vr": "lo", "Value": ["a"]}, "LO"),
        ("00280106", {"Value": [5]}, "US"),
        ("00280106", {"vr": "xs", "Value": [-5]}, "SS"),
        ("00280106", {"vr": "US or SS", "Value": ["-5"]}, "SS"),
        ("7FE00010", {"vr": "ox", "BulkDataURI": "b"}, "OW"),
        ("7FE00010", {"BulkDataURI": "b"}, "OW"),
        ("00283006", {"vr": "lt", "Value": [1, 2]}, "LT"),
        ("00283006", {"Value": [1, 2]}, "US"),
        ("00283006", {"InlineBinary": "AAAA"}, "OW"),
        ("00091010", {}, "UN"),
        ("00091010", {"Value": [{"00100020": {"vr": "LO"}}]}, "SQ"),
        ("00091010", {"vr": "UN", "Value": [{"00100020": {"vr": "LO"}}]}, "SQ"),
        ("00091010", {"Value": [{"Alphabetic": "A"}]}, "PN"),
        ("60003000", {}, "OW"),
        ("00081115", {"Value": [{}]}, "SQ"),
    ],
)
def test_a_missing_or_wrong_vr_comes_from_the_dictionary(
    tag: str, attribute: dict[str, Any], vr: str
) -> None:
    assert honest({tag: attribute})[tag]["vr"] == vr


def test_text_without_a_known_vr_is_kept_as_the_bytes_that_it_is() -> None:
    found = honest({_PRIVATE: {"Value": ["aé", "b"]}})[_PRIVATE]
    assert found == {"vr": "UN", "InlineBinary": base64.b64encode("aé\\b".encode()).decode()}


def test_only_one_of_value_uri_and_inline_binary_is_kept() -> None:
    both = {"BulkDataURI": "../bulk/1", "InlineBinary": "AAAA"}
    assert _one("OW", **both) == {"vr": "OW", "BulkDataURI": "../bulk/1"}
    assert _one("OW", Value=[], **both) == {"vr": "OW", "BulkDataURI": "../bulk/1"}
    assert _one("LO", "a", **both) == {"vr": "LO", "Value": ["a"]}
    assert _one("UT", "", **both) == {"vr": "UT", "BulkDataURI": "../bulk/1"}
    assert _one("FD", BulkDataURI=5) == {"vr": "FD"}
    assert _one("OB", Value=[""], other=1) == {"vr": "OB"}


@pytest.mark.parametrize(
    ("inline", "kept"),
    [
        ("AAAA", "AAAA"),
        ("AAA=", "AAA="),
        (["AAAA"], "AAAA"),
        ("AA\r\nAA", "AAAA"),
        ("_-8=", "/+8="),
        ("AAA", "AAA="),
    ],
)
def test_inline_binary_is_base64(inline: Any, kept: str) -> None:
    assert _one("OB", InlineBinary=inline) == {"vr": "OB", "InlineBinary": kept}


@pytest.mark.parametrize("inline", ["A", "*", "é", 5, ["AAAA", "AAAA"], {"a": 1}])
def test_inline_binary_that_is_no_base64_is_left_out(inline: Any) -> None:
    assert _one("OB", InlineBinary=inline) is None


def test_inline_binary_of_a_vr_that_may_not_have_it_is_called_unknown() -> None:
    assert _one("US", InlineBinary="AAAA") == {"vr": "UN", "InlineBinary": "AAAA"}
    assert _one("OB", InlineBinary="") == {"vr": "OB"}


def test_the_character_set_is_utf_8_where_one_is_named_or_needed() -> None:
    latin = {"00080005": {"vr": "CS", "Value": ["ISO_IR 100"]}}
    item = {"00081115": {"vr": "SQ", "Value": [dict(latin)]}}
    assert honest(latin) == {"00080005": _UTF_8}
    assert honest(item)["00081115"]["Value"] == [{"00080005": _UTF_8}]
    assert honest({"00080005": {"vr": "CS"}}) == {"00080005": _UTF_8}
    assert "00080005" not in honest({"00100020": {"vr": "LO", "Value": ["a", 5, None]}})


@pytest.mark.parametrize(
    "attribute",
    [
        {"vr": "LO", "Value": ["a", "é"]},
        {"vr": "PN", "Value": [{"Alphabetic": "A", "Ideographic": "山田"}]},
        {"vr": "SQ", "Value": [{}, {"00100020": {"vr": "LO", "Value": ["é"]}}]},
    ],
)
def test_text_beyond_ascii_is_declared_also_where_it_is_nested(attribute: Any) -> None:
    found = honest({"0040A730": attribute})
    assert list(found) == ["00080005", "0040A730"]
    assert found["00080005"] == _UTF_8


def _nested(depth: int) -> Any:
    dataset: Any = {"00100020": {"vr": "LO", "Value": ["deep"]}}
    for _ in range(depth):
        dataset = {"0040A730": {"vr": "SQ", "Value": [dataset]}}
    return dataset


def test_nesting_has_a_bound_below_which_nothing_is_lost() -> None:
    assert honest(_nested(MAX_DEPTH - 1)) == _nested(MAX_DEPTH - 1)
    found = honest(parse_json(json.dumps(_nested(150)).encode()))
    assert len(json.dumps(found)) < len(json.dumps(_nested(MAX_DEPTH)))


def test_one_bad_attribute_leaves_the_others_untouched() -> None:
    good = {"00100020": {"vr": "LO", "Value": ["a"]}, "00200013": {"vr": "IS", "Value": [1]}}
    bad = {"00200011": {"vr": "IS", "Value": ["1.0"]}, "00091011": {"vr": "DS", "Value": ["abc"]}}
    assert honest({**bad, **good, "00091012": 5, "x": {}}) == {**good, **bad}


def test_honest_json_is_already_honest_and_the_input_is_not_changed() -> None:
    given = {"Modality": {"Value": "CT"}, "00100010": {"vr": "PN", "Value": ["Müller"]}}
    before = json.dumps(given)
    found = honest(given)
    assert honest(found) == found
    assert json.dumps(given) == before


@pytest.mark.filterwarnings("ignore")
def test_every_real_file_comes_through_unharmed_and_strictly_valid(
    data_files: tuple[Path, ...],
) -> None:
    for path in data_files:
        try:
            dataset = pydicom.dcmread(path, stop_before_pixels=True)
            written = json.dumps(dataset.to_json_dict(bulk_data_threshold=2**40))
        except (InvalidDicomError, ValueError, TypeError, AttributeError):
            # A file that pydicom itself cannot put into JSON says nothing of ours.
            continue
        given = parse_json(written.encode())
        found = honest(given)
        strict = dump_json([found])
        assert orjson.loads(strict) == [found]
        lost = given.keys() - found.keys()
        assert all(tag.endswith("0000") for tag in lost), (path, lost)
        assert honest(found) == found
        back = pydicom.Dataset.from_json(found)
        assert len(back) == len(found)


def test_ten_thousand_attributes_take_no_more_than_a_moment() -> None:
    dataset = {
        f"{group:04X}{element:04X}": {"vr": vr, "Value": [value]}
        for group in range(0x0009, 0x0209, 2)
        for element, (vr, value) in enumerate(
            [("LO", "a text"), ("DS", "1.5"), ("IS", 5), ("US", 7), ("FD", 0.5)] * 8, 0x1010
        )
    }
    begun = time.process_time()
    found = honest(dataset)
    assert len(found) == len(dataset) == 256 * 40
    assert time.process_time() - begun < 3  # it takes 0.02 s; what is quadratic takes minutes


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["vr", "Value", "BulkDataURI", "InlineBinary", "Alphabetic", "00100010"]
            )
            | st.sampled_from(["0040A730", "00280106", "Modality"])
            | st.text(max_size=8),
            inner | st.sampled_from(["UN", "SQ", "OW", *VALUE_OF_VR]),
            max_size=4,
        )
    ),
    max_leaves=25,
)
_RIGHT_KEYS = ({"vr"}, {"vr", "Value"}, {"vr", "BulkDataURI"}, {"vr", "InlineBinary"})


@given(st.dictionaries(st.sampled_from(["00100010", "0040A730", _PRIVATE, "a"]), _JUNK))
def test_any_json_becomes_a_valid_dataset(given: Any) -> None:
    found = honest(given)
    assert orjson.loads(dump_json(found)) == found
    assert all(attribute.keys() in _RIGHT_KEYS for attribute in found.values())
    assert honest(found) == found
