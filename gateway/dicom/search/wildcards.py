"""Wildcard matching (PS3.4 C.2.2.2.4): `*` stands for any characters, `?` for one."""

import re
from functools import lru_cache

WILDCARD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
"""The VRs that wildcards are for."""

_STARS = re.compile(r"\*+")


def has_wildcard(text: str) -> bool:
    """True if the text is a pattern and no single value."""
    return "*" in text or "?" in text


@lru_cache(maxsize=1024)
def wildcard(pattern: str) -> re.Pattern[str]:
    """The pattern as an expression for `fullmatch`.

    Each `*` takes the least that it can and never gives it back, so that no pattern of a client
    makes the match take more than a time linear in the value.
    """
    first, *rest = (_literal(piece) for piece in _STARS.split(pattern))
    if not rest:
        return re.compile(first, re.DOTALL)
    *middle, last = rest
    lazy = "".join(f"(?>.*?{piece})" for piece in middle)
    return re.compile(f"{first}{lazy}.*{last}", re.DOTALL)


def _literal(piece: str) -> str:
    return "".join("." if character == "?" else re.escape(character) for character in piece)
