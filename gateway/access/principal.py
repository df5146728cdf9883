"""The caller of a request, as far as it has been proven."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Principal:
    """A subject and its verified claims. `bearer_token` is never logged: it is not in the repr."""

    subject: str
    claims: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    bearer_token: str | None = field(default=None, repr=False)


ANONYMOUS = Principal("anonymous")
