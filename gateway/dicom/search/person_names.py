"""Person names as a search may match them (PS3.4 C.2.2.2.1, C.2.2.2.4; PS3.5 6.2.1).

An archive may ignore case and accents in names, may look at one component group or at all of
them, and may match a family name alone. Whatever one of them would return matches here.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from gateway.dicom.json_values import PERSON_NAME_GROUPS
from gateway.dicom.search.wildcards import wildcard

_PADDING = re.compile(r"[\s^]+$|\s+(?=\^)|(?<=\^)\s+")


def name_predicate(key: str) -> Callable[[Any], bool]:
    """Whether a key matches a PN value of the DICOM JSON Model, or a plain string."""
    whole = _fold(key)
    patterns = [wildcard(group) for group in {whole, *filter(None, map(_fold, key.split("=")))}]
    components = [[wildcard(part) for part in group.split("^")] for group in _groups(key)]

    def matches(value: Any) -> bool:
        groups = _groups_of(value)
        texts = [*groups, "=".join(groups)]
        if any(pattern.fullmatch(text) for pattern in patterns for text in texts):
            return True
        return any(_components_match(parts, text) for parts in components for text in groups)

    return matches


def _components_match(parts: list[re.Pattern[str]], text: str) -> bool:
    """Each component that the key names; those that it leaves empty or out may be anything."""
    have = text.split("^")
    have += [""] * (len(parts) - len(have))
    return all(
        not part.pattern or part.fullmatch(component)
        for part, component in zip(parts, have, strict=False)
    )


def _groups_of(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [_fold(str(value[name])) for name in PERSON_NAME_GROUPS if value.get(name)]
    return _groups(str(value))


def _groups(text: str) -> list[str]:
    return [folded for folded in map(_fold, text.split("=")) if folded]


def _fold(text: str) -> str:
    """Without case, accents and padding."""
    decomposed = unicodedata.normalize("NFKD", text.strip())
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return _PADDING.sub("", bare.casefold())
