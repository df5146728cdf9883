"""The DICOM JSON Model (PS3.18 F.2), strictly valid whatever an archive makes of it."""

import base64
import binascii
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import orjson
from pydicom.datadict import dictionary_VR, tag_for_keyword

from gateway.dicom.json_values import NOT_SPLIT, VALUE_OF_VR
from gateway.dicom.json_values import tag as tag_of
from gateway.dicom.resources import Attribute, Dataset

MAX_DEPTH = 32
"""Datasets within datasets; a sequence that lies deeper is left out."""

_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_VRS = frozenset({*VALUE_OF_VR, *_BINARY, "SQ"})
_CHARACTER_SET = "00080005"
_EMPTY: tuple[Any, ...] = (None, "")
_LONGEST_NAME = 64
# Commands, file meta information and item delimiters are no part of a dataset.
_NO_DATASET = ("0000", "0002", "FFFE")
_URL_SAFE = str.maketrans("-_", "+/")


def dump_json(value: Any) -> bytes:
    """Strict JSON in UTF-8. Raises TypeError for what JSON cannot hold."""
    return orjson.dumps(value)


def honest(dataset: Any) -> Dataset:
    """The dataset as F.2 has it, from whatever a backend's JSON holds in its place.

    Tags in ascending order as upper-case hex, each with a true VR and at most one of Value,
    BulkDataURI and InlineBinary; numbers as numbers where that rounds nothing; empty values as
    null with their positions kept; all text declared as ISO_IR 192. What has no right form is
    left out, and the rest stays. Group lengths, file meta information and commands are no part of
    the model (F.2.2) and are left out too. BulkDataURIs are untouched. The result may share
    values with the input.
    """
    found = _dataset(dataset, MAX_DEPTH)
    if _CHARACTER_SET not in found and not _is_ascii(found):
        found[_CHARACTER_SET] = _utf_8()
        return dict(sorted(found.items()))
    return found


def _dataset(dataset: Any, depth: int) -> Dataset:
    found: Dataset = {}
    if not isinstance(dataset, dict):
        return found
    for name, given in dataset.items():
        tag = _tag(name) if len(name) <= _LONGEST_NAME else None
        attribute = _attribute(tag, given, depth) if tag and isinstance(given, dict) else None
        if tag and attribute is not None:
            found[tag] = attribute
    return dict(sorted(found.items()))


@lru_cache(8192)
def _tag(name: str) -> str | None:
    """The tag that a name stands for; None for junk and for what no dataset holds."""
    tag = tag_of(name)
    if tag is None:
        # The dictionary has entries without a keyword, which is not to say that "" is one.
        number = tag_for_keyword(name) if name else None
        tag = f"{number:08X}" if number is not None else None
    if tag is None or tag.startswith(_NO_DATASET) or tag.endswith("0000"):
        return None
    return tag


def _attribute(tag: str, given: Attribute, depth: int) -> Attribute | None:
    """None for one that has a value and no right form: to call it empty would be a lie."""
    if tag == _CHARACTER_SET:
        return _utf_8()
    values = given.get("Value")
    if not isinstance(values, list):
        values = [] if values is None else [values]
    vr = _vr(tag, given.get("vr"), values)
    if vr in _BINARY:
        return _binary(vr, given, values)
    if vr == "SQ":
        return _sequence(given, values, depth - 1)
    if vr not in NOT_SPLIT:
        values = _split(values)
    right: list[Any] = [*map(VALUE_OF_VR[vr], values)]
    if right.count(None) < len(right):
        return {"vr": vr, "Value": right}
    return _without_value(vr, given) if _is_empty(values) else None


def _sequence(given: Attribute, values: list[Any], depth: int) -> Attribute | None:
    """An item that is null or no dataset becomes an empty one: the others keep their places."""
    if not values:
        return _without_value("SQ", given)
    return {"vr": "SQ", "Value": [_dataset(item, depth) for item in values]} if depth else None


