"""What is allowed and may not be meant: warnings of `check-config`, each with its path."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from gateway.config.addresses import is_loopback, is_secure
from gateway.config.backend_auth import ClientCredentialsAuth, ForwardAuth, NoAuth
from gateway.config.backends import DicomWebBackendConfig
from gateway.config.document import Path, Problem
from gateway.config.model import Config
from gateway.config.section import Idle, Section

_UNUSED_CAPABILITIES = frozenset({"transcoding", "zip"})

Caution: TypeAlias = Callable[[Config], Iterator[Problem]]


def cautions(config: Config) -> list[Problem]:
    """Everything worth a second look in a configuration that is valid."""
    return [caution for find in _CAUTIONS for caution in find(config)]


def _open_to_all(config: Config) -> Iterator[Problem]:
    if config.auth.mode == "none" and not is_loopback(config.server.host):
        text = "everybody who reaches the gateway may read and store"
        yield Problem(("auth", "allow_anonymous"), text)


def _everybody_is_a_proxy(config: Config) -> Iterator[Problem]:
    for at, network in enumerate(config.server.trusted_proxies):
        if network.prefixlen == 0:
            text = f"{network} is every address: any client may choose its own address and Host"
            yield Problem(("server", "trusted_proxies", at), text)


def _backends(config: Config) -> Iterator[Problem]:
    for at, backend in enumerate(config.backends):
        for below, text in _backend(backend, config):
            yield Problem(("backends", at, *below), text)


def _backend(backend: DicomWebBackendConfig, config: Config) -> Iterator[tuple[Path, str]]:
    if not is_secure(backend.url):
        what = "data" if isinstance(backend.auth, NoAuth) else "credentials and data"
        yield ("url",), f"{what} cross the network in the clear: use https:// if it is not private"
    if backend.url.startswith("https://") and not backend.tls.verify:
        yield ("tls", "verify"), "whoever is on the way can read and change everything"
    if isinstance(backend.auth, ClientCredentialsAuth) and not is_secure(backend.auth.token_url):
        yield ("auth", "token_url"), "the client's secret crosses the network in the clear"
    for at, name in enumerate(backend.capabilities if backend.capabilities != "auto" else ()):
        if name in _UNUSED_CAPABILITIES:
            yield ("capabilities", at), f"{name} does nothing in this version"
    if isinstance(backend.auth, ForwardAuth) and config.auth.mode == "none":
        yield ("auth", "type"), "callers' tokens are sent on unchecked: the archive must check them"


def _idle(config: Config) -> Iterator[Problem]:
    for path in _changed_while_idle(config, (), idle=False):
        yield Problem(path, "does nothing in this version")


def _changed_while_idle(section: Section, path: Path, *, idle: bool) -> Iterator[Path]:
    for key, field in type(section).model_fields.items():
        value = getattr(section, key)
        still = idle or any(isinstance(each, Idle) for each in field.metadata)
        if isinstance(value, Section):
            yield from _changed_while_idle(value, (*path, key), idle=still)
        elif still and value != field.get_default(call_default_factory=True):
            yield (*path, key)


_CAUTIONS: tuple[Caution, ...] = (_open_to_all, _everybody_is_a_proxy, _backends, _idle)
