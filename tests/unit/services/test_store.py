import asyncio
import os
import resource
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.access.policy import AccessRequest, AllowAll
from gateway.access.principal import ANONYMOUS
from gateway.backends.base import CallContext, Instance
from gateway.dicom.links import Links
from gateway.dicom.multipart import BodyPart, read_parts
from gateway.dicom.operations import Operation
from gateway.dicom.resources import Resource
from gateway.dicom.store_report import (
    CANNOT_UNDERSTAND,
    NOT_AUTHORISED,
    OTHER_STUDY,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    FailedInstance,
    StoredInstance,
    StoreReport,
)
from gateway.errors import (
    BackendError,
    BackendRefused,
    GatewayError,
    bad_request,
    forbidden,
    too_large,
)
from gateway.services.call import Call
from gateway.services.events import Events, InstanceStored, StudyChanged
from gateway.services.incoming import StoreRequest
from gateway.services.locate import Locate
from gateway.services.plan import Planner
from gateway.services.routing import Routing
from gateway.services.spool import Spool, SpoolSettings
from gateway.services.store import StoreInstances
from tests.fakes.backend import MemoryBackend
from tests.fakes.store_requests import (
    BOUNDARY,
    SERIES,
    STUDY,
    dicom_file,
    in_chunks,
    instance_uid,
    multipart,
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


@pytest.fixture
def setup() -> Setup:
    return Setup()


def away(status: int = 502, upstream: int | None = None) -> Reaction:
    def react(instances: Sequence[Instance]) -> StoreReport:
        raise BackendError(
            status, "The archive cannot be reached.", "unreachable", backend="memory",
            upstream_status=upstream,
        )  # fmt: skip

    return react


async def test_whole_instances_reach_the_archive_byte_for_byte(setup: Setup) -> None:
    files = [dicom_file(number) for number in range(1, 4)]
    report = await setup.send(multipart(files))
    assert report == StoreReport((stored(1), stored(2), stored(3)))
    assert report.status == 200
    assert setup.archive.batches == [files]
    assert setup.archive.studies == [None]


async def test_the_study_of_the_path_is_handed_on(setup: Setup) -> None:
    await setup.send(multipart([dicom_file()]), STUDY)
    assert setup.archive.studies == [STUDY]


async def test_instances_go_on_in_batches(setup: Setup) -> None:
    setup.batch = 2
    files = [dicom_file(number) for number in range(1, 6)]
    report = await setup.send(multipart(files))
    assert [len(batch) for batch in setup.archive.batches] == [2, 2, 1]
    assert report.stored == tuple(stored(number) for number in range(1, 6))


async def test_large_instances_go_on_before_the_batch_is_full(setup: Setup, tmp_path: Path) -> None:
    setup.spool = Spool(SpoolSettings(folder=tmp_path))
    setup.max_instance = 50_000_000
    files = [dicom_file(number, pixels=36_000_000) for number in (1, 2, 3)]
    report = await setup.send(multipart(files))
    assert [len(batch) for batch in setup.archive.batches] == [2, 1]
    assert setup.archive.batches[1] == [files[2]]
    assert len(report.stored) == 3


async def test_one_batch_is_received_while_another_is_sent_and_no_more(setup: Setup) -> None:
    setup.batch, setup.archive.gate = 1, asyncio.Event()
    body = multipart([dicom_file(number) for number in range(1, 5)])
    read = 0

    async def watched() -> AsyncIterator[bytes]:
        nonlocal read
        async for chunk in in_chunks(body, 100):
            read += len(chunk)
            yield chunk

    async with asyncio.TaskGroup() as group:
        storing = group.create_task(setup.store(read_parts(watched(), BOUNDARY)))
        await setup.archive.begun.wait()
        await many_turns()
        assert setup.archive.started == 1
        assert read < len(body) * 0.6
        setup.archive.gate.set()
    assert len(storing.result().stored) == 4


async def test_progress_at_the_archive_is_told(setup: Setup) -> None:
    await setup.send(multipart([dicom_file(), dicom_file(2)]))
    assert setup.moved == 2


async def test_junk_among_good_instances_fails_alone(setup: Setup) -> None:
    body = multipart([dicom_file(1), os.urandom(5000), dicom_file(2)])
    report = await setup.send(body)
    assert report == StoreReport((stored(1), stored(2)), (FailedInstance(CANNOT_UNDERSTAND),))
    assert report.status == 202


async def test_junk_alone_is_a_conflict_that_is_reported(setup: Setup) -> None:
    report = await setup.send(multipart([os.urandom(5000), b"", b"DICM"]))
    assert report == StoreReport((), (FailedInstance(CANNOT_UNDERSTAND),) * 3)
    assert report.status == 409
    assert setup.archive.batches == []


async def test_an_instance_of_another_study_than_the_path_fails_alone(setup: Setup) -> None:
    body = multipart([dicom_file(1), dicom_file(2, study="1.2.3"), dicom_file(3)])
    report = await setup.send(body, STUDY)
    assert report == StoreReport((stored(1), stored(3)), (failed(2, OTHER_STUDY),))


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID"])
@pytest.mark.parametrize("value", ["", "1.2/../3"])
@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
async def test_an_instance_without_its_uids_fails_alone(
    setup: Setup, keyword: str, value: str
) -> None:
    body = multipart([dicom_file(1, changes={keyword: value}), dicom_file(2)])
    report = await setup.send(body)
    assert report == StoreReport((stored(2),), (failed(1, CANNOT_UNDERSTAND),))


async def test_a_file_without_an_instance_uid_is_among_the_other_failures(setup: Setup) -> None:
    report = await setup.send(
        multipart([dicom_file(1, changes={"SOPInstanceUID": ""}), dicom_file(2)])
    )
    assert report.failed == (FailedInstance(CANNOT_UNDERSTAND, CT, None),)


async def test_a_part_without_a_type_is_taken_if_it_is_dicom(setup: Setup) -> None:
    report = await setup.send(multipart([dicom_file(1), b"text"], part_type=None))
    assert report == StoreReport((stored(1),), (FailedInstance(CANNOT_UNDERSTAND),))


@pytest.mark.parametrize(
    "part_type", ["application/dicom+json", "application/octet-stream", "image/jpeg", "nonsense"]
)
async def test_parts_of_another_type_only_are_415(setup: Setup, part_type: str) -> None:
    with pytest.raises(GatewayError) as problem:
        await setup.send(multipart([dicom_file(1), dicom_file(2)], part_type=part_type))
    assert problem.value.status == 415
    assert setup.archive.batches == []


async def test_a_part_of_another_type_fails_alone(setup: Setup) -> None:
    good, other = multipart([dicom_file(1)], closed=False), multipart([b"{}"], part_type="a/b")
    report = await setup.send(good + other)
    assert report == StoreReport((stored(1),), (FailedInstance(CANNOT_UNDERSTAND),))


async def test_a_part_type_may_have_parameters(setup: Setup) -> None:
    part_type = "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    report = await setup.send(multipart([dicom_file(1)], part_type=part_type))
    assert report.status == 200


async def test_an_instance_sent_twice_is_stored_and_reported_twice(setup: Setup) -> None:
    report = await setup.send(multipart([dicom_file(1), dicom_file(1)]))
    assert report == StoreReport((stored(1), stored(1)))
    assert setup.archive.batches == [[dicom_file(1), dicom_file(1)]]


async def test_a_body_without_parts_is_400(setup: Setup) -> None:
    with pytest.raises(GatewayError) as problem:
        await setup.send(multipart([]))
    assert problem.value.status == 400


@pytest.mark.parametrize(
    "body", [b"", b"no multipart at all", b"--another\r\n\r\nx\r\n--another--"]
)
async def test_a_body_that_is_not_multipart_is_400(setup: Setup, body: bytes) -> None:
    with pytest.raises(GatewayError) as problem:
        await setup.send(body)
    assert problem.value.status == 400


async def test_wherever_a_body_is_cut_only_whole_instances_are_stored(setup: Setup) -> None:
    files = [dicom_file(1), dicom_file(2), dicom_file(3)]
    body = multipart(files)
    ends = [body.index(file) + len(file) + len(f"\r\n--{BOUNDARY}\r\n") for file in files]
    for cut in range(0, len(body) - len(b"--\r\n"), 97):
        whole = sum(end <= cut for end in ends)
        setup.archive.batches.clear()
        if whole:
            report = await setup.send(body[:cut])
            assert report.stored == tuple(stored(number + 1) for number in range(whole))
            assert [failure.reason for failure in report.failed] == [CANNOT_UNDERSTAND]
            assert report.status == 202
        else:
            with pytest.raises(GatewayError) as problem:
                await setup.send(body[:cut])
            assert problem.value.status == 400
        assert [file for batch in setup.archive.batches for file in batch] == files[:whole]


async def test_an_instance_that_is_cut_in_its_pixels_is_named(setup: Setup) -> None:
    body = multipart([dicom_file(1), dicom_file(2)])
    report = await setup.send(body[:-500])
    assert report == StoreReport((stored(1),), (failed(2, CANNOT_UNDERSTAND),))


async def test_an_instance_over_the_limit_fails_alone(setup: Setup) -> None:
    setup.max_instance = len(dicom_file(1, pixels=2000))
    body = multipart([dicom_file(1), dicom_file(2, pixels=2002), dicom_file(3)])
    report = await setup.send(body)
    assert report == StoreReport((stored(1), stored(3)), (failed(2, OUT_OF_RESOURCES),))


async def test_only_an_instance_over_the_limit_is_413(setup: Setup) -> None:
    setup.max_instance = 1000
    with pytest.raises(GatewayError) as problem:
        await setup.send(multipart([dicom_file(1)]))
    assert problem.value.status == 413


@pytest.mark.parametrize(
    ("error", "reason"), [(too_large("x"), 0xA700), (bad_request("x"), 0x0110)]
)
async def test_what_was_stored_before_a_body_was_stopped_is_named(
    setup: Setup, error: GatewayError, reason: int
) -> None:
    body = multipart([dicom_file(1), dicom_file(2)])

    async def stopped() -> AsyncIterator[bytes]:
        async for chunk in in_chunks(body[:-300]):
            yield chunk
        raise error

    async with aclosing(read_parts(stopped(), BOUNDARY)) as parts:
        report = await setup.store(parts)
    assert report == StoreReport((stored(1),), (failed(2, reason),))
    assert report.status == 202


async def test_a_body_that_is_stopped_before_anything_was_stored_has_its_own_status(
    setup: Setup,
) -> None:
    async def stopped() -> AsyncIterator[bytes]:
        yield multipart([dicom_file(1)])[:900]
        raise too_large("too much")

    async with aclosing(read_parts(stopped(), BOUNDARY)) as parts:
        with pytest.raises(GatewayError) as problem:
            await setup.store(parts)
    assert problem.value.status == 413


async def test_a_full_disk_fails_the_instances_that_do_not_fit(tmp_path: Path) -> None:
    setup = Setup(spool=Spool(SpoolSettings(folder=tmp_path, in_memory=10_000)), batch=1)
    with files_of_at_most(300_000):
        body = multipart([dicom_file(1), dicom_file(2, pixels=600_000), dicom_file(3)])
        report = await setup.send(body)
        assert report == StoreReport((stored(1), stored(3)), (failed(2, OUT_OF_RESOURCES),))
        with pytest.raises(GatewayError) as problem:
            await setup.send(multipart([dicom_file(2, pixels=600_000)]))
    assert problem.value.status == 503
    assert problem.value.retry_after == timedelta(seconds=30)


class _Rule(AllowAll):
    """Takes instance 2 only where it may be anyone's."""

    def __init__(self, denied: GatewayError, *numbers: int) -> None:
        self.asked: list[AccessRequest] = []
        self._denied = denied
        self._instances = {instance_uid(number) for number in numbers}

    async def authorise(self, request: AccessRequest) -> None:
        self.asked.append(request)
        if request.resource is not None and request.resource.instance in self._instances:
            raise self._denied


async def test_each_instance_is_authorised_before_it_is_read(setup: Setup) -> None:
    setup.policy = rule = _Rule(forbidden("no"), 2)
    report = await setup.send(multipart([dicom_file(1), dicom_file(2)]), STUDY)
    assert report == StoreReport((stored(1),), (failed(2, NOT_AUTHORISED),))
    assert [each.resource for each in rule.asked] == [
        Resource(STUDY),
        resource_of(1),
        resource_of(2),
    ]
    assert {each.operation for each in rule.asked} == {Operation.STORE}
    assert {each.backends for each in rule.asked} == {("memory",)}


async def test_a_store_of_which_nothing_is_allowed_is_403(setup: Setup) -> None:
    setup.policy = _Rule(forbidden("no"), 1, 2)
    with pytest.raises(GatewayError) as problem:
        await setup.send(multipart([dicom_file(1), dicom_file(2)]))
    assert problem.value.status == 403


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_an_archive_that_is_away_is_told_as_such(setup: Setup, status: int) -> None:
    setup.archive.react = away(status)
    with pytest.raises(BackendError) as problem:
        await setup.send(multipart([dicom_file(1), dicom_file(2)]))
    assert problem.value.status == status


async def test_an_archive_that_goes_away_in_the_middle_leaves_a_report(setup: Setup) -> None:
    setup.batch = 1
    reactions = iter([all_stored, away(504), all_stored])
    setup.archive.react = lambda instances: next(reactions)(instances)
    report = await setup.send(multipart([dicom_file(number) for number in (1, 2, 3)]))
    assert report == StoreReport((stored(1), stored(3)), (failed(2, PROCESSING_FAILURE),))
    assert report.status == 202


@pytest.mark.parametrize(
    ("status", "upstream", "reason"),
    [(503, None, 0xA700), (502, 507, 0xA700), (502, 403, 0x0124), (502, 500, 0x0110)],
)
async def test_a_lost_batch_has_the_archives_reason(
    setup: Setup, status: int, upstream: int | None, reason: int
) -> None:
    setup.batch = 1
    reactions = iter([all_stored, away(status, upstream)])
    setup.archive.react = lambda instances: next(reactions)(instances)
    report = await setup.send(multipart([dicom_file(1), dicom_file(2)]))
    assert report.failed == (failed(2, reason),)


@pytest.mark.parametrize("upstream", [400, 413, 415, 422])
async def test_what_the_archive_refused_is_reported(setup: Setup, upstream: int) -> None:
    def react(instances: Sequence[Instance]) -> StoreReport:
        raise BackendRefused(
            upstream, "No.", "backend_refused", backend="memory", upstream_status=upstream
        )

    setup.archive.react = react
    report = await setup.send(multipart([dicom_file(1)]))
    assert report.status == 409
    assert [failure.instance for failure in report.failed] == [instance_uid(1)]


async def test_different_causes_are_a_report(setup: Setup) -> None:
    setup.archive.react = away()
    report = await setup.send(multipart([dicom_file(1), b"junk"]))
    assert report.status == 409
    assert set(report.failed) == {failed(1, PROCESSING_FAILURE), FailedInstance(CANNOT_UNDERSTAND)}


async def test_a_fault_of_ours_does_not_lose_what_was_stored(setup: Setup) -> None:
    def broken(instances: Sequence[Instance]) -> StoreReport:
        raise ZeroDivisionError

    setup.batch = 1
    reactions = iter([all_stored, broken])
    setup.archive.react = lambda instances: next(reactions)(instances)
    report = await setup.send(multipart([dicom_file(1), dicom_file(2)]))
    assert report == StoreReport((stored(1),), (failed(2, PROCESSING_FAILURE),))


async def test_events_tell_what_was_stored(setup: Setup) -> None:
    heard: list[object] = []
    setup.events.subscribe(InstanceStored, heard.append)
    setup.events.subscribe(StudyChanged, heard.append)
    setup.archive.react = lambda instances: StoreReport((stored(1), stored(2)), (failed(3, 1),))
    await setup.send(multipart([dicom_file(number) for number in (1, 2, 3)]))
    assert heard == [
        InstanceStored("memory", resource_of(1), CT),
        InstanceStored("memory", resource_of(2), CT),
        StudyChanged(STUDY),
    ]


async def test_what_was_whole_is_stored_when_the_client_goes_away(setup: Setup) -> None:
    body = multipart([dicom_file(1), dicom_file(2)])
    stop = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield body[:-500]
        await stop.wait()

    setup.archive.gate = asyncio.Event()
    descriptors = len(os.listdir("/proc/self/fd"))
    async with asyncio.TaskGroup() as group:
        storing = group.create_task(setup.store(read_parts(endless(), BOUNDARY)))
        await many_turns()
        storing.cancel()
    assert storing.cancelled()
    setup.archive.gate.set()
    await end_of_deliveries()
    assert setup.spool.memory_used == 0
    assert setup.archive.batches == [[dicom_file(1)]]
    assert len(os.listdir("/proc/self/fd")) == descriptors


async def test_a_batch_that_waits_for_its_turn_is_stored_when_the_client_goes_away(
    setup: Setup,
) -> None:
    setup.batch, setup.archive.gate = 1, asyncio.Event()
    body = multipart([dicom_file(number) for number in (1, 2, 3)])
    async with asyncio.TaskGroup() as group:
        storing = group.create_task(setup.send(body))
        await setup.archive.begun.wait()
        await many_turns()
        storing.cancel()
    setup.archive.gate.set()
    await end_of_deliveries()
    assert setup.spool.memory_used == 0
    assert setup.archive.batches == [[dicom_file(1)], [dicom_file(2)]]


async def test_a_lost_connection_is_not_an_answer(setup: Setup) -> None:
    async def lost() -> AsyncIterator[bytes]:
        yield multipart([dicom_file(1)], closed=False) + b"--"
        raise ConnectionResetError

    async with aclosing(read_parts(lost(), BOUNDARY)) as parts:
        with pytest.raises(ConnectionResetError):
            await setup.store(parts)


async def test_a_large_instance_is_never_held_in_memory(tmp_path: Path) -> None:
    size, limit = 256 * 1024 * 1024, 16 * 1024 * 1024
    setup = Setup(Archive(), spool=Spool(SpoolSettings(folder=tmp_path)), max_instance=2 * size)
    taken = 0

    async def drain(
        instances: Sequence[Instance], study: str | None, context: CallContext
    ) -> StoreReport:
        nonlocal taken
        for each in instances:
            async for chunk in each.chunks():
                taken += len(chunk)
        return all_stored(instances)

    setup.archive.store = drain  # type: ignore[method-assign]
    beginning = dicom_file(1, pixels=0)
    beginning = beginning[:-4] + size.to_bytes(4, "little")

    async def generated() -> AsyncIterator[bytes]:
        yield multipart([], closed=False) + multipart([beginning], closed=False)[:-2]
        block = bytes(128 * 1024)
        for _ in range(size // len(block)):
            yield block
        yield f"\r\n--{BOUNDARY}--\r\n".encode()

    tracemalloc.start()
    try:
        async with aclosing(read_parts(generated(), BOUNDARY)) as parts:
            report = await setup.store(parts)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert report == StoreReport((stored(1),))
    assert taken == size + len(beginning)
    assert peak < limit


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As a full disk, without one: the system refuses to let a file grow further."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
