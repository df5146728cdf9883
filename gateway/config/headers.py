"""Extra request headers of a backend (RFC 9110 5)."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field, SecretStr

from gateway.config.secrets import SecretOrText
from gateway.config.section import Shape, problem

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_NOT_A_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]")

_OWN = frozenset(
    {
        *("accept", "accept-encoding", "connection", "content-length", "content-type", "expect"),
        *("host", "keep-alive", "range", "te", "trailer", "transfer-encoding", "upgrade"),
        *("proxy-authorization", "proxy-connection"),
    }
)


def _name(name: str) -> str:
    if _TOKEN.fullmatch(name) is None:
        raise problem("is not the name of a header: use letters, digits and -")
    if name.lower() in _OWN:
        raise problem("is set by the gateway itself, a request at a time: remove it")
    return name


def _value(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if _NOT_A_VALUE.search(text) or text != text.strip():
        raise problem(
            "must be one line of Latin-1 text without spaces at its ends: remove what is not"
        )
    return value


def _once(headers: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
    counts = Counter(name.lower() for name in headers)
    for name in headers:
        if counts[name.lower()] > 1:
            raise problem(f"holds {name} more than once: names are equal in any case of letters")
    return headers


Headers: TypeAlias = Annotated[
    Mapping[Annotated[str, AfterValidator(_name)], Annotated[SecretOrText, AfterValidator(_value)]],
    AfterValidator(_once),
    Field(examples=[{"X-Site": "north", "X-Api-Key": {"env": "PACS_API_KEY"}}]),
    Shape("header: text or secret"),
]
