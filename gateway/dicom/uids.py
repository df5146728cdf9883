"""Unique identifiers (PS3.5 9.1), as strict as the field allows."""

import re

_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_MAX_LENGTH = 64


def is_uid(text: str) -> bool:
    """True for dotted digits of at most 64 characters.

    Leading zeros in a component are against PS3.5 9.1 but live in real archives: they pass.
    """
    return len(text) <= _MAX_LENGTH and _UID.fullmatch(text) is not None
