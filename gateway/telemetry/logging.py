"""The log: one line an event, as JSON or as text, the same form for whoever writes to it.

What may not be in a log is kept out by rule and not by care. The text of an exception can quote a
value of a patient's dataset, so a failure is told by its type and its place. A Python warning is
told by its category and place for the same reason, and libraries whose own messages quote values
are silenced. Control characters are escaped: no text can forge a line.
"""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
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
_warnings_log = logging.getLogger("py.warnings")


def json_line(fields: Fields) -> bytes:
    """One object a line, for machines."""
    try:
        return orjson.dumps(fields, default=str, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # a lone surrogate, from bytes in a header that are no text
        mended = {name: _mended(value) for name, value in fields.items()}
        return orjson.dumps(mended, default=str, option=orjson.OPT_APPEND_NEWLINE)


def text_line(fields: Fields) -> bytes:
    """Time, level and message, then the rest as name=value, for people."""
    rest = dict(fields)
    head = f"{rest.pop('ts')} {str(rest.pop('level')).upper():7} {rest.pop('message')}"
    pairs = (f"{name}={value}" for name, value in rest.items() if value not in ("", None))
    return (" ".join((_clean(head), *map(_clean, pairs))) + "\n").encode("utf-8", "replace")


_FORMS: dict[str, LineForm] = {"json": json_line, "text": text_line}


class EventHandler(logging.Handler):
    """Makes a line of each record and hands it to the sink."""

    def __init__(self, sink: LineSink, form: LineForm) -> None:
        super().__init__()
        self._sink = sink
        self._form = form

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._sink.write(self._form(_fields_of(record)))
        except Exception:  # a record that cannot be formatted must not end what it tells of
            self._sink.write(self._form(_head(record, f"A line of {record.name} was unreadable")))


def write_event(logger: logging.Logger, level: int, message: str, fields: Fields) -> None:
    """Log `message` with `fields` of its own.

    For lines that are written for each request: what `Logger.log` does beside (it walks the stack
    for the caller's name) takes longer than the line.
    """
    if logger.isEnabledFor(level):
        record = logging.LogRecord(logger.name, level, "", 0, message, None, None)
        record.__dict__["fields"] = fields
        logger.handle(record)


@contextmanager
def logging_to(sink: LineSink, form: str, level: str) -> Iterator[None]:
    """Send every log record and Python warning of this process to `sink`.

    `form` is `json` or `text`. `level` is that of the gateway's own records; of others nothing
    below a warning is written, since their details are not known to be free of values.
    """
    root, own = logging.getLogger(), logging.getLogger("gateway")
    previous = root.handlers, root.level, own.level, warnings.showwarning
    root.handlers = [EventHandler(sink, _FORMS[form])]
    root.setLevel(max(_LEVELS[level], logging.WARNING))
    own.setLevel(_LEVELS[level])
    for name in _SILENCED:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    warnings.showwarning = _log_warning
    try:
        yield
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


def _fields_of(record: logging.LogRecord) -> dict[str, object]:
    fields = _head(record, _clean(record.getMessage()))
    if own := record.__dict__.get("fields"):
        fields.update(own)
    else:
        fields["logger"] = record.name
    if record.exc_info and record.exc_info[1] is not None:
        fields["failure"] = describe_failure(record.exc_info[1])
    return fields


def _head(record: logging.LogRecord, message: str) -> dict[str, object]:
    moment = datetime.fromtimestamp(record.created, UTC)
    return {
        "ts": moment.isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "message": message,
    }


def _clean(text: str) -> str:
    return text if text.isprintable() else text.translate(_CONTROL)


def _mended(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value
