"""The Forwarded header (RFC 7239)."""

import re
from dataclasses import dataclass

from gateway.errors import bad_request

_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
# Not strict on what stands unquoted: proxies write `host=pacs.example.org:8443` without quotes.
_PAIR = re.compile(rf'\s*({_NAME})\s*=\s*({_QUOTED}|[^",;\s]*)\s*')
_SEPARATOR = re.compile(r"[,;][,;\s]*|\Z")
_ESCAPED = re.compile(r"\\(.)")
_SENDER = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_PORT = re.compile(r"(\[[^\]]*\]|[^:]*):[0-9]+")


@dataclass(frozen=True, slots=True)
class Hop:
    """What one proxy says of the request that it received."""

    sender: str = ""
    """An address without brackets and port; a name that hides it begins with an underscore."""
    proto: str = ""
    host: str = ""


def parse_forwarded(header: str) -> list[Hop]:
    """The hops in the header's order: the nearest proxy's is the last. Errors: 400."""
    elements: list[dict[str, str]] = [{}]
    header, position = header.strip(), 0
    while position < len(header):
        if match := _PAIR.match(header, position):
            elements[-1].setdefault(match[1].lower(), _unquoted(match[2]))
            position = match.end()
        separator = _SEPARATOR.match(header, position)
        if separator is None:
            raise bad_request("The Forwarded header is malformed.")
        if "," in separator[0]:
            elements.append({})
        position = separator.end()
    return [_hop(pairs) for pairs in elements if pairs]


def _hop(pairs: dict[str, str]) -> Hop:
    return Hop(address_of(pairs.get("for", "")), pairs.get("proto", ""), pairs.get("host", ""))


def address_of(node: str) -> str:
    """An address without the brackets and the port that it may come with."""
    if node.count(":") == 1 or node.startswith("["):
        match = _PORT.fullmatch(node)
        node = (match[1] if match else node).strip("[]")
    return node if _SENDER.fullmatch(node) else ""


def _unquoted(value: str) -> str:
    return _ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') else value
