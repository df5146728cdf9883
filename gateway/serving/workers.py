"""Several processes on one port: gunicorn starts, watches and replaces them, and passes on signals.

gunicorn's master answers SIGTERM with SIGTERM to its workers and SIGINT with SIGQUIT. It leaves a
second signal unheard but for SIGINT after SIGTERM; here each further one goes to the workers as
SIGQUIT, which they take for "at once".
"""

import asyncio
import math
import os
import signal
from collections.abc import Callable
from typing import Any

# gunicorn has no types, nor has what prometheus_client does for several processes: hence each
# `type: ignore` of this file.
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
from gunicorn.errors import HaltServer  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.workers.base import Worker  # type: ignore[import-untyped]
from prometheus_client.multiprocess import mark_process_dead

from gateway.app import open_runtime
from gateway.config.model import Config
from gateway.serving.metrics_folder import VARIABLE
from gateway.serving.process import LOG_DESCRIPTOR, Service, run_process
from gateway.telemetry.lines import DirectLines
from gateway.telemetry.logging import logging_to
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.tasks import beside

_STOPPING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})
# The terminal sends SIGINT to the whole group, but only the master says what it means.
_IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH)
_HEARTBEAT_SECONDS = 1.0
_MARGIN_SECONDS = 5.0


def worker_count(configured: int | str) -> int:
    """`server.workers` as a number; `auto` is one a core that this process may use."""
    return len(os.sched_getaffinity(0)) if configured == "auto" else int(configured)


def serve_with_workers(service: Service, count: int, on_started: Callable[[], None]) -> int:
    """Serve in `count` processes; the exit code. Errors: ConfigProblems, before there are any."""
    log, master = service.config.telemetry.log, os.getpid()
    asyncio.run(_open_once(service.config))
    with logging_to(DirectLines(LOG_DESCRIPTOR), log.format, log.level):
        try:
            Master(Workers(service, count, on_started)).run()
        except HaltServer:  # raised again where gunicorn handles it, if several workers fail
            return 1
        except SystemExit as end:
            if os.getpid() != master:
                raise
            return 1 if end.code else 0
    return 0


async def _open_once(config: Config) -> None:
    """What cannot be opened is told once and at once, not by each worker while it starts."""
    async with open_runtime(config, Metrics()):
        pass
    _forget_metrics(os.getpid())


class GatewayWorker(Worker):  # type: ignore[misc]
    """One of several processes: the same as a process alone, and a heartbeat for the master."""

    def init_signals(self) -> None:
        """Signals to stop stay blocked until the event loop listens to them; see Master."""
        for each in self.SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        for each in _IGNORED:
            signal.signal(each, signal.SIG_IGN)

    def run(self) -> None:
        # Until it serves, its end is a failed start, which ends the master instead of being
        # repeated for ever.
        self.booted = False
        stops = (signal.SIGTERM, signal.SIGQUIT)
        service = self.app.worker_service(self.sockets)
        run_process(service, stops, self._started, beside(self._beat, "heartbeat"))

    def _started(self) -> None:
        self.booted = True

    async def _beat(self) -> None:
        while True:
            self.notify()
            if os.getppid() != self.ppid:  # the master is gone, and nobody would end this process
                os.kill(os.getpid(), signal.SIGQUIT)
            await asyncio.sleep(_HEARTBEAT_SECONDS)


class Master(Arbiter):  # type: ignore[misc]
    """gunicorn's arbiter, with an ear for a second signal."""

    _stopping = False

    def spawn_worker(self) -> int:
        """A new process takes a signal for the master's own until it has handlers of its own, and
        would lose it: it gets it when it listens."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
        try:
            return int(super().spawn_worker())
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)

    def signal(self, sig: int, frame: Any) -> None:
        if sig in _STOPPING and self._stopping:
            self.kill_workers(signal.SIGQUIT)
        self._stopping = self._stopping or sig in _STOPPING
        super().signal(sig, frame)


class MasterLog(Logger):  # type: ignore[misc]
    """gunicorn's messages go where all others go."""

    def setup(self, cfg: Any) -> None:
        self.error_log.propagate = True


class Workers(BaseApplication):  # type: ignore[misc]
    """gunicorn's settings, from the gateway's configuration alone: no file, no environment."""

    def __init__(self, service: Service, count: int, on_started: Callable[[], None]) -> None:
        self._service = service
        self._count = count
        self._on_started = on_started
        self._listeners = [f"fd://{each.detach()}" for each in service.sockets]
        super().__init__()

    def load_config(self) -> None:
        server = self._service.config.server
        patience = server.drain_delay.total_seconds() + server.shutdown_grace.total_seconds()
        settings: dict[str, Any] = {
            "bind": self._listeners,
            "workers": self._count,
            "worker_class": GatewayWorker,
            "logger_class": MasterLog,
            "graceful_timeout": math.ceil(patience + _MARGIN_SECONDS),
            "worker_tmp_dir": server.temp and str(server.temp),
            "control_socket_disable": True,
            "when_ready": self._ready,
            "child_exit": lambda _, worker: _forget_metrics(worker.pid),
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> None:
        """Nothing to load: a worker makes its application on its own event loop."""

    def worker_service(self, listeners: list[Any]) -> Service:
        sockets = [listener.sock for listener in listeners]
        return Service(self._service.config, sockets, self._service.tls)

    def _ready(self, _: Any) -> None:
        self._on_started()


def _forget_metrics(process: int) -> None:
    """A dead process has no requests in flight; what it counted stays counted."""
    if VARIABLE in os.environ:
        mark_process_dead(process)  # type: ignore[no-untyped-call]
