"""What passes for a UID, and what for the name of a resource in a path."""

import pytest

from gateway.dicom.uids import identifies, is_uid

HASH = "05fa52f0e599f17b8186ff18fcdf2b5570a52206a75c4d03afebf5c475dc8758"


@pytest.mark.parametrize("text", ["1", "1.2.840.10008.1.2", "1.02.3", "9" * 64])
def test_dotted_digits_are_a_uid(text: str) -> None:
    assert is_uid(text)
    assert identifies(text)


def test_a_hash_in_place_of_a_uid_still_identifies() -> None:
    assert identifies(HASH)
    assert not is_uid(HASH)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "1.",
        ".1",
        "1..2",
        "1/2",
        "1?2",
        "1,2",
        "1\\2",
        "1*",
        "1%2E",
        "١.٢",
        "1 ",
        "1\n",
        "9" * 65,
        "a" * 65,
    ],
)
def test_nothing_that_means_anything_in_a_path_identifies(text: str) -> None:
    assert not identifies(text)
    assert not is_uid(text)
