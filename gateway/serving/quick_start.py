"""From a command line to a configuration, and from a configuration to commands that try it."""

import sys
from collections.abc import Mapping
from pathlib import Path

from multidict import CIMultiDict

from gateway.config.document import Document
from gateway.config.load import build_config, read_document
from gateway.config.model import VERSION, Config
from gateway.config.overrides import apply_overrides
from gateway.config.server import ServerConfig
from gateway.errors import GatewayError
from gateway.web.public_url import Origins

_FIRST_STUDY = (
    'python3 -c \'import json, sys; print(json.load(sys.stdin)[0]["0020000D"]["Value"][0])\''
)


def read_configuration(
    path: Path, backend: str | None, port: int | None, environ: Mapping[str, str]
) -> Config:
    """The configuration of the file, or the one that a single archive's URL makes.

    `port` is the command line's, and goes before all. Raises ConfigProblems.
    """
    document = read_document(path, environ) if backend is None else _document_for(backend, environ)
    server = document.data.get("server") or {}
    if port is not None and document.data and isinstance(server, dict):
        document.data["server"] = {**server, "port": port}
    return build_config(document, environ)


def commands_to_try(address: str, server: ServerConfig) -> tuple[str, ...]:
    """Command lines that work as they are, on this machine."""
    curl = "curl -s" + _host_option(address, server)
    base = f"{address}{server.base_path}"
    return (
        f"{curl} '{base}/studies?limit=5'",
        f"study=$({curl} '{base}/studies?limit=1' | {_FIRST_STUDY})",
        f'{curl} "{base}/studies/$study/metadata"',
        f"curl -s {address}/readyz",
        f"curl -s {address}/metrics",
    )


def _document_for(backend: str, environ: Mapping[str, str]) -> Document:
    document = Document(
        {
            "version": VERSION,
            "backends": [{"name": "pacs", "type": "dicomweb", "url": backend}],
            "telemetry": {"log": {"format": "text" if sys.stdout.isatty() else "json"}},
        }
    )
    apply_overrides(document, environ)
    return document


def _host_option(address: str, server: ServerConfig) -> str:
    """The Host to send where the address itself is not one that is answered."""
    scheme, _, host = address.partition("://")
    try:
        Origins(server).of("127.0.0.1", scheme, CIMultiDict({"Host": host}))
    except GatewayError:
        answered = server.allowed_hosts[0] if server.allowed_hosts else _host_of(server.public_url)
        return f" -H 'Host: {answered}'"
    return ""


def _host_of(url: str | None) -> str:
    return (url or "").partition("://")[2].partition("/")[0]
