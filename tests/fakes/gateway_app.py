"""The web application with a test's own routes in place of the services, on a real connection."""

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from aiohttp import ClientSession, web

from gateway.config.model import Config
from gateway.services.runtime import Runtime
from gateway.serving.listener import bind
from gateway.serving.server import GatewayRunner, serving
from gateway.telemetry.logging import logging_to
from gateway.telemetry.metrics import Metrics
from gateway.web.application import make_application

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class KeptLines:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []

    def write(self, line: bytes) -> None:
        self.raw.append(line)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.raw]

    async def requests(self, count: int = 1) -> list[dict[str, Any]]:
        """The access log's lines, once there are `count`: one is written after its answer."""
        async with asyncio.timeout(10):
            while True:
                found = [each for each in self.events if each["message"] == "request"]
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.005)


@dataclass
class Running:
    """A running application, a client for it, and all that it logged."""

    runner: GatewayRunner
    port: int
    client: ClientSession
    log: KeptLines
    metrics: Metrics

    @property
    def app(self) -> web.Application:
        return self.runner.app

    @asynccontextmanager
    async def wire(self, request: bytes) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
        """A connection on which `request` has been written, byte for byte."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            yield reader, writer
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@dataclass
class Archive:
    """As much of a backend as /readyz looks at."""

    name: str
    health: Any


@dataclass
class Served:
    """What a test wants served."""

    routes: Mapping[str, Handler] = field(default_factory=dict)
    """Handlers by their path below the base path, for GET and HEAD; `POST /x` for POST."""
    server: Mapping[str, Any] = field(default_factory=dict)
    telemetry: Mapping[str, Any] = field(default_factory=dict)
    backends: tuple[Archive, ...] = ()


@asynccontextmanager
async def running(served: Served) -> AsyncIterator[Running]:
    """Serve on a free port of 127.0.0.1."""
    config = Config.model_validate(
        {
            "version": 1,
            "server": dict(served.server),
            "telemetry": dict(served.telemetry),
            "backends": [{"name": "pacs", "type": "dicomweb", "url": "http://pacs.invalid/x"}],
        }
    )
    lines, metrics, sockets = KeptLines(), Metrics(), bind("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    with logging_to(lines, "json", "info") as log:
        app = make_application(config, metrics, log, _runtime(served), _adder(served))
        async with (
            serving(app, config.server, sockets, None) as runner,
            ClientSession(f"http://127.0.0.1:{port}") as client,
        ):
            yield Running(runner, port, client, lines, metrics)


def _runtime(served: Served) -> Callable[[], Any]:
    @asynccontextmanager
    async def open_runtime() -> AsyncIterator[Runtime]:
        backends = {each.name: each for each in served.backends}
        yield cast(Runtime, SimpleNamespace(backends=backends))

    return open_runtime


def _adder(served: Served) -> Callable[[web.Application, str], None]:
    def add(app: web.Application, base_path: str) -> None:
        for route, handler in served.routes.items():
            method, _, path = route.rpartition(" ")
            if method:
                app.router.add_route(method, base_path + path, handler)
            else:
                app.router.add_get(base_path + path, handler)

    return add
