"""The log: one line an event, without values, and beyond forging."""

import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.telemetry.logging import EventLog, RecordHandler, logging_to

PATIENT = "DOE^JANE"


class Lines:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []

    def write(self, line: bytes) -> None:
        self.kept.append(line)

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.kept]


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def log(lines: Lines) -> Iterator[EventLog]:
    with logging_to(lines, "json", "info") as log:
        yield log


@pytest.fixture
def text(lines: Lines) -> Iterator[EventLog]:
    with logging_to(lines, "text", "info") as log:
        yield log


def test_an_event_is_one_json_object_with_time_level_and_its_fields(
    lines: Lines, log: EventLog
) -> None:
    log.write(logging.WARNING, "request", {"id": "abc", "status": 502, "duration_ms": 1.25})

    (event,) = lines.objects
    assert lines.kept[0].count(b"\n") == 1
    assert event.pop("ts").endswith("Z")
    assert event == {
        "level": "warning",
        "message": "request",
        "id": "abc",
        "status": 502,
        "duration_ms": 1.25,
    }


def test_the_time_is_of_iso_8601_in_utc_to_the_millisecond(lines: Lines, log: EventLog) -> None:
    record = logging.LogRecord("gateway", logging.INFO, "", 0, "at a known time", None, None)
    for moment, text in (
        (1_700_000_000.0, "2023-11-14T22:13:20.000Z"),
        (1_700_000_000.0625, "2023-11-14T22:13:20.062Z"),
        (1_700_000_001.9999, "2023-11-14T22:13:21.999Z"),
    ):
        record.created = moment
        log.write_record(record)
        assert lines.objects[-1]["ts"] == text


def test_the_gateways_loggers_write_from_the_level_on(lines: Lines, log: EventLog) -> None:
    logging.getLogger("gateway.some.part").debug("unseen")
    logging.getLogger("gateway.some.part").info("backend %s is up", "pacs")

    (event,) = lines.objects
    assert event["message"] == "backend pacs is up"
    assert event["logger"] == "gateway.some.part"
    assert event["level"] == "info"


def test_an_event_below_the_level_is_not_written(lines: Lines) -> None:
    with logging_to(lines, "json", "warning") as log:
        log.write(logging.INFO, "request", {})

    assert lines.kept == []


def test_of_others_nothing_below_a_warning_is_written(lines: Lines) -> None:
    with logging_to(lines, "json", "debug"):
        logging.getLogger("asyncio").debug("details")
        logging.getLogger("asyncio").warning("noteworthy")
        logging.getLogger("gateway").debug("own details")

    assert [each["message"] for each in lines.objects] == ["noteworthy", "own details"]


def test_libraries_whose_messages_quote_values_are_silent(lines: Lines, log: EventLog) -> None:
    logging.getLogger("pydicom").error("invalid value %s", PATIENT)

    assert lines.kept == []


def test_an_exception_is_told_without_its_text(lines: Lines, log: EventLog) -> None:
    try:
        raise ValueError(f"cannot read {PATIENT}")
    except ValueError:
        logging.getLogger("gateway.web").exception("Request failed")

    (event,) = lines.objects
    assert event["failure"][0] == "ValueError"
    assert "test_logging.py" in event["failure"][1]
    assert PATIENT.encode() not in lines.kept[0]


def test_a_python_warning_is_told_by_its_category_and_place(lines: Lines, log: EventLog) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"Invalid value for VR PN: {PATIENT}", UserWarning, stacklevel=1)

    (event,) = lines.objects
    assert event["message"].startswith("UserWarning at ")
    assert "test_logging.py:" in event["message"]
    assert PATIENT.encode() not in lines.kept[0]


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_text_forges_a_second_line_or_drives_a_terminal(lines: Lines, form: str) -> None:
    evil = 'a\r\n{"ts": "forged"}\x1b[2J\x85\u2028b'
    with logging_to(lines, form, "info") as log:
        logging.getLogger("gateway").info("%s", evil)
        log.write(logging.INFO, "request", {"client": evil})

    for line in lines.kept:
        shown = line.decode()
        assert shown.endswith("\n")
        assert len(shown[:-1].splitlines()) == 1, shown
        assert "\x1b" not in shown


def test_bytes_that_are_no_text_can_be_logged(lines: Lines, log: EventLog) -> None:
    log.write(logging.INFO, "request", {"client": b"\xff".decode("utf-8", "surrogateescape")})

    assert lines.objects[0]["client"] == "\udcff"


def test_a_record_that_cannot_be_formatted_is_told_and_harms_nothing(
    lines: Lines, log: EventLog
) -> None:
    record = logging.LogRecord("gateway", logging.INFO, "", 0, "%d", ("no number",), None)
    RecordHandler(log).handle(record)

    (event,) = lines.objects
    assert event["message"] == "An unreadable log record"
    assert event["logger"] == "gateway"


def test_text_is_for_people(lines: Lines, text: EventLog) -> None:
    text.write(logging.INFO, "request", {"method": "GET", "status": 200, "backend": ""})

    (line,) = lines.kept
    moment, _, rest = line.decode().partition(" ")
    assert len(moment) == len("2023-11-14T22:13:20.000Z")
    assert rest == "INFO    request method=GET status=200\n"


def test_logging_and_warnings_are_as_before_in_the_end(lines: Lines) -> None:
    root = logging.getLogger()
    before = (root.handlers, root.level, logging.getLogger("gateway").level, warnings.showwarning)
    with logging_to(lines, "json", "debug"):
        assert root.handlers != before[0]

    after = (root.handlers, root.level, logging.getLogger("gateway").level, warnings.showwarning)
    assert after == before
