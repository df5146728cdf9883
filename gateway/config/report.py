"""What `check-config` says of a file: that it is valid and what it means, or all its problems."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.config.cautions import cautions
from gateway.config.load import build_config, read_document
from gateway.config.model import Config
from gateway.config.overrides import override_names
from gateway.config.problems import show
from gateway.errors import ConfigProblems


@dataclass(frozen=True, slots=True)
class Report:
    """Lines to print, and whether the configuration can be served."""

    valid: bool
    lines: tuple[str, ...]


def report_on(path: Path, environ: Mapping[str, str]) -> Report:
    """Read a file as `serve` would, and tell."""
    try:
        document = read_document(path, environ)
        config = build_config(document, environ)
    except ConfigProblems as error:
        count = len(error.problems)
        head = f"{path} has {'a problem' if count == 1 else f'{count} problems'}:"
        return Report(False, (head, *(f"  {each}" for each in error.problems)))
    warnings = [f"  warning: {show(each, document)}" for each in cautions(config)]
    overrides = [f"  {each} overrides the file" for each in override_names(document, environ)]
    return Report(True, (f"{path} is valid", *_summary(config), *overrides, *warnings))


def _summary(config: Config) -> Iterator[str]:
    server = config.server
    host = f"[{server.host}]" if ":" in server.host else server.host
    scheme = "http" if server.tls is None else "https"
    yield f"  listens on {scheme}://{host}:{server.port}{server.base_path}"
    if server.public_url:
        yield f"  is known as {server.public_url}{server.base_path}"
    for backend in config.backends:
        services = ", ".join(backend.services)
        yield f"  backend {backend.name}: {backend.url} ({services}; auth {backend.auth.type})"
