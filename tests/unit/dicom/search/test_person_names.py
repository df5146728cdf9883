"""Person names: what any archive may call a match, and what none does."""

from typing import Any

import pytest

from gateway.dicom.search.person_names import name_predicate

YAMADA = {
    "Alphabetic": "Yamada^Tarou",
    "Ideographic": "山田^太郎",
    "Phonetic": "やまだ^たろう",
}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Doe^John", {"Alphabetic": "Doe^John"}),
        ("doe^JOHN", {"Alphabetic": "Doe^John"}),
        ("Doe^John^^", {"Alphabetic": "Doe^John"}),
        ("Doe^John", {"Alphabetic": "Doe^John^^^"}),
        ("Doe^John", {"Alphabetic": "Doe^John "}),
        ("Doe ^John", {"Alphabetic": "Doe^ John"}),
        ("Doe", {"Alphabetic": "Doe^John"}),
        ("^John", {"Alphabetic": "Doe^John"}),
        ("*oh*", {"Alphabetic": "Doe^John"}),
        ("D?e^J*", {"Alphabetic": "Doe^John"}),
        ("doe^j*", "Doe^John"),
        ("O'N*", {"Alphabetic": "O'Neill^Mary"}),
        ("Muller*", {"Alphabetic": "Müller^Hans"}),
        ("Mu\u0308ller^Hans", {"Alphabetic": "M\u00fcller^Hans"}),
        ("山田*", YAMADA),
        ("やまだ^たろう", YAMADA),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", YAMADA),
        ("*=山田*", YAMADA),
        ("=山田^太郎", YAMADA),
    ],
)
def test_a_name_matches(key: str, value: Any) -> None:
    assert name_predicate(key)(value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Doe^Jane", {"Alphabetic": "Doe^John"}),
        ("Do", {"Alphabetic": "Doe^John"}),
        ("Doe^J", {"Alphabetic": "Doe^John"}),
        ("oh*", {"Alphabetic": "Doe^John"}),
        ("Doe^John^M", {"Alphabetic": "Doe^John"}),
        ("鈴木*", YAMADA),
        ("DOE, X", {"Alphabetic": "DOE"}),
    ],
)
def test_another_name_does_not_match(key: str, value: Any) -> None:
    assert not name_predicate(key)(value)
