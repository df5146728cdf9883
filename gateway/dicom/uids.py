"""Unique identifiers (PS3.5 9.1), as strict as the field allows."""

import re

_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_IDENTIFIER = re.compile(r"[0-9A-Za-z]+(?:\.[0-9A-Za-z]+)*")
_MAX_LENGTH = 64


def is_uid(text: str) -> bool:
    """True for dotted digits of at most 64 characters; leading zeros pass."""
    return len(text) <= _MAX_LENGTH and _UID.fullmatch(text) is not None


def identifies(text: str) -> bool:
    """True for what may identify a study, series or instance.

    Archives hold studies whose UIDs some de-identification has replaced by hashes: letters pass
    beside digits and dots, and nothing that means anything in a path or a query.
    """
    return len(text) <= _MAX_LENGTH and _IDENTIFIER.fullmatch(text) is not None
