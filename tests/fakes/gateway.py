"""The whole gateway in this process, in front of the archives that a test names.

async with gateway_before(pacs.base) as gateway:
    async with gateway.get("/studies") as response:
        ...
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession, DummyCookieJar
from aiohttp.client import _RequestContextManager
from yarl import URL

from gateway.app import create_application
from gateway.config.model import Config
from gateway.serving.listener import bind
from gateway.serving.server import GatewayRunner, serving
from gateway.telemetry.logging import logging_to
from gateway.telemetry.metrics import Metrics
from tests.fakes.gateway_app import KeptLines


@dataclass
class Gateway:
    """A running gateway, a client of it, and all that it logged."""

    runner: GatewayRunner
    port: int
    client: ClientSession
    log: KeptLines

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base(self) -> str:
        """The base URL of its DICOMweb services."""
        return f"{self.origin}/dicom-web"

    def get(self, path: str, **options: Any) -> _RequestContextManager:
        """GET a path, or with it a query, below the base; nothing of it is encoded again."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> _RequestContextManager:
        return self.request("POST", path, **options)

    def request(self, method: str, path: str, **options: Any) -> _RequestContextManager:
        url = URL(f"{self.base}{path}", encoded=True)
        return self.client.request(method, url, allow_redirects=False, **options)


@asynccontextmanager
async def gateway_before(
    *urls: str, server: Mapping[str, Any] | None = None, **backend: Any
) -> AsyncIterator[Gateway]:
    """Backends named `pacs`, `pacs2` and so on at `urls`, each with the settings of `backend`."""
    names = ["pacs", *(f"pacs{number}" for number in range(2, len(urls) + 1))]
    backends = [
        {"name": name, "type": "dicomweb", "url": url, **backend}
        for name, url in zip(names, urls, strict=True)
    ]
    config = Config.model_validate(
        {"version": 1, "server": dict(server or {}), "backends": backends}
    )
    lines, sockets = KeptLines(), bind("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    with logging_to(lines, "json", "info") as log:
        app = create_application(config, Metrics(), log)
        async with (
            serving(app, config.server, sockets, None) as runner,
            ClientSession(auto_decompress=False, cookie_jar=DummyCookieJar()) as client,
        ):
            yield Gateway(runner, port, client, lines)
