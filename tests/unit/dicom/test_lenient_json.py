"""JSON as archives write it, and JSON that is none."""

import json
from contextlib import suppress
from math import inf, isnan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dicom.lenient_json import parse_json


@pytest.mark.parametrize("body", [b"", b" \r\n\t", b"null", b"\xef\xbb\xbf", b" null "])
def test_an_empty_body_is_none(body: bytes) -> None:
    assert parse_json(body) is None


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'[{"a":1}]', [{"a": 1}]),
        (b"\xef\xbb\xbf[1.5]", [1.5]),
        (b"[18446744073709551615, -9223372036854775808]", [2**64 - 1, -(2**63)]),
        (b'["a\x00b\x1fc\nd"]', ["a\x00b\x1fc\nd"]),
        (b'["\\ud800x"]', ["\ud800x"]),
        (b"[1e999]", [inf]),
        (b"[Infinity, -Infinity, +Infinity]", [inf, -inf, inf]),
        (b"[inf, -inf, Inf]", [inf, -inf, inf]),
        (b'["NaN, inf", "\\" nan", Infinity]', ["NaN, inf", '" nan', inf]),
        ('[{"a":"é"}]'.encode("utf-16"), [{"a": "é"}]),
        ('[{"a":"é"}]'.encode("utf-16-le"), [{"a": "é"}]),
    ],
)
def test_what_makes_sense_is_read(body: bytes, value: Any) -> None:
    assert parse_json(body) == value


@pytest.mark.parametrize("token", [b"NaN", b"nan", b"-nan", b"-nan(ind)", b"NAN"])
def test_a_bare_nan_is_a_float(token: bytes) -> None:
    (value, other) = parse_json(b"[" + token + b', "nan"]')
    assert isnan(value)
    assert other == "nan"


@pytest.mark.parametrize(
    ("declared", "encoding", "text"),
    [
        ("ISO_IR 100", "latin-1", "Müller"),
        ("ISO_IR 144", "iso8859_5", "Люкceмбypг"),
        ("ISO_IR 13", "shift_jis", "ﾔﾏﾀﾞ"),
        (None, "latin-1", "Müller"),
        ("NO SUCH", "latin-1", "Müller"),
    ],
)
def test_text_in_the_wrong_encoding_is_read_as_declared_or_as_latin_1(
    declared: str | None, encoding: str, text: str
) -> None:
    dataset: dict[str, Any] = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": text}]}}
    if declared is not None:
        dataset["00080005"] = {"vr": "CS", "Value": [declared]}
    body = json.dumps([dataset], ensure_ascii=False).encode(encoding)
    assert parse_json(body) == [dataset]


def test_broken_utf_8_that_is_declared_as_such_loses_only_what_is_broken() -> None:
    body = b'{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"a":"M\xc3\xbcl\xfcler"}'
    assert parse_json(body)["a"] == "Mül\ufffdler"


@pytest.mark.parametrize(
    "body",
    [
        *(b"{", b"[1,]", b"<html>", b'{"a":1}{', b"Nano", b"[" * 100_000, b'{"a":' * 100_000),
        *(b'["\xff\xfe', b"\xff\xfe", b"\x00", b"[infinite]"),
    ],
)
def test_what_is_no_json_is_a_value_error_without_the_text(body: bytes) -> None:
    with pytest.raises(ValueError) as refused:
        parse_json(body)
    assert refused.value.__cause__ is None
    assert len(str(refused.value)) < 80


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(ValueError):
        assert isinstance(parse_json(b'["' + body), list)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.integers(-(2**63), 2**64 - 1),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=15,
    )
)
def test_what_python_writes_is_read_back(value: Any) -> None:
    # Python writes NaN and Infinity bare, as many an archive does.
    assert repr(parse_json(json.dumps(value).encode())) == repr(value)


def test_a_number_of_thousands_of_digits_spoils_nothing_beside_it() -> None:
    digits = b"9" * 5000
    assert parse_json(b"[" + digits + b", 1, NaN]")[:2] == [digits.decode(), 1]
