"""`serve`: answer DICOMweb in front of the configured archives, until a signal ends it."""

import os
import sys
from argparse import ArgumentParser, Namespace
from functools import partial
from pathlib import Path

from gateway import __version__
from gateway.config.load import DEFAULT_PATH
from gateway.config.model import Config
from gateway.config.server import ServerConfig
from gateway.serving.listener import CannotListen, address_of
from gateway.serving.metrics_folder import (
    VARIABLE,
    make_metrics_folder,
    remove_metrics_folder,
)
from gateway.serving.process import prepare, serve_alone
from gateway.serving.quick_start import commands_to_try, read_configuration
from gateway.serving.workers import serve_with_workers, worker_count

HELP = "serve DICOMweb until a signal ends it"


def add_arguments(parser: ArgumentParser) -> None:
    """Where the configuration is, or the one archive that makes one."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--config", type=Path, default=DEFAULT_PATH, metavar="FILE")
    source.add_argument(
        "--backend", metavar="URL", help="no file: serve this DICOMweb archive, on loopback"
    )
    parser.add_argument("--port", type=int, help="instead of the configured port; 0: a free one")


def run(arguments: Namespace) -> int:
    """Serve; 0 after an orderly end, 1 where serving is not possible."""
    config = read_configuration(arguments.config, arguments.backend, arguments.port, os.environ)
    count = worker_count(config.server.workers)
    if count > 1 and config.telemetry.metrics.enabled and VARIABLE not in os.environ:
        _start_again_with(make_metrics_folder(config.server.temp))
    try:
        return _serve(config, count, always=arguments.backend is not None)
    except CannotListen as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        remove_metrics_folder(os.environ)


def _serve(config: Config, count: int, *, always: bool) -> int:
    service = prepare(config)
    address = address_of(service.sockets, service.tls)
    announce = partial(_announce, address, config.server, always=always)
    if count > 1:
        return serve_with_workers(service, count, announce)
    serve_alone(service, announce)
    return 0


def _start_again_with(folder: Path) -> None:
    """The same command line, in the place of this process."""
    environ = {**os.environ, VARIABLE: str(folder)}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environ)  # noqa: S606 - no shell is wanted


def _announce(address: str, server: ServerConfig, *, always: bool) -> None:
    """On standard error: the log on standard output is for machines."""
    print(f"dicomweb-gateway {__version__} serves {address}{server.base_path}", file=sys.stderr)
    if always or sys.stderr.isatty():
        print("Try next:", *commands_to_try(address, server), sep="\n  ", file=sys.stderr)
    sys.stderr.flush()
