"""URLs that go out: the same decoded pairs, and what was encoded already untouched."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from gateway.net.urls import encode, is_plain, join, strictly_encoded

BASE = "http://pacs.example:8042/dicom-web"


def test_a_path_goes_below_the_base_whatever_slashes_stand_between() -> None:
    for base in (BASE, f"{BASE}/"):
        for path in ("studies/1.2", "/studies/1.2"):
            assert str(join(base, path)) == f"{BASE}/studies/1.2"


@pytest.mark.parametrize(
    "value",
    ["O'N*", "A+B&C", "1.2,1.3", "50%25", "a b", "DOE^JÖRG", "ヤマダ", "#?/=;\\", "", '"q"'],
)
def test_a_value_arrives_as_it_was(value: str) -> None:
    query = join(BASE, "studies", [("PatientName", value)]).raw_query_string

    assert parse_qsl(query, keep_blank_values=True, strict_parsing=True) == [("PatientName", value)]


def test_a_plus_is_never_a_bare_plus() -> None:
    assert encode([("AccessionNumber", "A+B C")]) == "AccessionNumber=A%2BB%20C"


def test_wildcards_and_marks_go_bare_for_servers_that_decode_nothing() -> None:
    assert encode([("PatientName", "O'N*?")]) == "PatientName=O'N*?"
    assert encode([("viewport", "64,64")]) == "viewport=64,64"


@pytest.mark.parametrize(
    ("text", "plain"),
    [("O'N*", True), ("1.2,1.3", True), ("DOE^X", False), ("a b", False), ("J\u00f6", False)],
)
def test_what_needs_decoding_is_known(text: str, plain: bool) -> None:
    assert is_plain(text) is plain


@pytest.mark.parametrize(
    ("query", "strict"),
    [("a=O'N*&b=%2B", "?a=O%27N%2A&b=%2B"), ("", ""), ("a=x/y:z", "?a=x%2Fy%3Az")],
)
def test_a_signature_is_made_over_the_strictest_form(query: str, strict: str) -> None:
    url = URL(f"{BASE}/studies?{query}" if query else f"{BASE}/studies", encoded=True)

    assert strictly_encoded(url) == f"{BASE}/studies{strict}"


def test_bytes_that_are_no_utf8_leave_as_they_came() -> None:
    assert encode([("PatientName", b"J\xf6rg".decode("utf-8", "surrogateescape"))]) == (
        "PatientName=J%F6rg"
    )


def test_repeated_names_keep_their_order() -> None:
    pairs = [("includefield", "b"), ("limit", "1"), ("includefield", "a")]

    assert parse_qsl(encode(pairs)) == pairs


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=5))
def test_any_pairs_arrive_as_they_were(pairs: list[tuple[str, str]]) -> None:
    pairs = [
        (name.encode("utf-8", "replace").decode(), value.encode("utf-8", "replace").decode())
        for name, value in pairs
    ]

    assert parse_qsl(encode(pairs), keep_blank_values=True, max_num_fields=10) == pairs


def test_an_encoded_path_and_query_go_untouched() -> None:
    url = join(BASE, "bulk/a%27b%2c", raw_query="sig=%2b%2F'x'&n=%2525")

    assert url.raw_path_qs == "/dicom-web/bulk/a%27b%2c?sig=%2b%2F'x'&n=%2525"


def test_pairs_are_appended_to_a_query_that_is_encoded_already() -> None:
    assert join(BASE, "x", [("a", "b c")], "sig=1").raw_query_string == "sig=1&a=b%20c"
