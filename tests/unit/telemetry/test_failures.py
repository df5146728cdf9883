"""A failure is told by types and places, never by its words."""

import errno
from collections.abc import Callable

from gateway.telemetry.failures import describe_failure

PATIENT = "DOE^JANE"


def failure_of(action: Callable[[], None]) -> Exception:
    try:
        action()
    except Exception as failure:
        return failure
    raise AssertionError("it did not fail")


def read_name() -> None:
    raise ValueError(f"bad name {PATIENT}")


def read_dataset() -> None:
    try:
        read_name()
    except ValueError as error:
        raise KeyError(PATIENT) from error


def test_the_type_and_the_places_are_told_and_the_text_is_not() -> None:
    told = describe_failure(failure_of(read_name))

    assert told[0] == "ValueError"
    assert told[-1].startswith("  unit/telemetry/test_failures.py:")
    assert told[-1].endswith(" in read_name")
    assert PATIENT not in "\n".join(told)


def test_the_cause_is_told_too() -> None:
    told = describe_failure(failure_of(read_dataset))

    assert told[0] == "KeyError"
    assert "ValueError" in told[told.index("caused by") :]
    assert PATIENT not in "\n".join(told)


def test_each_member_of_a_group_is_told() -> None:
    def fail() -> None:
        raise ExceptionGroup("two", [failure_of(read_name), OSError()])

    told = describe_failure(failure_of(fail))

    assert told[0] == "ExceptionGroup"
    assert "ValueError" in told
    assert "OSError (errno None)" in told


def test_an_operating_systems_error_gives_its_number_and_no_path() -> None:
    def fail() -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file", f"/data/{PATIENT}.dcm")

    told = describe_failure(failure_of(fail))

    assert told[0] == "FileNotFoundError (errno 2)"
    assert PATIENT not in "\n".join(told)


def test_endless_recursion_makes_a_short_story() -> None:
    def fail() -> None:
        fail()

    assert len(describe_failure(failure_of(fail))) <= 21


def test_a_long_chain_of_causes_is_cut() -> None:
    def fail(depth: int = 0) -> None:
        try:
            if depth < 50:
                fail(depth + 1)
            raise ValueError
        except Exception as error:
            raise TypeError from error

    assert describe_failure(failure_of(fail)).count("caused by") == 5
