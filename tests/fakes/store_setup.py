"""The store use-case above an archive in memory."""

import asyncio
import resource
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field

from gateway.access.policy import AllowAll
from gateway.access.principal import ANONYMOUS
from gateway.backends.base import CallContext, Instance
from gateway.dicom.links import Links
from gateway.dicom.multipart import BodyPart, read_parts
from gateway.dicom.resources import Resource
from gateway.dicom.store_report import (
    FailedInstance,
    StoredInstance,
    StoreReport,
)
from gateway.errors import (
    BackendError,
)
from gateway.services.call import Call
from gateway.services.events import Events
from gateway.services.incoming import StoreRequest
from gateway.services.locate import Locate
from gateway.services.plan import Planner
from gateway.services.routing import Routing
from gateway.services.spool import Spool
from gateway.services.store import StoreInstances
from tests.fakes.backend import MemoryBackend
from tests.fakes.store_requests import (
    BOUNDARY,
    SERIES,
    STUDY,
    in_chunks,
    instance_uid,
)

CT = "1.2.840.10008.5.1.4.1.1.2"


Reaction = Callable[[Sequence[Instance]], StoreReport]


def resource_of(number: int, study: str = STUDY) -> Resource:
    return Resource(study, SERIES, instance_uid(number))


def stored(number: int, study: str = STUDY) -> StoredInstance:
    return StoredInstance(resource_of(number, study), CT)


def failed(number: int, reason: int) -> FailedInstance:
    return FailedInstance(reason, CT, instance_uid(number))


def all_stored(instances: Sequence[Instance]) -> StoreReport:
    return StoreReport(tuple(StoredInstance(each.resource, each.sop_class) for each in instances))


@dataclass
class Archive(MemoryBackend):
    """Reads each batch to its end, and then does what the test says."""

    react: Reaction = all_stored
    batches: list[list[bytes]] = field(default_factory=list)
    studies: list[str | None] = field(default_factory=list)
    gate: asyncio.Event | None = None
    """If there is one, each batch waits for it."""
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    started: int = 0

    async def store(
        self, instances: Sequence[Instance], study: str | None, context: CallContext
    ) -> StoreReport:
        self.started += 1
        self.begun.set()
        if self.gate is not None:
            await self.gate.wait()
        batch = [b"".join([chunk async for chunk in each.chunks()]) for each in instances]
        assert [each.length for each in instances] == [len(content) for content in batch]
        self.batches.append(batch)
        self.studies.append(study)
        return self.react(instances)


@dataclass
class Setup:
    """A store use-case above one archive."""

    archive: Archive = field(default_factory=Archive)
    policy: AllowAll = field(default_factory=AllowAll)
    spool: Spool = field(default_factory=Spool)
    events: Events = field(default_factory=Events)
    max_instance: int = 1_000_000
    batch: int = 10
    moved: int = 0

    async def store(self, parts: AsyncIterator[BodyPart], study: str | None = None) -> StoreReport:
        routing = Routing({"memory": self.archive})
        planner = Planner(routing, Locate(routing), self.policy)
        store = StoreInstances(
            planner,
            self.policy,
            self.spool,
            self.events,
            max_instance=self.max_instance,
            batches={"memory": self.batch},
        )
        call = Call(ANONYMOUS, "request-1", Links("https://pacs.example.org/dicom-web"))
        plan = await store.plan(call, study)
        report = await store.store(StoreRequest(call, study, plan, self._move), parts)
        assert self.spool.memory_used == 0
        return report

    async def send(self, body: bytes, study: str | None = None) -> StoreReport:
        async with aclosing(read_parts(in_chunks(body), BOUNDARY)) as parts:
            return await self.store(parts, study)

    def _move(self) -> None:
        self.moved += 1


async def many_turns() -> None:
    """Let the loop run until only what the test holds back is left to do."""
    for _ in range(2000):
        await asyncio.sleep(0)


async def end_of_deliveries() -> None:
    """Wait for what goes on after its request has ended."""
    running = [task for task in asyncio.all_tasks() if task.get_name() == "store"]
    if running:
        await asyncio.wait(running)


def away(status: int = 502, upstream: int | None = None) -> Reaction:
    def react(instances: Sequence[Instance]) -> StoreReport:
        raise BackendError(
            status, "The archive cannot be reached.", "unreachable", backend="memory",
            upstream_status=upstream,
        )  # fmt: skip

    return react


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As a full disk, without one: the system refuses to let a file grow further."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
