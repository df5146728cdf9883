"""Wildcard matching against the plainest reference there is."""

import time
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dicom.search.wildcards import has_wildcard, wildcard


def _matches(pattern: str, text: str) -> bool:
    return wildcard(pattern).fullmatch(text) is not None


def _reference(pattern: str, text: str) -> bool:
    @cache
    def match(p: int, t: int) -> bool:
        if p == len(pattern):
            return t == len(text)
        if pattern[p] == "*":
            return match(p + 1, t) or (t < len(text) and match(p, t + 1))
        return t < len(text) and pattern[p] in ("?", text[t]) and match(p + 1, t + 1)

    return match(0, 0)


@given(st.text("ab*?\n", max_size=12), st.text("ab\n", max_size=16))
def test_a_pattern_matches_as_the_reference_does(pattern: str, text: str) -> None:
    assert _matches(pattern, text) is _reference(pattern, text)


@given(st.text(max_size=20))
def test_what_means_something_in_an_expression_is_taken_literally(text: str) -> None:
    plain = text.replace("*", "").replace("?", "")

    assert _matches(plain, plain)
    assert _matches(f"{plain}*", f"{plain}x")
    assert not _matches(plain, f"{plain}x")


@pytest.mark.parametrize(("text", "expected"), [("a*", True), ("a?", True), ("a", False)])
def test_a_pattern_is_told_from_a_value(text: str, expected: bool) -> None:
    assert has_wildcard(text) is expected


def test_a_pattern_of_many_stars_takes_no_more_time_than_another() -> None:
    started = time.process_time()

    assert not _matches("*a" * 500 + "*b", "a" * 5000)
    assert time.process_time() - started < 1.0
