from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.document import Place
from gateway.config.yaml_text import MAX_VALUES, read_value, read_yaml


def _only_problem(text: str) -> str:
    (problem,) = read_yaml(text).problems
    return f"{problem.place}: {problem.text}" if problem.place else problem.text


def test_values_are_what_they_seem() -> None:
    text = "[true, false, null, ~, 7, -1, 0.5, 1., yes, no, on, 12:30, 2024-01-31, 0x10, 1_000]"

    assert read_yaml(f"a: {text}").data["a"] == [
        *(True, False, None, None, 7, -1, 0.5, 1.0),
        *("yes", "no", "on", "12:30", "2024-01-31", "0x10", "1_000"),
    ]


def test_quotes_make_text_of_everything() -> None:
    assert read_yaml("""a: ["true", '7', "", 'null']""").data["a"] == ["true", "7", "", "null"]


def test_a_number_too_long_to_be_one_stays_text() -> None:
    assert read_yaml(f"a: {'9' * 5000}").data["a"] == "9" * 5000


def test_each_value_has_its_line() -> None:
    places = read_yaml("a: 1\nb:\n  c:\n    - d\n    - e: 2\n").places

    assert places["b", "c"] == Place(line=3)
    assert places["b", "c", 1, "e"] == Place(line=5)


def test_every_key_that_comes_twice_is_told_with_both_lines() -> None:
    document = read_yaml("a: 1\nb: {c: 1, c: 2}\na: 3\n")

    assert [(each.path, each.text, str(each.place)) for each in document.problems] == [
        (("b", "c"), "is given twice, first on line 2: remove one", "line 2"),
        (("a",), "is given twice, first on line 1: remove one", "line 3"),
    ]


def test_anchors_aliases_and_merge_keys_work() -> None:
    document = read_yaml("a: &x {k: 1, l: 2}\nb: *x\nc: {<<: *x, l: 3}\nd: {<<: [{l: 9}, *x]}\n")

    assert document.problems == []
    assert document.data["b"] == {"k": 1, "l": 2}
    assert document.data["c"] == {"k": 1, "l": 3}
    assert document.data["d"] == {"k": 1, "l": 9}
    assert document.places["c", "l"] == Place(line=3)


def test_an_alias_bomb_is_refused() -> None:
    levels = [
        f"{b}: &{b} [{', '.join(f'*{a}' for _ in range(10))}]" for a, b in pairwise("abcdefgh")
    ]

    assert f"with its aliases, over {MAX_VALUES} values" in _only_problem(
        "\n".join(["a: &a [x]", *levels])
    )


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: *a}", "a: &a {<<: *a}"])
def test_an_alias_of_itself_is_refused(text: str) -> None:
    assert "holds an alias of itself" in _only_problem(text)


@pytest.mark.parametrize("text", ["a: " + "[" * 500 + "]" * 500, "a: " + "{b: " * 400 + "}" * 400])
def test_nesting_without_end_is_refused(text: str) -> None:
    assert "it is nested too deeply" in _only_problem(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", "line 3: is not valid YAML: expected ',' or ']'"),
        ("a: 1\n  b: 2\n", "line 2: is not valid YAML: mapping values are not allowed here"),
        ("a:\n\tb: 1\n", "line 2: is not valid YAML: found character '\\t' that cannot start any"),
        ("a: 1\n---\nb: 2\n", "line 2: is not valid YAML: expected a single document"),
        ("a: 'b\n", "line 2: is not valid YAML: found unexpected end of stream"),
        ("a: \x07", "holds a character that YAML does not allow"),
        ("", "is empty: begin with version: 1"),
        ("# nothing\n", "is empty: begin with version: 1"),
        ("- a\n", "must be a mapping: begin with version: 1"),
        ("text", "must be a mapping: begin with version: 1"),
        ("1: a", "line 1: holds a key that is not text: put it into quotes"),
        ("? [a, b]\n: c", "line 1: holds a key that is not text: put it into quotes"),
        (
            "a: !!python/name:os.system x",
            "line 1: has a YAML tag (a word with !), and none is read",
        ),
        ("a: !custom {b: 1}", "line 1: has a YAML tag (a word with !), and none is read"),
        ("a: {<<: 5}", "line 1: merges what is not a mapping: << takes one"),
    ],
)
def test_what_is_wrong_with_a_text_is_told_with_its_line(text: str, problem: str) -> None:
    assert _only_problem(text).startswith(problem)


@pytest.mark.parametrize("text", ["password: *hunter2", "password: !hunter2!x y"])
def test_a_password_that_yaml_trips_over_is_not_shown(text: str) -> None:
    assert "hunter2" not in _only_problem(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9000", 9000),
        ("", None),
        ("true", True),
        ("::", "::"),
        ("a: b # c", "a: b # c"),
        ("*", "*"),
        ("[10.0.0.0/8, fd00::1]", ["10.0.0.0/8", "fd00::1"]),
        ("{type: none}", {"type": "none"}),
        ('"7"', "7"),
    ],
)
def test_a_value_of_the_environment_is_a_word_or_a_flow(text: str, value: object) -> None:
    assert read_value(text) == value


@pytest.mark.parametrize("text", ["[1", "{a: 1, a: 2}", "[1] 2", "{a: !x 1}", '"\x07"', "[*x]"])
def test_a_value_that_is_no_yaml_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"YAML|twice"):
        read_value(text)


@given(st.text(max_size=60))
def test_any_text_is_read_or_told_what_is_wrong(text: str) -> None:
    document = read_yaml(text)

    assert document.readable or len(document.problems) == 1


@given(
    st.text(alphabet="ab:-[]{},&*!|>'\"#%@` \n\t<~1.", max_size=40),
)
def test_any_mix_of_yaml_signs_is_read_or_told_what_is_wrong(text: str) -> None:
    document = read_yaml(text)

    assert document.readable or len(document.problems) == 1
