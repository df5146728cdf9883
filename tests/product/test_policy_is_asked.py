"""No route reaches an archive but through the policy; the routes are the application's own."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
from aiohttp import ClientSession, web
from yarl import URL

from gateway.access.policy import AccessRequest, Policy
from gateway.access.principal import Principal
from gateway.app import open_runtime
from gateway.config.model import Config
from gateway.dicom.operations import Operation
from gateway.dicom.resources import Resource
from gateway.dicom.search.query import SearchQuery, match_key
from gateway.errors import forbidden
from gateway.serving.listener import bind
from gateway.serving.server import serving
from gateway.telemetry.logging import logging_to
from gateway.telemetry.metrics import Metrics
from gateway.web.application import make_application
from gateway.web.routes import add_service_routes
from tests.fakes.gateway_app import KeptLines
from tests.fakes.pacs import Pacs, Reply
from tests.fakes.pacs_answers import (
    DICOM_JSON,
    INSTANCE,
    ROOT,
    SERIES,
    STUDY,
    asked,
    study_row,
)
from tests.fakes.store_requests import STUDY as STORED_STUDY
from tests.fakes.store_requests import dicom_file

NOBODYS = frozenset({"/", "/healthz", "/readyz", "/metrics", "/{unrouted}"})
"""Routes that show nothing of an archive: there is nothing to ask about."""

# What stands in each variable of a path. A route with another one fails the walk.
VARIABLES = {
    "backend": "pacs",
    "study": STUDY,
    "series": SERIES,
    "instance": INSTANCE,
    "frames": "1",
    "bulk": "bulk",
    "below": "1",
    "attribute": "00420011",
}


@dataclass
class Watchful:
    """Writes down what it is asked, and denies what `denies` says."""

    denies: Callable[[AccessRequest], bool]
    requests: list[AccessRequest] = field(default_factory=list)
    narrowed: list[SearchQuery] = field(default_factory=list)

    async def authorise(self, request: AccessRequest) -> None:
        self.requests.append(request)
        if self.denies(request):
            raise forbidden("No rule grants this.")

    async def narrow(self, query: SearchQuery, principal: Principal) -> SearchQuery:
        self.narrowed.append(query)
        key = match_key("PatientID", "MINE")
        assert key is not None
        return replace(query, keys=(*query.keys, key))


def deny_all() -> Watchful:
    return Watchful(lambda request: True)


@dataclass
class Guarded:
    """A gateway with a policy of the test's own."""

    app: web.Application
    origin: str
    client: ClientSession

    async def status(self, method: str, path: str, body: bytes | None = None) -> int:
        url = URL(self.origin + path, encoded=True)
        headers = {"Content-Type": "application/dicom", "Accept": "*/*"} if body else {}
        async with self.client.request(method, url, data=body, headers=headers) as response:
            await response.read()
            return response.status


