"""For whoever operates the gateway: health, readiness, metrics, and the start page."""

import asyncio
from types import MappingProxyType

import orjson
from aiohttp import hdrs, web

from gateway import __version__
from gateway.telemetry.metrics import CONTENT_TYPE
from gateway.web.expect import defer_continue
from gateway.web.scope import runtime_of, scope_of
from gateway.web.state import LIFE, METRICS

_HEADERS = MappingProxyType({hdrs.CACHE_CONTROL: "no-store"})
_PAGE = """\
dicomweb-gateway {version}

DICOMweb (search, retrieve, store) is served at {base}

  curl '{base}/studies?limit=5'

Whether it is ready, and what is known of its archives: /readyz
"""


def add_operational_routes(app: web.Application, *, metrics: bool) -> None:
    """/healthz, /readyz, the start page, and /metrics where it is enabled."""
    pages = {"/healthz": health, "/readyz": readiness, "/": start_page}
    if metrics:
        pages["/metrics"] = show_metrics
    for path, page in pages.items():
        app.router.add_get(path, page, expect_handler=defer_continue)


async def close_while_draining(request: web.Request, response: web.StreamResponse) -> None:
    """Let a client go on elsewhere, before the connection is closed under its next request."""
    if request.app[LIFE].draining:
        response.force_close()
        response.headers[hdrs.CONNECTION] = "close"


async def health(request: web.Request) -> web.Response:
    """200 as long as the event loop runs: restart the process when this fails."""
    return _json(200, {"status": "ok"})


async def readiness(request: web.Request) -> web.Response:
    """200 when requests are welcome, 503 while draining.

    A backend that is down is told, but does not make the gateway unready: every replica would
    leave the balancer at once, the other backends with it, and instead of an error that says which
    archive is missing clients would find nobody.
    """
    backends = runtime_of(request).backends.values()
    draining = request.app[LIFE].draining
    body = {
        "status": "draining" if draining else "ready",
        "backends": [{"name": each.name, "state": each.health.value} for each in backends],
    }
    return _json(503 if draining else 200, body)


async def show_metrics(request: web.Request) -> web.Response:
    """The Prometheus text of this process, or of all workers."""
    text = await asyncio.to_thread(request.app[METRICS].render)
    return web.Response(body=text, headers={**_HEADERS, hdrs.CONTENT_TYPE: CONTENT_TYPE})


async def start_page(request: web.Request) -> web.Response:
    """What this is and where to go on, for whoever opens the bare address."""
    page = _PAGE.format(version=__version__, base=scope_of(request).public_base)
    return web.Response(text=page, headers=_HEADERS)


def _json(status: int, body: object) -> web.Response:
    headers = {**_HEADERS, hdrs.CONTENT_TYPE: "application/json"}
    return web.Response(status=status, body=orjson.dumps(body), headers=headers)
