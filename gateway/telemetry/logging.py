"""The log: one line an event, as JSON or as text, the same form for whoever writes to it.

What may not be in a log is kept out by rule and not by care. The text of an exception can quote a
value of a patient's dataset, so a failure is told by its type and its place. A Python warning is
told by its category and place for the same reason, and libraries whose own messages quote values
are silenced. Control characters are escaped: no text can forge a line.
"""

import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from time import time
from typing import TextIO

import orjson

from gateway.telemetry.failures import describe_failure
from gateway.telemetry.lines import LineSink

Fields = Mapping[str, object]
LineForm = Callable[[Fields], bytes]

# Their messages quote values of datasets, or headers with credentials.
_SILENCED = ("pydicom", "urllib3", "google", "botocore")
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_CONTROL = {code: f"\\u{code:04x}" for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)}
_NAMES = {level: name for name, level in _LEVELS.items()}
_warnings_log = logging.getLogger("py.warnings")


def json_line(fields: Fields) -> bytes:
    """One object a line, for machines; all of it ASCII."""
    try:
        line = orjson.dumps(fields, default=str, option=orjson.OPT_APPEND_NEWLINE)
        if line.isascii():
            return line
    except TypeError:  # a lone surrogate, from bytes in a header that are no text
        pass
    return json.dumps(fields, default=str).encode() + b"\n"


def text_line(fields: Fields) -> bytes:
    """Time, level and message, then the rest as name=value, for people."""
    rest = dict(fields)
    head = f"{rest.pop('ts')} {str(rest.pop('level')).upper():7} {rest.pop('message')}"
    pairs = (f"{name}={value}" for name, value in rest.items() if value not in ("", None))
    return (" ".join((_clean(head), *map(_clean, pairs))) + "\n").encode("utf-8", "replace")


_FORMS: dict[str, LineForm] = {"json": json_line, "text": text_line}


class EventLog:
    """Makes a line of each event and hands it to the sink."""

    def __init__(self, sink: LineSink, form: str, level: str) -> None:
        self._sink = sink
        self._form = _FORMS[form]
        self._level = _LEVELS[level]
        self._last_second = (0, "")

    def write(self, level: int, message: str, fields: Fields) -> None:
        """Log `message` with `fields` of its own.

        For what is logged for each request: a logging.LogRecord alone costs more than the line.
        """
        if level >= self._level:
            line = {"ts": self._time(time()), "level": _NAMES[level], "message": message, **fields}
            self._sink.write(self._form(line))

    def write_record(self, record: logging.LogRecord) -> None:
        """Log what a logger was told."""
        line: dict[str, object] = {
            "ts": self._time(record.created),
            "level": record.levelname.lower(),
            "message": _clean(record.getMessage()),
            "logger": record.name,
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["failure"] = describe_failure(record.exc_info[1])
        self._sink.write(self._form(line))

    def _time(self, moment: float) -> str:
        """ISO 8601 to the millisecond; only a new second is worked out."""
        second = int(moment)
        known, text = self._last_second
        if second != known:
            text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._last_second = (second, text)
        return f"{text}.{int((moment - second) * 1000):03}Z"


class RecordHandler(logging.Handler):
    """Sends the records of the standard library's loggers to the log."""

    def __init__(self, log: EventLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._log.write_record(record)
        except Exception:  # what cannot be told must not end what it tells of
            self._log.write(logging.ERROR, "An unreadable log record", {"logger": record.name})


@contextmanager
def logging_to(sink: LineSink, form: str, level: str) -> Iterator[EventLog]:
    """Send every log record and Python warning of this process to `sink`.

    `form` is `json` or `text`. `level` is that of the gateway's own records; of others nothing
    below a warning is written, since their details are not known to be free of values.
    """
    root, own = logging.getLogger(), logging.getLogger("gateway")
    previous = root.handlers, root.level, own.level, warnings.showwarning
    log = EventLog(sink, form, level)
    root.handlers = [RecordHandler(log)]
    root.setLevel(max(_LEVELS[level], logging.WARNING))
    own.setLevel(_LEVELS[level])
    for name in _SILENCED:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    warnings.showwarning = _log_warning
    try:
        yield log
    finally:
        root.handlers = previous[0]
        root.setLevel(previous[1])
        own.setLevel(previous[2])
        warnings.showwarning = previous[3]


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    _warnings_log.warning("%s at %s:%d", category.__name__, filename, lineno)


def _clean(text: str) -> str:
    return text if text.isprintable() else text.translate(_CONTROL)
