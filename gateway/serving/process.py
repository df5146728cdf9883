"""One process that serves: its log, its event loop, its signals."""

import asyncio
import gc
import logging
import signal
import socket
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from aiohttp import web
from pydantic import SecretStr

from gateway.app import create_application, draw_secret
from gateway.config.model import Config
from gateway.serving.allocator import keep_freed_memory
from gateway.serving.listener import bind, tls_context
from gateway.serving.loop_failures import LoopFailures
from gateway.serving.loops import new_event_loop
from gateway.serving.server import drain, serving
from gateway.serving.stop import StopSignals
from gateway.telemetry.lines import QueuedLines
from gateway.telemetry.logging import logging_to
from gateway.telemetry.metrics import Metrics

LOG_DESCRIPTOR = 1
# Objects made between two looks for circles among them; few requests leave any.
_GARBAGE_THRESHOLD = 20_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """What is served, and where."""

    config: Config
    sockets: list[socket.socket]
    tls: ssl.SSLContext | None


def prepare(config: Config) -> Service:
    """Everything that can fail before there is anything to serve. Errors: CannotListen."""
    server = config.server
    if server.secret is None:
        # Once for all workers: what one has signed the others must know again.
        server = server.model_copy(update={"secret": SecretStr(draw_secret())})
        config = config.model_copy(update={"server": server})
    tls = tls_context(server)
    return Service(config, bind(server.host, server.port), tls)


def serve_alone(service: Service, on_started: Callable[[], None]) -> None:
    """Serve in this process, the only one, until a signal ends it."""
    run_process(service, (signal.SIGTERM, signal.SIGINT), on_started)


def run_process(
    service: Service,
    signals: tuple[signal.Signals, ...],
    on_started: Callable[[], None],
    beside: AbstractAsyncContextManager[None] | None = None,
) -> None:
    """Serve until one of `signals` comes; `beside` is entered on the loop while this lasts."""
    settings, metrics = service.config.telemetry.log, Metrics()
    with (
        QueuedLines(LOG_DESCRIPTOR, metrics.log_line_dropped) as lines,
        logging_to(lines, settings.format, settings.level) as log,
        asyncio.Runner(loop_factory=new_event_loop) as runner,
    ):
        keep_freed_memory()
        app = create_application(service.config, metrics, log)
        # What is there by now stays: the collector need not go through it again and again.
        gc.freeze()
        gc.set_threshold(_GARBAGE_THRESHOLD)
        runner.run(_serve(service, app, signals, on_started, beside or nullcontext()))


async def _serve(
    service: Service,
    app: web.Application,
    signals: tuple[signal.Signals, ...],
    on_started: Callable[[], None],
    beside: AbstractAsyncContextManager[None],
) -> None:
    asyncio.get_running_loop().set_exception_handler(LoopFailures())
    server, stop = service.config.server, StopSignals()
    with stop.heard(signals):
        async with beside, serving(app, server, service.sockets, service.tls) as runner:
            on_started()
            _log.info("Serving")
            await stop.asked.wait()
            _log.info("Draining")
            await drain(runner, server, stop)
    _log.info("Stopped")
