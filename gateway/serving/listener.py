"""The listening sockets, bound before there is an event loop: a failure is then one clear line."""

import errno
import socket
import ssl
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TypeAlias

from gateway.config.server import ServerConfig

Address: TypeAlias = tuple[socket.AddressFamily, tuple[str, int]]

_REASONS = {
    errno.EADDRINUSE: "the port is in use: stop what listens there, or set another server.port",
    errno.EACCES: "this user may not: take a port above 1023, or grant CAP_NET_BIND_SERVICE",
    errno.EADDRNOTAVAIL: "this machine has no such address: correct server.host",
}


# `localhost` may name an address of a family that this machine does not speak.
_ABSENT = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class CannotListen(Exception):
    """The address cannot be listened on; the text says why and what to do."""


def bind(host: str, port: int) -> list[socket.socket]:
    """A socket for each address that `host` names, all on one port. Errors: CannotListen."""
    return bind_each(host, _addresses(host, port))


def bind_each(host: str, addresses: Sequence[Address]) -> list[socket.socket]:
    """A socket for each address that there is, at least one. Errors: CannotListen."""
    absent: OSError | None = None
    with ExitStack() as opened:
        sockets: list[socket.socket] = []
        for family, (name, port) in addresses:
            port = port or (sockets[0].getsockname()[1] if sockets else 0)
            try:
                sockets.append(opened.enter_context(_bound(family, (name, port))))
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise CannotListen(_why(host, port, error)) from error
                absent = error
        if absent is not None and not sockets:
            raise CannotListen(_why(host, addresses[0][1][1], absent)) from absent
        opened.pop_all()
    return sockets


def tls_context(server: ServerConfig) -> ssl.SSLContext | None:
    """The context of `server.tls`. Errors: CannotListen."""
    if server.tls is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(server.tls.cert, server.tls.key, password=_no_passphrase)
    except (OSError, ValueError) as error:
        raise CannotListen(
            f"server.tls: {server.tls.cert} and {server.tls.key} are no certificate with its key"
        ) from error
    return context


def address_of(sockets: list[socket.socket], tls: ssl.SSLContext | None) -> str:
    """How this machine's users reach it: scheme, host and port."""
    host, port = sockets[0].getsockname()[:2]
    return url_of(host, port, secure=tls is not None)


def url_of(host: str, port: int, *, secure: bool) -> str:
    """How this machine's users reach what listens there, be it on every address."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    name = f"[{host}]" if ":" in host else host
    return f"{'https' if secure else 'http'}://{name}:{port}"


def _addresses(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise CannotListen(f"server.host {host} is no address of this machine") from error
    addresses = ((family, (str(each[0]), int(each[1]))) for family, _, _, _, each in found)
    return list(dict.fromkeys(addresses))


def _bound(family: socket.AddressFamily, address: tuple[str, int]) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.setblocking(False)
        listening.bind(address)
    except OSError:
        listening.close()
        raise
    return listening


def _why(host: str, port: int, error: OSError) -> str:
    reason = _REASONS.get(error.errno or 0, error.strerror)
    return f"Cannot listen on {host}, port {port}: {reason}."


def _no_passphrase() -> str:
    """OpenSSL would ask for one on the terminal, where nobody may be."""
    return ""
