"""`store`: where instances go that clients store."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from gateway.config.addresses import HttpUrl
from gateway.config.auth import Text, Values, When
from gateway.config.secrets import UnreadSecret
from gateway.config.section import Idle, Lacking, Section
from gateway.config.units import PositiveDuration, PositiveSize

_GIB = 1 << 30


class Route(Section):
    """Where instances go; the first route that matches wins."""

    match: Values = Field(default_factory=dict)
    """Attributes of the instance, with `*` and `?`."""
    when: When = When()
    """Who stores it."""
    to: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Names of backends; the first is the primary."""


class Coercion(Section):
    """How instances are changed on their way in."""

    match: Values = Field(default_factory=dict)
    """Which ones: attributes, or `backend`."""
    set: Mapping[str, str] = Field(default_factory=dict)
    """Attributes and their new values."""
    remove: tuple[Text, ...] = ()
    """Attributes to leave out."""
    prefix: Mapping[str, str] = Field(default_factory=dict)
    """Attributes and what is put before their values."""


class Duplicates(Section):
    """What an instance means that is there already."""

    identical: Literal["success"] = "success"
    """Equal in every byte."""
    different: Literal["conflict", "overwrite"] = "conflict"
    """The same UID, but not equal."""


class Retry(Section):
    """When a target that failed is tried again."""

    first: PositiveDuration = timedelta(seconds=5)
    """After the first failure."""
    factor: Annotated[float, Field(ge=1)] = 2
    """Each wait is so many times the one before."""
    max: PositiveDuration = timedelta(hours=1)
    """The longest wait."""
    give_up_after: PositiveDuration = timedelta(days=7)
    """Then it is a dead letter."""


class Spool(Section):
    """Accept when no target can take it, and answer 202."""

    path: Path
    """The folder."""
    size: PositiveSize = 50 * _GIB
    """What it may hold."""


class Outbox(Section):
    """What targets have not taken yet."""

    store: Literal["sqlite", "redis"] = "sqlite"
    """redis: shared by replicas."""
    path: Path = Path("./outbox.db")
    """The file of sqlite."""
    url: str | None = None
    """The server of redis. null: that of `cache.redis`."""
    retry: Retry = Retry()
    spool: Annotated[Spool | None, Lacking()] = None
    """Accept when no target can take it, and answer 202."""


class Webhook(Section):
    """Signed events: stored, delivered, dead."""

    url: HttpUrl
    """Where they are sent."""
    secret: UnreadSecret
    """Signs them."""


class StoreConfig(Section):
    """Where instances go that clients store."""

    ack: Annotated[Literal["primary", "all", "any", "quorum"], Lacking("primary")] = "primary"
    """What must hold before the client is told success; quorum: more than half."""
    routes: tuple[Route, ...] = ()
    """Which instances go where. Empty: to the first backend that lists `store`; this version takes
    nothing else."""
    coerce: Annotated[tuple[Coercion, ...], Lacking()] = ()
    """How instances are changed on their way in."""
    duplicates: Annotated[Duplicates, Idle()] = Duplicates()
    outbox: Annotated[Outbox, Idle()] = Outbox()
    webhook: Annotated[Webhook | None, Lacking()] = None
    """Signed events: stored, delivered, dead."""
