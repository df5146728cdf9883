"""The web application: middleware, routes, and what has to live while it does."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import web

from gateway.config.model import Config
from gateway.config.server import ServerLimits
from gateway.services.runtime import Runtime
from gateway.telemetry.logging import EventLog
from gateway.telemetry.metrics import Metrics
from gateway.web.deadline import Deadlines
from gateway.web.expect import close_unread
from gateway.web.middleware import MIDDLEWARE
from gateway.web.middleware.request_id import label_response
from gateway.web.ops import add_operational_routes, close_while_draining
from gateway.web.public_url import Origins
from gateway.web.routes import add_service_routes
from gateway.web.state import DEADLINES, LIFE, LOG, METRICS, ORIGINS, PLACES, Life, Places

# Longer than balancers keep an idle connection (Google's: 600 s): it is for them to close it, or
# they would send a request into a connection that is just being closed.
_KEEPALIVE_SECONDS = 620.0

OpenRuntime = Callable[[], AbstractAsyncContextManager[Runtime]]


def make_application(
    config: Config,
    metrics: Metrics,
    log: EventLog,
    open_runtime: OpenRuntime,
    add_routes: Callable[[web.Application, str], None] = add_service_routes,
) -> web.Application:
    """The application for one process; the runtime is opened when it starts."""
    server = config.server
    app = web.Application(middlewares=MIDDLEWARE, handler_args=connection_settings(server.limits))
    app[LOG] = log
    app[METRICS] = metrics
    app[ORIGINS] = Origins(server)
    app[DEADLINES] = Deadlines(server.limits.request_timeout)
    app[PLACES] = Places(server.limits.requests_in_flight, server.limits.request_header)
    app.on_response_prepare.extend((label_response, close_unread, close_while_draining))
    app.cleanup_ctx.append(_lifetime(open_runtime))
    add_operational_routes(app, metrics=config.telemetry.metrics.enabled)
    add_routes(app, server.base_path)
    return app


def connection_settings(limits: ServerLimits) -> dict[str, Any]:
    """What aiohttp is told for each connection."""
    return {
        # A client that leaves cancels its handler, and with it the requests to backends, at once.
        "handler_cancellation": True,
        # A body with a content coding is refused: what inflates a thousandfold is not inflated.
        "auto_decompress": False,
        "max_line_size": limits.request_header,
        "max_field_size": limits.request_header,
        "keepalive_timeout": _KEEPALIVE_SECONDS,
        "access_log": None,  # the access log middleware writes it
    }


def _lifetime(open_runtime: OpenRuntime) -> Callable[[web.Application], AsyncIterator[None]]:
    async def live(app: web.Application) -> AsyncIterator[None]:
        async with open_runtime() as runtime, app[DEADLINES].watched():
            app[LIFE] = Life(runtime)
            yield

    return live
