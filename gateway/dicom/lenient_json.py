"""JSON as archives write it: read if any sense can be made of it.

Strict first and fast; only what fails is looked at again, for a wrong encoding, control
characters in strings, and numbers that are none.
"""

import json
import re
from codecs import BOM_UTF8
from typing import Any

import orjson
from pydicom.charset import python_encoding

_CHARACTER_SET = re.compile(rb'"00080005"\s*:\s*\{[^{}]*"Value"\s*:\s*\[\s*"([^"\\]{1,32})"')
_NON_FINITE = re.compile(
    r'("(?:[^"\\]|\\.)*+"?)|([+-]?)\b(nan|inf(?:inity)?)\b(?:\(\w*\))?', re.IGNORECASE | re.DOTALL
)
_MOST_DIGITS = 1000


def parse_json(body: bytes) -> Any:
    """The body's value; None for an empty one. Raises ValueError for what cannot be read.

    Numbers that are not finite come as such floats, and strings may hold lone surrogates: see
    `gateway.dicom.dicom_json.honest`.
    """
    body = body.removeprefix(BOM_UTF8).strip()
    if not body:
        return None
    try:
        return orjson.loads(body)
    except ValueError:
        return _parse_again(_decoded(body))


def _parse_again(text: str) -> Any:
    # The cause would quote what may be a patient's.
    try:
        plain = _NON_FINITE.sub(_finite_or_named, text)
        return json.loads(plain, strict=False, parse_int=_integer)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    except ValueError:
        raise ValueError("the body is no JSON") from None


def _integer(digits: str) -> int | str:
    """A number of more digits than Python converts is no value of any VR: it stays a text."""
    return int(digits) if len(digits) <= _MOST_DIGITS else digits


def _finite_or_named(match: re.Match[str]) -> str:
    string, sign, word = match.groups()
    if word is None:
        return str(string)
    name = "NaN" if word[0] in "nN" else "Infinity"
    return "-Infinity" if sign == "-" and name == "Infinity" else name


def _decoded(body: bytes) -> str:
    """As the Unicode that it is, else in the character set that it declares, else in Latin-1."""
    try:
        return body.decode(json.detect_encoding(body))
    except UnicodeDecodeError:
        declared = _CHARACTER_SET.search(body)
        name = declared[1].decode("ascii", "replace") if declared else "ISO_IR 100"
        return body.decode(python_encoding.get(name, "latin_1"), "replace")
