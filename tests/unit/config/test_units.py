import re
from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from gateway.config.units import format_duration, format_size, parse_duration, parse_size

NUMBERS = st.integers(min_value=0, max_value=999_999_999)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("30s", 30), ("5m", 300), ("2h", 7200), ("7d", 604800), ("0s", 0)],
)
def test_a_duration_is_read_in_its_unit(text: str, seconds: float) -> None:
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [("0MiB", 0), ("512B", 512), ("64KiB", 65536), ("20GiB", 20 * 2**30), ("1TiB", 2**40)],
)
def test_a_size_is_read_in_its_unit(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("number", [30, 0, -1])
def test_a_bare_number_is_told_what_it_lacks(number: int) -> None:
    with pytest.raises(PydanticCustomError) as duration:
        parse_duration(number)
    with pytest.raises(PydanticCustomError) as size:
        parse_size(number)

    assert duration.value.message() == f"{number} has no unit: write {number}s (ms, s, m, h, d)"
    assert size.value.message() == (
        f"{number} has no unit: write {number}MiB (B, KiB, MiB, GiB, TiB)"
    )


@pytest.mark.parametrize(
    "text", ["", "s", "5", "5 s", "5S", "1.5h", "-5s", "5s5", "1h30m", "٣s", "1" * 10 + "s", "5s\n"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(PydanticCustomError, match="is not a duration: write a whole number"):
        parse_duration(text)


@pytest.mark.parametrize("value", ["", "MiB", "5", "5MB", "5mib", "5 MiB", True, None, [1], 1.5])
def test_what_is_no_size_is_refused(value: object) -> None:
    with pytest.raises(PydanticCustomError, match="is not a size: write a whole number"):
        parse_size(value)


@given(NUMBERS, st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_every_duration_can_be_written_and_read_again(number: int, unit: str) -> None:
    duration = parse_duration(f"{number}{unit}")

    assert duration == number * parse_duration(f"1{unit}")
    assert parse_duration(format_duration(duration)) == duration or len(str(number)) == 9


@given(NUMBERS, st.sampled_from(["B", "KiB", "MiB", "GiB", "TiB"]))
def test_every_size_can_be_written_and_read_again(number: int, unit: str) -> None:
    size = parse_size(f"{number}{unit}")

    assert size == number * parse_size(f"1{unit}")
    assert parse_size(format_size(size)) == size


@given(
    st.one_of(st.integers(), st.floats(), st.booleans(), st.none(), st.text(alphabet="1sm.- KiB"))
)
def test_anything_else_is_an_error_with_words_and_never_a_crash(value: object) -> None:
    assume(not isinstance(value, str) or not re.fullmatch(r"1+(s|m|B|KiB)", value))

    for parse in (parse_duration, parse_size):
        with pytest.raises(PydanticCustomError, match="write"):
            parse(value)


def test_a_unit_that_fits_is_chosen() -> None:
    assert format_duration(timedelta(seconds=90)) == "90s"
    assert format_duration(timedelta(hours=48)) == "2d"
    assert format_size(65536) == "64KiB"
    assert format_size(1000) == "1000B"
