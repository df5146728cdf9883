"""The composition root: one configuration becomes the running set and the application on it."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from aiohttp import web

from gateway.access.policy import AllowAll, Policy
from gateway.backends.base import Backend
from gateway.backends.registry import open_backends
from gateway.config.model import Config
from gateway.config.server import ServerConfig
from gateway.services.bulkdata import RetrieveBulkdata
from gateway.services.events import Events
from gateway.services.frames import RetrieveFrames
from gateway.services.instances import RetrieveInstances
from gateway.services.locate import Locate
from gateway.services.metadata import RetrieveMetadata
from gateway.services.plan import Planner
from gateway.services.rendered import RetrieveRendered
from gateway.services.routing import Routing
from gateway.services.runtime import Runtime
from gateway.services.search import Search
from gateway.services.spool import Spool, SpoolSettings
from gateway.services.store import StoreInstances
from gateway.services.view import IdentityView
from gateway.telemetry.lines import NoLines
from gateway.telemetry.logging import EventLog
from gateway.telemetry.metrics import Metrics
from gateway.web.application import make_application

_SECRET_BYTES = 32


def create_application(
    config: Config, metrics: Metrics | None = None, log: EventLog | None = None
) -> web.Application:
    """The application for one process. Without a log, requests are not logged."""
    metrics = metrics or Metrics()
    log = log or EventLog(NoLines(), "json", "error")
    return make_application(config, metrics, log, partial(open_runtime, config, metrics))


@asynccontextmanager
async def open_runtime(
    config: Config, metrics: Metrics, policy: Policy | None = None
) -> AsyncIterator[Runtime]:
    """The running set of one configuration; what of it has a lifetime lives in this context.

    Without a policy, whoever reaches the gateway may do what the backends do.
    """
    async with open_backends(config.backends, metrics) as backends:
        yield _composed(config, metrics, policy or AllowAll(), backends)


def draw_secret() -> str:
    """A `server.secret` for where none is configured."""
    return secrets.token_hex(_SECRET_BYTES)


def _composed(
    config: Config, metrics: Metrics, policy: Policy, backends: Mapping[str, Backend]
) -> Runtime:
    events, view = Events(), IdentityView()
    spool = Spool(SpoolSettings(config.server.temp))
    routing = Routing(backends)
    planner = Planner(routing, Locate(routing), policy)
    return Runtime(
        config=config,
        secret=_secret(config.server),
        backends=backends,
        policy=policy,
        metrics=metrics,
        events=events,
        spool=spool,
        planner=planner,
        search=Search(planner, view, config.search.max_results, events),
        metadata=RetrieveMetadata(planner, view),
        instances=RetrieveInstances(planner, view),
        frames=RetrieveFrames(planner, view),
        bulkdata=RetrieveBulkdata(planner, view),
        rendered=RetrieveRendered(planner, view),
        store=StoreInstances(
            planner,
            policy,
            spool,
            events,
            max_instance=config.server.limits.store_instance,
            batches={backend.name: backend.store.batch for backend in config.backends},
        ),
    )


def _secret(server: ServerConfig) -> bytes:
    secret = draw_secret() if server.secret is None else server.secret.get_secret_value()
    return secret.encode()