@asynccontextmanager
async def guarded(
    pacs: Pacs,
    policy: Policy,
    add_routes: Callable[[web.Application, str], None] = add_service_routes,
) -> AsyncIterator[Guarded]:
    """The whole gateway, `policy` in its runtime."""
    backend = {
        "name": "pacs",
        "type": "dicomweb",
        "url": pacs.base,
        "health": {"path": "/alive", "every": "1h"},
        "capabilities": ["rendered", "thumbnail"],
    }
    config = Config.model_validate({"version": 1, "backends": [backend]})
    metrics, sockets = Metrics(), bind("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    with logging_to(KeptLines(), "json", "info") as log:
        opened = partial(open_runtime, config, metrics, policy)
        app = make_application(config, metrics, log, opened, add_routes)
        async with serving(app, config.server, sockets, None), ClientSession() as client:
            yield Guarded(app, f"http://127.0.0.1:{port}", client)


def routes_of(app: web.Application) -> Iterator[tuple[str, str]]:
    """Method and template of every route that leads to an archive."""
    for resource in app.router.resources():
        if resource.canonical not in NOBODYS:
            for route in resource:
                yield route.method, resource.canonical


async def not_denied(gateway: Guarded) -> list[tuple[str, str, int]]:
    """The routes that answer anything but 403."""
    found = []
    for method, template in routes_of(gateway.app):
        body = dicom_file(1) if method in ("POST", "PUT", "PATCH") else None
        path = template.format(**{**VARIABLES, **({"study": STORED_STUDY} if body else {})})
        status = await gateway.status(method, path, body)
        if status != 403:
            found.append((method, template, status))
    return found


async def test_every_route_is_denied_by_a_policy_that_denies_all() -> None:
    policy = deny_all()
    async with Pacs() as pacs, guarded(pacs, policy) as gateway:
        assert await not_denied(gateway) == []
        count = len(list(routes_of(gateway.app)))
        assert asked(pacs) == []

    assert len(policy.requests) == count
    assert policy.narrowed == []


async def test_the_walk_sees_both_prefixes_and_all_operations() -> None:
    policy = deny_all()
    async with Pacs() as pacs, guarded(pacs, policy) as gateway:
        templates = [template for _, template in routes_of(gateway.app)]
        alone = [each for each in templates if each.startswith(f"{ROOT}/backends/{{backend}}/")]
        assert len(templates) == 2 * len(alone) > 80
        assert await not_denied(gateway) == []

    assert {request.operation for request in policy.requests} == {
        Operation.SEARCH,
        Operation.RETRIEVE,
        Operation.STORE,
    }
    assert {request.backends for request in policy.requests} == {("pacs",)}
    assert Resource(STUDY, SERIES, INSTANCE) in [request.resource for request in policy.requests]


async def test_a_new_route_that_does_not_ask_is_found() -> None:
    async def careless(request: web.Request) -> web.Response:
        return web.Response(text="all of it")

    def add(app: web.Application, base_path: str) -> None:
        app.router.add_get(f"{base_path}/studies/{{study}}/summary", careless)
        add_service_routes(app, base_path)

    async with Pacs() as pacs, guarded(pacs, deny_all(), add) as gateway:
        assert sorted(await not_denied(gateway)) == [
            ("GET", f"{ROOT}/studies/{{study}}/summary", 200),
            ("HEAD", f"{ROOT}/studies/{{study}}/summary", 200),
        ]


async def test_a_new_variable_of_a_path_has_to_be_told_to_this_walk() -> None:
    async def careless(request: web.Request) -> web.Response:
        return web.Response()

    def add(app: web.Application, base_path: str) -> None:
        app.router.add_get(f"{base_path}/worklists/{{worklist}}", careless)

    async with Pacs() as pacs, guarded(pacs, deny_all(), add) as gateway:
        with pytest.raises(KeyError, match="worklist"):
            await not_denied(gateway)


async def test_a_search_is_narrowed_before_the_archive_is_asked() -> None:
    policy = Watchful(lambda request: False)
    async with Pacs() as pacs, guarded(pacs, policy) as gateway:
        mine: dict[str, Any] = {"x00100020": {"vr": "LO", "Value": ["MINE"]}}
        others: dict[str, Any] = {"x00100020": {"vr": "LO", "Value": ["HIS"]}}
        rows = [study_row("1.2.3", **mine), study_row("1.2.4", **others)]
        pacs.on("GET", f"{ROOT}/studies", Reply(json=rows))
        async with gateway.client.get(f"{gateway.origin}{ROOT}/studies") as response:
            found = await response.json(content_type=DICOM_JSON)
        assert [row["0020000D"]["Value"] for row in found] == [["1.2.3"]]
        assert [request.query for request in asked(pacs)] == ["PatientID=MINE"]


async def test_each_instance_of_a_store_is_asked_for_on_its_own() -> None:
    policy = Watchful(lambda request: request.resource is not None)
    async with Pacs() as pacs, guarded(pacs, policy) as gateway:
        status = await gateway.status("POST", f"{ROOT}/studies", dicom_file(1))
        assert status == 403
        assert asked(pacs) == []

    assert [request.resource for request in policy.requests] == [
        None,
        Resource(STORED_STUDY, f"{STORED_STUDY}.2", f"{STORED_STUDY}.2.1"),
    ]
