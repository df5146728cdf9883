"""`cache`: what is kept, where and for how long."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from gateway.config.choices import Flag
from gateway.config.secrets import UnreadSecret
from gateway.config.section import Lacking, Section
from gateway.config.units import Amount, Count, Duration, PositiveSize, Size

_MIB, _GIB = 1 << 20, 1 << 30


class MemoryCache(Section):
    """A process's own tier."""

    size: Size = 256 * _MIB
    """0MiB: off."""


class DiskCache(Section):
    """The embedded second tier."""

    path: Annotated[Path | None, Lacking()] = None
    """The folder. null: off."""
    size: PositiveSize = 10 * _GIB
    """What the folder may hold."""


class RedisCache(Section):
    """The second tier that replicas share."""

    url: Annotated[str | None, Lacking()] = None
    """redis://, rediss://, redis+sentinel:// or redis+cluster://. null: off."""
    password: UnreadSecret | None = None
    """The server's password."""


class Ttl(Section):
    """How long each kind is kept; 0s: not at all."""

    search: Duration = timedelta(seconds=5)
    """Answers to searches."""
    metadata: Duration = timedelta(minutes=5)
    """Metadata, locations and decisions."""
    instance: Duration = timedelta(days=7)
    """Instances, frames and bulk data, stored or transcoded."""
    rendered: Duration = timedelta(days=7)
    """Rendered images and thumbnails."""


class StaleIfError(Section):
    """For how long past its time each kind is still served while a backend is down."""

    search: Duration = timedelta(0)
    """Answers to searches."""
    metadata: Duration = timedelta(hours=24)
    """Metadata."""
    instance: Duration = timedelta(days=7)
    """Instances, frames and bulk data."""


class Prefetch(Section):
    """What is fetched before it is asked for."""

    enabled: Annotated[Flag, Lacking(False)] = False
    """Whether it is on."""
    frames_ahead: Count = 32
    """Frames after the one that was asked for."""
    priors: Amount = 0
    """Earlier studies of the patient."""


class CacheConfig(Section):
    """What is kept, where and for how long."""

    memory: MemoryCache = MemoryCache()
    disk: DiskCache = DiskCache()
    redis: RedisCache = RedisCache()
    max_entry: PositiveSize = 64 * _MIB
    """What is larger is not kept."""
    ttl: Ttl = Ttl()
    stale_if_error: StaleIfError = StaleIfError()
    prefetch: Prefetch = Prefetch()
