"""An array cut into its elements, wherever the chunks end."""

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dicom.json_stream import JsonArraySplitter


def _split(body: bytes, sizes: Iterator[int] | None = None) -> list[bytes]:
    splitter = JsonArraySplitter()
    found: list[bytes] = []
    while body:
        size = next(sizes, len(body)) if sizes is not None else len(body)
        found += splitter.feed(body[:size])
        body = body[size:]
    splitter.close()
    return found


def _bytewise(body: bytes) -> list[bytes]:
    return _split(body, iter([1] * len(body)))


@pytest.mark.parametrize(
    "body", [b"", b"  \r\n", b"null", b" null \n", b"[]", b" [ \t] ", b"\xef\xbb\xbf"]
)
def test_nothing_has_no_elements(body: bytes) -> None:
    assert _split(body) == _bytewise(body) == []


def test_elements_come_without_the_whitespace_around_them() -> None:
    body = b'\xef\xbb\xbf [ {"a": 1} ,\n\t{"b" : [ ]}\r\n] \n'
    assert _split(body) == _bytewise(body) == [b'{"a": 1}', b'{"b" : [ ]}']


def test_a_body_that_is_one_object_is_an_array_of_it() -> None:
    body = b' {"a":[{"b":"}]"}]} \n'
    assert _split(body) == _bytewise(body) == [b'{"a":[{"b":"}]"}]}']


@pytest.mark.parametrize(
    "text", ["}", "]", ",", '"', "\\", '\\"', '","', "[{", "é", "\u2028", "\\\\", "a\nb", "𝄞"]
)
def test_what_is_in_a_string_divides_nothing(text: str) -> None:
    elements = [{"00100010": {"vr": "LO", "Value": [text]}, text: text}, {}, text]
    for ascii_only in (True, False):
        body = json.dumps(elements, ensure_ascii=ascii_only).encode()
        assert [json.loads(element) for element in _split(body)] == elements
        assert [json.loads(element) for element in _bytewise(body)] == elements


def test_an_element_is_given_as_soon_as_it_is_whole() -> None:
    splitter = JsonArraySplitter()
    assert splitter.feed(b'[{"a":1') == []
    assert splitter.feed(b"},") == [b'{"a":1}']
    assert splitter.feed(b'{"b":2}') == []
    assert splitter.feed(b",{},[") == [b'{"b":2}', b"{}"]
    assert splitter.feed(b"]]") == [b"[]"]
    splitter.close()


@pytest.mark.parametrize(
    "body",
    [
        *(b"[", b"[{}", b"[{},", b'[{"a', b'["\\', b'{"a":1', b"nul", b"[[]"),
    ],
)
def test_a_body_that_ends_too_early_is_an_error_when_it_closes(body: bytes) -> None:
    splitter = JsonArraySplitter()
    splitter.feed(body)
    with pytest.raises(ValueError, match="cut off"):
        splitter.close()


@pytest.mark.parametrize(
    "body",
    [
        *(b"<html>", b"true", b'"a"', b"nullx", b"null {}", b"[,]", b"[{},]", b"[{},,{}]"),
        *(b"[{}]x", b"[{}][", b"{}{}", b"[}", b"\xff\xfe[\0", b"[" * 10_000, b'{"a":' * 10_000),
    ],
)
def test_what_is_no_array_is_an_error(body: bytes) -> None:
    for split in (_split, _bytewise):
        with pytest.raises(ValueError):
            split(body)


def test_an_element_over_the_bound_is_an_error_and_many_below_it_are_none() -> None:
    splitter = JsonArraySplitter(max_element=100)
    assert len(splitter.feed(b"[" + b'{"a":"aaaa"},' * 1000)) == 1000
    with pytest.raises(ValueError, match="too long"):
        splitter.feed(b'{"a":"' + b"a" * 100)
    with pytest.raises(ValueError, match="too long"):
        JsonArraySplitter(max_element=100).feed(b'["' + b"a" * 100 + b'"]')


def test_no_more_than_one_element_is_held() -> None:
    element = json.dumps({"00100010": {"vr": "UT", "Value": ["x" * 10_000]}}).encode()
    splitter = JsonArraySplitter()
    splitter.feed(b"[" + element)
    tracemalloc.start()
    try:
        for _ in range(2000):
            assert splitter.feed(b"," + element) == [element]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * len(element)


def test_a_long_string_in_small_chunks_is_looked_at_once() -> None:
    splitter = JsonArraySplitter()
    splitter.feed(b'[{"7FE00010":{"vr":"OW","InlineBinary":"')
    for _ in range(20_000):
        assert splitter.feed(b"A" * 200) == []
    (element,) = splitter.feed(b'"}}]')
    assert len(element) == 4_000_000 + len('{"7FE00010":{"vr":"OW","InlineBinary":""}}')


_TEXT = st.text(st.sampled_from('ab01{}[],:"\\/\n \u00e9\u2028\U0001d11e'), max_size=12)
_ATTRIBUTES = st.fixed_dictionaries(
    {"vr": st.sampled_from(["LO", "SQ", "PN"])},
    optional={"Value": st.lists(_TEXT | st.integers() | st.none(), max_size=3)},
)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(_TEXT | st.sampled_from(["00080060", "7FE00010"]), inner | _ATTRIBUTES)
    ),
    max_leaves=20,
)


@given(
    st.lists(_VALUES, max_size=6),
    st.sampled_from([None, 1]),
    st.booleans(),
    st.lists(st.integers(1, 40)),
)
def test_any_chunking_gives_the_elements_that_a_parser_finds(
    elements: list[Any], indent: int | None, ascii_only: bool, sizes: list[int]
) -> None:
    body = json.dumps(elements, indent=indent, ensure_ascii=ascii_only).encode()
    assert [json.loads(element) for element in _split(body, iter(sizes))] == elements


@given(st.binary(max_size=60), st.lists(st.integers(1, 7)))
def test_any_bytes_are_split_or_refused_with_a_value_error(body: bytes, sizes: list[int]) -> None:
    try:
        found = _split(b"[" + body, iter(sizes))
    except ValueError:
        return
    assert b"".join(found).translate(None, b" \t\r\n,") in body.translate(None, b" \t\r\n,")
