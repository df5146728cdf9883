"""The whole configuration; a file becomes one in `gateway.config.load`."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from gateway.config.audit import AuditConfig
from gateway.config.auth import AuthConfig, When
from gateway.config.backends import BackendConfig
from gateway.config.cache import CacheConfig
from gateway.config.cors import CorsConfig
from gateway.config.pixels import PixelsConfig
from gateway.config.search import SearchConfig
from gateway.config.section import Idle, Section, problem
from gateway.config.server import ServerConfig
from gateway.config.store import Route, StoreConfig
from gateway.config.telemetry import TelemetryConfig
from gateway.dicom.operations import Operation

VERSION = 1


def _version(value: object) -> object:
    if value != VERSION or isinstance(value, bool):
        raise problem(f"this gateway reads version {VERSION}: write version: {VERSION}")
    return VERSION


def _is_only(routes: tuple[Route, ...], primary: list[str]) -> bool:
    """True for one route that takes everything to that one backend."""
    first, *rest = routes
    return not (rest or first.match or first.when != When()) and list(first.to) == primary


class Config(Section):
    """Everything that operators set, by section. Durations are timedelta, sizes bytes."""

    version: Annotated[Literal[1], BeforeValidator(_version), Field(examples=[1])]
    """The version of this format."""
    server: ServerConfig = ServerConfig()
    backends: Annotated[tuple[BackendConfig, ...], Field(min_length=1)]
    """The archives behind the gateway. Order is precedence: the first that has an attribute or an
    instance wins."""
    auth: AuthConfig = AuthConfig()
    cors: Annotated[CorsConfig, Idle()] = CorsConfig()
    cache: Annotated[CacheConfig, Idle()] = CacheConfig()
    search: SearchConfig = SearchConfig()
    pixels: Annotated[PixelsConfig, Idle()] = PixelsConfig()
    store: StoreConfig = StoreConfig()
    audit: AuditConfig = AuditConfig()
    telemetry: TelemetryConfig = TelemetryConfig()

    @field_validator("store")
    @classmethod
    def _routes_mean_the_primary(cls, store: StoreConfig, info: ValidationInfo) -> StoreConfig:
        backends = info.data.get("backends", ())
        primary = [each.name for each in backends if Operation.STORE in each.services][:1]
        if backends and store.routes and not _is_only(store.routes, primary):
            raise problem(
                "not in this version: remove it; all is stored in the first backend that lists"
                " store",
                below="routes",
            )
        return store
