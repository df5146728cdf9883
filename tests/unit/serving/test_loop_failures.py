"""Failures that reach the event loop: told, without their words, and not in a flood."""

import asyncio
import errno
import logging

import pytest

from gateway.serving.loop_failures import LoopFailures


def _log_all(failures: list[tuple[float, str, BaseException | None]]) -> None:
    times = iter([each[0] for each in failures])
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(LoopFailures(clock=lambda: next(times)))
    for _, message, failure in failures:
        loop.call_exception_handler({"message": message, "exception": failure})
    loop.close()


def test_a_failure_is_logged_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    _log_all([(0.0, "of PATIENT^NAME", ValueError("PATIENT^NAME"))])

    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (
        logging.ERROR,
        "A failure reached the event loop",
    )
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)


def test_what_is_no_exception_is_logged_as_the_loop_says_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    _log_all([(0.0, "Task was destroyed but it is pending!", None)])

    assert [each.getMessage() for each in caplog.records] == [
        "Task was destroyed but it is pending!"
    ]


def test_a_flood_of_one_failure_is_one_line_a_second(caplog: pytest.LogCaptureFixture) -> None:
    full = OSError(errno.EMFILE, "Too many open files")
    flood = [
        (number / 1000, "socket.accept() out of system resource", full) for number in range(2500)
    ]
    _log_all([*flood, (2.5, "Fatal error on transport", RuntimeError())])

    assert [type(each.exc_info[1]) for each in caplog.records if each.exc_info] == [
        OSError,
        OSError,
        OSError,
        RuntimeError,
    ]
