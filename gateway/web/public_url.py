"""Where a request came to, and from whom: its public URL, client address and the check of its host.

Every link that leaves is built on this, so nobody but the operator and the proxies that the
operator trusts has a say: `server.public_url` wins; then, from a trusted peer only, `Forwarded`
(RFC 7239) or else `X-Forwarded-*`; then `Host`. What an untrusted peer forwards is not even read.
The host that comes out must be one of `server.allowed_hosts`.

Each proxy adds what it saw to the right of what it received. Only what trusted proxies added
counts: the entries from the right, as long as the one who is named as sender is itself trusted.
The leftmost of them is the edge that the client spoke to. `Forwarded` wins over `X-Forwarded-For`,
`-Proto` and `-Host`; it has no word for a prefix or a port, so those are read beside it.
"""

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from aiohttp import hdrs
from multidict import MultiMapping

from gateway.config.addresses import is_loopback
from gateway.config.server import ServerConfig
from gateway.errors import GatewayError, bad_request
from gateway.web.forwarded import Hop, address_of, parse_forwarded

# Bounds the memory that a client can fill by asking under ever new names.
_REMEMBERED = 1024
_HOST = re.compile(
    r"([A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?"
)
_PREFIX = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?")
_PORT = re.compile(r"[0-9]{1,5}")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_FORWARDING = (
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a request was asked of, and who asked."""

    base: str
    """The public URL down to and with `server.base_path`, without a slash at its end."""
    client: str
    """The address of the client, as far as trusted proxies say so; else the peer's."""


class Origins:
    """Finds the origin of requests; built once from `server`."""

    def __init__(self, server: ServerConfig) -> None:
        self._public_url = server.public_url
        self._base_path = server.base_path
        self._trusted = server.trusted_proxies
        self._hosts = _allowed_hosts(server)
        self._loopback = not server.allowed_hosts and is_loopback(server.host)
        self._is_trusted = lru_cache(_REMEMBERED)(self._judge_peer)
        self._base_of = lru_cache(_REMEMBERED)(self._checked_base)
        self._direct_origin = lru_cache(_REMEMBERED)(self._without_proxies)
        self._forwarded_origin = lru_cache(_REMEMBERED)(self._behind_proxies)

    def of(
        self,
        peer: str,
        scheme: str,
        headers: MultiMapping[str],
        reached: tuple[str, int] | None = None,
    ) -> Origin:
        """The origin of one request.

        `peer` is the address at the other end of the connection, `scheme` the connection's own
        and `reached` the address and port of its end here, where they are known.
        Errors: 400 where a name is malformed, 421 where it is none of this gateway's.
        """
        hosts = headers.getall(hdrs.HOST, ())
        if len(hosts) != 1:
            raise bad_request("A request names its Host once.")
        if not self._trusted or not self._is_trusted(peer):
            return self._direct_origin(peer, scheme, _with_port_reached(hosts[0], reached))
        forwarding = tuple(",".join(headers.getall(name, ())) for name in _FORWARDING)
        return self._forwarded_origin(peer, scheme, hosts[0], forwarding)

    def _judge_peer(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._trusted)

    def _without_proxies(self, peer: str, scheme: str, host: str) -> Origin:
        return Origin(self._base_of(scheme, host, ""), peer)

    def _behind_proxies(
        self, peer: str, scheme: str, host: str, forwarding: tuple[str, ...]
    ) -> Origin:
        forwarded, senders, schemes, hosts, ports, prefixes = forwarding
        if forwarded:
            hops = self._trusted_hops(parse_forwarded(forwarded))
            schemes = next((hop.proto for hop in hops if hop.proto), "")
            hosts = next((hop.host for hop in hops if hop.host), "")
        else:
            hops = self._trusted_hops([Hop(address_of(each)) for each in _members(senders)])
        depth = max(len(hops), 1)
        name = _edge(hosts, depth) or host
        if port := _edge(ports, depth):
            name = _with_port(name, port)
        prefix = _edge(prefixes, depth).rstrip("/")
        base = self._base_of(_edge(schemes, depth).lower() or scheme, name, prefix)
        return Origin(base, (hops[0].sender if hops else "") or peer)

    def _trusted_hops(self, hops: list[Hop]) -> list[Hop]:
        """The hops that trusted proxies added, the edge first."""
        first = len(hops)
        while first:
            first -= 1
            if not self._is_trusted(hops[first].sender):
                break
        return hops[first:]

    def _checked_base(self, scheme: str, host: str, prefix: str) -> str:
        if scheme not in _DEFAULT_PORTS:
            raise bad_request("The forwarded scheme is neither http nor https.")
        if not _PREFIX.fullmatch(prefix):
            raise bad_request("The forwarded prefix is not a clean path.")
        name = self._checked_host(scheme, host)
        return f"{self._public_url or f'{scheme}://{name}{prefix}'}{self._base_path}"

    def _checked_host(self, scheme: str, host: str) -> str:
        match = _HOST.fullmatch(host)
        if match is None or int(match[2] or 0) > 65535:
            raise bad_request("The Host is malformed.")
        name, port = match[1].rstrip(".").lower(), match[2] or _DEFAULT_PORTS[scheme]
        if not self._is_allowed(name, port):
            raise GatewayError(421, "This Host is none of this gateway's names.", "host")
        return name if port == _DEFAULT_PORTS[scheme] else f"{name}:{port}"

    def _is_allowed(self, name: str, port: str) -> bool:
        if name in self._hosts or f"{name}:{port}" in self._hosts:
            return True
        return self._loopback and is_loopback(name)


def _allowed_hosts(server: ServerConfig) -> frozenset[str]:
    """Names, each with its port where only that port is meant."""
    if server.allowed_hosts or server.public_url is None:
        return frozenset(server.allowed_hosts)
    return frozenset({_bracketed(urlsplit(server.public_url).hostname or "")})


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _with_port_reached(host: str, reached: tuple[str, int] | None) -> str:
    """The host with its port, where a client left that out.

    The Python dicomweb-client names the host alone, whatever the port. Where that host is the very
    address which was connected to, no proxy can have been meant, and the port is known.
    """
    if reached is None:
        return host
    address, port = reached
    name = host.strip("[]").lower()
    if name == address or (name == "localhost" and is_loopback(address)):
        return f"{host}:{port}"
    return host


def _members(header: str) -> list[str]:
    return [member for each in header.split(",") if (member := each.strip())]


def _edge(header: str, depth: int) -> str:
    """What the outermost of `depth` trusted proxies wrote; "" where nobody wrote anything.

    A proxy that replaces the header leaves fewer members than there are proxies.
    """
    members = _members(header)
    return members[-min(depth, len(members))] if members else ""


def _with_port(host: str, port: str) -> str:
    if not _PORT.fullmatch(port):
        raise bad_request("The forwarded port is no number.")
    name, separator, tail = host.rpartition(":")
    return host if separator and tail.isdigit() and name else f"{host}:{port}"
