"""Attributes by name, as the data dictionary (PS3.6) has them.

A name in a query is a keyword, a tag of eight hex digits, or a path of them that leads through
sequences, joined by dots (PS3.18 8.3.4.1).
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword

from gateway.errors import bad_request

UNKNOWN_VR = "UN"

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_STARTS_LIKE_A_TAG = re.compile(r"[0-9(]")
_MAX_DEPTH = 16


@dataclass(frozen=True, slots=True)
class AttributeName:
    """Where an attribute lies: tags of eight upper-case hex digits, sequences before the last."""

    path: tuple[str, ...]
    vr: str
    """The last tag's VR; the first where the dictionary leaves a choice, UN where it has none."""
    multi_valued: bool
    """The dictionary allows the last tag more than one value."""


@lru_cache(maxsize=2048)
def attribute_name(name: str) -> AttributeName | None:
    """The attribute that a name stands for, None for a keyword that no dictionary has.

    GatewayError 400 for what was meant as a tag and is none, such as `0010002`.
    """
    parts = name.split(".")
    if len(parts) > _MAX_DEPTH:
        raise bad_request("An attribute path is too long.")
    path = tuple(tag for tag in map(_tag, parts) if tag is not None)
    if len(path) < len(parts):
        return None
    return AttributeName(path, vr_of(path[-1]), _is_multi_valued(path[-1]))


def vr_of(tag: str) -> str:
    """The VR of a tag: of `US or SS` the first, UN for private and unknown tags."""
    try:
        vr = dictionary_VR(int(tag, 16))
    except KeyError:
        return UNKNOWN_VR
    return UNKNOWN_VR if vr == "NONE" else vr[:2]


def _tag(part: str) -> str | None:
    if _TAG.fullmatch(part) is not None:
        return part.upper()
    if not part or _STARTS_LIKE_A_TAG.match(part) is not None:
        raise bad_request("An attribute's tag is eight hexadecimal digits.")
    number = tag_for_keyword(part)
    return None if number is None else f"{number:08X}"


def _is_multi_valued(tag: str) -> bool:
    try:
        return dictionary_VM(int(tag, 16)) != "1"
    except KeyError:
        return False
