"""Durations and sizes, which are written with their unit: 30s, 5m, 512MiB."""

import re
from datetime import timedelta
from typing import Annotated, Any, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    Strict,
    WithJsonSchema,
)

from gateway.config.section import Shape, problem

_DURATIONS: dict[str, timedelta] = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_SIZES: dict[str, int] = {"TiB": 1 << 40, "GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10, "B": 1}

# So many digits that any product is within what timedelta holds.
_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_SIZE = re.compile(r"([0-9]{1,9})(B|KiB|MiB|GiB|TiB)")


def parse_duration(value: object) -> timedelta:
    """`30s` as a timedelta; a number without a unit is an error that says so."""
    if isinstance(value, timedelta):
        return value
    number, unit = _split(value, _DURATION, "duration", "s", "ms, s, m, h, d")
    return number * _DURATIONS[unit]


def parse_size(value: object) -> int:
    """`64MiB` in bytes; a number without a unit is an error that says so."""
    number, unit = _split(value, _SIZE, "size", "MiB", "B, KiB, MiB, GiB, TiB")
    return number * _SIZES[unit]


def format_duration(value: timedelta) -> str:
    """In the largest unit that holds it without a rest; down to milliseconds."""
    for unit, length in _DURATIONS.items():
        if value and not value % length:
            return f"{value // length}{unit}"
    return "0s"


def format_size(value: int) -> str:
    """In the largest unit that holds it without a rest."""
    for unit, length in _SIZES.items():
        if value and not value % length:
            return f"{value // length}{unit}"
    return "0B"


def _split(
    value: object, pattern: re.Pattern[str], kind: str, unit: str, units: str
) -> tuple[int, str]:
    match = pattern.fullmatch(value) if isinstance(value, str) else None
    if match:
        return int(match[1]), match[2]
    if isinstance(value, int) and not isinstance(value, bool):
        raise problem(f"{value} has no unit: write {value}{unit} ({units})")
    raise problem(f"is not a {kind}: write a whole number and its unit, 30{unit} ({units})")


def _above_zero(value: Any) -> Any:
    if not value:
        raise problem("must be more than 0")
    return value


def _schema(pattern: re.Pattern[str], *examples: str) -> WithJsonSchema:
    return WithJsonSchema(
        {"type": "string", "pattern": f"^{pattern.pattern}$", "examples": list(examples)}
    )


Duration: TypeAlias = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration),
    _schema(_DURATION, "500ms", "30s", "5m", "2h", "7d"),
    Shape("duration"),
]
"""0 or more."""

Size: TypeAlias = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size),
    _schema(_SIZE, "64KiB", "512MiB", "20GiB"),
    Shape("size"),
]
"""Bytes, 0 or more."""

PositiveDuration: TypeAlias = Annotated[Duration, AfterValidator(_above_zero)]
PositiveSize: TypeAlias = Annotated[Size, AfterValidator(_above_zero)]

Count: TypeAlias = Annotated[int, Strict(), Field(ge=1), Shape("whole number, from 1")]
Amount: TypeAlias = Annotated[int, Strict(), Field(ge=0), Shape("whole number, from 0")]
Port: TypeAlias = Annotated[int, Strict(), Field(ge=0, le=65535), Shape("port")]
Rate: TypeAlias = Annotated[float, Field(gt=0), Shape("number above 0")]
