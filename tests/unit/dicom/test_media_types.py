"""Media types and Accept lists as real clients and archives write them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dicom.media_types import (
    ANYTHING,
    MAX_LENGTH,
    MAX_MEMBERS,
    MediaRange,
    MediaType,
    parse_accept,
)
from gateway.errors import GatewayError

_J2K = "1.2.840.10008.1.2.4.90"


def _written(header: str | None, query: str | None = None) -> list[tuple[str, float]]:
    return [(str(member.media_type), member.q) for member in parse_accept(header, query)]


def _read_or_status(header: str) -> list[tuple[str, float]] | int:
    try:
        return _written(header)
    except GatewayError as refused:
        return refused.status


@pytest.mark.parametrize(
    "sent",
    [
        'multipart/related; type="application/octet-stream"; transfer-syntax="*"',
        "multipart/related; type=application/octet-stream; transfer-syntax=*",
        'Multipart/Related;TYPE="application/octet-stream";Transfer-Syntax=*',
        ' multipart/related ;type = "application/octet-stream" ; transfer-syntax= * ;',
        "multipart/related; type=application/octet-stream;; junk ; transfer-syntax=*",
    ],
)
def test_quotes_case_and_spaces_make_no_difference(sent: str) -> None:
    wanted = MediaType(
        "multipart/related", (("type", "application/octet-stream"), ("transfer-syntax", "*"))
    )
    assert MediaType.parse(sent) == wanted


def test_parameters_may_come_in_any_order() -> None:
    found = MediaType.parse('multipart/related; transfer-syntax=*; type="application/dicom"')
    assert found.get("type") == "application/dicom"
    assert found.get("transfer-syntax") == "*"


def test_a_value_that_is_no_token_is_written_in_quotes_and_others_are_not() -> None:
    parameters = (("type", "application/dicom"), ("transfer-syntax", _J2K), ("empty", ""))
    written = str(MediaType("multipart/related", parameters))
    assert written == (
        f'multipart/related; type="application/dicom"; transfer-syntax={_J2K}; empty=""'
    )


def test_of_a_doubled_parameter_the_first_counts_and_each_is_known() -> None:
    found = MediaType.parse(f"image/jp2; transfer-syntax={_J2K}; transfer-syntax=*")
    assert found.get("transfer-syntax") == _J2K
    assert found.get_all("transfer-syntax") == (_J2K, "*")
    assert str(found) == f"image/jp2; transfer-syntax={_J2K}"


def test_two_parameters_that_orthanc_packs_into_the_type_are_unpacked() -> None:
    found = MediaType.parse(
        f'multipart/related; type="image/jp2; transfer-syntax={_J2K}"; boundary=abc'
    )
    assert found.get("type") == "image/jp2"
    assert found.get("transfer-syntax") == _J2K
    assert found.get("boundary") == "abc"


def test_escaped_characters_in_quotes_are_read_and_written_back() -> None:
    found = MediaType.parse(r'text/plain; name="a \"b\" \\ c; d, e"')
    assert found.get("name") == r'a "b" \ c; d, e'
    assert MediaType.parse(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ";", "; type=a", "application", "application/", "/dicom", "*/json"),
        *("a/b/c", "a b/c", '"a/b"', 'a/b; x="open', 'a/b; x="y"z'),
        *("a/b\r\nX: y", "a/\u00e9", "a/b; x=\udcff"),
    ],
)
def test_what_is_no_media_type_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        MediaType.parse(text)


def test_without_a_parameter_is_the_rest() -> None:
    found = MediaType.parse("a/b; c=1; d=2")
    assert str(found.without("c")) == "a/b; d=2"
    assert found.without("e") is found


@pytest.mark.parametrize("header", [None, "", "  "])
def test_a_missing_accept_means_anything(header: str | None) -> None:
    assert parse_accept(header, None) == ANYTHING == (MediaRange(MediaType("*/*"), 1.0),)


def test_members_are_ordered_by_q_and_equals_stay_in_the_order_given() -> None:
    found = _written("a/b;q=0.5, c/d, e/f;q=0, g/h;q=0.5;x=1, i/j;q=1.0")
    assert found == [("c/d", 1), ("i/j", 1), ("a/b", 0.5), ("g/h; x=1", 0.5), ("e/f", 0)]


def test_a_comma_in_quotes_divides_nothing() -> None:
    assert _written('a/b; x="1,2", c/d') == [('a/b; x="1,2"', 1), ("c/d", 1)]


def test_members_that_do_not_parse_are_skipped() -> None:
    java = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"
    wanted = [("text/html", 1), ("image/gif", 1), ("image/jpeg", 1), ("*/*", 0.2)]
    assert _written(java) == wanted
    assert _written(",, a/b;q=2, c/d;q=x, e/f;q=-1, g/h;q=., i/j") == [("i/j", 1)]


@pytest.mark.parametrize("header", ["*", ",", "rubbish", "a/b;q=7", 'a/b; x="open, c/d', "\udcff"])
def test_an_accept_of_which_nothing_parses_is_refused(header: str) -> None:
    with pytest.raises(GatewayError) as refused:
        parse_accept(header, None)
    assert refused.value.status == 400


def test_the_merged_accept_of_a_viewer_has_both_members() -> None:
    header = "application/dicom+json, multipart/related; type=application/octet-stream"
    wanted = 'multipart/related; type="application/octet-stream"'
    assert _written(header) == [("application/dicom+json", 1), (wanted, 1)]


def test_the_query_parameter_wins_over_the_header() -> None:
    header = 'multipart/related; type="application/octet-stream"'
    assert _written(header, "image/jpeg") == [("image/jpeg", 1)]
    assert _written("a/b", "") == [("a/b", 1)]
    assert _written(None, "image/png, image/jpeg;q=0.1") == [("image/png", 1), ("image/jpeg", 0.1)]


def test_a_plus_sign_that_became_a_space_in_the_query_is_mended() -> None:
    assert _written(None, "application/dicom json") == [("application/dicom+json", 1)]
    wanted = [('multipart/related; type="application/dicom+xml"', 1.0)]
    assert _written(None, 'multipart/related; type="application/dicom xml"') == wanted


def test_a_longer_list_than_anyone_needs_is_cheap_or_refused() -> None:
    many = ",".join(f"a/b{number}" for number in range(1000))
    assert len(parse_accept(many, None)) == MAX_MEMBERS
    with pytest.raises(GatewayError) as refused:
        parse_accept("a/b," * MAX_LENGTH, None)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "hostile",
    [
        *('"' * 16000, 'a/b;x="' + "\\" * 15000, 'a/b;x="' * 2000, ";" * 16000),
        *("a/b;=" * 3000, 'a/b;type="' + 'x;type=\\"' * 1500, "," * 16000, ' "' * 8000),
    ],
)
def test_a_hostile_accept_is_read_in_no_time(hostile: str) -> None:
    begun = time.process_time()
    _read_or_status(hostile)
    assert time.process_time() - begun < 0.5


_TOKENS = st.text("abcxyz019!#$%&'*+-.^_`|~", min_size=1, max_size=8)
_VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)


@given(_TOKENS, _TOKENS, st.dictionaries(_TOKENS.filter(lambda name: name != "type"), _VALUES))
def test_what_is_written_is_read_back(kind: str, sub: str, parameters: dict[str, str]) -> None:
    media_type = MediaType(f"{kind}/{sub}".replace("*", "x"), tuple(parameters.items()))
    assert MediaType.parse(str(media_type)) == media_type


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    found = _read_or_status(text)
    assert found == 400 if isinstance(found, int) else all(0 <= q <= 1 for _, q in found)
