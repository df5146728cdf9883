"""`healthcheck`: whether the gateway of this configuration works; for a container's own check."""

import os
import ssl
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

from gateway.config.load import DEFAULT_PATH
from gateway.serving.listener import url_of
from gateway.serving.quick_start import read_configuration

HELP = "ask the gateway that runs here whether it works"

_SECONDS = 4.0


def add_arguments(parser: ArgumentParser) -> None:
    """What `serve` was started with."""
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH, metavar="FILE")
    parser.add_argument("--port", type=int, help="instead of the configured port")


def run(arguments: Namespace) -> int:
    """0 if `/healthz` is answered, else 1 with the reason."""
    server = read_configuration(arguments.config, None, arguments.port, os.environ).server
    url = f"{url_of(server.host, server.port, secure=server.tls is not None)}/healthz"
    try:
        # No proxy of the environment: it would look for its own loopback address.
        opener = build_opener(ProxyHandler({}), HTTPSHandler(context=_context()))
        with opener.open(url, timeout=_SECONDS):
            return 0
    except OSError as error:
        print(f"{url}: {error}", file=sys.stderr)
        return 1


def _context() -> ssl.SSLContext:
    """Its certificate is for the name that clients know it by, not for this address."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
