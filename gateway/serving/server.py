"""Serving on given sockets until a signal ends it, step by step."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from gateway.config.server import ServerConfig
from gateway.serving.descriptors import most_connections
from gateway.serving.protocol import GatewayServer
from gateway.serving.stop import StopSignals, happens_within
from gateway.web.application import connection_settings
from gateway.web.state import DEADLINES, LIFE, LOG

_BACKLOG = 1024
_LOOK_SECONDS = 0.05
# For handlers whose connections were reset: they have nothing to wait for.
_AFTER_ABORT_SECONDS = 1.0


class GatewayRunner(web.AppRunner):
    """An application on connections of the gateway's own kind."""

    __slots__ = ("_settings",)

    def __init__(self, app: web.Application, server: ServerConfig) -> None:
        self._settings = connection_settings(server.limits)
        super().__init__(app, shutdown_timeout=_AFTER_ABORT_SECONDS, **self._settings)

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        return GatewayServer(server, self.app[LOG], self._settings, most_connections())


@asynccontextmanager
async def serving(
    app: web.Application,
    server: ServerConfig,
    sockets: list[socket.socket],
    tls: ssl.SSLContext | None,
) -> AsyncIterator[GatewayRunner]:
    """Accept and answer requests while this context lasts."""
    runner = GatewayRunner(app, server)
    await runner.setup()
    try:
        for each in sockets:
            await web.SockSite(runner, each, ssl_context=tls, backlog=_BACKLOG).start()
        yield runner
    finally:
        await runner.cleanup()


async def drain(runner: GatewayRunner, server: ServerConfig, signals: StopSignals) -> None:
    """From the first signal to the end: unready, then deaf, then impatient.

    `/readyz` turns 503 and requests are served for `drain_delay`; the listener closes; streams may
    finish for `shutdown_grace`; what is left is aborted. A second signal skips the rest.
    """
    runner.app[LIFE].draining = True
    if signals.gentle:
        await happens_within(signals.at_once, server.drain_delay.total_seconds())
    for site in runner.sites:
        await site.stop()
    await _finish(runner.server, server.shutdown_grace.total_seconds(), signals.at_once)
    runner.app[DEADLINES].abort_all()


async def _finish(server: web.Server | None, seconds: float, at_once: asyncio.Event) -> None:
    """Let what has begun end, for so long; connections close as they become idle."""
    now = asyncio.get_running_loop().time
    end = now() + seconds
    while isinstance(server, GatewayServer) and server.connections and now() < end:
        server.close_idle()
        if await happens_within(at_once, _LOOK_SECONDS):
            return
