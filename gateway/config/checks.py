"""Checks of what was written, which hold whatever else is wrong with it."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from gateway.config.addresses import is_loopback
from gateway.config.document import Document, Problem

Check: TypeAlias = Callable[[Document], Iterator[Problem]]


def anonymous_is_meant(document: Document) -> Iterator[Problem]:
    """Whoever reaches an open gateway may read and store, so that has to be said."""
    host = document.get(("server", "host"))
    mode = document.get(("auth", "mode")) or "none"
    meant = document.get(("auth", "allow_anonymous")) is True
    if isinstance(host, str) and not is_loopback(host) and mode == "none" and not meant:
        yield Problem(
            ("auth", "mode"),
            f"none, with server.host {host}, lets everybody who reaches it read and store: if"
            " that is meant, set auth.allow_anonymous: true; else listen on 127.0.0.1",
        )


def nothing_is_expanded(document: Document) -> Iterator[Problem]:
    """Text for a shell or a template, which nobody has filled in."""
    for path, value in document.values():
        if is_unexpanded(value):
            yield Problem(
                path,
                "${...} is not expanded: override the key, as in GATEWAY__SERVER__PORT=8080, or"
                " for a secret write { env: NAME }",
            )


def names_differ(document: Document) -> Iterator[Problem]:
    """A backend's name stands for it in paths, logs and metrics."""
    backends = document.get(("backends",))
    first: dict[str, int] = {}
    for at in range(len(backends) if isinstance(backends, list) else 0):
        name = document.get(("backends", at, "name"))
        if isinstance(name, str) and first.setdefault(name, at) != at:
            text = f"{name} is the name of backends[{first[name]}] too: choose another"
            yield Problem(("backends", at, "name"), text)


def is_unexpanded(value: object) -> bool:
    """True for a text that only a shell or a template could make a value of."""
    return isinstance(value, str) and "${" in value


CHECKS: tuple[Check, ...] = (anonymous_is_meant, nothing_is_expanded, names_differ)
