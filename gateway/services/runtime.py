"""The whole running set that one configuration makes; a reload swaps it for another."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.access.policy import Policy
from gateway.backends.base import Backend
from gateway.config.model import Config
from gateway.services.bulkdata import RetrieveBulkdata
from gateway.services.events import Events
from gateway.services.frames import RetrieveFrames
from gateway.services.instances import RetrieveInstances
from gateway.services.metadata import RetrieveMetadata
from gateway.services.plan import Planner
from gateway.services.rendered import RetrieveRendered
from gateway.services.search import Search
from gateway.services.spool import Spool
from gateway.services.store import StoreInstances
from gateway.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything that a request may need; built in `gateway.app`, entered and left as one."""

    config: Config
    secret: bytes = field(repr=False)
    """Keys what must be stable and unguessable: multipart boundaries of frames and bulk data."""
    backends: Mapping[str, Backend]
    policy: Policy
    metrics: Metrics
    events: Events
    spool: Spool
    planner: Planner
    search: Search
    metadata: RetrieveMetadata
    instances: RetrieveInstances
    frames: RetrieveFrames
    bulkdata: RetrieveBulkdata
    rendered: RetrieveRendered
    store: StoreInstances