def _without_value(vr: str, given: Attribute) -> Attribute | None:
    uri = given.get("BulkDataURI")
    if isinstance(uri, str) and uri:
        return {"vr": vr, "BulkDataURI": uri}
    # Only a binary VR may be inline (F.2.7); the same bytes may always be called unknown.
    return _inline("UN", given["InlineBinary"]) if given.get("InlineBinary") else {"vr": vr}


def _binary(vr: str, given: Attribute, values: Sequence[Any]) -> Attribute | None:
    uri, inline = given.get("BulkDataURI"), given.get("InlineBinary")
    if isinstance(uri, str) and uri:
        return {"vr": vr, "BulkDataURI": uri}
    if inline:
        return _inline(vr, inline)
    if _is_empty(values):
        return {"vr": vr}
    if vr == "UN" and all(isinstance(value, str) for value in values):
        text = "\\".join(values).encode("utf-8", "replace")
        return {"vr": vr, "InlineBinary": base64.b64encode(text).decode()}
    return None


def _inline(vr: str, inline: Any) -> Attribute | None:
    if isinstance(inline, list) and len(inline) == 1:
        (inline,) = inline
    if not isinstance(inline, str):
        return None
    if not _is_base64(inline):
        inline = "".join(inline.split()).translate(_URL_SAFE)
        inline += "=" * (-len(inline) % 4)
    return {"vr": vr, "InlineBinary": inline} if _is_base64(inline) else None


def _is_empty(values: Sequence[Any]) -> bool:
    return all(map(_is_empty_value, values))


def _is_empty_value(value: Any) -> bool:
    """A person name is empty, too, whose component groups are."""
    if type(value) is dict:
        return all(group in _EMPTY for group in value.values())
    return value in _EMPTY or (type(value) is str and value.isspace())


def _is_base64(text: str) -> bool:
    try:
        binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return False
    return True


def _split(values: list[Any]) -> list[Any]:
    """A backslash delimits values, which some archives leave in one string (F.2.4)."""
    for value in values:
        if type(value) is str and "\\" in value:
            break
    else:
        return values
    parts = (value.split("\\") if isinstance(value, str) else [value] for value in values)
    return [part for group in parts for part in group]


def _vr(tag: str, given: Any, values: Sequence[Any]) -> str:
    vr = given.upper() if isinstance(given, str) else ""
    if vr in _VRS and vr != "UN":
        return vr
    if any(isinstance(value, dict) for value in values):
        names = any("Alphabetic" in value for value in values if isinstance(value, dict))
        return "PN" if names else "SQ"
    return vr if vr in _VRS else _vr_of_dictionary(tag, values)


def _vr_of_dictionary(tag: str, values: Sequence[Any]) -> str:
    options = _options(tag)
    if not values:
        return options[-1] if options[-1] in _BINARY else options[0]
    negative = any(str(value).startswith("-") for value in values)
    return "SS" if negative and "SS" in options else options[0]


@lru_cache(8192)
def _options(tag: str) -> tuple[str, ...]:
    """The VRs that the dictionary leaves open for a tag, e.g. US and SS; UN if it has none."""
    try:
        found = tuple(dictionary_VR(int(tag, 16)).split(" or "))
    except KeyError:
        return ("UN",)
    return found if _VRS.issuperset(found) else ("UN",)


def _utf_8() -> Attribute:
    return {"vr": "CS", "Value": ["ISO_IR 192"]}


def _is_ascii(dataset: Dataset) -> bool:
    for attribute in dataset.values():
        for value in attribute.get("Value", ()):
            if type(value) is str and not value.isascii():
                return False
            if type(value) is dict and not _is_ascii_item(attribute["vr"], value):
                return False
    return True


def _is_ascii_item(vr: str, item: Any) -> bool:
    return all(map(str.isascii, item.values())) if vr == "PN" else _is_ascii(item)
